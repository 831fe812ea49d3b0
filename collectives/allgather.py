"""All-gather: every rank ends with all ranks' parts, in order of rank."""

from fabricbench.collectives import movement
from fabricbench.collectives.library import Arguments, own
from fabricbench.spec import Array, Context, Layout, Operation, Question, equal_parts, parts
from fabricbench.traffic import collective


def gathered(question: Question, start: int, stop: int) -> Array:
    """Part i of the answer is rank i's input."""
    return parts(start, stop, question.count // question.ranks, question.input)


def layout(question: Question) -> Layout:
    """In place a rank's part lies where it belongs."""
    part = question.count // question.ranks
    return Layout(inputs=(part,), output=question.count, place=question.rank * part)


allgather = Operation(
    name="allgather",
    family="collective",
    layout=layout,
    reference=gathered,
    traffic=lambda question: collective(question.case, question.ranks),
    rates=("algbw", "busbw"),
    dtypes=movement.DTYPES,
    sizes="8,1KiB,8KiB,64KiB,1MiB,8MiB",
    fit=equal_parts,
    in_place="possible",
    streaming_below=4096,
)


def arguments(context: Context) -> Arguments:
    """Of MPI_Allgather; counts are of one part."""
    question, given = context.question, movement.given(context)
    part = question.count // question.ranks
    here = question.case.in_place
    return Arguments(
        c=(
            given.in_place if here else context.inputs[0].address, part, given.type,
            context.output.address, part, given.type,
        ),
        python=(
            given.python_in_place if here else [context.inputs[0].array, given.named],
            [context.output.array, part, given.named],
        ),
    )  # fmt: skip


own(allgather, "Allgather", arguments)

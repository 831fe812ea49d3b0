"""Gather: the root ends with all ranks' parts, in order of rank."""

from fabricbench.collectives import movement, rooted
from fabricbench.collectives.library import Arguments, own
from fabricbench.collectives.rooted import at_root, root
from fabricbench.spec import Array, Context, Layout, Operation, Question, equal_parts, parts
from fabricbench.traffic import collective


def gathered(question: Question, start: int, stop: int) -> Array:
    """Part i of the root's answer is rank i's input."""
    return parts(start, stop, question.count // question.ranks, question.input)


def layout(question: Question) -> Layout:
    """In place the root's part lies where it belongs; the others only send."""
    part = question.count // question.ranks
    if at_root(question):
        return Layout(inputs=(part,), output=question.count, place=question.rank * part)
    return Layout(inputs=(part,), output=0, place=None)


gather = Operation(
    name="gather",
    family="collective",
    layout=layout,
    reference=gathered,
    traffic=lambda question: collective(question.case, question.ranks),
    rates=("algbw", "busbw"),
    dtypes=movement.DTYPES,
    sizes="8,1KiB,8KiB,64KiB,1MiB,8MiB",
    params={"root": 0},
    refuse=rooted.refuse,
    fit=equal_parts,
    in_place="possible",
    streaming_below=4096,
    window=16,
)


def arguments(context: Context) -> Arguments:
    """Of MPI_Gather."""
    question, given = context.question, movement.given(context)
    part = question.count // question.ranks
    here = question.case.in_place and at_root(question)
    return Arguments(
        c=(
            given.in_place if here else context.inputs[0].address, part, given.type,
            context.output.address, part, given.type, root(question),
        ),
        python=(
            given.python_in_place if here else [context.inputs[0].array, given.named],
            [context.output.array, part, given.named] if at_root(question) else None,
            root(question),
        ),
    )  # fmt: skip


own(gather, "Gather", arguments)

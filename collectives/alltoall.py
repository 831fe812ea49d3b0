"""All-to-all: rank i's part j ends as rank j's part i."""

from fabricbench.collectives import movement
from fabricbench.collectives.library import Arguments, own
from fabricbench.model import Case
from fabricbench.spec import Array, Context, Layout, Operation, Question, equal_parts, parts
from fabricbench.traffic import collective


def exchanged(question: Question, start: int, stop: int) -> Array:
    """Part i of the answer is what rank i holds for this rank."""
    part = question.count // question.ranks
    mine = question.rank * part
    return parts(start, stop, part, lambda source, low, high: question.input(source, mine + low, mine + high))


def layout(question: Question) -> Layout:
    """A part for every rank, and one from every rank."""
    return Layout(inputs=(question.count,), output=question.count)


alltoall = Operation(
    name="alltoall",
    family="collective",
    layout=layout,
    reference=exchanged,
    traffic=lambda question: collective(question.case, question.ranks),
    rates=("algbw", "busbw"),
    dtypes=movement.DTYPES,
    sizes="8,1KiB,8KiB,64KiB,1MiB,8MiB",
    fit=equal_parts,
    in_place="possible",
    streaming_below=4096,
)


def arguments(context: Context) -> Arguments:
    """Of MPI_Alltoall; counts are per destination."""
    question, given = context.question, movement.given(context)
    part = question.count // question.ranks
    here = question.case.in_place
    return Arguments(
        c=(
            given.in_place if here else context.inputs[0].address, part, given.type,
            context.output.address, part, given.type,
        ),
        python=(
            given.python_in_place if here else [context.inputs[0].array, part, given.named],
            [context.output.array, part, given.named],
        ),
    )  # fmt: skip


own(alltoall, "Alltoall", arguments)


def two_buffers_only(case: Case) -> str | None:
    """Why an algorithm that sends parts straight away cannot do it in one buffer."""
    return "cannot be done in place: what comes in would lie where what must go out still is" if case.in_place else None

"""Broadcast: every rank ends with the root's array."""

from fabricbench.collectives import movement, rooted
from fabricbench.collectives.library import Arguments, own
from fabricbench.collectives.rooted import at_root, root
from fabricbench.spec import Array, Context, Layout, Operation, Question
from fabricbench.traffic import collective


def sent(question: Question, start: int, stop: int) -> Array:
    """The root's input; on the root itself there is no output apart from it."""
    return question.input(root(question), start, stop)


def layout(question: Question) -> Layout:
    """The root only sends, the others only receive."""
    if at_root(question):
        return Layout(inputs=(question.count,), output=0)
    return Layout(inputs=(), output=question.count)


broadcast = Operation(
    name="broadcast",
    family="collective",
    layout=layout,
    reference=sent,
    traffic=lambda question: collective(question.case, question.ranks),
    rates=("algbw", "busbw"),
    dtypes=movement.DTYPES,
    sizes="8,1KiB,8KiB,64KiB,1MiB,8MiB",
    params={"root": 0},
    refuse=rooted.refuse,
    streaming_below=4096,
    window=16,
)


def arguments(context: Context) -> Arguments:
    """Of MPI_Bcast, whose buffer is what is sent at the root and what is received elsewhere."""
    question, given = context.question, movement.given(context)
    buffer = context.inputs[0] if at_root(question) else context.output
    return Arguments(
        c=(buffer.address, question.count, given.type, root(question)),
        python=([buffer.array, given.named], root(question)),
    )


own(broadcast, "Bcast", arguments)

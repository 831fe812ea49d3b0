"""Scan: every rank ends with the reduction of its own array and of all before it."""

from fabricbench.collectives import reductions
from fabricbench.collectives.library import Arguments, own
from fabricbench.spec import Array, Context, Layout, Operation, Question
from fabricbench.traffic import collective


def so_far(question: Question, start: int, stop: int) -> Array:
    """Over this rank and all before it."""
    return reductions.reduced(question, start, stop, question.rank + 1)


scan = Operation(
    name="scan",
    family="collective",
    layout=lambda question: Layout(inputs=(question.count,), output=question.count),
    reference=so_far,
    fill=reductions.fill,
    traffic=lambda question: collective(question.case, question.ranks, flops=reductions.adds(question)),
    rates=("algbw", "busbw"),
    dtypes=reductions.DTYPES,
    sizes="8,1KiB,8KiB,64KiB,1MiB,8MiB",
    params={"op": "sum"},
    refuse=reductions.refuse,
    in_place="possible",
    streaming_below=4096,
    window=16,
)


def arguments(context: Context) -> Arguments:
    """Of MPI_Scan."""
    given = reductions.library_arguments(context)
    return Arguments(
        c=(given.send, context.output.address, context.question.count, given.type, given.op),
        python=(given.python_send, [context.output.array, given.named], given.operator),
        keep=given.keep,
    )


own(scan, "Scan", arguments, refuse=reductions.library_only)

"""Exclusive scan: every rank but the first ends with the reduction of all arrays before its own."""

from fabricbench.collectives import reductions
from fabricbench.collectives.library import Arguments, own
from fabricbench.spec import Array, Context, Layout, Operation, Question
from fabricbench.traffic import collective


def so_far(question: Question, start: int, stop: int) -> Array:
    """Over all ranks before this one."""
    return reductions.reduced(question, start, stop, question.rank)


def layout(question: Question) -> Layout:
    """The first rank's answer is undefined, so none is looked at."""
    return Layout(inputs=(question.count,), output=question.count if question.rank else 0)


exscan = Operation(
    name="exscan",
    family="collective",
    layout=layout,
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
    """Of MPI_Exscan."""
    given = reductions.library_arguments(context)
    receive = context.output.room  # the library may write even where nothing is defined
    return Arguments(
        c=(given.send, context.output.address, context.question.count, given.type, given.op),
        python=(given.python_send, [receive, given.named], given.operator),
        keep=given.keep,
    )


own(exscan, "Exscan", arguments, refuse=reductions.library_only)

"""Reduce: the root ends with the reduction of all ranks' arrays."""

from fabricbench.collectives import reductions, rooted
from fabricbench.collectives.library import Arguments, own
from fabricbench.collectives.rooted import at_root, root
from fabricbench.spec import Context, Layout, Operation, Question
from fabricbench.traffic import collective


def layout(question: Question) -> Layout:
    """Only the root has an answer; in place its input lies there, the others only send."""
    if at_root(question):
        return Layout(inputs=(question.count,), output=question.count)
    return Layout(inputs=(question.count,), output=0, place=None)


reduce = Operation(
    name="reduce",
    family="collective",
    layout=layout,
    reference=reductions.reduced,
    fill=reductions.fill,
    traffic=lambda question: collective(question.case, question.ranks, flops=reductions.adds(question)),
    rates=("algbw", "busbw"),
    dtypes=reductions.DTYPES,
    sizes="8,1KiB,8KiB,64KiB,1MiB,8MiB",
    params={"op": "sum", "root": 0},
    refuse=lambda case: reductions.refuse(case) or rooted.refuse(case),
    in_place="possible",
    streaming_below=4096,
    window=16,
)


def arguments(context: Context) -> Arguments:
    """Of MPI_Reduce."""
    question = context.question
    given = reductions.library_arguments(context, in_place=question.case.in_place and at_root(question))
    receive = [context.output.array, given.named] if at_root(question) else None
    return Arguments(
        c=(given.send, context.output.address, question.count, given.type, given.op, root(question)),
        python=(given.python_send, receive, given.operator, root(question)),
        keep=given.keep,
    )


own(reduce, "Reduce", arguments, refuse=reductions.library_only)

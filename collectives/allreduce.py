"""All-reduce: every rank ends with the reduction of all ranks' arrays."""

from fabricbench.collectives import reductions
from fabricbench.collectives.library import Arguments, own
from fabricbench.spec import Context, Layout, Operation
from fabricbench.traffic import collective

allreduce = Operation(
    name="allreduce",
    family="collective",
    layout=lambda question: Layout(inputs=(question.count,), output=question.count),
    reference=reductions.reduced,
    fill=reductions.fill,
    traffic=lambda question: collective(question.case, question.ranks, flops=reductions.adds(question)),
    rates=("algbw", "busbw"),
    dtypes=reductions.DTYPES,
    sizes="8,1KiB,8KiB,64KiB,1MiB,8MiB",
    params={"op": "sum"},
    refuse=reductions.refuse,
    in_place="possible",
    streaming_below=4096,
)


def arguments(context: Context) -> Arguments:
    """Of MPI_Allreduce."""
    given = reductions.library_arguments(context)
    return Arguments(
        c=(given.send, context.output.address, context.question.count, given.type, given.op),
        python=(given.python_send, [context.output.array, given.named], given.operator),
        keep=given.keep,
    )


own(allreduce, "Allreduce", arguments, refuse=reductions.library_only)

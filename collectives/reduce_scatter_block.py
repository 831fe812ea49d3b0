"""Reduce-scatter in equal blocks: rank i ends with part i of the reduction of all ranks' arrays."""

from fabricbench.collectives import reductions
from fabricbench.collectives.library import Arguments, own
from fabricbench.spec import Array, Context, Layout, Operation, Question, equal_parts
from fabricbench.traffic import collective


def own_part(question: Question, start: int, stop: int) -> Array:
    """This rank's part of the reduction."""
    first = question.rank * (question.count // question.ranks)
    return reductions.reduced(question, first + start, first + stop)


def layout(question: Question) -> Layout:
    """The whole array in, one part out."""
    return Layout(inputs=(question.count,), output=question.count // question.ranks)


reduce_scatter_block = Operation(
    name="reduce_scatter_block",
    family="collective",
    layout=layout,
    reference=own_part,
    fill=reductions.fill,
    traffic=lambda question: collective(question.case, question.ranks, flops=reductions.adds(question)),
    rates=("algbw", "busbw"),
    dtypes=reductions.DTYPES,
    sizes="8,1KiB,8KiB,64KiB,1MiB,8MiB",
    params={"op": "sum"},
    refuse=reductions.refuse,
    fit=equal_parts,
    in_place="possible",
    streaming_below=4096,
)


def arguments(context: Context) -> Arguments:
    """Of MPI_Reduce_scatter_block; the count is of one part."""
    given = reductions.library_arguments(context)
    part = context.question.count // context.question.ranks
    return Arguments(
        c=(given.send, context.output.address, part, given.type, given.op),
        python=(given.python_send, [context.output.room, part, given.named], given.operator),
        keep=given.keep,
    )


own(reduce_scatter_block, "Reduce_scatter_block", arguments, refuse=reductions.library_only)

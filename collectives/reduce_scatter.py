"""Reduce-scatter: rank i ends with share i of the reduction of all ranks' arrays."""

import itertools

import numpy as np

from fabricbench.collectives import portions, reductions
from fabricbench.collectives.library import Arguments, integers, own
from fabricbench.spec import Array, Context, Layout, Operation, Question, Refused
from fabricbench.traffic import collective


def own_part(question: Question, start: int, stop: int) -> Array:
    """This rank's share of the reduction."""
    first = portions.bounds(question)[question.rank]
    return reductions.reduced(question, first + start, first + stop)


def layout(question: Question) -> Layout:
    """The whole array in, one share out."""
    edges = portions.bounds(question)
    return Layout(inputs=(question.count,), output=edges[question.rank + 1] - edges[question.rank])


reduce_scatter = Operation(
    name="reduce_scatter",
    family="collective",
    layout=layout,
    reference=own_part,
    fill=reductions.fill,
    traffic=lambda question: collective(question.case, question.ranks, flops=reductions.adds(question)),
    rates=("algbw", "busbw"),
    dtypes=reductions.DTYPES,
    sizes="8,1KiB,8KiB,64KiB,1MiB,8MiB",
    params={"counts": "equal", "op": "sum"},
    refuse=lambda case: reductions.refuse(case) or portions.refuse(case),
    in_place="possible",
    streaming_below=4096,
)


def refuse_overlap(context: Context) -> None:
    """Raises Refused, on every rank alike, for what ends an MPICH job.

    It moves a share to the front of its own buffer by memcpy; where a share is longer than all before it the two
    overlap, and MPICH 5.0.2 aborts.
    """
    edges = portions.bounds(context.question)
    overlaps = any(0 < first < end - first for first, end in itertools.pairwise(edges))
    if context.question.case.in_place and overlaps and context.mpi.library.startswith("MPICH"):
        raise Refused("MPICH aborts in place where a share is longer than all before it.")


def arguments(context: Context) -> Arguments:
    """Of MPI_Reduce_scatter."""
    question = context.question
    refuse_overlap(context)
    given = reductions.library_arguments(context)
    counts = integers(np.diff(portions.bounds(question)), question.count)
    # Where input and answer share a buffer, mpi4py wants to be told of all of it.
    held = question.count if question.case.in_place else int(counts[question.rank])
    return Arguments(
        c=(given.send, context.output.address, counts.ctypes.data, given.type, given.op),
        python=(
            given.python_send,
            [context.output.room, held, given.named],
            counts.tolist(),
            given.operator,
        ),
        keep=(counts, *given.keep),
    )


own(reduce_scatter, "Reduce_scatter", arguments, refuse=reductions.library_only)

"""Reduce-scatter in equal blocks: rank i ends with part i of the sum of all ranks' arrays."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fabricbench.entries import MPI_Reduce_scatter_block
from fabricbench.spec import Array, Context, Layout, Operation, Question, Step, block, equal_parts
from fabricbench.traffic import collective


def own_part(question: Question, start: int, stop: int) -> Array:
    """This rank's part of the sum."""
    first = question.rank * (question.count // question.ranks)
    return question.input_sum(first + start, first + stop)


def adds(question: Question) -> float:
    """Additions of the busiest rank when the work is shared out evenly."""
    return question.count * (question.ranks - 1) / question.ranks


reduce_scatter_block = Operation(
    name="reduce_scatter_block",
    family="collective",
    layout=lambda question: Layout(inputs=(question.count,), output=question.count // question.ranks),
    reference=own_part,
    traffic=lambda question: collective(question.case, flops=adds(question)),
    rates=("algbw", "busbw"),
    dtypes=("float32", "float64", "int32", "int64"),
    sizes="8,1KiB,8KiB,64KiB,1MiB,8MiB",
    params={"op": "sum"},
    fit=equal_parts,
    streaming_below=4096,
)


def call(b: Any) -> int:
    """One call of the library; the count is of one part."""
    return MPI_Reduce_scatter_block(b.send, b.receive, b.part, b.type, b.op, b.comm)


@reduce_scatter_block.variant("mpi", needs=("MPI_Reduce_scatter_block",))
def mpi(context: Context) -> Iterator[Step]:
    """As the MPI library performs it."""
    question, library = context.question, context.mpi
    yield Step(
        call=call,
        block=block(
            send=context.send.address,
            receive=context.output.address,
            part=np.int32(question.count // question.ranks),
            type=library.datatype(question.dtype),
            op=library.op("sum"),
            comm=library.comm,
        ),
    )


@reduce_scatter_block.variant("mpi4py", step="python", uses_mpi=True)
def mpi4py(context: Context) -> Iterator[Step]:
    """The same call through mpi4py: the difference is what Python costs."""
    library = context.mpi
    kind = library.named(context.question.dtype)
    send, receive = [context.send.array, kind], [context.output.array, kind]
    op, perform = library.module.SUM, library.communicator.Reduce_scatter_block
    yield Step(call=lambda: perform(send, receive, op))

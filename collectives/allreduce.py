"""All-reduce: every rank ends with the sum of all ranks' arrays."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fabricbench.entries import MPI_Allreduce
from fabricbench.spec import Array, Context, Layout, Operation, Question, Step, block
from fabricbench.traffic import collective


def total(question: Question, start: int, stop: int) -> Array:
    """Every rank's answer: the sum over ranks, element by element."""
    return question.input_sum(start, stop)


def adds(question: Question) -> float:
    """Additions of the busiest rank when the work is shared out evenly."""
    return question.count * (question.ranks - 1) / question.ranks


allreduce = Operation(
    name="allreduce",
    family="collective",
    layout=lambda question: Layout(inputs=(question.count,), output=question.count),
    reference=total,
    traffic=lambda question: collective(question.case, flops=adds(question)),
    rates=("algbw", "busbw"),
    dtypes=("float32", "float64", "int32", "int64"),
    sizes="8,1KiB,8KiB,64KiB,1MiB,8MiB",
    params={"op": "sum"},
    in_place=True,
    streaming_below=4096,
)


def call(b: Any) -> int:
    """One call of the library."""
    return MPI_Allreduce(b.send, b.receive, b.count, b.type, b.op, b.comm)


@allreduce.variant("mpi", needs=("MPI_Allreduce",))
def mpi(context: Context) -> Iterator[Step]:
    """As the MPI library performs it."""
    question, library = context.question, context.mpi
    yield Step(
        call=call,
        block=block(
            send=library.in_place if question.case.in_place else context.send.address,
            receive=context.output.address,
            count=np.int32(question.count),
            type=library.datatype(question.dtype),
            op=library.op("sum"),
            comm=library.comm,
        ),
    )


@allreduce.variant("mpi4py", step="python", uses_mpi=True)
def mpi4py(context: Context) -> Iterator[Step]:
    """The same call through mpi4py: the difference is what Python costs."""
    library = context.mpi
    kind = library.named(context.question.dtype)
    send = library.module.IN_PLACE if context.question.case.in_place else [context.send.array, kind]
    receive = [context.output.array, kind]
    op, perform = library.module.SUM, library.communicator.Allreduce
    yield Step(call=lambda: perform(send, receive, op))

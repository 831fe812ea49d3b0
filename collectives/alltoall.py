"""All-to-all: rank i's part j ends as rank j's part i."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fabricbench.entries import MPI_Alltoall
from fabricbench.spec import (
    Array,
    Context,
    Layout,
    Operation,
    Question,
    Step,
    block,
    equal_parts,
    parts,
)
from fabricbench.traffic import collective


def exchanged(question: Question, start: int, stop: int) -> Array:
    """Part i of the answer is what rank i holds for this rank."""
    part = question.count // question.ranks
    mine = question.rank * part
    return parts(start, stop, part, lambda source, low, high: question.input(source, mine + low, mine + high))


alltoall = Operation(
    name="alltoall",
    family="collective",
    layout=lambda question: Layout(inputs=(question.count,), output=question.count),
    reference=exchanged,
    traffic=lambda question: collective(question.case),
    rates=("algbw", "busbw"),
    dtypes=("float32", "float64", "int32", "int64", "uint8"),
    sizes="8,1KiB,8KiB,64KiB,1MiB,8MiB",
    fit=equal_parts,
    streaming_below=4096,
)


def call(b: Any) -> int:
    """One call of the library; counts are per destination."""
    return MPI_Alltoall(b.send, b.part, b.type, b.receive, b.part, b.type, b.comm)


@alltoall.variant("mpi", needs=("MPI_Alltoall",))
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
            comm=library.comm,
        ),
    )


@alltoall.variant("mpi4py", step="python", uses_mpi=True)
def mpi4py(context: Context) -> Iterator[Step]:
    """The same call through mpi4py: the difference is what Python costs."""
    kind = context.mpi.named(context.question.dtype)
    send, receive = [context.send.array, kind], [context.output.array, kind]
    perform = context.mpi.communicator.Alltoall
    yield Step(call=lambda: perform(send, receive))

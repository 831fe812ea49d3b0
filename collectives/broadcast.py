"""Broadcast: every rank ends with the root's array."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fabricbench.entries import MPI_Bcast
from fabricbench.spec import Array, Context, Layout, Operation, Question, Step, block
from fabricbench.traffic import collective


def root(question: Question) -> int:
    """The rank whose array is sent."""
    return int(question.case.params["root"])


def sent(question: Question, start: int, stop: int) -> Array:
    """The root's input; on the root itself there is no output apart from it."""
    return question.input(root(question), start, stop)


def layout(question: Question) -> Layout:
    """The root only sends, the others only receive."""
    if question.rank == root(question):
        return Layout(inputs=(question.count,), output=0)
    return Layout(inputs=(), output=question.count)


broadcast = Operation(
    name="broadcast",
    family="collective",
    layout=layout,
    reference=sent,
    traffic=lambda question: collective(question.case),
    rates=("algbw", "busbw"),
    dtypes=("float32", "float64", "int32", "int64", "uint8"),
    sizes="8,1KiB,8KiB,64KiB,1MiB,8MiB",
    params={"root": 0},
    streaming_below=4096,
    window=16,
)


def call(b: Any) -> int:
    """One call of the library."""
    return MPI_Bcast(b.buffer, b.count, b.type, b.root, b.comm)


@broadcast.variant("mpi", needs=("MPI_Bcast",))
def mpi(context: Context) -> Iterator[Step]:
    """As the MPI library performs it."""
    question, library = context.question, context.mpi
    buffer = context.send if question.rank == root(question) else context.output
    yield Step(
        call=call,
        block=block(
            buffer=buffer.address,
            count=np.int32(question.count),
            type=library.datatype(question.dtype),
            root=np.int32(root(question)),
            comm=library.comm,
        ),
    )


@broadcast.variant("mpi4py", step="python", uses_mpi=True)
def mpi4py(context: Context) -> Iterator[Step]:
    """The same call through mpi4py: the difference is what Python costs."""
    question = context.question
    buffer = context.send if question.rank == root(question) else context.output
    message = [buffer.array, context.mpi.named(question.dtype)]
    source, perform = root(question), context.mpi.communicator.Bcast
    yield Step(call=lambda: perform(message, source))

"""All-gather: every rank ends with all ranks' parts, in order of rank."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fabricbench.entries import MPI_Allgather
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


def gathered(question: Question, start: int, stop: int) -> Array:
    """Part i of the answer is rank i's input."""
    return parts(start, stop, question.count // question.ranks, question.input)


allgather = Operation(
    name="allgather",
    family="collective",
    layout=lambda question: Layout(inputs=(question.count // question.ranks,), output=question.count),
    reference=gathered,
    traffic=lambda question: collective(question.case),
    rates=("algbw", "busbw"),
    dtypes=("float32", "float64", "int32", "int64", "uint8"),
    sizes="8,1KiB,8KiB,64KiB,1MiB,8MiB",
    fit=equal_parts,
    streaming_below=4096,
)


def call(b: Any) -> int:
    """One call of the library; counts are of one part."""
    return MPI_Allgather(b.send, b.part, b.type, b.receive, b.part, b.type, b.comm)


@allgather.variant("mpi", needs=("MPI_Allgather",))
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


@allgather.variant("mpi4py", step="python", uses_mpi=True)
def mpi4py(context: Context) -> Iterator[Step]:
    """The same call through mpi4py: the difference is what Python costs."""
    kind = context.mpi.named(context.question.dtype)
    send, receive = [context.send.array, kind], [context.output.array, kind]
    perform = context.mpi.communicator.Allgather
    yield Step(call=lambda: perform(send, receive))

"""Put: one rank writes into the memory of another, which does nothing."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fabricbench.collectives import windows
from fabricbench.collectives.windows import ORIGIN, TARGET, complete
from fabricbench.entries import MPI_Put
from fabricbench.model import Traffic
from fabricbench.spec import Array, Buffer, Context, Layout, Operation, Question, Step


def layout(question: Question) -> Layout:
    """The origin holds what the target lends memory for."""
    return Layout((question.count,), 0) if question.rank == ORIGIN else Layout((), question.count)


def from_origin(question: Question, start: int, stop: int) -> Array:
    """The origin's array."""
    return question.input(ORIGIN, start, stop)


put = Operation(
    name="put",
    family="point-to-point",
    layout=layout,
    reference=from_origin,
    traffic=lambda question: Traffic(sent=float(question.case.nbytes), received=0.0, flops=0.0, resource="link"),
    rates=("bandwidth",),
    dtypes=("uint8",),
    sizes="1,8,64,1KiB,8KiB,64KiB,1MiB",
    params=windows.PARAMS,
    refuse=windows.refuse,
    pair=True,
    streaming_below=1 << 20,
)


def write(b: Any) -> int:
    """Put, and wait until it is there."""
    code = MPI_Put(b.local, b.count, b.type, np.int32(TARGET), 0, b.count, b.type, b.window)
    return code if code != 0 else complete(b)


def local(context: Context) -> Buffer:
    """What is written; the target has nothing."""
    return context.inputs[0] if context.question.rank == ORIGIN else context.output


@put.variant("mpi", needs=("MPI_Put", "MPI_Win_flush"))
def mpi(context: Context) -> Iterator[Step]:
    """MPI_Put, completed by a flush."""
    yield from windows.compiled(context, context.output, write, local(context))


@put.variant("mpi4py", step="python", uses_mpi=True)
def mpi4py(context: Context) -> Iterator[Step]:
    """The same calls through mpi4py: the difference is what Python costs."""
    yield from windows.python(context, context.output, "Put", local(context))

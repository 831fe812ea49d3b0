"""Get: one rank reads the memory of another, which does nothing."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fabricbench.collectives import windows
from fabricbench.collectives.windows import ORIGIN, TARGET, complete
from fabricbench.entries import MPI_Get
from fabricbench.model import Traffic
from fabricbench.spec import Array, Buffer, Context, Layout, Operation, Question, Step


def layout(question: Question) -> Layout:
    """The target lends what the origin has room for."""
    return Layout((), question.count) if question.rank == ORIGIN else Layout((question.count,), 0)


def from_target(question: Question, start: int, stop: int) -> Array:
    """The target's array."""
    return question.input(TARGET, start, stop)


get = Operation(
    name="get",
    family="point-to-point",
    layout=layout,
    reference=from_target,
    traffic=lambda question: Traffic(sent=0.0, received=float(question.case.nbytes), flops=0.0, resource="link"),
    rates=("bandwidth",),
    dtypes=("uint8",),
    sizes="1,8,64,1KiB,8KiB,64KiB,1MiB",
    params=windows.PARAMS,
    refuse=windows.refuse,
    pair=True,
    streaming_below=1 << 20,
)


def read(b: Any) -> int:
    """Get, and wait until it is here."""
    code = MPI_Get(b.local, b.count, b.type, np.int32(TARGET), 0, b.count, b.type, b.window)
    return code if code != 0 else complete(b)


def lent(context: Context) -> Buffer:
    """What is read; the origin lends nothing that anybody reads."""
    return context.output if context.question.rank == ORIGIN else context.inputs[0]


@get.variant("mpi", needs=("MPI_Get", "MPI_Win_flush"))
def mpi(context: Context) -> Iterator[Step]:
    """MPI_Get, completed by a flush."""
    yield from windows.compiled(context, lent(context), read, context.output)


@get.variant("mpi4py", step="python", uses_mpi=True)
def mpi4py(context: Context) -> Iterator[Step]:
    """The same calls through mpi4py: the difference is what Python costs."""
    yield from windows.python(context, lent(context), "Get", context.output)

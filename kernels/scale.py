"""Scale: a = scalar * b."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fabricbench.entries import prange, view
from fabricbench.kernels import threads
from fabricbench.kernels.arrays import SCALAR, arrays, built, streamed, touched, written
from fabricbench.spec import Array, Context, Layout, Operation, Question, Step


def reference(question: Question, start: int, stop: int) -> Array:
    """Exact: small whole numbers times three."""
    return SCALAR * question.input(question.rank, start, stop)


scale = Operation(
    name="scale",
    family="memory",
    layout=lambda question: Layout(inputs=(question.count,), output=question.count),
    reference=reference,
    traffic=lambda question: arrays(question, read=1, written=1, flops=1),
    rates=("bandwidth",),
    dtypes=("float64", "float32"),
    sizes="32KiB,1MiB,32MiB",
)


@scale.variant("numpy", step="python")
def numpy(context: Context) -> Iterator[Step]:
    """One call of NumPy, one thread."""
    a, b = context.output.array, context.inputs[0].array
    scalar = a.dtype.type(SCALAR)
    yield Step(call=lambda: np.multiply(b, scalar, out=a))


def loop(a: Array, b: Array, scalar: float) -> None:
    """A = scalar * b."""
    for i in prange(a.size):
        a[i] = scalar * b[i]


def call(b: Any) -> int:
    """Scale, shared out over the rank's threads."""
    loop(view(b.a, b.count, b.zero), view(b.b, b.count, b.zero), b.scalar)
    return 0


@scale.variant("numba")
def numba(context: Context) -> Iterator[Step]:
    """A compiled loop over all threads of the rank, each on pages that it touched first."""
    yield Step(call=call, block=touched(context))


@scale.variant("rawkernel", compiler="nvrtc")
def rawkernel(context: Context) -> Iterator[Step]:
    """CUDA C++: 16 bytes a load, four loads of a thread under way, a grid of the device's size."""
    yield from streamed(context)


@scale.variant("native", compiler="native")
def library(context: Context) -> Iterator[Step]:
    """The same kernel as `rawkernel`, compiled by nvcc when the program was installed."""
    yield from built(context)


@scale.variant("numba-cuda", compiler="numba-cuda")
def numba_cuda(context: Context) -> Iterator[Step]:
    """Python compiled by Numba: the same as `rawkernel`, of which an intrinsic gives the 16 bytes a load."""
    yield from written(context, threads.scaled, two=False)

"""Add: a = b + c."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fabricbench.entries import prange, view
from fabricbench.kernels import threads
from fabricbench.kernels.arrays import arrays, built, streamed, touched, written
from fabricbench.spec import Array, Context, Layout, Operation, Question, Step


def reference(question: Question, start: int, stop: int) -> Array:
    """Exact: small whole numbers."""
    first, second = (question.input(question.rank, start, stop, array) for array in (0, 1))
    return first + second


add = Operation(
    name="add",
    family="memory",
    layout=lambda question: Layout(inputs=(question.count,) * 2, output=question.count),
    reference=reference,
    traffic=lambda question: arrays(question, read=2, written=1, flops=1),
    rates=("bandwidth",),
    dtypes=("float64", "float32"),
    sizes="32KiB,1MiB,32MiB",
)


@add.variant("numpy", step="python")
def numpy(context: Context) -> Iterator[Step]:
    """One call of NumPy, one thread."""
    a, (b, c) = context.output.array, (buffer.array for buffer in context.inputs)
    yield Step(call=lambda: np.add(b, c, out=a))


def loop(a: Array, b: Array, c: Array) -> None:
    """A = b + c."""
    for i in prange(a.size):
        a[i] = b[i] + c[i]


def call(b: Any) -> int:
    """Add, shared out over the rank's threads."""
    a = view(b.a, b.count, b.zero)
    loop(a, view(b.b, b.count, b.zero), view(b.c, b.count, b.zero))
    return 0


@add.variant("numba")
def numba(context: Context) -> Iterator[Step]:
    """A compiled loop over all threads of the rank, each on pages that it touched first."""
    yield Step(call=call, block=touched(context))


@add.variant("rawkernel", compiler="nvrtc")
def rawkernel(context: Context) -> Iterator[Step]:
    """CUDA C++: 16 bytes a load, four loads of a thread under way, a grid of the device's size."""
    yield from streamed(context)


@add.variant("native", compiler="native")
def library(context: Context) -> Iterator[Step]:
    """The same kernel as `rawkernel`, compiled by nvcc when the program was installed."""
    yield from built(context)


@add.variant("numba-cuda", compiler="numba-cuda")
def numba_cuda(context: Context) -> Iterator[Step]:
    """Python compiled by Numba: the same as `rawkernel`, of which an intrinsic gives the 16 bytes a load."""
    yield from written(context, threads.added, two=True)

"""Dot: the sum of b * c."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fabricbench.entries import prange, view
from fabricbench.kernels import native, threads
from fabricbench.kernels.arrays import arrays, touched
from fabricbench.kernels.launching import PACK, held, joined, placed
from fabricbench.spec import Array, Context, Layout, Operation, Question, Step

BLOCK = 1 << 20


def reference(question: Question, start: int, stop: int) -> Array:
    """Exact in int64, block by block; below 2**53 float64 adds whole numbers without rounding."""
    total = 0
    for low in range(0, question.count, BLOCK):
        high = min(low + BLOCK, question.count)
        first, second = (question.input(question.rank, low, high, array).astype(np.int64) for array in (0, 1))
        total += int(np.sum(first * second))
    return np.full(stop - start, float(total))


dot = Operation(
    name="dot",
    family="memory",
    layout=lambda question: Layout(inputs=(question.count,) * 2, output=1),
    reference=reference,
    traffic=lambda question: arrays(question, read=2, written=0, flops=2),
    rates=("bandwidth",),
    dtypes=("float64",),
    sizes="32KiB,1MiB,32MiB",
)


@dot.variant("numpy", step="python")
def numpy(context: Context) -> Iterator[Step]:
    """BLAS through NumPy."""
    b, c = (buffer.array for buffer in context.inputs)
    result = context.output.array

    def product() -> None:
        result[0] = np.dot(b, c)

    yield Step(call=product)


def loop(b: Array, c: Array, zero: float) -> float:
    """The sum of b * c."""
    total = zero
    for i in prange(b.size):
        total += b[i] * c[i]
    return total


def call(b: Any) -> int:
    """Dot, shared out over the rank's threads."""
    first, second = view(b.b, b.count, b.zero), view(b.c, b.count, b.zero)
    view(b.a, 1, b.zero)[0] = loop(first, second, b.zero)
    return 0


@dot.variant("numba")
def numba(context: Context) -> Iterator[Step]:
    """A compiled loop over all threads of the rank, each on pages that it touched first."""
    yield Step(call=call, block=touched(context))


@dot.variant("rawkernel", compiler="nvrtc")
def rawkernel(context: Context) -> Iterator[Step]:
    """CUDA C++: 16 bytes a load, four sums a thread, joined by warps, by blocks, and by the block that comes last."""
    question = context.question
    kernel = context.accelerator.kernel("stream.cuh", "dot_fast_float64")
    with placed(context, kernel, work=question.count * question.dtype.itemsize // PACK) as it:
        b, c = it.inputs
        yield it.step(
            np.uint64(it.output), np.uint64(b), np.uint64(c), np.int64(question.count),
            it.zeros(it.blocks * question.dtype.itemsize), it.zeros(4),
        )  # fmt: skip


@dot.variant("native", compiler="native")
def library(context: Context) -> Iterator[Step]:
    """The same kernel as `rawkernel`, compiled by nvcc when the program was installed."""
    question = context.question
    with held(context) as it:
        partials, arrived = it.zeros(native.MOST_BLOCKS * 8), it.zeros(4)
        yield native.step(
            it, "fabricbench_dot", native.ELEMENTS[question.case.dtype], it.output, *it.inputs, question.count,
            partials, native.MOST_BLOCKS, arrived,
        )  # fmt: skip


@dot.variant("numba-cuda", compiler="numba-cuda")
def numba_cuda(context: Context) -> Iterator[Step]:
    """Python compiled by Numba: an element a load, joined in shared memory, and by the block that comes last."""
    yield from joined(context, threads.dot, threads.summed)

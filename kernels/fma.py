"""FMA: every element multiplied and added to `fmas` times, read and written once: arithmetic at a chosen intensity.

Intensity is 2 x fmas / (2 x width of an element) FLOP/byte: below the ridge of the roofline memory decides, above it
arithmetic. Factor and term are 1, which the compiler does not know: the answer is the element + fmas, exact, and an
operation too few or too many shows.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fabricbench.entries import fma as multiply_add
from fabricbench.entries import prange, view
from fabricbench.kernels import threads
from fabricbench.kernels.arrays import touched
from fabricbench.kernels.launching import PACK, THREADS, array, placed
from fabricbench.model import Case, Traffic
from fabricbench.spec import Array, Context, Layout, Operation, Question, Step, block

MOST = 1 << 20
"""Fmas an element for which the answer is exact in float32, and more than any roofline needs."""
CHUNK = 1024
"""Elements that stay in the nearest cache while they are worked on."""
TOGETHER = 8
"""Operations of an element between its load and its store; enough that the stores do not count."""


def times(question: Question) -> int:
    """Operations an element."""
    return int(question.case.params["fmas"])


def refuse(case: Case) -> str | None:
    """Why a case cannot be."""
    fmas = case.params["fmas"]
    if isinstance(fmas, bool) or not isinstance(fmas, int) or not 1 <= fmas <= MOST:
        return f"cannot be done {fmas} times; give a whole number from 1 to {MOST}"
    return None


def reference(question: Question, start: int, stop: int) -> Array:
    """Exact: small whole numbers."""
    return np.asarray(question.input(question.rank, start, stop) + question.dtype.type(times(question)))


fma = Operation(
    name="fma",
    family="compute",
    layout=lambda question: Layout(inputs=(question.count,), output=question.count),
    reference=reference,
    traffic=lambda question: Traffic(
        sent=float(question.case.nbytes),
        received=float(question.case.nbytes),
        flops=2.0 * times(question) * question.count,
        resource="compute",
    ),
    rates=("flops",),
    dtypes=("float64", "float32"),
    sizes="1MiB",
    params={"fmas": 64},
    refuse=refuse,
)


@fma.variant("numpy", step="python")
def numpy(context: Context) -> Iterator[Step]:
    """Two calls of NumPy an operation, chunk by chunk, one thread."""
    a, b = context.output.array, context.inputs[0].array
    one, fmas = b.dtype.type(1), times(context.question)
    pieces = [slice(low, low + CHUNK) for low in range(0, b.size, CHUNK)]

    def repeat() -> None:
        for piece in pieces:
            values = a[piece]
            np.copyto(values, b[piece])
            for _ in range(fmas):
                np.multiply(values, one, out=values)
                np.add(values, one, out=values)

    yield Step(call=repeat)


def eight(values: Array, factor: float, term: float) -> None:
    """Eight operations on each element, in registers."""
    for i in range(values.size):
        value = multiply_add(values[i], factor, term)
        value = multiply_add(multiply_add(value, factor, term), factor, term)
        value = multiply_add(multiply_add(value, factor, term), factor, term)
        value = multiply_add(multiply_add(value, factor, term), factor, term)
        values[i] = multiply_add(value, factor, term)


def single(values: Array, factor: float, term: float) -> None:
    """One operation on each element."""
    for i in range(values.size):
        values[i] = multiply_add(values[i], factor, term)


def loop(a: Array, b: Array, factor: float, term: float, fmas: int) -> None:
    """Chunk by chunk, so that all passes but the first find their elements in the nearest cache."""
    for chunk in prange(-(-b.size // CHUNK)):
        low, high = chunk * CHUNK, min((chunk + 1) * CHUNK, b.size)
        for i in range(low, high):
            a[i] = b[i]
        values = a[low:high]
        for _ in range(fmas // TOGETHER):
            eight(values, factor, term)
        for _ in range(fmas % TOGETHER):
            single(values, factor, term)


def call(b: Any) -> int:
    """Multiply and add, shared out over the rank's threads."""
    loop(view(b.a, b.count, b.zero), view(b.b, b.count, b.zero), b.one, b.one, b.fmas)
    return 0


@fma.variant("numba")
def numba(context: Context) -> Iterator[Step]:
    """Compiled loops over chunks in the nearest cache, all threads of the rank; eight operations a load."""
    touched(context)
    question = context.question
    yield Step(
        call=call,
        block=block(
            a=context.output.address, b=context.inputs[0].address, count=question.count, fmas=times(question),
            zero=question.dtype.type(0), one=question.dtype.type(1),
        ),
    )  # fmt: skip


@fma.variant("rawkernel", compiler="nvrtc")
def rawkernel(context: Context) -> Iterator[Step]:
    """CUDA C++: 64 bytes of elements a thread, whose chains of operations do not wait for each other."""
    question = context.question
    one = question.dtype.type(1)
    name = f"fma_fast_{question.case.dtype}"
    made = context.accelerator.kernel("fma.cuh", name)
    with placed(context, made, work=question.count * question.dtype.itemsize // PACK) as kernel:
        yield kernel.step(
            np.uint64(kernel.output), np.uint64(kernel.inputs[0]), one, one, np.int32(times(question)),
            np.int64(question.count),
        )  # fmt: skip


@fma.variant("numba-cuda", compiler="numba-cuda")
def numba_cuda(context: Context) -> Iterator[Step]:
    """Python compiled by Numba: one chain of operations a thread; many threads hide that each waits for the last."""
    question = context.question
    dtype, width, one = question.case.dtype, question.dtype.itemsize, question.dtype.type(1)
    made = context.accelerator.python_kernel(
        threads.multiply_add, f"void({dtype}[::1], {dtype}[::1], {dtype}, {dtype}, int64)",
        **threads.meanings(dtype, THREADS),
    )  # fmt: skip
    with placed(context, made, work=question.count) as kernel:
        yield kernel.step(
            *array(kernel.output, question.count, width), *array(kernel.inputs[0], question.count, width),
            one, one, np.int64(times(question)),
        )  # fmt: skip

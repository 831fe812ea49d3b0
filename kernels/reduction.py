"""Reduction: the sum or the largest element of one array, on one rank; `reduce` is that of all ranks.

Half precision is added in float32 and rounded once, at the end. Elements lie around zero, so that every partial sum is
exact in float32 whatever the order, and so is the answer before it is rounded.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fabricbench.entries import bits_of, float_of, prange, view
from fabricbench.kernels import native, threads
from fabricbench.kernels.arrays import arrays, touched
from fabricbench.kernels.launching import PACK, held, joined, placed
from fabricbench.model import Case
from fabricbench.spec import Array, Context, Layout, Operation, Question, Step, block

BLOCK = 1 << 20
LARGEST = 3
"""Elements are whole numbers from -3 to 3; the one that decides a maximum is larger by 1."""

KINDS = 2 * (LARGEST + 1)
"""Divides the number of values that noise has, whatever the type."""

OPERATORS = ("sum", "max")
MOST_FLOAT16 = 1 << 25
"""Elements whose sum stays within float16, five standard deviations of a random walk away."""


def refuse(case: Case) -> str | None:
    """Why a case cannot be."""
    op = case.params["op"]
    if op not in OPERATORS:
        return f"has no operator {op!r}; there are {', '.join(OPERATORS)}"
    if case.dtype == "float16" and op == "sum" and case.nbytes > 2 * MOST_FLOAT16:
        return f"of float16 may exceed the type's range: the largest size is {2 * MOST_FLOAT16} bytes"
    return None


def whole(question: Question, start: int, stop: int) -> Array:
    """Elements start..stop as whole numbers.

    Of a maximum one element decides: with an even seed the last, which a tail left out would lose, else any.
    """
    elements = np.arange(start, stop)
    drawn = question.noise(elements) % KINDS
    values = drawn - LARGEST - (drawn > LARGEST)  # zero twice, so that they are as often below it as above
    if question.case.params["op"] == "max":
        odd = question.seed % 2 == 1
        at = (question.seed * 7919 + question.rank) % question.count if odd else question.count - 1
        values = np.where(elements == at, LARGEST + 1, values)
    return values


def rounded(question: Question, value: int) -> Array:
    """A whole number as an element, to the nearest, ties to even."""
    if question.case.dtype != "bfloat16":
        return np.array([value]).astype(question.dtype)
    bits = np.array([value], np.float32).view(np.uint32)
    return np.asarray((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def reference(question: Question, start: int, stop: int) -> Array:
    """Exact in int64, block by block."""
    parts = [whole(question, low, min(low + BLOCK, question.count)) for low in range(0, question.count, BLOCK)]
    found = sum(int(part.sum()) for part in parts) if question.case.params["op"] == "sum" else max(map(np.max, parts))
    return rounded(question, int(found))[start:stop]


reduction = Operation(
    name="reduction",
    family="memory",
    layout=lambda question: Layout(inputs=(question.count,), output=1),
    reference=reference,
    fill=lambda question, array, start, stop: question.encoded(whole(question, start, stop)),
    traffic=lambda question: arrays(question, read=1, written=0, flops=1),
    rates=("bandwidth",),
    dtypes=("float64", "float32", "bfloat16", "float16"),
    sizes="32KiB,1MiB,32MiB",
    params={"op": "sum"},
    refuse=refuse,
)


@reduction.variant("numpy", step="python", dtypes=("float64", "float32", "float16"))
def numpy(context: Context) -> Iterator[Step]:
    """One call of NumPy, one thread; half precision is widened piece by piece."""
    b, result = context.inputs[0].array, context.output.array
    wide = np.float32 if b.dtype == np.float16 else b.dtype

    def largest() -> None:
        result[0] = b.max()

    def total() -> None:
        result[0] = np.add.reduce(b, dtype=wide)

    yield Step(call=total if context.question.case.params["op"] == "sum" else largest)


def add_up(b: Array, zero: float) -> float:
    """The sum."""
    total = zero
    for i in prange(b.size):
        total += b[i]
    return total


def find_largest(b: Array, lowest: float) -> float:
    """The largest."""
    found = lowest
    for i in prange(b.size):
        found = max(found, b[i])
    return found


def add_up_bfloat16(b: Array, zero: float) -> float:
    """The sum of elements that are the upper halves of float32's bits, in float32."""
    total = zero
    for i in prange(b.size):
        total += float_of(np.uint32(b[i]) << np.uint32(16))
    return total


def find_largest_bfloat16(b: Array, lowest: float) -> float:
    """The largest of such elements."""
    found = lowest
    for i in prange(b.size):
        found = max(found, float_of(np.uint32(b[i]) << np.uint32(16)))
    return found


def call_sum(b: Any) -> int:
    """Sum, shared out over the rank's threads."""
    view(b.a, 1, b.zero)[0] = add_up(view(b.b, b.count, b.zero), b.zero)
    return 0


def call_max(b: Any) -> int:
    """Largest, shared out over the rank's threads."""
    view(b.a, 1, b.zero)[0] = find_largest(view(b.b, b.count, b.zero), b.start)
    return 0


def upper_half(value: float) -> int:
    """The nearest bfloat16, ties to even."""
    bits = bits_of(value)
    return np.uint16((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16))  # type: ignore[return-value]


def call_sum_bfloat16(b: Any) -> int:
    """Sum in float32, rounded once."""
    view(b.a, 1, b.zero)[0] = upper_half(add_up_bfloat16(view(b.b, b.count, b.zero), b.start))
    return 0


def call_max_bfloat16(b: Any) -> int:
    """Largest, in float32."""
    view(b.a, 1, b.zero)[0] = upper_half(find_largest_bfloat16(view(b.b, b.count, b.zero), b.start))
    return 0


BODIES: dict[tuple[str, bool], Callable[[Any], int]] = {
    ("sum", False): call_sum, ("max", False): call_max,
    ("sum", True): call_sum_bfloat16, ("max", True): call_max_bfloat16,
}  # fmt: skip


@reduction.variant("numba", dtypes=("float64", "float32", "bfloat16"))
def numba(context: Context) -> Iterator[Step]:
    """A compiled loop over all threads of the rank, each on pages that it touched first, with an answer of its own."""
    touched(context)
    question = context.question
    op, half = str(question.case.params["op"]), question.case.dtype == "bfloat16"
    wide = np.float32 if half else question.dtype.type
    yield Step(
        call=BODIES[op, half],
        block=block(
            a=context.output.address, b=context.inputs[0].address, count=question.count, zero=question.dtype.type(0),
            start=wide(0 if op == "sum" else -np.inf),
        ),
    )  # fmt: skip


@reduction.variant("rawkernel", compiler="nvrtc")
def rawkernel(context: Context) -> Iterator[Step]:
    """CUDA C++: 16 bytes a load, eight of a thread under way, joined by warps, by blocks, and by the last block."""
    question = context.question
    name = f"{question.case.params['op']}_fast_{question.case.dtype}"
    made = context.accelerator.kernel("reduction.cuh", name)
    with placed(context, made, work=question.count * question.dtype.itemsize // PACK) as kernel:
        yield kernel.step(
            np.uint64(kernel.output), np.uint64(kernel.inputs[0]), np.int64(question.count),
            kernel.zeros(kernel.blocks * 8), kernel.zeros(4),
        )  # fmt: skip


@reduction.variant("native", compiler="native")
def library(context: Context) -> Iterator[Step]:
    """The same kernel as `rawkernel`, compiled by nvcc when the program was installed."""
    question = context.question
    with held(context) as it:
        partials, arrived = it.zeros(native.MOST_BLOCKS * 8), it.zeros(4)
        yield native.step(
            it, "fabricbench_reduction", OPERATORS.index(str(question.case.params["op"])),
            native.ELEMENTS[question.case.dtype], it.output,
            *it.inputs, question.count,
            partials, native.MOST_BLOCKS, arrived,
        )  # fmt: skip


@reduction.variant("numba-cuda", compiler="numba-cuda", dtypes=("float64", "float32"))
def numba_cuda(context: Context) -> Iterator[Step]:
    """Python compiled by Numba: 16 bytes a load, joined in shared memory, and by the block that comes last."""
    total = context.question.case.params["op"] == "sum"
    yield from joined(context, threads.reduce, threads.summed if total else threads.largest)

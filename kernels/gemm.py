"""GEMM: the product of two square matrices of n x n elements; nbytes is one matrix."""

import math
from collections.abc import Iterator

import numpy as np

from fabricbench.model import Traffic
from fabricbench.spec import Array, Context, Layout, Operation, Question, Step

PERIOD = 61
"""Inputs repeat along the inner dimension after this many columns (a prime: no blocking divides it)."""


def side(question: Question) -> int:
    """N of an n x n matrix."""
    return math.isqrt(question.count)


def fill(question: Question, array: int, start: int, stop: int) -> Array:
    """Elements start..stop of the left (0) or right (1) matrix, 0..7, periodic along the inner dimension."""
    row, column = np.divmod(np.arange(start, stop), side(question))
    cell = row * PERIOD + column % PERIOD if array == 0 else (row % PERIOD) * side(question) + column
    return (question.noise(cell, array) % 8).astype(question.dtype)


def product(question: Question, start: int, stop: int) -> Array:
    """Elements of the product, exact in int64 without BLAS.

    Because inputs repeat along the inner dimension, one term of each kind times how often it occurs is the whole sum.
    """
    n = side(question)
    first, last = start // n, -(-stop // n)
    kinds = np.arange(min(PERIOD, n))
    often = np.array([len(range(int(kind), n, PERIOD)) for kind in kinds])
    left = question.noise(np.arange(first, last)[:, None] * PERIOD + kinds, 0) % 8
    right = question.noise(kinds[:, None] * n + np.arange(n), 1) % 8
    rows = (left * often) @ right
    return np.asarray(rows.reshape(-1)[start - first * n : stop - first * n])


gemm = Operation(
    name="gemm",
    family="compute",
    layout=lambda question: Layout(inputs=(question.count,) * 2, output=question.count),
    reference=product,
    fit=lambda count, ranks: math.isqrt(count) ** 2,
    fill=fill,
    traffic=lambda question: Traffic(
        sent=2.0 * question.case.nbytes,
        received=float(question.case.nbytes),
        flops=2.0 * side(question) ** 3,
        resource="compute",
    ),
    rates=("flops",),
    dtypes=("float64", "float32"),
    sizes="128KiB,512KiB,2MiB",
)


@gemm.variant("numpy", step="python")
def numpy(context: Context) -> Iterator[Step]:
    """The BLAS that NumPy was built with, on the rank's threads."""
    n = side(context.question)
    a, b = (buffer.array.reshape(n, n) for buffer in context.inputs)
    c = context.output.array.reshape(n, n)
    yield Step(call=lambda: np.matmul(a, b, out=c))

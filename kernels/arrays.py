"""What the memory operations share: traffic in whole arrays, and touching pages by the threads that will use them."""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import numpy as np

from fabricbench.entries import prange, view
from fabricbench.kernels import native, threads
from fabricbench.kernels.launching import PACK, THREADS, array, held, placed
from fabricbench.model import Traffic
from fabricbench.spec import Array, Context, Question, Step, block

SCALAR = 3.0
"""The factor of scale and triad; with whole inputs every result is exact."""


def arrays(question: Question, *, read: int, written: int, flops: float = 0.0) -> Traffic:
    """Traffic of an operation that reads and writes whole arrays; caches may move more or less."""
    nbytes = float(question.case.nbytes)
    return Traffic(
        sent=read * nbytes,
        received=written * nbytes,
        flops=flops * question.count,
        resource="memory",
    )


def zeros(target: Array, zero: float) -> None:
    """Write zeros with the same loop over threads as the operations, so that pages lie near their thread."""
    for i in prange(target.size):
        target[i] = zero


def touch(b: Any) -> int:
    """The first write to one buffer."""
    zeros(view(b.target, b.count, b.zero), b.zero)
    return 0


def touched(context: Context) -> Array:
    """A block with the addresses a, b, c of output and inputs, every page touched first by its own thread."""
    like = context.question.dtype.type(0)
    for buffer in (*context.inputs, context.output):
        context.once(touch, block(target=buffer.address, count=buffer.array.size, zero=like))
    names = dict(zip("bc", (buffer.address for buffer in context.inputs), strict=False))
    return block(
        a=context.output.address, **names, count=context.question.count, zero=like,
        scalar=context.question.dtype.type(SCALAR),
    )  # fmt: skip


def streamed(context: Context) -> Iterator[Step]:
    """The kernel in kernels/cuda/stream.cuh that is named after the operation, over the whole arrays."""
    question = context.question
    name = f"{question.case.operation}_fast_{question.case.dtype}"
    made = context.accelerator.kernel("stream.cuh", name)
    with placed(context, made, work=question.count * question.dtype.itemsize // PACK) as kernel:
        a, (b, *rest) = kernel.output, kernel.inputs
        yield kernel.step(
            np.uint64(a), np.uint64(b), np.uint64(rest[0] if rest else 0), question.dtype.type(SCALAR),
            np.int64(question.count),
        )  # fmt: skip


def written(context: Context, element: Callable[..., Any], *, two: bool) -> Iterator[Step]:
    """A kernel of `threads` over the whole arrays.  element: what becomes of an element of each; two: inputs."""
    question = context.question
    dtype, width = question.case.dtype, question.dtype.itemsize
    arrays = f"{dtype}[::1], " * (3 if two else 2)
    made = context.accelerator.python_kernel(
        threads.stream_two if two else threads.stream_one, f"void({arrays}{dtype})",
        **threads.meanings(dtype, THREADS, element=element),
    )  # fmt: skip
    with placed(context, made, work=question.count * width // PACK) as kernel:
        taken = (array(address, question.count, width) for address in (kernel.output, *kernel.inputs))
        yield kernel.step(*chain.from_iterable(taken), question.dtype.type(SCALAR))


STREAMS = ("copy", "scale", "add", "triad")
"""In the order of kernels/cuda/library.cu."""


def built(context: Context) -> Iterator[Step]:
    """The function of the library for these operations, over the whole arrays."""
    question = context.question
    with held(context) as kernel:
        b, *rest = kernel.inputs
        yield native.step(
            kernel, "fabricbench_stream", STREAMS.index(question.case.operation), native.ELEMENTS[question.case.dtype],
            kernel.output, b, rest[0] if rest else 0, int(SCALAR), question.count,
        )  # fmt: skip

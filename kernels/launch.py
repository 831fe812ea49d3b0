"""Launch: a kernel of one thread that adds one to a number; what a kernel costs before it does anything."""

from collections.abc import Iterator

import numpy as np

from fabricbench.kernels import threads
from fabricbench.kernels.launching import THREADS, array, placed
from fabricbench.model import Traffic
from fabricbench.spec import Array, Context, Layout, Operation, Question, Step


def reference(question: Question, start: int, stop: int) -> Array:
    """One more."""
    return question.input(question.rank, start, stop) + np.int64(1)


launch = Operation(
    name="launch",
    family="compute",
    layout=lambda question: Layout(inputs=(1,), output=1),
    reference=reference,
    traffic=lambda question: Traffic(sent=0.0, received=0.0, flops=0.0, resource="latency"),
    rates=(),
    dtypes=("int64",),
    sizes="0",
    sized=False,
)


def one(context: Context) -> Iterator[Step]:
    """The step of one launch."""
    with placed(context, context.accelerator.kernel("launch.cuh", "launch_int64"), work=1) as kernel:
        yield kernel.step(np.uint64(kernel.output), np.uint64(kernel.inputs[0]))


@launch.variant("rawkernel", compiler="nvrtc")
def rawkernel(context: Context) -> Iterator[Step]:
    """CUDA C++, launches waiting in line: how soon the device begins the next, by its own events."""
    yield from one(context)


@launch.variant("rawkernel-waited", compiler="nvrtc", step="compiled")
def waited(context: Context) -> Iterator[Step]:
    """CUDA C++, launched and waited for: how long the host is without an answer, by its own clock."""
    yield from one(context)


@launch.variant("numba-cuda", compiler="numba-cuda")
def numba_cuda(context: Context) -> Iterator[Step]:
    """Python compiled by Numba, launches waiting in line: arrays are seven arguments each."""
    made = context.accelerator.python_kernel(
        threads.one_more, "void(int64[::1], int64[::1])", **threads.meanings("int64", THREADS)
    )
    with placed(context, made, work=1) as kernel:
        yield kernel.step(*array(kernel.output, 1, 8), *array(kernel.inputs[0], 1, 8))

"""Copy: a = b."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fabricbench.entries import prange, view
from fabricbench.kernels import copies, threads
from fabricbench.kernels.arrays import arrays, built, streamed, touched, written
from fabricbench.kernels.launching import wait
from fabricbench.spec import Array, Context, Layout, Operation, Step

copy = Operation(
    name="copy",
    family="memory",
    layout=lambda question: Layout(inputs=(question.count,), output=question.count),
    reference=copies.itself,
    traffic=lambda question: arrays(question, read=1, written=1),
    rates=("bandwidth",),
    dtypes=("float64", "float32"),
    sizes="32KiB,1MiB,32MiB",
)


@copy.variant("numpy", step="python")
def numpy(context: Context) -> Iterator[Step]:
    """One call of NumPy, one thread."""
    a, b = context.output.array, context.inputs[0].array
    yield Step(call=lambda: np.copyto(a, b))


def loop(a: Array, b: Array) -> None:
    """A = b."""
    for i in prange(a.size):
        a[i] = b[i]


def call(b: Any) -> int:
    """Copy, shared out over the rank's threads."""
    loop(view(b.a, b.count, b.zero), view(b.b, b.count, b.zero))
    return 0


@copy.variant("numba")
def numba(context: Context) -> Iterator[Step]:
    """A compiled loop over all threads of the rank, each on pages that it touched first."""
    yield Step(call=call, block=touched(context))


@copy.variant("rawkernel", compiler="nvrtc")
def rawkernel(context: Context) -> Iterator[Step]:
    """CUDA C++: 16 bytes a load, four loads of a thread under way, a grid of the device's size."""
    yield from streamed(context)


@copy.variant("native", compiler="native")
def library(context: Context) -> Iterator[Step]:
    """The same kernel as `rawkernel`, compiled by nvcc when the program was installed."""
    yield from built(context)


@copy.variant("numba-cuda", compiler="numba-cuda")
def numba_cuda(context: Context) -> Iterator[Step]:
    """Python compiled by Numba: the same as `rawkernel`, of which an intrinsic gives the 16 bytes a load."""
    yield from written(context, threads.copied, two=False)


@copy.variant("driver", compiler="driver")
def driver(context: Context) -> Iterator[Step]:
    """The driver's own copy from device memory to device memory."""
    gpu, (source,), target = context.accelerator, context.inputs, context.output
    with gpu.memory(source.nbytes) as b, gpu.memory(target.nbytes) as a:

        def upload() -> None:
            gpu.upload(b, source.array)
            gpu.upload(a, target.array)

        yield Step(
            call=copies.copy_and_wait, start=copies.start, finish=wait,
            block=copies.copying(gpu, "cuMemcpyDtoDAsync_v2", a, b, source.nbytes),
            why=gpu.why, ready=upload,
            settle=lambda: gpu.download(target.array, a),
        )  # fmt: skip

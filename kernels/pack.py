"""Pack: blocks that lie about in a pool, gathered into one piece; see `moving`."""

from collections.abc import Iterator

import numpy as np

from fabricbench.kernels import moving, threads
from fabricbench.kernels.arrays import arrays
from fabricbench.spec import Array, Context, Layout, Operation, Question, Step


def reference(question: Question, start: int, stop: int) -> Array:
    """Block k is the block of the pool that the table names."""
    return moving.moved(question, moving.table(question), start, stop)


pack = Operation(
    name="pack",
    family="memory",
    layout=lambda question: Layout(inputs=(question.count,), output=question.count),
    reference=reference,
    fit=lambda count, ranks: count - count % moving.ELEMENTS,
    fill=moving.fill,
    traffic=lambda question: arrays(question, read=1, written=1),
    rates=("bandwidth",),
    dtypes=moving.DTYPES,
    sizes="32KiB,1MiB,32MiB",
    params=moving.PARAMS,
    refuse=moving.refuse,
)


@pack.variant("numpy", step="python")
def numpy(context: Context) -> Iterator[Step]:
    """One call of NumPy, one thread."""
    shape = (-1, moving.elements(context.question))
    a, b = context.output.array.reshape(shape), context.inputs[0].array.reshape(shape)
    order = moving.table(context.question)
    yield Step(call=lambda: np.take(b, order, axis=0, out=a, mode="clip"))  # any other mode copies through a buffer


@pack.variant("numba")
def numba(context: Context) -> Iterator[Step]:
    """One memcpy a block, blocks shared out over all threads of the rank."""
    yield moving.by_loop(context, gathers=True)


@pack.variant("rawkernel", compiler="nvrtc")
def rawkernel(context: Context) -> Iterator[Step]:
    """CUDA C++: a warp a block, up to 16 bytes a load, four loads of a lane under way."""
    yield from moving.on_gpu(context, "pack")


@pack.variant("numba-cuda", compiler="numba-cuda", refuse=moving.whole_packs)
def numba_cuda(context: Context) -> Iterator[Step]:
    """Python compiled by Numba: a warp a block, 16 bytes a load."""
    yield from moving.written(context, threads.gather)

"""Unpack: one piece, scattered as blocks over a pool; see `moving`."""

from collections.abc import Iterator

from fabricbench.kernels import moving, threads
from fabricbench.kernels.arrays import arrays
from fabricbench.spec import Array, Context, Layout, Operation, Question, Step


def reference(question: Question, start: int, stop: int) -> Array:
    """Each block of the pool is the one whose place in the table names it."""
    return moving.moved(question, moving.inverse(question), start, stop)


unpack = Operation(
    name="unpack",
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


@unpack.variant("numpy", step="python")
def numpy(context: Context) -> Iterator[Step]:
    """One assignment of NumPy, one thread."""
    shape = (-1, moving.elements(context.question))
    a, b = context.output.array.reshape(shape), context.inputs[0].array.reshape(shape)
    order = moving.table(context.question)

    def scatter() -> None:
        a[order] = b

    yield Step(call=scatter)


@unpack.variant("numba")
def numba(context: Context) -> Iterator[Step]:
    """One memcpy a block, blocks shared out over all threads of the rank."""
    yield moving.by_loop(context, gathers=False)


@unpack.variant("rawkernel", compiler="nvrtc")
def rawkernel(context: Context) -> Iterator[Step]:
    """CUDA C++: a warp a block, up to 16 bytes a load, four loads of a lane under way."""
    yield from moving.on_gpu(context, "unpack")


@unpack.variant("numba-cuda", compiler="numba-cuda", refuse=moving.whole_packs)
def numba_cuda(context: Context) -> Iterator[Step]:
    """Python compiled by Numba: a warp a block, 16 bytes a load."""
    yield from moving.written(context, threads.scatter)

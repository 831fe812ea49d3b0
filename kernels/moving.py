"""What pack and unpack share: blocks of consecutive elements, and the table that says where each lies in the pool.

Block k of the packed side is block table[k] of the pool, which holds as many. `layout` is the order of the table:

strided  every eighth block, then again from the second on, and so on: the parts of a matrix that lie side by side
paged    all blocks in random order, as the pages of a key-value cache lie that was filled and emptied for a while
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from fabricbench.entries import memcpy, prange, view
from fabricbench.kernels import threads
from fabricbench.kernels.arrays import touch
from fabricbench.kernels.launching import PACK, THREADS, array, placed
from fabricbench.model import Case
from fabricbench.spec import Array, Context, Question, Step, block, element_type

ELEMENTS = 512
"""Of a block where nobody says; counts are whole numbers of such blocks."""
STRIDE = 8
LAYOUTS = ("strided", "paged")
PARAMS: dict[str, str | int] = {"layout": "paged", "block": ELEMENTS}
DTYPES = ("float32", "float64", "uint8", "bfloat16", "float16")
WARP = 32


def refuse(case: Case) -> str | None:
    """Why a case cannot be."""
    layout, elements = case.params["layout"], case.params["block"]
    if layout not in LAYOUTS:
        return f"has no layout {layout!r}; there are {', '.join(LAYOUTS)}"
    count = case.nbytes // element_type(case.dtype).itemsize
    if not isinstance(elements, int) or elements < 1:
        return f"has no block of {elements} elements; give a whole number from 1"
    if count % elements:
        return f"has {count} elements, which are no whole number of blocks of {elements}"
    return None


def elements(question: Question) -> int:
    """Elements of a block."""
    return int(question.case.params["block"])


def table(question: Question) -> Array:
    """Int32, (blocks,): the block of the pool that each block of the packed side is; the same for every seed."""
    return _tables(question.count // elements(question), str(question.case.params["layout"]))[0]


def inverse(question: Question) -> Array:
    """Int64, (blocks,): the block of the packed side that each block of the pool is."""
    return _tables(question.count // elements(question), str(question.case.params["layout"]))[1]


@lru_cache(maxsize=1)
def _tables(blocks: int, layout: str) -> tuple[Array, Array]:
    # Kept, because a check asks for them again for each of its slices.
    if layout == "paged":
        found = np.random.default_rng(blocks).permutation(blocks)
    else:
        found = np.concatenate([np.arange(first, blocks, STRIDE) for first in range(STRIDE)])
    return found.astype(np.int32), np.argsort(found)


def fill(question: Question, array: int, start: int, stop: int) -> Array:
    """Elements start..stop of the input, the same on every rank."""
    return question.encoded(question.noise(np.arange(start, stop)))


def moved(question: Question, order: Array, start: int, stop: int) -> Array:
    """Elements start..stop of a side whose block k is block order[k] of the input."""
    block, place = np.divmod(np.arange(start, stop), elements(question))
    return question.encoded(question.noise(order[block].astype(np.int64) * elements(question) + place))


def gather(to: Array, source: Array, table: Array, width: int) -> None:
    """Block k from where the table says; width: bytes of a block."""
    for k in prange(table.size):
        memcpy(to.ctypes.data + k * width, source.ctypes.data + table[k] * width, width)


def scatter(to: Array, source: Array, table: Array, width: int) -> None:
    """Block k to where the table says."""
    for k in prange(table.size):
        memcpy(to.ctypes.data + table[k] * width, source.ctypes.data + k * width, width)


def call_gather(b: Any) -> int:
    """Pack, shared out over the rank's threads."""
    order = view(b.table, b.blocks, b.entry)
    gather(view(b.a, b.nbytes, b.byte), view(b.b, b.nbytes, b.byte), order, b.width)
    return 0


def call_scatter(b: Any) -> int:
    """Unpack, shared out over the rank's threads."""
    order = view(b.table, b.blocks, b.entry)
    scatter(view(b.a, b.nbytes, b.byte), view(b.b, b.nbytes, b.byte), order, b.width)
    return 0


def by_loop(context: Context, *, gathers: bool) -> Step:
    """The step of a compiled loop over blocks, each side on pages that were touched first by the threads in turn."""
    question, order = context.question, table(context.question)
    for buffer in (*context.inputs, context.output):
        context.once(touch, block(target=buffer.address, count=buffer.nbytes, zero=np.uint8(0)))
    return Step(
        call=call_gather if gathers else call_scatter,
        block=block(
            a=context.output.address, b=context.inputs[0].address, table=order.ctypes.data, blocks=order.size,
            nbytes=question.case.nbytes, width=elements(question) * question.dtype.itemsize, byte=np.uint8(0),
            entry=np.int32(0),
        ),
        keep=(order,),
    )  # fmt: skip


def whole_packs(case: Case) -> str | None:
    """Why the kernels in Python cannot move the blocks of a case."""
    width = int(case.params["block"]) * element_type(case.dtype).itemsize
    return f"moves blocks of whole {PACK} bytes, not of {width}" if width % PACK else None


def written(context: Context, body: Callable[..., None]) -> Iterator[Step]:
    """The step of a kernel of `threads`, to which all elements are numbers of 4 bytes."""
    question, order = context.question, table(context.question)
    nbytes, packs = question.case.nbytes, elements(question) * question.dtype.itemsize // PACK
    made = context.accelerator.python_kernel(
        body, "void(uint32[::1], uint32[::1], int32[::1], int64)", **threads.meanings("uint32", THREADS)
    )
    with placed(context, made, work=order.size * WARP) as kernel:
        yield kernel.step(
            *array(kernel.output, nbytes // 4, 4), *array(kernel.inputs[0], nbytes // 4, 4),
            *array(kernel.constant(order), order.size, 4), np.int64(packs),
        )  # fmt: skip


def on_gpu(context: Context, name: str) -> Iterator[Step]:
    """The step of the kernel in kernels/cuda/pack.cuh; name: pack or unpack."""
    question, order = context.question, table(context.question)
    width = elements(question) * question.dtype.itemsize
    unit = next(unit for unit in (16, 8, 4, 2, 1) if width % unit == 0)
    made = context.accelerator.kernel("pack.cuh", f"{name}_fast_{unit}")
    with placed(context, made, work=order.size * WARP) as kernel:
        yield kernel.step(
            np.uint64(kernel.output), np.uint64(kernel.inputs[0]), kernel.constant(order), np.int64(order.size),
            np.int32(width // unit),
        )  # fmt: skip

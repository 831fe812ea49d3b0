"""Kernels in Python, as Numba compiles them for a GPU: the bodies of all variants `numba-cuda`.

Names in capitals, `element`, `of_pack` and `join` are given their meaning when a kernel is compiled: number and type of
the elements in sixteen bytes, threads of a block, and what is computed.
"""

from typing import Any

import numpy as np

from fabricbench.entries import cuda, load16, store16
from fabricbench.spec import Array

LANES = 4
THREADS = 256
WARP = 32
ELEMENT = np.dtype("float32")
COUNTER = np.dtype("int32")
ZERO: Any = np.float32(0)
NONE: Any = np.float32(0)


def copied(b: Any, c: Any, scalar: Any) -> Any:
    """Copy."""
    return b


def scaled(b: Any, c: Any, scalar: Any) -> Any:
    """Scale."""
    return scalar * b


def added(b: Any, c: Any, scalar: Any) -> Any:
    """Add."""
    return b + c


def triad(b: Any, c: Any, scalar: Any) -> Any:
    """Triad."""
    return b + scalar * c


def element(b: Any, c: Any, scalar: Any) -> Any:
    """Stands for one of those above."""
    return b


def of_two(b: Any, c: Any, scalar: Any) -> Any:
    """Two elements of 8 bytes."""
    return element(b[0], c[0], scalar), element(b[1], c[1], scalar)


def of_four(b: Any, c: Any, scalar: Any) -> Any:
    """Four elements of 4 bytes."""
    return (
        element(b[0], c[0], scalar), element(b[1], c[1], scalar), element(b[2], c[2], scalar),
        element(b[3], c[3], scalar),
    )  # fmt: skip


def of_pack(b: Any, c: Any, scalar: Any) -> Any:
    """Stands for `of_two` or `of_four`."""
    return of_four(b, c, scalar)


def stream_simple(a: Array, b: Array, c: Array, scalar: Any) -> None:
    """A grid of the device's size whose threads go on in strides of all threads."""
    for i in range(cuda.grid(1), a.size, cuda.gridsize(1)):
        a[i] = element(b[i], c[i], scalar)


def stream_one(a: Array, b: Array, scalar: Any) -> None:
    """Of one array: sixteen bytes a load, four loads under way before the first is used."""
    packs, first, stride = a.size // LANES, cuda.grid(1), cuda.gridsize(1)
    i = first
    while i + 3 * stride < packs:
        b0, b1 = load16(b, i), load16(b, i + stride)
        b2, b3 = load16(b, i + 2 * stride), load16(b, i + 3 * stride)
        store16(a, i, of_pack(b0, b0, scalar))
        store16(a, i + stride, of_pack(b1, b1, scalar))
        store16(a, i + 2 * stride, of_pack(b2, b2, scalar))
        store16(a, i + 3 * stride, of_pack(b3, b3, scalar))
        i += 4 * stride
    while i < packs:
        b0 = load16(b, i)
        store16(a, i, of_pack(b0, b0, scalar))
        i += stride
    for at in range(packs * LANES + first, a.size, stride):
        a[at] = element(b[at], b[at], scalar)


def stream_two(a: Array, b: Array, c: Array, scalar: Any) -> None:
    """Of two arrays: sixteen bytes a load, eight loads under way before the first is used."""
    packs, first, stride = a.size // LANES, cuda.grid(1), cuda.gridsize(1)
    i = first
    while i + 3 * stride < packs:
        b0, b1 = load16(b, i), load16(b, i + stride)
        b2, b3 = load16(b, i + 2 * stride), load16(b, i + 3 * stride)
        c0, c1 = load16(c, i), load16(c, i + stride)
        c2, c3 = load16(c, i + 2 * stride), load16(c, i + 3 * stride)
        store16(a, i, of_pack(b0, c0, scalar))
        store16(a, i + stride, of_pack(b1, c1, scalar))
        store16(a, i + 2 * stride, of_pack(b2, c2, scalar))
        store16(a, i + 3 * stride, of_pack(b3, c3, scalar))
        i += 4 * stride
    while i < packs:
        store16(a, i, of_pack(load16(b, i), load16(c, i), scalar))
        i += stride
    for at in range(packs * LANES + first, a.size, stride):
        a[at] = element(b[at], c[at], scalar)


def summed(left: Any, right: Any) -> Any:
    """Sum."""
    return left + right


def largest(left: Any, right: Any) -> Any:
    """Largest."""
    return max(left, right)


def join(left: Any, right: Any) -> Any:
    """Stands for one of those two."""
    return left + right


def joined_four(values: Any) -> Any:
    """Four elements of 4 bytes."""
    return join(join(values[0], values[1]), join(values[2], values[3]))


def joined_two(values: Any) -> Any:
    """Two elements of 8 bytes."""
    return join(values[0], values[1])


def joined_pack(values: Any) -> Any:
    """Stands for `joined_two` or `joined_four`."""
    return joined_four(values)


def over_block(held: Array, mine: Any) -> None:
    """Leave the values of all threads of a block, joined, in held[0]."""
    me, apart = cuda.threadIdx.x, THREADS // 2
    held[me] = mine
    cuda.syncthreads()
    while apart > 0:
        if me < apart:
            held[me] = join(held[me], held[me + apart])
        cuda.syncthreads()
        apart //= 2


def over_grid(into: Array, mine: Any, partials: Array, arrived: Array) -> None:
    """Leave the values of all threads, joined, in into[0]: the block that comes last joins those of all blocks.

    arrived: one counter, 0 before and again behind.
    """
    held, last = cuda.shared.array(THREADS, ELEMENT), cuda.shared.array(1, COUNTER)
    me, blocks = cuda.threadIdx.x, cuda.gridDim.x
    over_block(held, mine)
    if me == 0:
        partials[cuda.blockIdx.x] = held[0]
        cuda.threadfence()
        last[0] = cuda.atomic.inc(arrived, 0, blocks - 1) == blocks - 1
    cuda.syncthreads()
    if last[0] == 0:
        return
    rest = NONE
    for block in range(me, blocks, THREADS):
        # An atomic reads what other blocks wrote, not what this multiprocessor's cache holds.
        rest = join(rest, cuda.atomic.add(partials, block, ZERO))
    over_block(held, rest)
    if me == 0:
        into[0] = held[0]


def reduce(into: Array, b: Array, partials: Array, arrived: Array) -> None:
    """Sixteen bytes a load, four loads under way."""
    packs, first, stride = b.size // LANES, cuda.grid(1), cuda.gridsize(1)
    mine, i = NONE, first
    while i + 3 * stride < packs:
        b0, b1 = load16(b, i), load16(b, i + stride)
        b2, b3 = load16(b, i + 2 * stride), load16(b, i + 3 * stride)
        one, two = join(joined_pack(b0), joined_pack(b1)), join(joined_pack(b2), joined_pack(b3))
        mine = join(mine, join(one, two))
        i += 4 * stride
    while i < packs:
        mine = join(mine, joined_pack(load16(b, i)))
        i += stride
    for at in range(packs * LANES + first, b.size, stride):
        mine = join(mine, b[at])
    over_grid(into, mine, partials, arrived)


def dot(into: Array, b: Array, c: Array, partials: Array, arrived: Array) -> None:
    """Products in strides of all threads; the joining is that of `reduce`."""
    mine = ZERO
    for i in range(cuda.grid(1), b.size, cuda.gridsize(1)):
        mine += b[i] * c[i]
    over_grid(into, mine, partials, arrived)


def gather(to: Array, source: Array, table: Array, packs: int) -> None:
    """A warp a block of so many packs of sixteen bytes: block k from where the table says."""
    lane, first, warps = cuda.grid(1) % WARP, cuda.grid(1) // WARP, cuda.gridsize(1) // WARP
    for block in range(first, table.size, warps):
        packed, pool = block * packs, table[block] * packs
        for pack in range(lane, packs, WARP):
            store16(to, packed + pack, load16(source, pool + pack))


def scatter(to: Array, source: Array, table: Array, packs: int) -> None:
    """The same the other way round: block k to where the table says."""
    lane, first, warps = cuda.grid(1) % WARP, cuda.grid(1) // WARP, cuda.gridsize(1) // WARP
    for block in range(first, table.size, warps):
        packed, pool = block * packs, table[block] * packs
        for pack in range(lane, packs, WARP):
            store16(to, pool + pack, load16(source, packed + pack))


def multiply_add(b: Array, a: Array, factor: Any, term: Any, times: int) -> None:
    """One element at a time a thread, each operation waits for the one before; many threads hide that."""
    for i in range(cuda.grid(1), a.size, cuda.gridsize(1)):
        value = a[i]
        for _ in range(times):
            value = cuda.fma(value, factor, term)
        b[i] = value


def walk(result: Array, nodes: Array, hops: int) -> None:
    """One thread follows the pointers."""
    if cuda.grid(1) == 0:
        at, total = nodes[0] * 0, nodes[0] * 0
        for _ in range(hops):
            at = nodes[at]
            total += at
        result[0], result[1], result[2] = at, total, hops


def one_more(into: Array, source: Array) -> None:
    """As good as nothing; every thread writes the same."""
    into[0] = source[0] + 1


def meanings(dtype: str, threads: int, **more: Any) -> dict[str, Any]:
    """What the names in capitals mean for elements of a type, with what is computed.  more: `element` or `join`."""
    kind = np.dtype(dtype)
    two = kind.itemsize == 8  # noqa: PLR2004 - sixteen bytes are two of them
    found = {
        "LANES": 16 // kind.itemsize, "THREADS": threads, "ELEMENT": kind, "ZERO": kind.type(0), "NONE": kind.type(0),
        "of_pack": of_two if two else of_four, "joined_pack": joined_two if two else joined_four,
    }  # fmt: skip
    if more.get("join") is largest:
        found["NONE"] = kind.type(-np.inf)
    return found | more

"""What every operation means, written a second time: plain NumPy on all participants' inputs, nothing of the program.

`inputs[i]` holds the input arrays of participant i as they lay in its memory; `rank` asks. Sums are made in int64.
"""

import itertools
import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabricbench.model import Case

Array = NDArray[Any]
Inputs = Sequence[Sequence[Array]]
Definition = Callable[[Inputs, int, Case], Array]

UFUNCS = {
    "sum": np.add, "user": np.add, "prod": np.multiply, "min": np.minimum, "max": np.maximum,
    "land": np.logical_and, "lor": np.logical_or, "lxor": np.logical_xor,
    "band": np.bitwise_and, "bor": np.bitwise_or, "bxor": np.bitwise_xor,
}  # fmt: skip


def whole(array: Array) -> Array:
    return array if array.dtype.kind == "c" else array.astype(np.int64)


def decoded(case: Case, array: Array) -> Array:
    """Elements as numbers that NumPy can calculate with."""
    if case.dtype == "bfloat16":
        return (array.astype(np.uint32) << 16).view(np.float32).astype(np.int64)
    return whole(array)


def encoded(case: Case, values: Array) -> Array:
    """Numbers as elements again; data that only moved is elements already."""
    if case.dtype == "bfloat16" and values.dtype != np.uint16:
        return (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    return values


def reduced(inputs: Inputs, case: Case) -> Array:
    total = decoded(case, inputs[0][0])
    for arrays in inputs[1:]:
        total = UFUNCS[str(case.params["op"])](total, decoded(case, arrays[0]))
    return total.astype(np.int64) if total.dtype == bool else total


def part(array: Array, index: int, of: int) -> Array:
    return np.split(array, of)[index]


def shares(count: int, ranks: int, case: Case) -> list[int]:
    """Where shares of an array begin and end: weights 1, or 1 to n where ragged."""
    weights = range(1, ranks + 1) if case.params.get("counts") == "ragged" else [1] * ranks
    return [count * sum(list(weights)[:index]) // sum(weights) for index in range(ranks + 1)]


def share(array: Array, index: int, of: int, case: Case) -> Array:
    edges = shares(array.size, of, case)
    return array[edges[index] : edges[index + 1]]


def root(case: Case) -> int:
    return int(case.params["root"])


def sent_by_root(inputs: Inputs, rank: int, case: Case) -> Array:
    return inputs[root(case)][0][: 0 if rank == root(case) else None]


def at_root(inputs: Inputs, rank: int, case: Case, answer: Array) -> Array:
    return answer[: None if rank == root(case) else 0]


def scattered(inputs: Inputs, rank: int, case: Case) -> Array:
    mine = share(inputs[root(case)][0], rank, len(inputs), case)
    return mine[: 0 if rank == root(case) and case.in_place else None]


def exchanged(inputs: Inputs, rank: int, case: Case) -> Array:
    """From rank i to rank j goes as much as share (i + j) modulo ranks has."""
    ranks = len(inputs)
    edges = shares(inputs[rank][0].size, ranks, case)
    sizes = [edges[index + 1] - edges[index] for index in range(ranks)]

    def piece(source: int) -> Array:
        first = sum(sizes[(source + other) % ranks] for other in range(rank))
        return inputs[source][0][first : first + sizes[(source + rank) % ranks]]

    return np.concatenate([piece(source) for source in range(ranks)])


def concatenated(inputs: Inputs) -> Array:
    return np.concatenate([arrays[0] for arrays in inputs])


def matrix_product(inputs: Inputs, rank: int, case: Case) -> Array:
    n = math.isqrt(inputs[rank][0].size)
    left, right = (whole(array).reshape(n, n) for array in inputs[rank])
    return (left @ right).reshape(-1)


def walked(inputs: Inputs, rank: int, case: Case) -> Array:
    """Whole cycles of at least 1024 hops: where they end, the sum of all stops, and the hops."""
    nodes = [int(node) for node in inputs[rank][0]]
    at, total, hops = 0, 0, 0
    while True:
        at = nodes[at]
        total, hops = total + at, hops + 1
        if at == 0 and hops >= 1024:
            return np.array([at, total, hops])


def message(array: Array, index: int, case: Case) -> Array:
    """The index-th message of an array of messages."""
    return array[index * case.nbytes : (index + 1) * case.nbytes]


def message_rate(inputs: Inputs, rank: int, case: Case) -> Array:
    pairs = len(inputs) // 2
    return inputs[rank - pairs][0] if pairs <= rank < 2 * pairs else np.empty(0)


def halo(inputs: Inputs, rank: int, case: Case) -> Array:
    """From below comes what the lower neighbour sent up, from above what the upper one sent down."""
    dims, ranks = int(case.params["dims"]), len(inputs)
    shapes = [shape for shape in itertools.product(range(1, ranks + 1), repeat=dims) if math.prod(shape) == ranks]
    spread = min(max(shape) - min(shape) for shape in shapes)
    shape = max(shape for shape in shapes if max(shape) - min(shape) == spread and shape == tuple(sorted(shape)[::-1]))
    ranks_of = np.arange(ranks).reshape(shape)
    found = []
    for axis in range(dims):
        below, above = (int(np.roll(ranks_of, shift, axis).ravel()[rank]) for shift in (1, -1))
        found += [message(inputs[below][0], 2 * axis + 1, case), message(inputs[above][0], 2 * axis, case)]
    return np.concatenate(found)


def incast(inputs: Inputs, rank: int, case: Case) -> Array:
    everybody = [inputs[other][0] for other in range(len(inputs)) if other != root(case)] or [np.empty(0)]
    return at_root(inputs, rank, case, np.concatenate(everybody))


def fan_out(inputs: Inputs, rank: int, case: Case) -> Array:
    if rank == root(case):
        return np.empty(0)
    return message(inputs[root(case)][0], rank - (rank > root(case)), case)


def drawn(inputs: Inputs, case: Case) -> list[int]:
    generator = random.Random(int(case.params["draw"]))
    keys = [generator.random() for _ in inputs]
    return [int(rank) for rank in np.argsort(keys)]


def permutation(inputs: Inputs, rank: int, case: Case) -> Array:
    order = drawn(inputs, case)
    return next(inputs[one][0] for one, other in zip(order, order[1:] + order[:1], strict=True) if other == rank)


def bisection(inputs: Inputs, rank: int, case: Case) -> Array:
    order = drawn(inputs, case)
    partner = dict(zip(order[::2], order[1::2], strict=False)) | dict(zip(order[1::2], order[::2], strict=False))
    return inputs[partner[rank]][0] if rank in partner else np.empty(0)


def joined(inputs: Inputs, rank: int, case: Case) -> Array:
    """Of one array; a half-precision answer is the element that is nearest, the even one of two."""
    values = decoded(case, inputs[rank][0])
    exact = int(UFUNCS[str(case.params["op"])].reduce(values))
    if case.dtype != "bfloat16":
        return np.array([exact]).astype(case.dtype)
    below = np.array([exact], np.float32).view(np.uint32) >> 16
    apart = [abs(float((bits << 16).view(np.float32)[0]) - exact) for bits in (below, below + 1)]
    up = apart[1] < apart[0] or (apart[1] == apart[0] and below[0] % 2 == 1)
    return (below + up).astype(np.uint16)


def pages(case: Case, count: int) -> list[int]:
    """Which block of the pool stands at each place of the packed side."""
    blocks = count // int(case.params["block"])
    if case.params["layout"] == "paged":
        return [int(at) for at in np.random.default_rng(blocks).permutation(blocks)]
    return sorted(range(blocks), key=lambda at: (at % 8, at))


def packed(inputs: Inputs, rank: int, case: Case) -> Array:
    rows = inputs[rank][0].reshape(-1, int(case.params["block"]))
    return rows[np.array(pages(case, rows.size), np.int64)].reshape(-1)


def unpacked(inputs: Inputs, rank: int, case: Case) -> Array:
    rows = inputs[rank][0].reshape(-1, int(case.params["block"]))
    pool = np.empty_like(rows)
    for row, at in zip(rows, pages(case, rows.size), strict=True):
        pool[at] = row
    return pool.reshape(-1)


DEFINITIONS: dict[str, Definition] = {
    "accumulate": lambda inputs, rank, case: reduced(inputs, case)[: 0 if rank == 0 else None],
    "allgather": lambda inputs, rank, case: concatenated(inputs),
    "allgatherv": lambda inputs, rank, case: concatenated(inputs),
    "allreduce": lambda inputs, rank, case: reduced(inputs, case),
    "alltoall": lambda inputs, rank, case: np.concatenate([part(a[0], rank, len(inputs)) for a in inputs]),
    "alltoallv": exchanged,
    "alltoallw": exchanged,
    "bandwidth": lambda inputs, rank, case: inputs[0][0][: 0 if rank == 0 else None],
    "bidirectional": lambda inputs, rank, case: inputs[1 - rank][0],
    "bisection": bisection,
    "broadcast": sent_by_root,
    "exscan": lambda inputs, rank, case: reduced(inputs[:rank], case) if rank else np.empty(0),
    "fan-out": fan_out,
    "gather": lambda inputs, rank, case: at_root(inputs, rank, case, concatenated(inputs)),
    "gatherv": lambda inputs, rank, case: at_root(inputs, rank, case, concatenated(inputs)),
    "get": lambda inputs, rank, case: inputs[1][0][: None if rank == 0 else 0],
    "graph-launch": lambda inputs, rank, case: whole(inputs[rank][0]) + 1,
    "h2d": lambda inputs, rank, case: inputs[rank][0],
    "halo": halo,
    "incast": incast,
    "latency": lambda inputs, rank, case: inputs[1 - rank][0],
    "put": lambda inputs, rank, case: inputs[0][0][: 0 if rank == 0 else None],
    "message-rate": message_rate,
    "permutation": permutation,
    "reduce": lambda inputs, rank, case: at_root(inputs, rank, case, reduced(inputs, case)),
    "reduce_scatter": lambda inputs, rank, case: share(reduced(inputs, case), rank, len(inputs), case),
    "reduce_scatter_block": lambda inputs, rank, case: part(reduced(inputs, case), rank, len(inputs)),
    "scan": lambda inputs, rank, case: reduced(inputs[: rank + 1], case),
    "scatter": scattered,
    "scatterv": scattered,
    "add": lambda inputs, rank, case: whole(inputs[rank][0]) + whole(inputs[rank][1]),
    "chase": walked,
    "copy": lambda inputs, rank, case: inputs[rank][0],
    "d2h": lambda inputs, rank, case: inputs[rank][0],
    "dot": lambda inputs, rank, case: np.array([np.dot(whole(inputs[rank][0]), whole(inputs[rank][1]))]),
    "fma": lambda inputs, rank, case: whole(inputs[rank][0]) + int(case.params["fmas"]),
    "gemm": matrix_product,
    "launch": lambda inputs, rank, case: whole(inputs[rank][0]) + 1,
    "pack": packed,
    "reduction": joined,
    "scale": lambda inputs, rank, case: 3 * whole(inputs[rank][0]),
    "triad": lambda inputs, rank, case: whole(inputs[rank][0]) + 3 * whole(inputs[rank][1]),
    "unpack": unpacked,
}

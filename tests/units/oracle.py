"""What every operation means, written a second time: plain NumPy on all participants' inputs, nothing of the program.

`inputs[i]` holds the input arrays of participant i as they lay in its memory; `rank` asks. Sums are made in int64.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Inputs = Sequence[Sequence[Array]]
Definition = Callable[[Inputs, int, Mapping[str, Any]], Array]


def whole(array: Array) -> Array:
    return array.astype(np.int64)


def total(inputs: Inputs) -> Array:
    return np.sum([whole(arrays[0]) for arrays in inputs], axis=0)


def part(array: Array, index: int, of: int) -> Array:
    return np.split(array, of)[index]


def sent_by_root(inputs: Inputs, rank: int, params: Mapping[str, Any]) -> Array:
    root = int(params["root"])
    return inputs[root][0][: 0 if rank == root else None]


def matrix_product(inputs: Inputs, rank: int, params: Mapping[str, Any]) -> Array:
    n = math.isqrt(inputs[rank][0].size)
    left, right = (whole(array).reshape(n, n) for array in inputs[rank])
    return (left @ right).reshape(-1)


def walked(inputs: Inputs, rank: int, params: Mapping[str, Any]) -> Array:
    """Whole cycles of at least 1024 hops: where they end, the sum of all stops, and the hops."""
    nodes = [int(node) for node in inputs[rank][0]]
    at, total, hops = 0, 0, 0
    while True:
        at = nodes[at]
        total, hops = total + at, hops + 1
        if at == 0 and hops >= 1024:
            return np.array([at, total, hops])


DEFINITIONS: dict[str, Definition] = {
    "allgather": lambda inputs, rank, params: np.concatenate([arrays[0] for arrays in inputs]),
    "allreduce": lambda inputs, rank, params: total(inputs),
    "alltoall": lambda inputs, rank, params: np.concatenate([part(a[0], rank, len(inputs)) for a in inputs]),
    "bandwidth": lambda inputs, rank, params: inputs[0][0][: 0 if rank == 0 else None],
    "broadcast": sent_by_root,
    "latency": lambda inputs, rank, params: inputs[1 - rank][0],
    "reduce_scatter_block": lambda inputs, rank, params: part(total(inputs), rank, len(inputs)),
    "add": lambda inputs, rank, params: whole(inputs[rank][0]) + whole(inputs[rank][1]),
    "chase": walked,
    "copy": lambda inputs, rank, params: inputs[rank][0],
    "dot": lambda inputs, rank, params: np.array([np.dot(whole(inputs[rank][0]), whole(inputs[rank][1]))]),
    "gemm": matrix_product,
    "scale": lambda inputs, rank, params: 3 * whole(inputs[rank][0]),
    "triad": lambda inputs, rank, params: whole(inputs[rank][0]) + 3 * whole(inputs[rank][1]),
}

"""Recursive-doubling all-gather: log2(ranks) exchanges, each of all that a rank has so far.

Source: Thakur, Rabenseifner & Gropp, IJHPCA 19 (2005): fewest hops and (ranks - 1) / ranks of the array, the least
possible of both, without a copy; but for powers of two only.
"""

from collections.abc import Iterator
from typing import Any

from fabricbench.collectives.allgather import allgather
from fabricbench.collectives.allgather_parts import handed_on
from fabricbench.collectives.hops import copy, exchange
from fabricbench.model import Case
from fabricbench.spec import Context, Step


def call(b: Any) -> int:
    """Partners at distance 1, 2, 4, ... swap their aligned runs of so many parts."""
    own = b.receive + b.rank * b.stride
    if b.send != own:  # in place it lies there
        copy(b, b.send, own, b.stride)
    distance = 1
    while distance < b.ranks:
        out = b.rank - b.rank % distance
        into, moved, partner = out ^ distance, distance * b.part, b.rank ^ distance
        code = exchange(b, b.receive + out * b.stride, moved, partner, b.receive + into * b.stride, moved, partner)
        if code != 0:
            return code
        distance *= 2
    return 0


def refuse(case: Case) -> str | None:
    """Why so many ranks cannot."""
    return None if case.known_ranks.bit_count() == 1 else f"needs a power of two of ranks, not {case.ranks}"


@allgather.variant("recursive-doubling", needs=("MPI_Sendrecv",), refuse=refuse)
def recursive_doubling(context: Context) -> Iterator[Step]:
    """log2(ranks) exchanges of twice as much each time; powers of two only."""
    yield from handed_on(context, call)

"""Neighbour-exchange all-gather: ranks / 2 swaps, with the right and the left neighbour in turn.

Source: Chen, Zhang, Zhang & Yuan, HPC Asia (2005): half the hops of a ring, the same (ranks - 1) / ranks of the array;
but for even numbers of ranks only.
"""

from collections.abc import Iterator
from typing import Any

from fabricbench.collectives.allgather import allgather
from fabricbench.collectives.allgather_parts import handed_on
from fabricbench.collectives.hops import copy, exchange
from fabricbench.model import Case
from fabricbench.spec import Context, Step


def call(b: Any) -> int:
    """Swap own parts within the pair, then hand on the pair of parts that came last, to alternate sides."""
    own = b.receive + b.rank * b.stride
    if b.send != own:  # in place it lies there
        copy(b, b.send, own, b.stride)
    if b.ranks == 1:
        return 0
    way = 1 - b.rank % 2 * 2  # even ranks have their pair's other rank on the right, odd ones on the left
    partner, pair = b.rank + way, b.rank - b.rank % 2
    code = exchange(
        b, own, b.part, partner, b.receive + partner * b.stride, b.part, partner
    )  # fmt: skip
    out = pair
    for hop in range(1, b.ranks // 2):
        if code != 0:
            return code
        # Pairs come from both sides, each time from one further away.
        near, far = (-way, hop + 1) if hop % 2 == 1 else (way, hop)
        partner = (b.rank + near + b.ranks) % b.ranks
        into = (pair + near * far + b.ranks) % b.ranks
        code = exchange(
            b, b.receive + out * b.stride, 2 * b.part, partner, b.receive + into * b.stride, 2 * b.part, partner
        )  # fmt: skip
        out = into
    return code


def refuse(case: Case) -> str | None:
    """Why so many ranks cannot; one alone has nothing to swap."""
    ranks = case.known_ranks
    return None if ranks == 1 or ranks % 2 == 0 else f"needs an even number of ranks, not {ranks}"


@allgather.variant("neighbour-exchange", needs=("MPI_Sendrecv",), refuse=refuse)
def neighbour_exchange(context: Context) -> Iterator[Step]:
    """Swaps of two parts, ranks / 2 of them, neighbours only; even numbers of ranks only."""
    yield from handed_on(context, call)

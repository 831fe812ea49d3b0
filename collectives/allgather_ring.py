"""Ring all-gather: ranks - 1 hops, in each of which a rank hands on the part that it was given last.

Source: Thakur, Rabenseifner & Gropp, IJHPCA 19 (2005): (ranks - 1) / ranks of the array, the least possible.
"""

from collections.abc import Iterator
from typing import Any

from fabricbench.collectives.allgather import allgather
from fabricbench.collectives.allgather_parts import handed_on
from fabricbench.collectives.hops import copy, exchange
from fabricbench.spec import Context, Step


def call(b: Any) -> int:
    """Each rank talks to its two neighbours only; every hop carries one part."""
    own = b.receive + b.rank * b.stride
    if b.send != own:  # in place it lies there
        copy(b, b.send, own, b.stride)
    right, left = (b.rank + 1) % b.ranks, (b.rank + b.ranks - 1) % b.ranks
    for hop in range(b.ranks - 1):
        out = (b.rank + b.ranks - hop) % b.ranks
        into = (out + b.ranks - 1) % b.ranks
        code = exchange(b, b.receive + out * b.stride, b.part, right, b.receive + into * b.stride, b.part, left)
        if code != 0:
            return code
    return 0


@allgather.variant("ring", needs=("MPI_Sendrecv",))
def ring(context: Context) -> Iterator[Step]:
    """Hops of one part, ranks - 1 of them, neighbours only: most hops."""
    yield from handed_on(context, call)

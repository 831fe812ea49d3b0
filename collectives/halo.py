"""Halo exchange: every rank of a periodic grid sends a message to both neighbours in each dimension, all at once.

One operation is one message each way, of 2 * dims that a rank sends and as many that it receives in each exchange. The
rate `bandwidth` is what one rank sends and receives together; `messages` are those that one rank sends. In a dimension
in which the grid has one rank only, its neighbours are itself.
"""

import math
from functools import cache

from fabricbench.collectives.messages import Messages, operation, out_of_range
from fabricbench.model import Case
from fabricbench.spec import Question

MOST_DIMS = 3


@cache
def grid(ranks: int, dims: int) -> tuple[int, ...]:
    """Extents as close to each other as can be, the largest first, as MPI_Dims_create wants them."""
    if dims == 1:
        return (ranks,)
    divisors = [extent for extent in range(1, ranks + 1) if ranks % extent == 0]
    shapes = [sorted([extent, *grid(ranks // extent, dims - 1)], reverse=True) for extent in divisors]
    return tuple(min(shapes, key=lambda shape: max(shape) - min(shape)))


def neighbours(question: Question, rank: int) -> Messages:
    """Slots 2d and 2d + 1 belong to the lower and the upper neighbour in dimension d.

    What was sent downwards comes from above: where both neighbours are one rank, that is the order of its messages.
    """
    extents = grid(question.ranks, int(question.case.params["dims"]))
    sends, receives = [], []
    for d, extent in enumerate(extents):
        stride = math.prod(extents[d + 1 :])
        at = rank // stride % extent
        lower, upper = (rank + ((at + step) % extent - at) * stride for step in (-1, 1))
        sends += [(lower, 2 * d), (upper, 2 * d + 1)]
        receives += [(upper, 2 * d + 1), (lower, 2 * d)]
    return Messages(sends, receives)


def refuse(case: Case) -> str | None:
    """Why there is no such grid."""
    return out_of_range("dims", case, 1, MOST_DIMS)


halo = operation(
    "halo",
    neighbours,
    messages=lambda question: 2 * int(question.case.params["dims"]),
    params={"dims": 3},
    refuse=refuse,
)

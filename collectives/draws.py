"""Random orders of ranks that are the same everywhere: the parameter `draw` chooses one."""

from functools import cache
from random import Random

from fabricbench.collectives.messages import alone, out_of_range
from fabricbench.model import Case

DRAWS = 2**31


@cache
def shuffled(draw: int, ranks: int) -> tuple[int, ...]:
    """Ranks in random order, the same everywhere: of this generator Python promises the same numbers for ever."""
    generator = Random(draw)
    keys = [generator.random() for _ in range(ranks)]
    return tuple(sorted(range(ranks), key=keys.__getitem__))


def refuse(case: Case) -> str | None:
    """Why there is no other rank, or no such draw."""
    return alone(case) or out_of_range("draw", case, 0, DRAWS - 1)

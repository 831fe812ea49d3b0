"""Which nodes talk to which, round by round, so that no node is in two pairs at once."""

from collections.abc import Sequence
from random import Random

Pair = tuple[int, int]

MOST_NODES = 256
"""Nodes above which every pair would take too long."""
SPARSE_ROUNDS = 16


def circle(nodes: Sequence[int]) -> list[list[Pair]]:
    """Every pair once, in len(nodes) - 1 rounds of disjoint pairs; one more where the number of nodes is odd.

    The circle method: the first stays, the others move on by one place a round. Of an odd number one rests each round.
    """
    places: list[int | None] = list(nodes)
    if len(places) % 2:
        places.append(None)
    found = []
    for _ in range(len(places) - 1):
        middle = len(places) // 2
        facing = zip(places[:middle], reversed(places[middle:]), strict=True)
        found.append([(a, b) for a, b in facing if a is not None and b is not None])
        places = [places[0], places[-1], *places[1:-1]]
    return found


def sparse(nodes: Sequence[int], rounds: int, seed: int) -> list[list[Pair]]:
    """So many of the circle's rounds of shuffled nodes: every node in each, no pair twice."""
    shuffled = list(nodes)
    Random(seed).shuffle(shuffled)
    return circle(shuffled)[:rounds]


def chosen(nodes: Sequence[int], seed: int) -> list[list[Pair]]:
    """Every pair, or a sample of them where there are many nodes."""
    return circle(nodes) if len(nodes) <= MOST_NODES else sparse(nodes, SPARSE_ROUNDS, seed)

"""Shares of an array, one a rank: equal where it divides, else as equal as can be, or growing with the rank."""

import itertools
from collections.abc import Callable

import numpy as np

from fabricbench.model import Case
from fabricbench.spec import Array, Question

SPREADS = ("equal", "ragged")


def refuse(case: Case) -> str | None:
    """Why there are no such shares."""
    spread = case.params["counts"]
    return None if spread in SPREADS else f"has no counts {spread!r}; there are {', '.join(SPREADS)}"


def bounds(question: Question, turn: int = 0) -> list[int]:
    """Where each rank's share begins, and where the last one ends.

    turn: rank r's share is the one that r + turn would have; over all turns every rank has every share once.
    """
    ranks, ragged = question.ranks, question.case.params.get("counts") == "ragged"
    weights = [(rank + turn) % ranks + 1 if ragged else 1 for rank in range(ranks)]
    ends = np.cumsum([0, *weights])
    return [int(question.count * int(end) // int(ends[-1])) for end in ends]


def even(count: int, shares: int) -> list[int]:
    """The same for so many shares that are as equal as can be."""
    return [count * share // shares for share in range(shares + 1)]


def joined(start: int, stop: int, edges: list[int], source: Callable[[int, int, int], Array]) -> Array:
    """Elements start..stop of an array of shares; `source(rank, low, high)` gives a slice of one share."""
    pieces = [
        source(rank, max(start, first) - first, min(stop, end) - first)
        for rank, (first, end) in enumerate(itertools.pairwise(edges))
        if max(start, first) < min(stop, end)
    ]
    return np.concatenate(pieces) if pieces else np.empty(0)

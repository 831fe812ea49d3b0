"""How wide a gap between two sides must be, before chance alone leaves none so wide in any row of a table.

The statistic of a row is the gap, on a logarithmic scale, between the slowest launch of the faster side and the fastest
launch of the slower one; rows whose sides overlap have none. Under other labels a row has a gap for two splits at most:
its slowest launches against the rest, and its fastest. So the permutation distribution of the widest gap of the whole
table is known exactly without drawing: p of a row is the share of all splits under which any row gapes as widely.
Source: Westfall & Young, Resampling-Based Multiple Testing (1993), 2.3, single step, with the gap as its statistic.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fabricbench.judge.sides import Identity


@dataclass(frozen=True, slots=True)
class _Gap:
    """One split under which one row has a gap: the launches labelled new, and the share of splits that it is."""

    width: float
    row: int
    new: frozenset[Identity]
    share: float


Sides = tuple[Mapping[Identity, float], Mapping[Identity, float]]
"""Launch medians of one row, base and new, above zero."""


def beyond(table: Sequence[Sides], least: Sequence[float], levels: Sequence[float]) -> list[float]:
    """The gap that each row must exceed so that p <= its level; infinite where no gap would do.

    least: gaps up to this width are never told apart from chance, so they do not count, by row.
    """
    gaps = [gap for row, sides in enumerate(table) for gap in _gaps(row, sides, least[row])]
    gaps.sort(key=lambda gap: gap.width, reverse=True)
    everything = sum(gap.share for gap in gaps)
    return [
        _needed(row, sides, gaps, level, everything)
        for (row, sides), level in zip(enumerate(table), levels, strict=True)
    ]


def _gaps(row: int, sides: Sides, least: float) -> list[_Gap]:
    """The splits under which this row has a gap of its own."""
    base, new = sides
    ordered = sorted([*base.items(), *new.items()], key=lambda one: one[1])
    share, found = _share(sides), []
    for cut, chosen in ((len(base), ordered[len(base) :]), (len(new), ordered[: len(new)])):
        width = math.log(ordered[cut][1]) - math.log(ordered[cut - 1][1])
        if width > least:
            found.append(_Gap(width, row, frozenset(launch for launch, _ in chosen), share))
    return found


def _share(sides: Sides) -> float:
    """One split of all there are."""
    return 1 / math.comb(len(sides[0]) + len(sides[1]), len(sides[1]))


def _needed(row: int, sides: Sides, gaps: Sequence[_Gap], level: float, everything: float) -> float:
    """Walk down from the widest gap of another row until the splits met are too many to be none of chance.

    This row counts for both of its splits, whatever the width of the second, so that the answer does not depend on how
    far its sides lie apart now. everything: the share of all gaps; among many launches too small to be walked.
    """
    base, new = sides
    counted = {frozenset(new), *([frozenset(base)] if len(base) == len(new) else [])}
    spent = 2 * _share(sides)
    if spent > level:
        return math.inf
    if spent + everything <= level:
        return 0.0
    for gap in gaps:
        if gap.row == row or gap.new in counted:
            continue
        counted.add(gap.new)
        spent += gap.share
        if spent > level:
            return gap.width
    return 0.0

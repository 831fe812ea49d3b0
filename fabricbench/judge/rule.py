"""What launch medians alone decide: worse, better, same or unclear, and what would be seen.

- worse: with 5 or more launches a side, every new launch is slower than every base launch by more
  than the margin; or, from 8 a side, one permutation of launch labels over the whole table gives
  p <= 0.01, two-sided, and the medians differ by more than the margin. better: the mirror image.
- same: the 95 % interval of the ratio lies inside the margin, on a logarithmic scale.
- unclear: everything else, and everything with fewer than 5 launches on a side.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fabricbench.judge.permutation import LEVEL, max_t
from fabricbench.judge.shift import shift_interval
from fabricbench.judge.sides import Identity
from fabricbench.quantity import percent_text

Floats = NDArray[np.float64]
Verdict = Literal["worse", "better", "same", "unclear", "missing", "unlike"]

MARGIN = 0.05
"""Relative difference that does not matter, between alternated sides."""
FEWEST = 5
"""Launches a side below which nothing is decided."""
FEWEST_PERMUTED = 8
"""Launches a side from which labels are permuted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Launch medians of one row in seconds, and the relative difference that does not matter."""

    base: Mapping[Identity, float]
    new: Mapping[Identity, float]
    margin: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The verdict on one row with everything it rests on."""

    verdict: Verdict
    reason: str
    ratio: float | None
    low: float | None
    high: float | None
    detectable: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the permutation of the whole table says about one row, as in TableTest."""

    p: float
    direction: float
    needed: float


NO_EVIDENCE = Evidence(p=1.0, direction=0.0, needed=math.inf)


def decide_table(table: Sequence[Times]) -> list[Decision]:
    """Decide every row of one comparison: together, because rows are not independent."""
    return [decide(times, evidence) for times, evidence in zip(table, weigh(table), strict=True)]


def weigh(table: Sequence[Times]) -> list[Evidence]:
    """Permute launch labels over all rows that have enough launches."""
    evidence = [NO_EVIDENCE] * len(table)
    rows = [index for index, times in enumerate(table) if _permutable(times)]
    if not rows:
        return evidence
    launches = sorted(
        {(one, False) for row in rows for one in table[row].base}
        | {(one, True) for row in rows for one in table[row].new}
    )
    place = {launch: index for index, launch in enumerate(launches)}
    logs = np.full((len(launches), len(rows)), np.nan)
    for column, row in enumerate(rows):
        for side, values in ((False, table[row].base), (True, table[row].new)):
            logs[[place[one, side] for one in values], column] = np.log(list(values.values()))
    test = max_t(logs, np.array([side for _, side in launches]))
    for column, row in enumerate(rows):
        evidence[row] = Evidence(
            p=float(test.p[column]),
            direction=float(test.direction[column]),
            needed=float(test.needed[column]),
        )
    return evidence


def _permutable(times: Times) -> bool:
    enough = min(len(times.base), len(times.new)) >= FEWEST_PERMUTED
    return enough and min(*times.base.values(), *times.new.values()) > 0


def decide(times: Times, evidence: Evidence) -> Decision:
    """Apply the rule to one row."""
    base, new = (np.array(list(side.values())) for side in (times.base, times.new))
    if min(base.min(), new.min()) <= 0:
        return _undecided("a launch median is 0, below what its clock can tell.", None)
    ratio = _middle(new) / _middle(base)
    if min(base.size, new.size) < FEWEST:
        return _undecided(
            f"{FEWEST} launches a side decide; the base has {base.size}, the new side {new.size}.",
            ratio,
        )
    low, high = ratio_interval(base, new, ratio)
    verdict, reason = _verdict(base, new, times.margin, evidence, (low, high))
    return Decision(
        verdict=verdict,
        reason=reason,
        ratio=ratio,
        low=low,
        high=high,
        detectable=_detectable(base, new, times.margin, evidence),
    )


def _undecided(reason: str, ratio: float | None) -> Decision:
    return Decision(verdict="unclear", reason=reason, ratio=ratio, low=None, high=None, detectable=None)


def _middle(values: Floats) -> float:
    """Median. NumPy's own takes ten times as long for a handful of launches, and there is a row for each."""
    ordered = np.sort(values)
    return float((ordered[(ordered.size - 1) // 2] + ordered[ordered.size // 2]) / 2)


def ratio_interval(base: Floats, new: Floats, ratio: float) -> tuple[float, float]:
    """95 % interval of the ratio of two groups of launches, widened where skew puts that of the medians outside.

    base, new: (launches,), at least FEWEST each, above zero.
    """
    shift = shift_interval(np.log(base), np.log(new))
    if shift is None:
        raise ValueError(f"{base.size} and {new.size} launches have no interval")
    return min(math.exp(shift[0]), ratio), max(math.exp(shift[1]), ratio)


def _verdict(
    base: Floats, new: Floats, margin: float, evidence: Evidence, interval: tuple[float, float]
) -> tuple[Verdict, str]:
    limit = percent_text(margin)
    if slower := _slower(base, new, margin, evidence, +1):
        return "worse", f"{slower} slower by more than {limit}."
    if faster := _slower(new, base, margin, evidence, -1):
        return "better", f"{faster} faster by more than {limit}."
    if max(-math.log(interval[0]), math.log(interval[1])) <= math.log1p(margin):
        return "same", f"the interval of the ratio lies within {limit}."
    return "unclear", f"the launches overlap, and the interval of the ratio reaches beyond {limit}."


def _slower(fast: Floats, slow: Floats, margin: float, evidence: Evidence, direction: int) -> str:
    """Why `slow` is slower than `fast` by more than the margin; empty where nothing says so."""
    if slow.min() > fast.max() * (1 + margin):
        return "every launch of the new side is"
    apart = _middle(slow) > _middle(fast) * (1 + margin)
    if apart and evidence.direction == direction and evidence.p <= LEVEL:
        return f"p = {evidence.p:.4f} over the whole table, and the median of the new side is"
    return ""


def _detectable(base: Floats, new: Floats, margin: float, evidence: Evidence) -> float | None:
    """Smallest factor on the new launches beyond which the verdict is worse, less 1, from 0."""
    separated = base.max() / new.min() * (1 + margin)
    apart = _middle(base) / _middle(new) * (1 + margin)
    # exp of a shift beyond 700 is no float; a row that needs that is not detectable at all.
    permuted = math.exp(evidence.needed) if evidence.needed < 100 else math.inf  # noqa: PLR2004
    return max(1.0, min(float(separated), max(apart, permuted))) - 1

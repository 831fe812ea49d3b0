"""What launch medians alone decide: worse, better, same or unclear, and what would be seen.

- worse: with 5 or more launches a side, every new launch is slower than every base launch by more
  than the margin, and by more than other splits of the same launches separate any row of the table
  (exact p <= 0.01; from 8 a side 0.001); or, from 8 a side, one permutation of launch labels over
  the whole table gives p <= 0.01, two-sided, and the medians differ by more than the margin.
  better: the mirror image.
- same: the 95 % interval of the ratio lies inside the margin, on a logarithmic scale.
- unclear: everything else, and everything with fewer than 5 launches on a side.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fabricbench.judge import separation
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
APART_FEW, APART_MANY = 0.01, 0.001
"""p of a separation that is none of chance: below FEWEST_PERMUTED launches a side, where only two of 252 splits can
be told from all others, and from there on, where the permutation has the larger share of the error.
"""


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
    """What the whole table says about one row: of its permutation as in TableTest, and how far its sides must be apart.

    beyond: log of the ratio between the launches nearest to each other that a separated row must exceed.
    """

    p: float = 1.0
    direction: float = 0.0
    needed: float = math.inf
    beyond: float = math.inf


def decide_table(table: Sequence[Times], *, effects: bool = True) -> list[Decision]:
    """Decide every row of one comparison: together, because rows are not independent.

    effects: whether to find what each row would see; verdicts alone take a fraction of the time.
    """
    return [decide(times, found, effects) for times, found in zip(table, weigh(table, effects), strict=True)]


def weigh(table: Sequence[Times], effects: bool) -> list[Evidence]:
    """Both tests of the whole table, over all rows that have enough launches for them."""
    evidence = [Evidence()] * len(table)
    rows = [index for index, times in enumerate(table) if _launches(times) >= FEWEST]
    for row, beyond in zip(rows, _apart([table[row] for row in rows]), strict=True):
        evidence[row] = Evidence(beyond=beyond)
    rows = [row for row in rows if _launches(table[row]) >= FEWEST_PERMUTED]
    if not effects and not any(_differ(table[row]) for row in rows):
        return evidence  # whatever p would be, no verdict could follow from it
    for row, found in zip(rows, _permuted(table, rows, effects), strict=True):
        evidence[row] = replace(found, beyond=evidence[row].beyond)
    return evidence


def _launches(times: Times) -> int:
    """Launches of the smaller side; 0 where a median is 0 and has no logarithm."""
    fewest = min(len(times.base), len(times.new))
    return fewest if fewest and min(*times.base.values(), *times.new.values()) > 0 else 0


def _differ(times: Times) -> bool:
    """Whether the medians of the sides differ by more than the margin."""
    base, new = (_middle(np.array(list(side.values()))) for side in (times.base, times.new))
    return max(base, new) > min(base, new) * (1 + times.margin)


def _apart(table: Sequence[Times]) -> list[float]:
    return separation.beyond(
        [(times.base, times.new) for times in table],
        least=[math.log1p(times.margin) for times in table],
        levels=[APART_MANY if _launches(times) >= FEWEST_PERMUTED else APART_FEW for times in table],
    )


def _permuted(table: Sequence[Times], rows: Sequence[int], effects: bool) -> list[Evidence]:
    """One permutation of launch labels over these rows."""
    if not rows:
        return []
    launches = sorted(
        {(one, False) for row in rows for one in table[row].base}
        | {(one, True) for row in rows for one in table[row].new}
    )
    place = {launch: index for index, launch in enumerate(launches)}
    logs = np.full((len(launches), len(rows)), np.nan)
    for column, row in enumerate(rows):
        for side, values in ((False, table[row].base), (True, table[row].new)):
            logs[[place[one, side] for one in values], column] = np.log(list(values.values()))
    test = max_t(logs, np.array([side for _, side in launches]), shifts=effects)
    return [
        Evidence(
            p=float(test.p[column]), direction=float(test.direction[column]), needed=float(test.needed[column])
        )
        for column in range(len(rows))
    ]  # fmt: skip


def decide(times: Times, evidence: Evidence, effects: bool) -> Decision:
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
        detectable=_detectable(base, new, times.margin, evidence) if effects else None,
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
    if _separated(base, new, margin) or _separated(new, base, margin):
        return "unclear", "the launches do not overlap, but other splits of them separate rows of this table as widely."
    return "unclear", f"the launches overlap, and the interval of the ratio reaches beyond {limit}."


def _slower(fast: Floats, slow: Floats, margin: float, evidence: Evidence, direction: int) -> str:
    """Why `slow` is slower than `fast` by more than the margin; empty where nothing says so."""
    if _separated(fast, slow, margin) and math.log(slow.min() / fast.max()) > evidence.beyond:
        return "every launch of the new side is"
    apart = _middle(slow) > _middle(fast) * (1 + margin)
    if apart and evidence.direction == direction and evidence.p <= LEVEL:
        return f"p = {evidence.p:.4f} over the whole table, and the median of the new side is"
    return ""


def _separated(fast: Floats, slow: Floats, margin: float) -> bool:
    return bool(slow.min() > fast.max() * (1 + margin))


def _detectable(base: Floats, new: Floats, margin: float, evidence: Evidence) -> float | None:
    """Smallest factor on the new launches beyond which the verdict is worse, less 1, from 0."""
    separated = base.max() / new.min() * max(1 + margin, math.exp(evidence.beyond))
    apart = _middle(base) / _middle(new) * (1 + margin)
    # exp of a shift beyond 700 is no float; a row that needs that is not detectable at all.
    permuted = math.exp(evidence.needed) if evidence.needed < 100 else math.inf  # noqa: PLR2004
    return max(1.0, min(float(separated), max(apart, permuted))) - 1

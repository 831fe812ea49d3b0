"""Whether a run became slower while it went on: the slope of launch medians over time, of every case.

Theil-Sen: the median of the slopes of all pairs of launches, with the interval that Kendall's test gives (Sen, Journal
of the American Statistical Association 63, 1968). The logarithms are fitted, so that a slope is a relative change. All
cases of a run together have one false alarm in a hundred runs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from fabricbench.judge.evidence import Evidence, Verdict
from fabricbench.judge.guidelines import LIMIT
from fabricbench.judge.pairs import keys
from fabricbench.judge.sides import Unit
from fabricbench.judge.slowness import FALSE_ALARMS
from fabricbench.model import Case

FEWEST = 8
"""Launches of a run from which on their order in time says anything at that level."""
MOST = 500
"""Points of which all pairs are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """How much longer a case took at the end than at the beginning, as a share, with its interval."""

    case: Case
    launches: int
    lasted_s: float
    growth: float
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """A growth beyond the margin of a comparison is a fault; an interval wider than it decides nothing."""
        if self.low > LIMIT - 1:
            return "FAIL"
        if self.low > 0:
            return "WARN"
        return "PASS" if self.high < LIMIT - 1 else "INCONCLUSIVE"


def slopes(units: Sequence[Unit]) -> list[Slope]:
    """Every case of every run that has launches enough, at different times."""
    return [slope for members in _runs(units) for slope in _run(members)]


def lasted(units: Sequence[Unit]) -> bool:
    """Whether a run has launches enough."""
    return bool(_runs(units))


def _runs(units: Sequence[Unit]) -> list[list[Unit]]:
    found: dict[tuple[str, str], list[Unit]] = {}
    for unit in units:
        found.setdefault((unit.path, unit.run.id), []).append(unit)
    return [members for members in found.values() if len(members) >= FEWEST]


def _run(units: Sequence[Unit]) -> list[Slope]:
    found = []
    every = keys(units)
    for key in every:
        points = [
            (_seconds(unit.launch.started), math.log(unit.medians_s[key]))
            for unit in units if unit.medians_s.get(key)
        ]  # fmt: skip
        if len(points) >= FEWEST and len({when for when, _ in points}) > 1:
            case = next(unit.rows[key].case for unit in units if key in unit.rows)
            found.append(_slope(case, points, FALSE_ALARMS / len(every)))
    return found


def _slope(case: Case, points: Sequence[tuple[float, float]], level: float) -> Slope:
    from scipy.stats import theilslopes

    lasted = max(when for when, _ in points) - min(when for when, _ in points)
    times, logs = zip(*_thinned(points), strict=True)
    middle, _, low, high = theilslopes(logs, times, alpha=1 - level)
    growth, least, most = (math.expm1(float(slope) * lasted) for slope in (middle, low, high))
    return Slope(case=case, launches=len(points), lasted_s=lasted, growth=growth, low=least, high=most)


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Medians of neighbours where there are very many: the slopes of all pairs would fill the memory."""
    ordered = sorted(points)
    step = math.ceil(len(ordered) / MOST)
    blocks = [ordered[first : first + step] for first in range(0, len(ordered), step)]
    return [(median(when for when, _ in block), median(value for _, value in block)) for block in blocks]


def _seconds(started: str) -> float:
    return datetime.fromisoformat(started).timestamp()


def tested(slope: Slope) -> Evidence:
    """A slope as a test of the cluster."""
    return Evidence(
        test=f"over time: {slope.case.text()}",
        verdict=slope.verdict,
        found=f"{slope.growth:+.1%} ({slope.low:+.1%} to {slope.high:+.1%}) in {slope.lasted_s:.0f} s, "
        f"{slope.launches} launches",
        threshold=f"at most {LIMIT - 1:+.0%}",
        source="its own beginning, and the margin of a comparison",
    )

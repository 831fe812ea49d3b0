"""Bencher Metric Format: a benchmark a row, a measure a figure, for `bencher run --adapter json`.

Measures carry their unit in their name, because the format has no other place for it. Source:
bencher.dev/docs/reference/bencher-metric-format.
"""

from collections.abc import Sequence

from fabricbench.show.export.documents import document
from fabricbench.show.export.points import UNITS, Exported, Point, usable
from fabricbench.store import Result

_SLUGS = {"B/s": "bytes-per-s", "FLOP/s": "flop-per-s", "messages/s": "per-s"}


def result(_: Sequence[Result], points: Sequence[Point]) -> Exported:
    """Time with its interval over launches, p99 and rates."""
    kept, notes = usable(points, "bencher")
    return Exported(document({point.name: _measures(point) for point in kept}), notes)


def _measures(point: Point) -> dict[str, dict[str, float]]:
    found = {"time-s": point.time_s, "p99-s": point.p99_s}
    found |= {f"{key}-{_SLUGS[UNITS[key]]}": value for key, value in point.rates.items()}
    measures = {name: {"value": value} for name, value in found.items() if value is not None}
    if point.interval_s:
        measures["time-s"] |= dict(zip(("lower_value", "upper_value"), point.interval_s, strict=True))
    return measures

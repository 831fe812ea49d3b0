"""Input of github-action-benchmark: times for its tool customSmallerIsBetter, rates for customBiggerIsBetter.

Source: `BenchmarkResult` in src/extract.ts of benchmark-action/github-action-benchmark, which refuses an empty list.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from fabricbench.errors import UsageError
from fabricbench.show.export.documents import document
from fabricbench.show.export.points import UNITS, Exported, Point, usable
from fabricbench.store import Result


def times(_: Sequence[Result], points: Sequence[Point]) -> Exported:
    """Seconds per operation; smaller is better."""
    kept, notes = usable(points, "github-action-benchmark")
    return _listed([_time(point) for point in kept], notes)


def rates(_: Sequence[Result], points: Sequence[Point]) -> Exported:
    """Every rate of every row; bigger is better. Raises UsageError where no row has one."""
    kept, notes = usable(points, "github-action-benchmark-rates")
    entries = [entry for point in kept for entry in _rates(point)]
    if not entries:
        raise UsageError(f"{kept[0].name} has no rate.", "Export github-action-benchmark, which has times.")
    return _listed(entries, notes)


def _time(point: Point) -> dict[str, Any]:
    interval = point.interval_s
    spread = {"range": f"95 %: {interval[0]:.6g} to {interval[1]:.6g}"} if interval else {}
    return {"name": point.name, "unit": "s", "value": point.time_s, **spread, "extra": _extra(point)}


def _rates(point: Point) -> Iterator[dict[str, Any]]:
    for key, value in point.rates.items():
        yield {"name": f"{point.name} {key}", "unit": UNITS[key], "value": value, "extra": _extra(point)}


def _extra(point: Point) -> str:
    flags = [f"flags: {' '.join(point.flags)}"] if point.flags else []
    return "\n".join([f"launches: {point.launches}", f"check: {point.outcome}", *flags])


def _listed(entries: list[dict[str, Any]], notes: tuple[str, ...]) -> Exported:
    return Exported(document(entries), notes)

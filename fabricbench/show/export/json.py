"""JSON: one document of all rows, or of a comparison."""

from collections.abc import Sequence
from typing import Any

from fabricbench import __version__
from fabricbench.judge.compare import Comparison
from fabricbench.model import Doubt
from fabricbench.show.export.documents import document
from fabricbench.show.export.points import Exported, Point
from fabricbench.store import Result


def result(results: Sequence[Result], points: Sequence[Point]) -> Exported:
    """What identifies every run, then one object a row."""
    return _exported({"runs": [_run(one) for one in results], "rows": [_row(point) for point in points]})


def comparison(judged: Comparison, _: Sequence[Result]) -> Exported:
    """The comparison as `compare --format json` has it."""
    return _exported({"comparison": judged})


def _exported(content: dict[str, Any]) -> Exported:
    return Exported(document({"fabricbench": __version__, **content}))


def _run(one: Result) -> dict[str, Any]:
    run = one.run
    return {
        "file": one.path,
        **{name: getattr(run, name) for name in ("id", "started", "fabricbench", "command", "seed")},
        "finished": one.end.finished if one.end else None,
        "status": one.end.status if one.end else "interrupted",
        "lost": one.lost,
        "machine": run.machine,
        "software": run.software,
    }


def _row(point: Point) -> dict[str, Any]:
    interval = point.interval_s
    conditions = [record.conditions for record in point.records]
    return {
        "name": point.name,
        "case": point.case,
        "conditions": [one for number, one in enumerate(conditions) if one not in conditions[:number]],
        "time_base": sorted({record.time for record in point.records}),
        "outcome": point.outcome,
        "reason": point.reason,
        "launches": point.launches,
        "time_s": point.time_s,
        "low_s": interval[0] if interval else None,
        "high_s": interval[1] if interval else None,
        "p99_s": point.p99_s,
        "rates": point.rates,
        "wrong": point.wrong,
        "doubts": _doubts(point),
        "origin": point.records[0].origin,
    }


def _doubts(point: Point) -> list[Doubt]:
    """Every reason to read the row with care, once."""
    stored = [doubt for record in point.records for doubt in record.doubts]
    found = {doubt.code: doubt for doubt in (*stored, *(one.doubt for one in point.row.bounds() if one.doubt))}
    return list(found.values())

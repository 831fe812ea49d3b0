"""CTRF, the Common Test Report Format: a test a row, its figures in `extra`.

`duration` of a test, which must be whole milliseconds, is the measured time of one operation like `time` in JUnit; the
exact one is `extra.time_s`. Source: spec/ctrf.md and schema/ctrf.schema.json of ctrf-io/ctrf.
"""

from collections.abc import Sequence
from typing import Any

from fabricbench import __version__
from fabricbench.judge.compare import Comparison, Row
from fabricbench.model import Case
from fabricbench.show.export.documents import document
from fabricbench.show.export.points import Exported, Point, finished, moment
from fabricbench.show.export.verdicts import figures, settled
from fabricbench.statistics import six_digits
from fabricbench.store import Result

SPEC = "1.0.0"
STATUSES = ("passed", "failed", "pending", "skipped", "other")
_STATUS = {"ok": "passed", "wrong": "failed", "invalid": "failed", "skipped": "skipped", "unchecked": "other"}


def result(results: Sequence[Result], points: Sequence[Point]) -> Exported:
    """Wrong and impossible results fail; what was not checked is neither passed nor failed."""
    extra = {"runs": [{"id": one.run.id, "file": one.path, "machine": one.run.machine} for one in results]}
    return _document([_test(point) for point in points], results, extra)


def comparison(judged: Comparison, results: Sequence[Result]) -> Exported:
    """Gated rows that are worse fail; those without an answer are `other`."""
    extra = {"base": judged.base, "new": judged.new, "notes": judged.notes, "alternated": judged.alternated}
    return _document([_judged(row) for row in judged.every], results, extra)


def _test(point: Point) -> dict[str, Any]:
    interval = point.interval_s
    extra = {
        "time_s": point.time_s,
        "low_s": interval[0] if interval else None,
        "high_s": interval[1] if interval else None,
        "p99_s": point.p99_s,
        "launches": point.launches,
        "rates": point.rates,
        "wrong": point.wrong,
        "flags": point.flags,
    }
    return {
        **_named(point.name, point.case, point.time_s),
        "status": _STATUS[point.outcome],
        "rawStatus": point.outcome,
        **({"message": point.reason} if point.reason else {}),
        "extra": extra,
    }


def _judged(row: Row) -> dict[str, Any]:
    numbers = ("base_s", "new_s", "ratio", "low", "high", "margin", "detectable")
    return {
        **_named(row.name, row.case, row.new_s),
        "status": settled(row),
        "rawStatus": row.verdict,
        "message": f"{row.reason} {figures(row)}",
        "extra": {
            **{name: _six(getattr(row, name)) for name in numbers},
            **{name: getattr(row, name) for name in ("base_launches", "new_launches", "gated", "flags")},
        },
    }


def _six(value: float | None) -> float | None:
    return None if value is None else six_digits([value])[0]


def _named(name: str, case: Case, time_s: float | None) -> dict[str, Any]:
    return {
        "name": name,
        "duration": round(1000 * (time_s or 0.0)),
        "suite": [case.operation, case.variant],
        "parameters": case,
    }


def _document(tests: list[dict[str, Any]], results: Sequence[Result], extra: dict[str, Any]) -> Exported:
    counts = {status: sum(test["status"] == status for test in tests) for status in STATUSES}
    start = min(_milliseconds(one.run.started, one) for one in results)
    stop = max(_milliseconds(finished(one), one) for one in results)
    report = {
        "reportFormat": "CTRF",
        "specVersion": SPEC,
        "generatedBy": f"fabricbench {__version__}",
        "results": {
            "tool": {"name": "fabricbench", "version": __version__},
            "summary": {"tests": len(tests), **counts, "start": start, "stop": max(start, stop)},
            "tests": tests,
            "extra": extra,
        },
    }
    return Exported(document(report))


def _milliseconds(text: str, one: Result) -> int:
    return round(1000 * moment(text, one.path).timestamp())

"""ReFrame performance log: a header, then a line a run, row and figure, as its `perflog_multiline` writes them.

The fields are those of HEADER with `check_` before each. ReFrame escapes nothing, so what would end a field or a line
is replaced. `null` stands where ReFrame has no value. Source: reframe/core/logging.py, version 4.10.
"""

from collections.abc import Iterator, Sequence

from fabricbench.show.export.points import UNITS, Exported, Point, distinct, points_of
from fabricbench.store import Result

HEADER = (
    *("result", "job_completion_time", "system", "partition", "environ", "name", "num_tasks"),
    *("perf_var", "perf_value", "perf_unit", "perf_ref", "perf_lower_thres", "perf_upper_thres", "perf_result"),
)
"""Names of the fields, and the first line of the file."""

_NO_REFERENCE = ("0", "null", "null")
"""What ReFrame writes for a figure without a reference: the value 0 and no thresholds."""


def result(results: Sequence[Result], points: Sequence[Point]) -> Exported:
    """Runs stay apart: a performance log is a history."""
    wanted = {point.case.key() for point in points}
    lines = ["|".join(HEADER)]
    for one in distinct(results):
        for point in points_of([one], "*"):
            if point.case.key() in wanted:
                lines += ["|".join(map(_field, line)) for line in _lines(one, point)]
    return Exported("\n".join(lines) + "\n")


def _lines(one: Result, point: Point) -> Iterator[tuple[str, ...]]:
    """A line a figure; one without a value where none may be used."""
    passed = {"ok": "pass", "unchecked": "pass", "skipped": "skip"}.get(point.outcome, "fail")
    head = (
        passed,
        one.end.finished if one.end else "null",
        str(one.run.machine.get("hostname", "unknown")),
        "default",
        point.records[0].conditions.library,
        point.name,
        str(point.case.ranks),
    )
    figures = [("time", point.time_s, "s"), *((key, value, UNITS[key]) for key, value in point.rates.items())]
    for name, value, unit in figures if passed == "pass" else [("time", None, "s")]:
        number = "null" if value is None else repr(value)
        yield (*head, name, number, unit, *_NO_REFERENCE, passed)


def _field(text: str) -> str:
    return " ".join(text.replace("|", "/").split())

"""Results -> points, the rows of an export: one case over all launches of the files, in full precision.

A figure is the median over launches of what each launch stored, to the six digits of a result file. Launches of
several files count together only where they were measured alike; else the export is refused.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

from fabricbench.errors import UnreadableError, UsageError
from fabricbench.judge.gates import ranked
from fabricbench.judge.sides import BARRING, FINGERPRINT
from fabricbench.model import Case, Conditions, RateKey, Record
from fabricbench.show.cases import grouped
from fabricbench.show.rows import Row, rows_of
from fabricbench.statistics import median_interval, six_digits
from fabricbench.store import Result

Outcome = Literal["ok", "wrong", "invalid", "skipped", "unchecked"]

UNITS: Mapping[RateKey, str] = {
    "algbw": "B/s",
    "busbw": "B/s",
    "bandwidth": "B/s",
    "flops": "FLOP/s",
    "messages": "messages/s",
}
"""The unit of every rate; larger is better for all of them."""

_UNKNOWN = frozenset({"", "unknown"})
_MOST_NAMES = 3


class Exported(NamedTuple):
    """A finished export, and what its reader has to know that the format cannot hold."""

    text: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One case over all its launches. Seconds per operation, rates per second."""

    name: str
    row: Row

    @property
    def case(self) -> Case:
        """What was asked."""
        return self.row.case

    @property
    def records(self) -> list[Record]:
        """One record a launch."""
        return [one.record for one in self.row.launches]

    @property
    def launches(self) -> int:
        """Launches that have a time."""
        return len(self.row.times_s())

    @property
    def time_s(self) -> float | None:
        """Median of the launch medians."""
        return _six(self.row.time_s())

    @property
    def interval_s(self) -> tuple[float, float] | None:
        """95 % interval of the median over launches; none below six launches, where none exists."""
        times = self.row.times_s()
        _, low, high = median_interval(times) if times else (None, None, None)
        return None if low is None or high is None else (six_digits([low])[0], six_digits([high])[0])

    @property
    def p99_s(self) -> float | None:
        """Median of the launches' p99, where they have one."""
        return _six(self.row.p99_s())

    @property
    def rates(self) -> dict[RateKey, float]:
        """Every rate that the operation reports."""
        found = {key: _six(self.row.rate(key)) for key in UNITS}
        return {key: value for key, value in found.items() if value is not None}

    @property
    def wrong(self) -> int | None:
        """Wrong elements over all launches; none where nothing was checked."""
        return self.row.wrong()

    @property
    def flags(self) -> list[str]:
        """Flags of any launch."""
        return sorted({flag for record in self.records for flag in record.conditions.flags})

    @property
    def outcome(self) -> Outcome:
        """Whether the figures may be used; only those of "ok" and "unchecked" may."""
        if any(record.check.status == "wrong" for record in self.records):
            return "wrong"
        if any(bound.invalid for bound in self.row.bounds()):
            return "invalid"
        if not self.launches:
            return "skipped"
        return "ok" if any(record.check.status == "ok" for record in self.records) else "unchecked"

    @property
    def reason(self) -> str:
        """Why the figures may not be used; empty where they may."""
        if self.outcome == "wrong":
            count = sum(record.check.status == "wrong" for record in self.records)
            return f"{self.wrong} wrong elements in {count} of {len(self.records)} launches"
        if self.outcome == "invalid":
            return next(bound.doubt.text for bound in self.row.bounds() if bound.invalid and bound.doubt)
        if self.outcome == "skipped":
            return next((doubt.text for record in self.records for doubt in record.doubts), "it was not measured")
        return ""


def points_of(results: Sequence[Result], only: str, *, alike: bool = True) -> list[Point]:
    """Every case that `only` matches, in the order of `show`.

    alike: raise UsageError where results of other machines or conditions would become one figure.
    """
    if alike:
        _refuse_other_machines(results)
    found: dict[tuple[object, ...], list[tuple[Result, Row]]] = {}
    for result in distinct(results):
        for row in rows_of(result, recompute=False):
            found.setdefault(row.case.key(), []).append((result, row))
    for parts in found.values() if alike else ():
        _refuse_unlike(parts)
    rows = [
        Row(case=parts[0][1].case, launches=tuple(one for _, row in parts for one in row.launches))
        for parts in found.values()
    ]
    names = _names([row.case for row in rows])
    points = [Point(name=name, row=row) for name, row in zip(names, rows, strict=True)]
    return [
        point
        for group in grouped(points, lambda point: point.case).groups
        for point in group.items
        if matches(only, point.name, point.case)
    ]


def refuse_nothing(results: Sequence[Result], found: int, only: str) -> None:
    """Raise UsageError where an export would be empty, with what would fill it."""
    if found:
        return
    records = [record for result in results for record in result.records]
    if not records:
        paths = ", ".join(dict.fromkeys(result.path for result in results))
        raise UsageError(f"{paths} holds no rows.", "Give a file in which a case was measured.")
    raise UsageError(
        f"No row matches --only '{only}'.",
        f"Rows are named like '{_names([records[0].case])[0]}'; * stands for any text.",
    )


def usable(points: Sequence[Point], form: str) -> tuple[list[Point], tuple[str, ...]]:
    """The points that may become part of a history, and notes of the others. Raises UsageError where none may."""
    kept = [point for point in points if is_usable(point)]
    if not kept:
        raise UsageError(
            f"None of {len(points)} rows can be exported as {form}. {points[0].name}: {_unusable(points[0])}.",
            "Export junit, which reports such rows.",
        )
    left: dict[str, list[str]] = {}
    for point in points:
        if not is_usable(point):
            left.setdefault(_unusable(point), []).append(point.name)
    return kept, tuple(f"Left out, {listed(names)}: {reason}." for reason, names in left.items())


def is_usable(point: Point) -> bool:
    """Whether the figures may be kept as what this machine can do."""
    return point.outcome in ("ok", "unchecked") and "injected" not in point.flags


def matches(pattern: str, name: str, case: Case) -> bool:
    """Whether a pattern means a row: by its name, its operation and variant, or its operation alone."""
    return any(fnmatchcase(text, pattern) for text in (name, f"{case.operation}/{case.variant}", case.operation))


def distinct(results: Sequence[Result]) -> list[Result]:
    """Results in which every launch occurs once: a copy of a file is no second measurement."""
    seen: set[tuple[str, int, str]] = set()
    kept = []
    for result in results:
        fresh = {one.launch for one in result.launches if (result.run.id, one.launch, one.id) not in seen}
        seen |= {(result.run.id, one.launch, one.id) for one in result.launches}
        kept.append(
            replace(
                result,
                launches=tuple(one for one in result.launches if one.launch in fresh),
                records=tuple(record for record in result.records if record.launch in fresh),
            )
        )
    return kept


def moment(text: str, path: str) -> datetime:
    """A time of a result file, in UTC where it names no zone. Raises UnreadableError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UnreadableError(f"{path}: '{text}' is no date and time.", "Write it as 2026-01-02T03:04:05Z.") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def finished(result: Result) -> str:
    """When a run ended; of an interrupted one, when its last launch began."""
    if result.end is not None:
        return result.end.finished
    return max((launch.started for launch in result.launches), default=result.run.started)


def params_text(case: Case) -> str:
    """All parameters in one field: "op=sum window=32"."""
    return " ".join(f"{name}={value}" for name, value in sorted(case.params.items()))


def _six(value: float | None) -> float | None:
    return None if value is None else six_digits([value])[0]


def _names(cases: Sequence[Case]) -> list[str]:
    """Names that stay the same whatever other rows a file has; all parameters where two would be alike."""
    short = [ranked(case) for case in cases]
    times = Counter(short)
    return [f"{name} {params_text(case)}" if times[name] > 1 else name for name, case in zip(short, cases, strict=True)]


def _unusable(point: Point) -> str:
    return point.reason.rstrip(".") or "a fault was put in on purpose"


def listed(names: Sequence[str]) -> str:
    """The first few names."""
    more = len(names) - _MOST_NAMES
    return ", ".join([*names[:_MOST_NAMES], *([f"{more} more"] if more > 0 else [])])


def _refuse_other_machines(results: Sequence[Result]) -> None:
    for name in FINGERPRINT:
        values = {str(result.run.machine.get(name, "")): result.path for result in results}
        known = [value for value in values if value not in _UNKNOWN]
        if len(known) > 1:
            raise UsageError(
                f"{values[known[0]]} and {values[known[1]]} are of different machines: "
                f"{name} {known[0]}, {name} {known[1]}.",
                "Export the files one by one.",
            )


def _refuse_unlike(parts: Sequence[tuple[Result, Row]]) -> None:
    """Raise UsageError where runs measured one case under other conditions."""
    first, row = parts[0]
    for other, second in parts[1:]:
        for name in ("time", *Conditions.__struct_fields__):
            left, right = _values(row, name), _values(second, name)
            if left != right:
                raise UsageError(
                    f"{row.case.text()} was measured under other conditions in {other.path} than in {first.path}: "
                    f"{name} {' and '.join(sorted(left))}, then {' and '.join(sorted(right))}.",
                    "Export the files one by one.",
                )


def _values(row: Row, name: str) -> set[str]:
    return {_value(one.record, name) for one in row.launches}


def _value(record: Record, name: str) -> str:
    if name == "time":
        return record.time
    if name == "flags":
        return "+".join(sorted(BARRING.intersection(record.conditions.flags))) or "none"
    return str(getattr(record.conditions, name))


def paths_of(results: Iterable[Result]) -> str:
    """The files of an export, for people."""
    return ", ".join(dict.fromkeys(result.path for result in results))

"""Since when? Every metric over commits or dates, one series a machine and set of conditions, and where it changed.

A point is what one file holds of one commit and one day; a series is judged on the launches of all its points
(`fabricbench.judge.divisive`). A change is listed where the medians before and after differ by more than the margin.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fabricbench.errors import UsageError
from fabricbench.judge.divisive import change_points
from fabricbench.judge.factor import CONDITIONS
from fabricbench.judge.gates import P99, Gates
from fabricbench.judge.metric import Metric, slower, value
from fabricbench.judge.pairs import keys, row_names
from fabricbench.judge.rule import FEWEST, ratio_interval
from fabricbench.judge.sides import FINGERPRINT, Key, Unit, both, held_as, split, units
from fabricbench.model import Case, Record, Run
from fabricbench.store import Result

BAD = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The launches of one file, commit and day. `value` is their median."""

    label: str
    commit: str
    started: str
    path: str
    value: float
    launches: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A new level. `ratio` is its median over that of the level of the change before, with its 95 % interval."""

    since: str
    point: int
    """Number of the point that it begins with."""
    ratio: float
    low: float
    high: float
    worse: bool
    news: bool
    """Whether the newest result is what shows it: without its launches, fewer than 5 lie after the change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One case on one machine under one set of conditions."""

    case: Case
    name: str
    where: str
    """What tells it from other series of the same case; empty where there are none."""
    gated: bool
    points: tuple[Point, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All series, and what has to be known before reading them."""

    metric: Metric
    margin: float
    newest: str
    series: tuple[Series, ...]
    notes: tuple[str, ...]

    def status(self) -> int:
        """Exit status: 1 where the newest change of a gated series is for the worse and the newest result shows it."""
        last = [one.changes[-1] for one in self.series if one.gated and one.changes]
        return BAD if any(change.worse and change.news for change in last) else 0


_PointKey = tuple[str, str, str]
_Found = tuple[Unit, float]


def history(
    results: Sequence[Result], *, margin: float, metric: Metric = "time", gate: str | Sequence[str] = "*"
) -> History:
    """Every series of the results, in any order. Raises UsageError where they hold none.

    margin: relative difference that does not matter between alternated launches; those of a history never are, so
    twice that. gate: patterns of the rows that set the exit status.
    """
    alone, experiments = _without_new_sides(results)
    read, copies = units(alone)
    read.sort(key=lambda unit: (unit.launch.started, unit.run.started, unit.launch.launch))
    found, left_out = _found(read, metric)
    if not found:
        raise UsageError(f"No row of {len(results)} runs has {metric}.", "Choose another --metric.")
    newest = _point_key(read[-1])
    gates = Gates.of(gate)
    ordered = _in_order(found, read)
    names = row_names([case for case, _ in ordered])
    tail = P99 if metric == P99 else ""
    gates.refuse_idle([(case, tail) for case, _ in ordered])
    series = [
        _series(case, name, where, gates.hold(case, tail), launches, newest, 2 * margin, metric)
        for (case, by_place), name in zip(ordered, names, strict=True)
        for where, launches in _named(by_place).items()
    ]
    return History(
        metric=metric,
        margin=2 * margin,
        newest=_label(read[-1]),
        series=tuple(series),
        notes=(*experiments, *left_out, *copies),
    )


def _without_new_sides(results: Sequence[Result]) -> tuple[list[Result], list[str]]:
    """Files that hold both sides of an experiment count with their base only."""
    kept, notes = [], []
    for result in results:
        if both([result]):
            notes.append(f"{result.path} holds both sides of an alternated series: only its base counts.")
            kept += split([result])[0]
        else:
            kept.append(result)
    return kept, notes


_Place = tuple[str, ...]


def _found(read: Iterable[Unit], metric: Metric) -> tuple[dict[Key, dict[_Place, list[_Found]]], list[str]]:
    """Figures in order of time by case and place, and what was left out because it is no figure of this machine."""
    found: dict[Key, dict[_Place, list[_Found]]] = {}
    left_out = {"wrong": 0, "injected": 0}
    for unit in read:
        for key, record in unit.rows.items():
            figure = value(unit, key, metric)
            bad = _bad(record)
            if bad:
                left_out[bad] += 1
            elif figure is not None and figure > 0:
                found.setdefault(key, {}).setdefault(_place(unit.run, record), []).append((unit, figure))
    said = {"wrong": "have wrong results", "injected": "hold a fault that was put in on purpose"}
    return found, [f"{count} records {said[why]} and are left out." for why, count in left_out.items() if count]


def _bad(record: Record) -> str:
    if record.check.status == "wrong":
        return "wrong"
    return "injected" if "injected" in record.conditions.flags else ""


_PLACE = (*FINGERPRINT, *CONDITIONS, "flags")


def _place(run: Run, record: Record) -> _Place:
    """Machine and conditions: a difference in them starts a new series."""
    return tuple(held_as(name, record, run) for name in _PLACE)


def _in_order(
    found: Mapping[Key, dict[_Place, list[_Found]]], read: Sequence[Unit]
) -> list[tuple[Case, dict[_Place, list[_Found]]]]:
    cases = {key: record.case for unit in read for key, record in unit.rows.items()}
    return [(cases[key], found[key]) for key in keys(read) if key in found]


def _named(by_place: Mapping[_Place, list[_Found]]) -> dict[str, list[_Found]]:
    """The series of one case by what tells them apart."""
    differing = [number for number, texts in enumerate(zip(*by_place, strict=True)) if len(set(texts)) > 1]
    return {
        ", ".join(f"{_PLACE[number]} {place[number]}" for number in differing): found
        for place, found in by_place.items()
    }


def _point_key(unit: Unit) -> _PointKey:
    return unit.path, _commit(unit), unit.run.started[: len("2026-01-02")]


def _commit(unit: Unit) -> str:
    commit = unit.run.software.get("commit", "")
    return "" if commit in ("none", "unknown") else commit


def _label(unit: Unit) -> str:
    commit = _commit(unit)
    day = unit.run.started[: len("2026-01-02")]
    return f"{commit} ({day})" if commit else unit.run.started


def _series(
    case: Case, name: str, where: str, gated: bool, launches: Sequence[_Found], newest: _PointKey, margin: float,
    metric: Metric,
) -> Series:  # fmt: skip
    by_point: dict[_PointKey, list[_Found]] = {}
    for unit, figure in launches:
        by_point.setdefault(_point_key(unit), []).append((unit, figure))
    points = tuple(_point(members) for members in by_point.values())
    recent = len(by_point[newest]) if newest in by_point else 0
    return Series(
        case=case,
        name=name,
        where=where,
        gated=gated,
        points=points,
        changes=tuple(_changes(points, recent, margin, metric)),
    )


def _point(members: Sequence[_Found]) -> Point:
    first = members[0][0]
    figures = tuple(figure for _, figure in members)
    return Point(
        label=_label(first),
        commit=_commit(first),
        started=first.launch.started,
        path=first.path,
        value=float(np.median(figures)),
        launches=figures,
    )


def _changes(points: Sequence[Point], recent: int, margin: float, metric: Metric) -> list[Change]:
    """Changes beyond the margin, each against the level of the last one: so small steps add up until they are seen.

    recent: launches of the newest result, 0 where this series has none of them.
    """
    values = np.array([figure for point in points for figure in point.launches])
    starts = np.cumsum([0, *(len(point.launches) for point in points[:-1])])
    found = change_points(np.log(values), starts, FEWEST)
    levels = np.split(values, found)
    changes: list[Change] = []
    before = levels[0]
    for begin, level in zip(found, levels[1:], strict=True):
        ratio = float(np.median(level) / np.median(before))
        if max(ratio, 1 / ratio) <= 1 + margin:
            continue
        number = int(np.searchsorted(starts, begin))
        low, high = ratio_interval(before, level, ratio)
        changes.append(
            Change(
                since=points[number].label,
                point=number,
                ratio=ratio,
                low=low,
                high=high,
                worse=slower(metric, ratio),
                news=len(values) - begin - recent < FEWEST,
            )
        )
        before = level
    return changes


def course(series: Series) -> list[Sequence[Point]]:
    """The points of a series, cut where it changes."""
    cuts = [0, *(change.point for change in series.changes), len(series.points)]
    return [series.points[begin:end] for begin, end in pairwise(cuts)]

"""Any number of results side by side: one column a file, or one a level of a declared factor.

Ratios are against the first column, and only where conditions are alike. No verdict is given here: that takes two
sides (`fabricbench.judge.compare`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import PurePath

import numpy as np

from fabricbench.errors import UsageError
from fabricbench.judge.factor import Factor
from fabricbench.judge.joining import joined
from fabricbench.judge.metric import Metric, values
from fabricbench.judge.pairs import keys, row_names, timed, why_missing, wrong
from fabricbench.judge.rule import FEWEST, ratio_interval
from fabricbench.judge.sides import Key, Unit, machine_differences, shown_flags, source, units, unlike
from fabricbench.model import Case, Record
from fabricbench.store import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One case in one column. `value` is the median over launches, in seconds or per second."""

    value: float | None
    launches: int
    ratio: float | None
    """Over the first column; none there."""
    low: float | None
    high: float | None
    """95 % interval of the ratio over launches, from 5 a column on."""
    why: str
    """Why there is no ratio; empty where there is one, and in the first column."""
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One case in all columns."""

    case: Case
    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Lines that share columns."""

    labels: tuple[str, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """All sections, and what has to be known before reading them."""

    metric: Metric
    across: str | None
    """The factor whose levels are the columns; none where they are files."""
    brings: tuple[str, ...]
    """Conditions that the factor brings with it and that may differ for it."""
    sources: tuple[tuple[str, str], ...]
    """Of every column its label and where its launches came from."""
    sections: tuple[Section, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    label: str
    units: Sequence[Unit]


def side_by_side(files: Sequence[Sequence[Result]], *, metric: Metric = "time", across: str | None = None) -> Columns:
    """One column a file, or with `across` one a level of that factor over all files. Raises UsageError.

    files: the runs of each file.
    """
    results = [result for runs in files for result in runs]
    factor = None if across is None else Factor.named(across, results)
    cut = _by_file(files) if factor is None else factor.levels(results)
    if len(cut) < 2:  # noqa: PLR2004 - one column is no comparison
        raise UsageError(
            f"There is only one column to show: {next(iter(cut), 'no rows')}.",
            f"Name files that differ in {across}." if across else "Name further files.",
        )
    read = {label: units(runs, factor) for label, runs in cut.items()}
    columns = _joined_up([_Column(label=label, units=found) for label, (found, _) in read.items()])
    sections = _sections(columns, factor, metric)
    if not any(section.lines for section in sections):
        raise UsageError(
            f"No row has {f'two levels of {across}' if across else metric}.",
            "Measure the same cases with both." if across else "Choose another --metric.",
        )
    shown = {label for section in sections for label in section.labels}
    return Columns(
        metric=metric,
        across=across,
        brings=() if factor is None else factor.brings,
        sources=tuple((column.label, source(column.units)) for column in columns if column.label in shown),
        sections=sections,
        notes=(*_differences(columns, factor), *dict.fromkeys(note for _, said in read.values() for note in said)),
    )


def _joined_up(columns: Sequence[_Column]) -> list[_Column]:
    """Columns whose imported rows stand in the line of what they ask, where other columns have that line."""
    found = []
    for column in columns:
        others = [unit for other in columns if other is not column for unit in other.units]
        found.append(replace(column, units=joined(column.units, others)))
    return found


def _by_file(files: Sequence[Sequence[Result]]) -> dict[str, Sequence[Result]]:
    return dict(zip(labels(files), files, strict=True))


def labels(files: Sequence[Sequence[Result]]) -> list[str]:
    """What tells files apart, in the fewest words: machine, library, commit, variant, date; else their names."""
    known = [[says(runs) for says in _TELLING] for runs in files]
    telling = [texts for texts in zip(*known, strict=True) if len(set(texts)) > 1 and all(texts)]
    together = accumulate(telling, lambda left, right: tuple(f"{a}, {b}" for a, b in zip(left, right, strict=True)))
    paths = [runs[0].path for runs in files]
    for texts in (*telling, *together, tuple(PurePath(path).name for path in paths)):
        if len(set(texts)) == len(files):
            return list(texts)
    return paths


def _run_says(name: str) -> Callable[[Sequence[Result]], str]:
    return lambda runs: _joined({str({**one.run.software, **one.run.machine}.get(name, "")) for one in runs})


def _records_say(name: Callable[[Record], str]) -> Callable[[Sequence[Result]], str]:
    return lambda runs: _joined({name(record) for one in runs for record in one.records})


def _started(digits: str) -> Callable[[Sequence[Result]], str]:
    """When a file began, to as many digits."""
    return lambda runs: min(one.run.started for one in runs).replace("T", " ")[: len(digits)]


def _printed_by(record: Record) -> str:
    return "fabricbench" if record.origin is None else record.origin.tool


_TELLING: tuple[Callable[[Sequence[Result]], str], ...] = (
    _records_say(_printed_by),
    _run_says("hostname"),
    _run_says("cpu"),
    _run_says("mpi"),
    _run_says("commit"),
    _records_say(lambda record: record.case.variant),
    _records_say(lambda record: record.conditions.placement),
    *(_started(digits) for digits in ("2026-01-02", "2026-01-02 03:04", "2026-01-02 03:04:05")),
)
"""What may tell files apart, what says most first."""


def _joined(values: set[str]) -> str:
    """One text, or none: a label that lists several says nothing, and what is unknown tells nothing apart."""
    only = next(iter(values), "")
    return only if len(values) == 1 and only not in ("unknown", "none") else ""


def _differences(columns: Sequence[_Column], factor: Factor | None) -> list[str]:
    first = columns[0]
    notes: dict[str, None] = {}
    for column in columns[1:]:
        barring, said = machine_differences(first.units, column.units, factor, (first.label, column.label))
        notes.update(dict.fromkeys(f"Columns differ in {one}." for one in (*barring, *said)))
    return list(notes)


def _sections(columns: Sequence[_Column], factor: Factor | None, metric: Metric) -> tuple[Section, ...]:
    """One section; by operation where columns are levels of what was asked, because each has its own of them."""
    rows = [row for column in columns for unit in column.units for row in unit.rows.items()]
    # What an imported row leaves out stands in the line that it was put into.
    cases = {key: record.case for key, record in sorted(rows, key=lambda row: row[1].origin is None)}
    found = [key for key in keys([unit for column in columns for unit in column.units])]
    if factor is None:
        return (_section(columns, found, cases, factor, metric),)
    by_operation: dict[str, list[Key]] = {}
    for key in found:
        if sum(any(key in unit.rows for unit in column.units) for column in columns) > 1:
            by_operation.setdefault(cases[key].operation, []).append(key)
    return tuple(
        _section([column for column in columns if _holds(column, members)], members, cases, factor, metric)
        for members in by_operation.values()
    )


def _holds(column: _Column, members: Sequence[Key]) -> bool:
    return any(key in unit.rows for unit in column.units for key in members)


def _section(
    columns: Sequence[_Column], members: Sequence[Key], cases: Mapping[Key, Case], factor: Factor | None, metric: Metric
) -> Section:
    shown = [key for key in members if any(values(key, column.units, metric) for column in columns)]
    barred = [
        machine_differences(columns[0].units, column.units, factor, (columns[0].label, column.label))[0]
        for column in columns
    ]
    named = [case if factor is None else factor.without(case) for case in (cases[key] for key in shown)]
    return Section(
        labels=tuple(column.label for column in columns),
        lines=tuple(
            Line(
                case=case,
                name=name,
                cells=tuple(
                    _cell(key, columns[0], column, bars, factor, metric)
                    for column, bars in zip(columns, barred, strict=True)
                ),
            )
            for key, case, name in zip(shown, named, row_names(named), strict=True)
        ),
    )


def _cell(
    key: Key, first: _Column, column: _Column, barred: Sequence[str], factor: Factor | None, metric: Metric
) -> Cell:
    base, new = (np.array(list(values(key, one.units, metric).values())) for one in (first, column))
    left, right = (_records(key, one) for one in (first, column))
    why = "" if column is first else _why_none(left, right, (first, column), barred, factor)
    if not why and column is not first and min(base.size, new.size) == 0:
        why = f"no {metric} in {(column if base.size else first).label}"
    compared = column is not first and not why and min(base.min(), new.min()) > 0
    ratio = float(np.median(new) / np.median(base)) if compared else None
    enough = ratio is not None and min(base.size, new.size) >= FEWEST
    low, high = ratio_interval(base, new, ratio) if enough and ratio is not None else (None, None)
    return Cell(
        value=float(np.median(new)) if new.size else None,
        launches=new.size,
        ratio=ratio,
        low=low,
        high=high,
        why=why,
        flags=shown_flags((), right, ("", column.label)),
    )


def _records(key: Key, column: _Column) -> list[Record]:
    return [unit.rows[key] for unit in column.units if key in unit.rows]


def _why_none(
    left: Sequence[Record],
    right: Sequence[Record],
    columns: tuple[_Column, _Column],
    barred: Sequence[str],
    factor: Factor | None,
) -> str:
    """Why a row has no ratio; empty where it may have one."""
    for column, records in zip(columns, (left, right), strict=True):
        if not timed(records):
            return f"not measured in {column.label}: {why_missing(records)}"
        if bad := wrong(records):
            return f"results of {column.label} are wrong: {bad}"
    if any("injected" in record.conditions.flags for record in left):
        return f"a fault was put into {columns[0].label} on purpose, so it is no baseline"
    names = (columns[0].label, columns[1].label)
    return "; ".join([*barred, *unlike(timed(left), timed(right), factor, names)])

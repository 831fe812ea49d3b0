"""A result -> its page: tables in the words that users of nccl-tests know."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from fabricbench.judge.bounds import ceiling_text
from fabricbench.judge.guidelines import findings
from fabricbench.judge.overlap import overlaps
from fabricbench.model import Case, Ceiling, Conditions, RateKey
from fabricbench.show import guidelines, rounds
from fabricbench.show import overlaps as beside
from fabricbench.show.cases import Group, Grouping, grouped
from fabricbench.show.heading import FLAGS, alarms, facts
from fabricbench.show.notes import Note, at_end, under
from fabricbench.show.rows import Row, rows_of
from fabricbench.show.table import ABSENT, Column, Page, Table, number_text, share_text, time_unit
from fabricbench.statistics import median_interval
from fabricbench.store import Result

RATES: Mapping[RateKey, tuple[float, str]] = {
    "algbw": (1e9, "GB/s"),
    "busbw": (1e9, "GB/s"),
    "bandwidth": (1e9, "GB/s"),
    "flops": (1e9, "GFLOP/s"),
    "messages": (1e6, "M/s"),
}

FEWEST_FOR_INTERVAL = 6
"""Launches from which their median has a 95 % interval."""

_FEW = "+-% is the spread within one launch, not between launches"


class _Figure(NamedTuple):
    """A column and what it says of a row."""

    column: Column
    cell: Callable[[Row], str]


def page(result: Result, *, recompute: bool) -> Page:
    """All tables of one run. recompute: from samples alone, whatever summaries are stored."""
    tables = grouped(rows_of(result, recompute=recompute), lambda row: row.case)
    rows = [row for group in tables.groups for row in group.items]
    ceilings = _ceilings(rows)
    single = len(ceilings) == 1
    notes = [*([] if single else ceilings), *_flags(rows), *_doubts(rows)]
    few = any(0 < len(row.times_s()) < FEWEST_FOR_INTERVAL and row.source() is None for row in rows)
    how = "; ".join([*tables.shared, *_conditions(rows, tables), *([_FEW] if few else [])])
    return Page(
        alarms=alarms(result),
        facts=(
            *facts(result),
            *([("how", how)] if how else []),
            *([(note.head, note.text) for note in ceilings] if single else []),
        ),
        tables=(
            *(_table(group, under(group, notes, tables)) for group in tables.groups),
            *beside.tables(overlaps(result.records)),
            *rounds.tables(result),
        ),
        notes=(*at_end(notes, tables), *guidelines.lines(findings(result.records), tables)),
    )


def _table(group: Group[Row], notes: tuple[str, ...]) -> Table:
    rows = group.items
    figures = [*_sources(rows), *_times(rows), *_rates(rows), *_outcomes(rows)]
    return Table(
        title=group.title,
        block=group.family,
        columns=(*group.columns, *(one.column for one in figures)),
        rows=tuple(
            (*left, *(one.cell(row) for one in figures)) for left, row in zip(group.cells, rows, strict=True)
        ),
        notes=notes,
    )  # fmt: skip


def _sources(rows: Sequence[Row]) -> list[_Figure]:
    """Who printed a row and what its figure is, where rows are of other tools."""
    if all(row.source() is None for row in rows):
        return []
    head = Column(words=("figure", "(samples/ranks)"), align="left")
    return [_Figure(head, lambda row: row.source() or "fabricbench median")]


def _times(rows: Sequence[Row]) -> list[_Figure]:
    """The time, how far it can be trusted, and its p99 where a row has one."""
    scale, unit = time_unit(row.time_s() for row in rows)
    found = [
        _Figure(Column(words=("time",), unit=unit), lambda row: _scaled(row.time_s(), scale)),
        *_certainty(rows, scale, unit),
    ]
    if any(row.after_last_s() is not None for row in rows):
        head = Column(words=("after", "the last"), unit=unit)
        found.append(_Figure(head, lambda row: _scaled(row.after_last_s(), scale)))
    if any(row.p99_s() is not None for row in rows):
        found.append(_Figure(Column(words=("p99",), unit=unit), lambda row: _scaled(row.p99_s(), scale)))
    return found


def _certainty(rows: Sequence[Row], scale: float, unit: str) -> list[_Figure]:
    """The interval over launches; where there are too few for one, how many and the spread within one."""
    if all(row.source() is not None for row in rows):
        return []  # a log tells nothing of its spread, and some logs are no interval
    counts = {len(row.times_s()) for row in rows if row.times_s()}
    few = [count for count in counts if count < FEWEST_FOR_INTERVAL]
    interval = _Figure(Column(words=("95 % of", "launches"), unit=unit), lambda row: _interval(row, scale))
    if counts and not few:
        return [interval]
    if len(counts) > 1:
        return [interval, _spread(("spread in", "a launch"))]
    return [_spread((f"{count} launches,", "in one") if count > 1 else (f"{count} launch",)) for count in few]


def _spread(words: tuple[str, ...]) -> _Figure:
    return _Figure(Column(words=words, unit="+-%"), lambda row: _scaled(row.spread(), 0.01, 2))


def _rates(rows: Sequence[Row]) -> list[_Figure]:
    """Every rate that a row has, and the host's sum where ranks work on their own."""
    found = []
    for key in RATES:
        if any(row.rate(key) is not None for row in rows):
            found.append(_rate(key))
        if any(row.host_sum(key) not in (None, row.rate(key)) for row in rows):
            found.append(_host_sum(key))
    return found


def _rate(key: RateKey) -> _Figure:
    scale, unit = RATES[key]
    return _Figure(Column(words=(key,), unit=unit), lambda row: _scaled(row.rate(key), scale))


def _host_sum(key: RateKey) -> _Figure:
    scale, unit = RATES[key]
    return _Figure(Column(words=("host sum",), unit=unit), lambda row: _scaled(row.host_sum(key), scale))


def _outcomes(rows: Sequence[Row]) -> list[_Figure]:
    wrong = _Figure(Column(words=("#wrong",)), _wrong)
    share = _Figure(Column(words=("of ceiling",), unit="%"), _share)
    return [wrong, share] if any(row.bounds() for row in rows) else [wrong]


def _scaled(value: float | None, scale: float, digits: int = 3) -> str:
    return number_text(None if value is None else value / scale, digits)


def _interval(row: Row, scale: float) -> str:
    """Interval of the figure over launches; the number of launches where there are too few."""
    times = row.times_s()
    if not times:
        return ABSENT
    if len(times) < FEWEST_FOR_INTERVAL:
        return f"{len(times)} launch{'es' if len(times) > 1 else ''}"
    _, low, high = median_interval(times)
    return f"{_scaled(low, scale)}-{_scaled(high, scale)}"


def _wrong(row: Row) -> str:
    wrong = row.wrong()
    return ABSENT if wrong is None else str(wrong)


def _share(row: Row) -> str:
    return share_text(row.share())


def _conditions(rows: Sequence[Row], tables: Grouping[Row]) -> list[str]:
    """How rows were measured: every condition, and where it differs the rows of each value."""
    names = ["time", *(name for name in Conditions.__struct_fields__ if name != "flags")]
    own = [row for row in rows if row.source() is None]
    return [f"{name} {_values(name, own, tables)}" for name in names] if own else []


def _values(name: str, rows: Sequence[Row], tables: Grouping[Row]) -> str:
    found: dict[str, dict[int, Case]] = {}
    for index, row in enumerate(rows):
        for one in row.launches:
            value = one.record.time if name == "time" else str(getattr(one.record.conditions, name))
            found.setdefault(value, {})[index] = row.case
    told: dict[str, list[Case]] = {}
    for value, cases in found.items():
        for case in cases.values():
            own = len(found) > 1 and name == "algorithm" and value == case.variant
            told.setdefault("as the variant" if own else value, []).append(case)
    *few, most = sorted(told, key=lambda value: len(told[value]))
    return ", ".join([*(f"{value} ({tables.names(told[value])})" for value in few), f"else {most}" if few else most])


def _ceilings(rows: Sequence[Row]) -> list[Note]:
    """What 100 % is, with its source: the middle value where launches differ."""
    kinds: dict[tuple[str, ...], tuple[list[Ceiling], dict[int, Case]]] = {}
    for index, row in enumerate(rows):
        for bound in row.bounds():
            one = bound.ceiling
            found, cases = kinds.setdefault((one.resource, one.scope, one.nature, one.source), ([], {}))
            found.append(one)
            cases[index] = row.case
    ordered = ((sorted(found, key=lambda one: one.value), cases) for found, cases in kinds.values())
    return [
        Note(head="100 %", cases=tuple(cases.values()), text=ceiling_text(found[len(found) // 2]))
        for found, cases in ordered
    ]


def _flags(rows: Sequence[Row]) -> list[Note]:
    notes = []
    for flag, (meaning, remedy) in FLAGS.items():
        cases = [row.case for row in rows if any(flag in one.record.conditions.flags for one in row.launches)]
        if cases:
            notes.append(Note(head=flag, cases=tuple(cases), text=f"{meaning} {remedy}"))
    return notes


class _Doubted(NamedTuple):
    """A row that shares a doubt with others, in its own words; the one furthest above its ceiling is quoted."""

    excess: float
    text: str
    case: Case


def _doubts(rows: Sequence[Row]) -> list[Note]:
    """Reasons to read rows with care, said once for all rows that share one."""
    found: dict[tuple[str, str], dict[int, _Doubted]] = {}
    for index, row in enumerate(rows):
        for one in row.launches:
            joined = [(one.bound.doubt, one.bound.ratio)] if one.bound and one.bound.doubt else []
            for doubt, excess in (*((doubt, 0.0) for doubt in one.record.doubts), *joined):
                members = found.setdefault((doubt.code, doubt.remedy), {})
                members.setdefault(index, _Doubted(excess, doubt.text, row.case))
    return [_doubt(code, remedy, list(members.values())) for (code, remedy), members in found.items()]


def _doubt(code: str, remedy: str, members: Sequence[_Doubted]) -> Note:
    quoted = max(members, key=lambda one: one.excess)
    differ = len({one.text for one in members}) > 1
    return Note(
        head=code,
        cases=tuple(one.case for one in members),
        text=f"{quoted.text} {remedy}".rstrip(),
        example=quoted.case if differ else None,
    )

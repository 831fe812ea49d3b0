"""A result -> its page: tables in the words that users of nccl-tests know."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from fabricbench import traffic
from fabricbench.judge.bounds import Bound, ceiling_text, ranks_a_host, tightest
from fabricbench.model import Case, Ceiling, Conditions, RateKey, Record, Summary
from fabricbench.show.cases import CASE_COLUMNS, family, grouped, row_names
from fabricbench.show.heading import FLAGS, alarms, facts
from fabricbench.show.table import ABSENT, Column, Page, Table, number_text, time_unit
from fabricbench.statistics import median_interval, summarise
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


class _Figures(NamedTuple):
    """One record's summary and rates, stored or recomputed."""

    record: Record
    summary: Summary
    rates: Mapping[RateKey, float]
    bound: Bound | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One case over all its launches."""

    case: Case
    launches: tuple[_Figures, ...]

    def times_s(self) -> list[float]:
        """Launch medians, of the launches that have one."""
        return [one.summary.median_s for one in self.launches if one.summary.median_s is not None]

    def time_s(self) -> float | None:
        """Median of the launch medians."""
        return _middle(self.times_s())

    def p99_s(self) -> float | None:
        """Median of the launches' p99, where they stored one."""
        return _middle(one.summary.p99_s for one in self.launches)

    def rate(self, key: RateKey) -> float | None:
        """Median over launches, where the operation has such a rate."""
        return _middle(one.rates.get(key) for one in self.launches)

    def host_sum(self, key: RateKey) -> float | None:
        """Rate of all ranks of a host together, where each rank works on its own."""
        sharing = ranks_a_host(self.launches[0].record)
        rate = self.rate(key)
        if rate is None or sharing is None or family(self.case) not in ("compute", "memory"):
            return None
        return rate * sharing

    def spread(self) -> float | None:
        """Half the interval of a launch's own median, relative to it; median over launches."""
        return _middle(_half_width(one.summary) for one in self.launches)

    def wrong(self) -> int | None:
        """Wrong elements over all launches; none where nothing was checked."""
        checks = [one.record.check for one in self.launches]
        judged = [check.wrong for check in checks if check.status in ("ok", "wrong")]
        return sum(judged) if judged else None

    def bounds(self) -> list[Bound]:
        """The tightest bound of every launch that has one."""
        return [one.bound for one in self.launches if one.bound is not None]


def page(result: Result, *, recompute: bool) -> Page:
    """All tables of one run. recompute: from samples alone, whatever summaries are stored."""
    by_case: dict[tuple[object, ...], list[_Figures]] = {}
    ceilings = _by_launch(result.ceilings)
    for record in result.records:
        figures = _figures(record, ceilings.get(record.launch, ()), recompute)
        by_case.setdefault(record.case.key(), []).append(figures)
    rows = [_Row(case=found[0].record.case, launches=tuple(found)) for found in by_case.values()]
    common = {name: found for name, found in _conditions(rows).items() if len(found) == 1}
    return Page(
        alarms=alarms(result),
        facts=(*facts(result), *([("how", _said(common))] if common else [])),
        tables=tuple(_table(title, members, common) for title, members in grouped(rows, lambda row: row.case)),
    )


def _by_launch(ceilings: Iterable[Ceiling]) -> dict[int, list[Ceiling]]:
    found: dict[int, list[Ceiling]] = {}
    for ceiling in ceilings:
        found.setdefault(ceiling.launch, []).append(ceiling)
    return found


def _figures(record: Record, ceilings: Sequence[Ceiling], recompute: bool) -> _Figures:
    summary, rates = record.summary, record.rates
    if recompute and record.origin is None:
        summary = summarise(record.samples_s, record.excluded, record.case.cadence, summary.stop)
        rates = traffic.rates(tuple(rates), record.case, record.traffic, summary.median_s or 0.0)
    return _Figures(record, summary, rates, tightest(record, ceilings))


def _middle(values: Iterable[float | None]) -> float | None:
    """Median of the values that exist."""
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _half_width(summary: Summary) -> float | None:
    if not summary.median_s or summary.low_s is None or summary.high_s is None:
        return None
    return (summary.high_s - summary.low_s) / (2 * summary.median_s)


def _table(
    title: str,
    members: Sequence[tuple[tuple[str, ...], _Row]],
    common: Mapping[str, set[str]],
) -> Table:
    rows = [row for _, row in members]
    columns, cells = _result_columns(rows)
    figures = [tuple(cell(row) for cell in cells) for row in rows]
    own = {name: found for name, found in _conditions(rows).items() if name not in common}
    how = [_said(own)] if own else []
    asked, shown = _shown_case_columns([cells for cells, _ in members])
    return Table(
        title=title,
        columns=(*asked, *columns),
        rows=tuple((*left, *right) for left, right in zip(shown, figures, strict=True)),
        notes=(*how, *_ceilings(rows), *_flags(rows), *_doubts(rows)),
    )


def _shown_case_columns(
    cells: Sequence[tuple[str, ...]],
) -> tuple[list[Column], list[tuple[str, ...]]]:
    """The columns of the case without those in which nothing is said."""
    kept = [index for index in range(len(CASE_COLUMNS)) if any(row[index] for row in cells)]
    return [CASE_COLUMNS[index] for index in kept], [tuple(row[index] for index in kept) for row in cells]


def _result_columns(rows: Sequence[_Row]) -> tuple[list[Column], list[Callable[[_Row], str]]]:
    """Columns and what each says of a row; none for a rate, p99 or ceiling that no row has."""
    scale, unit = time_unit(row.time_s() for row in rows)
    found: list[tuple[Column, Callable[[_Row], str]]] = [
        (Column(words=("time",), unit=unit), lambda row: _scaled(row.time_s(), scale)),
        (Column(words=("95 % of", "launches"), unit=unit), lambda row: _interval(row, scale)),
        (
            Column(words=("spread in", "a launch"), unit="+-%"),
            lambda row: _scaled(row.spread(), 0.01, 2),
        ),
    ]
    if any(row.p99_s() is not None for row in rows):
        found.append((Column(words=("p99",), unit=unit), lambda row: _scaled(row.p99_s(), scale)))
    for key in RATES:
        if any(row.rate(key) is not None for row in rows):
            found.append(_rate_column(key))
        if any(row.host_sum(key) not in (None, row.rate(key)) for row in rows):
            found.append(_host_column(key))
    found.append((Column(words=("#wrong",)), _wrong))
    if any(row.bounds() for row in rows):
        found.append((Column(words=("of", "ceiling"), unit="%"), _share))
    return [column for column, _ in found], [cell for _, cell in found]


def _rate_column(key: RateKey) -> tuple[Column, Callable[[_Row], str]]:
    scale, unit = RATES[key]
    return Column(words=(key,), unit=unit), lambda row: _scaled(row.rate(key), scale)


def _host_column(key: RateKey) -> tuple[Column, Callable[[_Row], str]]:
    scale, unit = RATES[key]
    return Column(words=("host's", "sum"), unit=unit), lambda row: _scaled(row.host_sum(key), scale)


def _scaled(value: float | None, scale: float, digits: int = 3) -> str:
    return number_text(None if value is None else value / scale, digits)


def _interval(row: _Row, scale: float) -> str:
    """Interval of the figure over launches; the number of launches where there are too few."""
    times = row.times_s()
    if not times:
        return ABSENT
    if len(times) < FEWEST_FOR_INTERVAL:
        return f"{len(times)} launch{'es' if len(times) > 1 else ''}"
    _, low, high = median_interval(times)
    return f"{_scaled(low, scale)}-{_scaled(high, scale)}"


def _wrong(row: _Row) -> str:
    wrong = row.wrong()
    return ABSENT if wrong is None else str(wrong)


def _share(row: _Row) -> str:
    """Percent of the ceiling; a share too small for the column is said to be small, not 0."""
    ratio = _middle(bound.ratio for bound in row.bounds())
    if ratio is None:
        return ABSENT
    return f"{100 * ratio:.1f}" if ratio >= 0.001 else "<0.1"  # noqa: PLR2004 - 0.1 %


def _conditions(rows: Sequence[_Row]) -> dict[str, set[str]]:
    """How rows were measured: the values that each condition takes."""
    records = [one.record for row in rows for one in row.launches]
    names = [name for name in Conditions.__struct_fields__ if name != "flags"]
    found = {name: {str(getattr(one.conditions, name)) for one in records} for name in names}
    return {"time": {record.time for record in records}, **found} if records else {}


def _said(conditions: Mapping[str, set[str]]) -> str:
    return "; ".join(f"{name} {' or '.join(sorted(found))}" for name, found in conditions.items())


def _ceilings(rows: Sequence[_Row]) -> list[str]:
    """What 100 % is, with its source: the middle value where launches differ."""
    kinds: dict[tuple[str, ...], list[Ceiling]] = {}
    for row in rows:
        for bound in row.bounds():
            one = bound.ceiling
            kinds.setdefault((one.resource, one.scope, one.nature, one.source), []).append(one)
    ordered = (sorted(found, key=lambda one: one.value) for found in kinds.values())
    return [f"100 % is {ceiling_text(found[len(found) // 2])}" for found in ordered]


def _flags(rows: Sequence[_Row]) -> list[str]:
    notes = []
    for flag, (meaning, remedy) in FLAGS.items():
        cases = [row.case for row in rows if any(flag in one.record.conditions.flags for one in row.launches)]
        if cases:
            notes.append(f"{flag}, {row_names(cases, len(rows))}: {meaning} {remedy}")
    return notes


def _doubts(rows: Sequence[_Row]) -> list[str]:
    """Reasons to read rows with care, said once for all rows that share one."""
    found: dict[tuple[str, str], dict[int, str]] = {}
    for index, row in enumerate(rows):
        for one in row.launches:
            joined = [one.bound.doubt] if one.bound and one.bound.doubt else []
            for doubt in (*one.record.doubts, *joined):
                found.setdefault((doubt.code, doubt.remedy), {}).setdefault(index, doubt.text)
    return [
        f"{code}, {row_names([rows[i].case for i in texts], len(rows))}: {next(iter(texts.values()))} {remedy}".rstrip()
        for (code, remedy), texts in found.items()
    ]

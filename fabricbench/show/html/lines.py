"""Rows of a table -> its charts: the time, and the rate that says most, over message size."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fabricbench.judge.bounds import ceiling_text, level
from fabricbench.model import Case, Ceiling, Conditions, RateKey
from fabricbench.quantity import size_text
from fabricbench.show.cases import Group
from fabricbench.show.html.figures import MOST_LINES, Axis, Chart, Level, Line, Point, lines_of, over_size
from fabricbench.show.html.texts import counted
from fabricbench.show.results import FEWEST_FOR_INTERVAL, RATES, interval_text, scaled_text
from fabricbench.show.rows import Figures, Row
from fabricbench.show.table import number_text, time_unit
from fabricbench.statistics import median_interval

TELLING: tuple[RateKey, ...] = ("busbw", "bandwidth", "flops", "messages", "algbw")
"""Rates, what says most first: one of them is drawn."""
MOST_LAUNCHES = 1000
"""Launches of a chart that are drawn one by one."""
LEAST_SIZES = 2
"""Sizes that make a line."""

OPEN = "Open marks are streaming, filled ones isolated: both are times of one operation, taken in two ways."
BAND = "The band is the 95 % interval of the median over launches"
SPREAD = "the band is the spread within a launch, which says nothing about the next launch"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Metric:
    """What is drawn: the figure of a row and of one launch of it in plain units, its axis, and the file."""

    path: str
    key: RateKey | str
    axis: Axis
    scale: float
    of: Callable[[Figures], float | None]
    middle: Callable[[Row], float | None]


def charts(group: Group[Row], path: str) -> list[Chart]:
    """One chart of times and one of rates; none where there is only one size, because a point is no line.

    path: the file that the rows are of.
    """
    rows = [row for row in group.items if row.case.nbytes]
    drawn = [row for row in rows if _drawn(row)]
    if len({row.case.nbytes for row in drawn}) < LEAST_SIZES:
        return []
    left_out = _left_out(group.items)
    return [_chart(group, rows, metric, left_out) for metric in _metrics(drawn, path)]


def names(cases: Sequence[Case], more: Sequence[str]) -> list[str]:
    """What each row's line is called: what tells it from the others, its size and cadence apart.

    more: what is said of each row beside its case, such as who printed it.
    """
    asked = [_asked(case, text) for case, text in zip(cases, more, strict=True)]
    keys = list(dict.fromkeys(key for one in asked for key in one))
    differing = [key for key in keys if len({one.get(key, "") for one in asked}) > 1]
    said = (" ".join(one[key] for key in differing if one.get(key)) for one in asked)
    return [text or case.variant for text, case in zip(said, cases, strict=True)]


def few_lines(lines: Sequence[Line]) -> tuple[list[Line], list[str]]:
    """As many lines as can be told apart, and a sentence where that is not all of them."""
    kept = list(lines[:MOST_LINES])
    more = len(lines) - len(kept)
    said = f"{len(kept)} of {len(lines)} lines are drawn, the first of the table; all rows stand in the table."
    return kept, [said] if more else []


def by_line(cases: Sequence[Case], called: Sequence[str]) -> Mapping[str, list[int]]:
    """Numbers of the rows of each line, by growing size."""
    found: dict[str, list[int]] = {}
    for number in sorted(range(len(cases)), key=lambda number: cases[number].nbytes):
        found.setdefault(called[number], []).append(number)
    return {name: found[name] for name in dict.fromkeys(called)}  # lines in the order of the table


def filled(case: Case) -> bool:
    """Whether the mark of a row is a filled one."""
    return case.cadence == "isolated"


def sized(case: Case) -> str:
    """The size of a row with its unit."""
    text = size_text(case.nbytes)
    return text if text.endswith("B") else f"{text} B"


def _unfit(row: Row) -> bool:
    """Whether the figures of a row are wrong or impossible, so that they are no curve of anything."""
    wrong = any(one.record.check.status == "wrong" for one in row.launches)
    return wrong or any(bound.invalid for bound in row.bounds())


def _drawn(row: Row) -> bool:
    return bool(row.time_s()) and not _unfit(row)


def _left_out(rows: Sequence[Row]) -> list[str]:
    """What is not drawn, and why; a line has a gap there."""
    counts = {
        "without a size": sum(not row.case.nbytes for row in rows),
        "not measured": sum(not row.time_s() for row in rows),
        "wrong or impossible": sum(map(_unfit, rows)),
    }
    return [f"Not drawn: {counted(count, 'row')} {why}." for why, count in counts.items() if count]


def _metrics(rows: Sequence[Row], path: str) -> list[_Metric]:
    scale, unit = time_unit(row.time_s() for row in rows)
    time = _Metric(
        path=path, key="time", axis=Axis(name="time", unit=unit), scale=scale, of=lambda one: one.summary.median_s,
        middle=lambda row: row.time_s(),
    )  # fmt: skip
    telling = next((key for key in TELLING if any(row.rate(key) for row in rows)), None)
    return [time] if telling is None else [time, _rate(telling, path)]


def _rate(key: RateKey, path: str) -> _Metric:
    scale, unit = RATES[key]
    return _Metric(
        path=path, key=key, axis=Axis(name=key, unit=unit), scale=scale, of=lambda one: one.rates.get(key),
        middle=lambda row: row.rate(key),
    )  # fmt: skip


def _chart(group: Group[Row], rows: Sequence[Row], metric: _Metric, left_out: Sequence[str]) -> Chart:
    cases = [row.case for row in rows]
    called = names(cases, [row.source() or "" for row in rows])
    launches = sum(len(row.launches) for row in rows if len(row.launches) > 1)
    single = launches <= MOST_LAUNCHES
    lines = [
        line
        for number, (name, members) in enumerate(by_line(cases, called).items())
        for line in lines_of(name, number, number, [_point(rows[one], metric, single=single) for one in members])
    ]
    kept, cut = few_lines(lines)
    several = [] if single else [f"{launches} launches are too many to draw one by one: only their medians are drawn."]
    return Chart(
        caption=f"{metric.axis.name} over size: {group.title}",
        said=(*left_out, *cut, *several, *_how([row for row in rows if _drawn(row)])),
        figure=over_size(kept, _levels(rows, metric), metric.axis),
    )


def _how(rows: Sequence[Row]) -> list[str]:
    """What marks and bands are."""
    said = [OPEN] if len({row.case.cadence for row in rows}) > 1 else []
    own = [len(row.times_s()) for row in rows if row.source() is None]
    many = any(count >= FEWEST_FOR_INTERVAL for count in own)
    few = any(count < FEWEST_FOR_INTERVAL for count in own)
    if many:
        said.append(f"{BAND}{f'; of fewer than {FEWEST_FOR_INTERVAL} {SPREAD}' if few else ''}.")
    elif few:
        said.append(f"{SPREAD[0].upper()}{SPREAD[1:]}.")
    return said


def _point(row: Row, metric: _Metric, *, single: bool) -> Point:
    """The median over launches with its interval; of few launches with the spread within one, as in the table."""
    value = metric.middle(row)
    if not value or not _drawn(row):
        return Point(nbytes=row.case.nbytes, filled=filled(row.case))
    known = [(one, figure) for one in row.launches if (figure := metric.of(one)) is not None]
    low, high = _interval(row, [figure for _, figure in known], value)
    return Point(
        nbytes=row.case.nbytes,
        value=value / metric.scale,
        low=None if low is None else low / metric.scale,
        high=None if high is None else high / metric.scale,
        filled=filled(row.case),
        said=_said(row, metric, value),
        launches=tuple(
            (figure / metric.scale, f"launch {one.record.launch}: {_figure(figure, metric)}")
            for one, figure in known
            if single and len(known) > 1
        ),
    )


def _interval(row: Row, figures: Sequence[float], value: float) -> tuple[float | None, float | None]:
    if len(figures) >= FEWEST_FOR_INTERVAL:
        return median_interval(figures)[1:]
    spread = row.spread()
    if spread is None or spread >= 1:  # a logarithmic axis has no place for what reaches down to 0
        return None, None
    return value * (1 - spread), value * (1 + spread)


def _said(row: Row, metric: _Metric, value: float) -> tuple[str, ...]:
    """What stands in the box over a point."""
    origin = row.launches[0].record.origin
    flags = sorted({flag for one in row.launches for flag in one.record.conditions.flags})
    return (
        f"{sized(row.case)}: {_figure(value, metric)}",
        _sure(row),
        row.case.text(),
        _conditions(row) if origin is None else f"{origin.file}, line {origin.line}",
        *([f"flags: {', '.join(flags)}"] if flags else []),
        metric.path,
    )


def _conditions(row: Row) -> str:
    """Every condition but the flags, as each of its launches had it."""
    records = [one.record for one in row.launches]
    found: dict[str, list[str]] = {
        "time": [record.time for record in records],
        **{
            name: [str(getattr(record.conditions, name)) for record in records]
            for name in Conditions.__struct_fields__
            if name != "flags"
        },
    }
    return ", ".join(f"{name} {' and '.join(dict.fromkeys(values))}" for name, values in found.items())


def _sure(row: Row) -> str:
    """How many samples and launches, and their interval."""
    source = row.source()
    if source is not None:
        return source
    counts = sorted({one.summary.n or 0 for one in row.launches})
    samples = "-".join(dict.fromkeys(map(str, (counts[0], counts[-1]))))
    launches = len(row.times_s())
    if launches >= FEWEST_FOR_INTERVAL:
        scale, unit = time_unit([row.time_s()])
        return f"n {samples} samples in each of {launches} launches, 95 % {interval_text(row, scale)} {unit}"
    several = f"each of {launches} launches" if launches > 1 else "1 launch"
    return f"n {samples} samples in {several}, +-{scaled_text(row.spread(), 0.01, 2)} % within one"


def _figure(value: float, metric: _Metric) -> str:
    return f"{metric.axis.name} {number_text(value / metric.scale)} {metric.axis.unit}"


def _levels(rows: Sequence[Row], metric: _Metric) -> list[Level]:
    """Ceilings that figures of this kind are held against, over the sizes that are: the middle one of all launches."""
    kinds: dict[tuple[str, ...], list[tuple[float, int, Ceiling]]] = {}
    for row in rows:
        for one in row.launches:
            found = None if one.bound is None else level(one.record, one.bound.ceiling)
            if one.bound is not None and found is not None and found[0] == metric.key:
                ceiling = one.bound.ceiling
                kind = (ceiling.resource, ceiling.scope, ceiling.nature, ceiling.source)
                kinds.setdefault(kind, []).append((found[1], row.case.nbytes, ceiling))
    return [_line(members, metric) for members in kinds.values()]


def _line(members: Sequence[tuple[float, int, Ceiling]], metric: _Metric) -> Level:
    value, _, ceiling = sorted(members, key=lambda one: one[0])[len(members) // 2]
    sizes = [nbytes for _, nbytes, _ in members]
    return Level(
        name=f"100 %, {ceiling.nature} {ceiling.resource}", said=(ceiling_text(ceiling),),
        value=value / metric.scale, first=min(sizes), last=max(sizes),
    )  # fmt: skip


def _asked(case: Case, more: str) -> dict[str, str]:
    place = {"in-place": "in-place"} if case.in_place else {}
    params = {f"param {name}": f"{name}={value}" for name, value in case.params.items()}
    return {"variant": case.variant, "type": case.dtype, **place, **params, "more": more}

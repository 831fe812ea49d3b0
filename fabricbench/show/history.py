"""A history -> its page: the course of every series in one line, then what changed, the newest first."""

from collections.abc import Sequence

from fabricbench.judge.divisive import LEVEL
from fabricbench.judge.history import Change, History, Series, course
from fabricbench.judge.rule import FEWEST
from fabricbench.quantity import percent_text
from fabricbench.show.cases import Group, grouped
from fabricbench.show.columns import direction, figure_unit
from fabricbench.show.table import ABSENT, Column, Page, Table, number_text

LEVELS = "_.-=+*#"
"""Heights of the course, lowest first."""
LONGEST = 40
"""Points that a course shows: the newest."""

CHANGES = (
    Column(words=("since",), align="left"),
    Column(words=("change",), unit="%"),
    Column(words=("95 %",), unit="%"),
    Column(words=("it is",), align="left"),
    Column(words=("row",), align="left"),
)


def page(history: History) -> Page:
    """Courses by operation, and the list of changes."""
    tables = grouped(history.series, lambda series: series.case)
    changes = _changes(history)
    return Page(
        alarms=history.notes,
        facts=(
            ("history", f"{history.metric}, {direction(history.metric)}; the newest result is {history.newest}"),
            *([("how", "; ".join(tables.shared))] if tables.shared else []),
        ),
        tables=(*(_table(group, history) for group in tables.groups), *([changes] if changes.rows else [])),
        notes=_notes(history, len(changes.rows)),
    )


def _table(group: Group[Series], history: History) -> Table:
    series = group.items
    scale, unit = figure_unit(history.metric, (point.value for one in series for point in one.points))
    apart = any(one.where for one in series)
    return Table(
        title=group.title,
        block=group.family,
        columns=(
            *group.columns,
            *([Column(words=("series",), align="left")] if apart else []),
            Column(words=("points",)),
            Column(words=("first",), unit=unit),
            Column(words=("now",), unit=unit),
            Column(words=("now over", "first")),
            Column(words=("course, | where it changes",), align="left"),
        ),
        rows=tuple(
            (*left, *([one.where] if apart else []), *_cells(one, scale))
            for left, one in zip(group.cells, series, strict=True)
        ),
    )


def _cells(series: Series, scale: float) -> tuple[str, ...]:
    first, now = series.points[0].value, series.points[-1].value
    return (
        str(len(series.points)),
        number_text(first / scale),
        number_text(now / scale),
        ABSENT if len(series.points) < 2 else f"{now / first:.3f}",  # noqa: PLR2004 - one point has no course
        sparkline(series),
    )


def sparkline(series: Series) -> str:
    """One character a point, `|` before one with which a new level begins; only the newest where there are many."""
    shown = series.points[-LONGEST:]
    low, high = min(point.value for point in shown), max(point.value for point in shown)
    # Less than the margin of an alternated comparison is drawn flat: noise is no mountain.
    span = max(high - low, 0.05 * high)
    parts = []
    for part in course(series):
        kept = [point for point in part if point in shown]
        parts.append("".join(LEVELS[min(len(LEVELS) - 1, int((p.value - low) / span * len(LEVELS)))] for p in kept))
    return "|".join(part for part in parts if part)


def _changes(history: History) -> Table:
    found = [(change, series) for series in history.series for change in series.changes]
    found.sort(key=lambda one: one[1].points[one[0].point].started, reverse=True)
    return Table(
        title=f"changes of more than {percent_text(history.margin)}, the newest first",
        columns=CHANGES,
        rows=tuple(_change(change, series) for change, series in found),
    )


def _change(change: Change, series: Series) -> tuple[str, ...]:
    verdict = f"{'worse' if change.worse else 'better'}{', new' if change.news else ''}"
    low, high = change.low - 1, change.high - 1
    return (
        change.since,
        f"{100 * (change.ratio - 1):+.1f}",
        f"{100 * low:+.1f} to {100 * high:+.1f}",
        verdict,
        f"{series.name}{f', {series.where}' if series.where else ''}{'' if series.gated else ' (not gated)'}",
    )


def _notes(history: History, changes: int) -> tuple[str, ...]:
    short = sum(len(launches(one)) < 2 * FEWEST for one in history.series)
    total = len(history.series)
    return (
        *([f"{short} of {total} series have fewer than {2 * FEWEST} launches, too few for a change."] if short else []),
        *([f"No change in {total} series."] if not changes else []),
        f"A change takes {FEWEST} launches on each side, p <= {LEVEL:g} in its series and more than "
        f"{percent_text(history.margin)}; 'new': the newest result is what shows it.",
    )


def launches(series: Series) -> Sequence[float]:
    """The figures of all launches of a series."""
    return [figure for point in series.points for figure in point.launches]

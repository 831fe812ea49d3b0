"""A comparison -> its page: absolutes beside every ratio, and a reason for every verdict."""

from collections import Counter
from collections.abc import Sequence

from fabricbench.judge.compare import Comparison, Row
from fabricbench.judge.rule import Verdict
from fabricbench.quantity import percent_text
from fabricbench.show.cases import CASE_COLUMNS, grouped, row_names
from fabricbench.show.table import ABSENT, Column, Page, Table, number_text, time_unit

ORDER: tuple[Verdict, ...] = ("worse", "better", "same", "unclear", "missing", "unlike")

_HIDDEN = "count"


def page(comparison: Comparison) -> Page:
    """All rows, grouped as in the tables of a result, and the count of verdicts."""
    tables = [_table(title, members) for title, members in grouped(comparison.rows, lambda row: row.case)]
    return Page(
        alarms=comparison.notes,
        facts=(("base", comparison.base), ("new", comparison.new)),
        tables=tuple(tables),
        notes=(_counts(comparison.rows), *_gate(comparison.rows)),
    )


def _counts(rows: Sequence[Row]) -> str:
    found = Counter(row.verdict for row in rows)
    said = ", ".join(f"{found[verdict]} {verdict}" for verdict in ORDER if found[verdict])
    return f"{len(rows)} row{'s' if len(rows) > 1 else ''}: {said}."


def _gate(rows: Sequence[Row]) -> list[str]:
    gated = sum(row.gated for row in rows)
    return [f"{gated} of them decide the exit status."] if gated < len(rows) else []


def _table(title: str, members: Sequence[tuple[tuple[str, ...], Row]]) -> Table:
    rows = [row for _, row in members]
    scale, unit = time_unit(value for row in rows for value in (row.base_s, row.new_s))
    kept = [
        index
        for index, column in enumerate(CASE_COLUMNS)
        if _HIDDEN not in column.words and any(cells[index] for cells, _ in members)
    ]
    return Table(
        title=title,
        columns=(*(CASE_COLUMNS[index] for index in kept), *_columns(unit)),
        rows=tuple((*(cells[index] for index in kept), *_cells(row, scale)) for cells, row in members),
        notes=tuple(_reasons(rows)),
    )


def _columns(unit: str) -> tuple[Column, ...]:
    return (
        Column(words=("base",), unit=unit),
        Column(words=("new",), unit=unit),
        Column(words=("ratio",)),
        Column(words=("95 %",)),
        Column(words=("would", "see"), unit="%"),
        Column(words=("launches",)),
        Column(words=("launch", "spread"), unit="%"),
        Column(words=("verdict",), align="left"),
    )


def _cells(row: Row, scale: float) -> tuple[str, ...]:
    return (
        *(number_text(value and value / scale) for value in (row.base_s, row.new_s)),
        ABSENT if row.ratio is None else f"{row.ratio:.3f}",
        ABSENT if row.low is None or row.high is None else f"{row.low:.2f}-{row.high:.2f}",
        _percent(row.detectable),
        f"{row.base_launches}+{row.new_launches}",
        f"{_percent(row.base_spread)}/{_percent(row.new_spread)}",
        row.verdict,
    )


def _percent(share: float | None) -> str:
    return ABSENT if share is None else f"{100 * share:.0f}"


def _reasons(rows: Sequence[Row]) -> list[str]:
    """One line for all rows of a verdict that have the same reason; flags stand beside it."""
    lines: dict[tuple[str, str, tuple[str, ...]], list[Row]] = {}
    for row in rows:
        lines.setdefault((row.verdict, row.reason, row.flags), []).append(row)
    ordered = sorted(lines.items(), key=lambda line: ORDER.index(line[0][0]))
    notes = []
    for (verdict, reason, flags), members in ordered:
        names = row_names([row.case for row in members], len(rows))
        shown = f" Flags: {', '.join(flags)}." if flags else ""
        notes.append(f"{verdict}, {names}: {reason}{shown}")
    margins = sorted({percent_text(row.margin) for row in rows})
    return [*notes, f"margin {' or '.join(margins)}; 'would see': smallest slowdown called worse"]

"""A calibration -> a page: false alarms, power, and both row by row."""

from fabricbench.judge.calibration import FACTOR, Calibration, RowResult
from fabricbench.quantity import percent_text
from fabricbench.show.table import ABSENT, Column, Page, Table

COLUMNS = (
    Column(words=("row",), align="left"),
    Column(words=("5-95 % of", "launches"), unit="%"),
    Column(words=("would", "see"), unit="%"),
    Column(words=("false",)),
    Column(words=("slowed", "found")),
)


def page(calibration: Calibration) -> Page:
    """Counts with exact 95 % intervals, and what each row contributes."""
    slower = percent_text(FACTOR - 1)
    facts = (
        ("false alarms", _share(calibration.alarmed, calibration.tables, calibration.alarmed_interval, "tables")),
        (f"+{slower} found", _share(calibration.found, calibration.slowed, calibration.found_interval, "slowed rows")),
        ("rows that count", f"{calibration.eligible} of {len(calibration.rows)}: they would see less than {slower}"),
    )
    notes = (
        "false: tables of unchanged launches, 5 + 5, that call the row worse. would see: median over those tables of "
        f"the smallest slowdown the rule calls worse. slowed found: tables in which the row was slowed by {slower}.",
    )
    rows = tuple(_cells(row, calibration.tables) for row in calibration.rows)
    return Page(alarms=(), facts=facts, tables=(Table(title="by row", columns=COLUMNS, rows=rows, notes=notes),))


def _share(count: int, trials: int, interval: tuple[float, float], what: str) -> str:
    low, high = (percent_text(end) for end in interval)
    return f"{count} of {trials} {what}; 95 % interval {low} to {high}"


def _cells(row: RowResult, tables: int) -> tuple[str, ...]:
    seen = ABSENT if row.detectable is None else f"{100 * row.detectable:.0f}"
    found = f"{row.found}/{row.slowed}" if row.slowed else ABSENT
    return row.row, f"{100 * row.spread:.0f}", seen, f"{row.false}/{tables}", found

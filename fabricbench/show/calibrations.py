"""A calibration -> pages: false alarms, power, both row by row, and how often the rule errs by way of counting."""

from collections.abc import Sequence

from fabricbench.judge.calibration import FACTOR, Calibration, RowResult
from fabricbench.judge.experiments import QUIET, Count, Experiments, Kind, Power
from fabricbench.judge.sequential import LOOKS
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


KINDS: dict[Kind, str] = {
    "disjoint": "each launch used once; exact 95 % interval",
    "drawn": "the same launches drawn again and again; the interval tells of the drawing alone",
    "synthetic": "launches of different times in one table, or random numbers",
}
COUNTS = (
    Column(words=("what",), align="left"),
    Column(words=("found",)),
    Column(words=("of",)),
    Column(words=("",), align="left"),
    Column(words=("share",), unit="%"),
    Column(words=("95 %",), unit="%"),
)
POWERS = (
    Column(words=("slowed",), unit="%"),
    Column(words=("rows",)),
    Column(words=("found",)),
    Column(words=("of",)),
    Column(words=("share",), unit="%"),
    Column(words=("95 %",), unit="%"),
    Column(words=("called", "same")),
    Column(words=("launches", "a side")),
)


def experiments(found: Experiments) -> Page:
    """Every count by its kind, and the power of `ab`."""
    tables = tuple(counts([count for count in found.counts if count.kind == kind], kind) for kind in KINDS)
    power = Table(
        title=f"power of `ab`: one row of the new side slowed, in turn each that would see {percent_text(QUIET)} or "
        "less, drawn as above",
        columns=POWERS,
        rows=tuple(_power(one) for one in found.power),
    )
    seen = Table(
        title=f"what `ab` would see at its last look, {LOOKS[-1]} + {LOOKS[-1]}: median over disjoint series",
        columns=(Column(words=("row",), align="left"), Column(words=("would", "see"), unit="%")),
        rows=tuple((row, f"{100 * effect:.1f}") for row, effect in found.detectable.items()),
    )
    return Page(alarms=(), facts=(), tables=(*tables, seen, power))


def counts(found: Sequence[Count], kind: Kind) -> Table:
    """Counts of one kind."""
    rows = tuple((one.what, str(one.found), str(one.trials), one.of, *_rate(one)) for one in found)
    return Table(title=f"{kind}: {KINDS[kind]}", columns=COUNTS, rows=rows)


def _power(one: Power) -> tuple[str, ...]:
    slowed = f"{100 * (one.factor - 1):.0f}"
    return slowed, str(one.rows), str(one.found), str(one.trials), *_rate(one), str(one.same), f"{one.launches:.1f}"


def _rate(one: Count | Power) -> tuple[str, str]:
    low, high = one.interval
    return f"{100 * one.found / one.trials:.1f}" if one.trials else ABSENT, f"{100 * low:.1f}-{100 * high:.1f}"

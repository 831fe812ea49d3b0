"""A comparison -> its page: absolutes beside every ratio, and a reason for every verdict."""

from collections import Counter
from collections.abc import Sequence

from fabricbench.judge.compare import Comparison, Row
from fabricbench.judge.gates import P99
from fabricbench.judge.rule import Verdict
from fabricbench.quantity import percent_text
from fabricbench.show.cases import Group, grouped
from fabricbench.show.notes import Note, at_end, under
from fabricbench.show.table import ABSENT, Column, Page, Table, number_text, time_unit

ORDER: tuple[Verdict, ...] = ("worse", "better", "same", "unclear", "missing", "unlike")


def page(comparison: Comparison) -> Page:
    """All rows, grouped as in the tables of a result, and the count of verdicts; rows by p99 after those by time."""
    times, shared, endings = _section(comparison.rows, "")
    tails, _, tail_endings = _section(comparison.tails, f"{P99} ")
    return Page(
        alarms=comparison.notes,
        facts=(
            *([("across", comparison.across)] if comparison.across else []),
            ("base", comparison.base),
            ("new", comparison.new),
            *([("how", "; ".join(shared))] if shared else []),
        ),
        tables=(*times, *tails),
        notes=(*endings, *tail_endings, *_gate((*comparison.rows, *comparison.tails))),
    )


def _section(rows: Sequence[Row], of: str) -> tuple[tuple[Table, ...], tuple[str, ...], tuple[str, ...]]:
    """Tables of the rows of one metric, what all of these share, and what is said of them at the end.

    of: begins every title and note where the metric is not the time.
    """
    if not rows:
        return (), (), ()
    tables = grouped(rows, lambda row: row.case)
    notes = _reasons(rows, of)
    said = (*at_end(notes, tables), _margins(rows, of), _counts(rows, of))
    return tuple(_table(group, under(group, notes, tables), of) for group in tables.groups), tables.shared, said


def _counts(rows: Sequence[Row], of: str) -> str:
    found = Counter(row.verdict for row in rows)
    said = ", ".join(f"{found[verdict]} {verdict}" for verdict in ORDER if found[verdict])
    return f"{len(rows)} row{'s' if len(rows) > 1 else ''}{f' by {of}'.rstrip() if of else ''}: {said}."


def _gate(rows: Sequence[Row]) -> list[str]:
    gated = sum(row.gated for row in rows)
    return [f"{gated} of these {len(rows)} decide the exit status."] if gated < len(rows) else []


def _table(group: Group[Row], notes: tuple[str, ...], of: str) -> Table:
    rows = group.items
    scale, unit = time_unit(value for row in rows for value in (row.base_s, row.new_s))
    return Table(
        title=f"{of}{group.title}",
        block=f"{of}{group.family}",
        columns=(*group.columns, *_columns(unit)),
        rows=tuple((*left, *_cells(row, scale)) for left, row in zip(group.cells, rows, strict=True)),
        notes=notes,
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


def _margins(rows: Sequence[Row], of: str) -> str:
    margins = " or ".join(sorted({percent_text(row.margin) for row in rows}))
    if of:
        return f"margin of {of}{margins}: wider, because a hundredth of the samples decides it"
    return f"margin {margins}; 'would see': smallest slowdown called worse"


def _reasons(rows: Sequence[Row], of: str) -> list[Note]:
    """One note for all rows of a verdict that have the same reason; flags stand beside it."""
    found: dict[tuple[Verdict, str, tuple[str, ...]], list[Row]] = {}
    for row in rows:
        found.setdefault((row.verdict, row.reason, row.flags), []).append(row)
    ordered = sorted(found.items(), key=lambda one: ORDER.index(one[0][0]))
    return [
        Note(
            head=f"{of}{verdict}",
            cases=tuple(row.case for row in members),
            text=f"{reason} Flags: {', '.join(flags)}." if flags else reason,
        )
        for (verdict, reason, flags), members in ordered
    ]

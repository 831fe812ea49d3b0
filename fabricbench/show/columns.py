"""Results side by side -> their page: every column's figure, and its ratio over the first where there is one."""

from collections.abc import Iterable, Sequence

from fabricbench.judge.columns import Cell, Columns, Line, Section
from fabricbench.judge.metric import TIMES, Metric
from fabricbench.judge.rule import FEWEST
from fabricbench.show.cases import Group, grouped
from fabricbench.show.notes import Note, at_end, under
from fabricbench.show.results import RATES
from fabricbench.show.table import ABSENT, Column, Page, Table, number_text, time_unit


def page(columns: Columns) -> Page:
    """One table an operation, a column and a ratio a file or level."""
    tables: list[Table] = []
    notes: list[str] = []
    shared: dict[str, None] = {}
    for section in columns.sections:
        found, said = _section(section, columns)
        tables += found
        notes += said
        shared.update(dict.fromkeys(grouped(section.lines, lambda line: line.case).shared))
    across = f"across {columns.across}{_brought(columns.brings)}" if columns.across else "files"
    cells = [cell for section in columns.sections for line in section.lines for cell in line.cells]
    return Page(
        alarms=columns.notes,
        facts=(
            ("columns", f"{across}: {columns.metric}, {direction(columns.metric)}"),
            *_sources(columns),
            *([("how", "; ".join(shared))] if len(columns.sections) == 1 and shared else []),
        ),
        tables=tuple(tables),
        notes=(*notes, *_ending(cells)),
    )


def _sources(columns: Columns) -> Sequence[tuple[str, str]]:
    """Where columns came from; once where all came from the same launches."""
    if len({text for _, text in columns.sources}) == 1:
        return [("from", columns.sources[0][1])]
    return columns.sources


def direction(metric: Metric) -> str:
    """Which way is better."""
    return "less is better" if metric in TIMES else "more is better"


def figure_unit(metric: Metric, values: Iterable[float | None]) -> tuple[float, str]:
    """The unit of a column, and its name."""
    return next((unit for rate, unit in RATES.items() if rate == metric), None) or time_unit(values)


def _brought(brings: Sequence[str]) -> str:
    return f" (which may bring another {', '.join(brings)} with it)" if brings else ""


def _section(section: Section, columns: Columns) -> tuple[list[Table], tuple[str, ...]]:
    page = grouped(section.lines, lambda line: line.case)
    notes = _reasons(section)
    tables = [_table(group, section.labels, columns, under(group, notes, page)) for group in page.groups]
    return tables, at_end(notes, page)


def _table(group: Group[Line], labels: Sequence[str], columns: Columns, notes: tuple[str, ...]) -> Table:
    lines = group.items
    scale, unit = figure_unit(columns.metric, (cell.value for line in lines for cell in line.cells))
    certain = [any(line.cells[number].low is not None for line in lines) for number in range(len(labels))]
    heads: list[Column] = []
    for number, label in enumerate(labels):
        heads.append(Column(words=_words(label), unit=unit))
        heads += [Column(words=("ratio",))] if number else []
        heads += [Column(words=("95 %",))] if certain[number] else []
    return Table(
        title=f"{group.title}, across {columns.across}" if columns.across else group.title,
        block=group.family,
        columns=(*group.columns, *heads),
        rows=tuple(
            (*left, *(text for number, cell in enumerate(line.cells) for text in _cell(cell, number, scale, certain)))
            for left, line in zip(group.cells, lines, strict=True)
        ),
        notes=notes,
    )


def _words(label: str) -> tuple[str, ...]:
    """A label as lines of a head: every word its own, because width is short."""
    return tuple(label.split())


def _cell(cell: Cell, number: int, scale: float, certain: Sequence[bool]) -> list[str]:
    texts = [number_text(None if cell.value is None else cell.value / scale)]
    texts += [ABSENT if cell.ratio is None else f"{cell.ratio:.3f}"] if number else []
    if certain[number]:
        texts.append(ABSENT if cell.low is None or cell.high is None else f"{cell.low:.2f}-{cell.high:.2f}")
    return texts


def _reasons(section: Section) -> list[Note]:
    """Why rows have no ratio, and flags, once for all rows of a column that share it."""
    found: dict[tuple[str, str], list[Line]] = {}
    for line in section.lines:
        for label, cell in zip(section.labels, line.cells, strict=True):
            if cell.why:
                found.setdefault((f"no ratio of {label}", f"{cell.why}."), []).append(line)
        if flags := [flag for cell in line.cells for flag in cell.flags]:
            found.setdefault(("flags", f"{', '.join(flags)}."), []).append(line)
    return [
        Note(head=head, cases=tuple(line.case for line in lines), text=text) for (head, text), lines in found.items()
    ]


def _ending(cells: Sequence[Cell]) -> list[str]:
    few = any(cell.ratio is not None and cell.low is None for cell in cells)
    return [
        *([f"Ratios without an interval have fewer than {FEWEST} launches on a side."] if few else []),
        "Ratios are over the first column. For verdicts name two sides: compare A... --with B...",
    ]

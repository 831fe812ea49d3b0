"""Result files -> what a report of them says: verdicts first, then files side by side, then every run."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import PurePath

from fabricbench.errors import UsageError
from fabricbench.judge import sides
from fabricbench.judge.columns import Columns
from fabricbench.judge.columns import side_by_side as laid
from fabricbench.judge.compare import Comparison, compare
from fabricbench.judge.compare import Row as Judged
from fabricbench.judge.rule import MARGIN
from fabricbench.model import RateKey
from fabricbench.show import columns as columns_page
from fabricbench.show import results, verdicts
from fabricbench.show.cases import Group, grouped
from fabricbench.show.heading import facts
from fabricbench.show.html import answer, beside, lines, pairs
from fabricbench.show.html.figures import Chart
from fabricbench.show.html.render import Block, Part, Report, Said, Section
from fabricbench.show.rows import rows_of
from fabricbench.show.table import Page
from fabricbench.store import Result

File = Sequence[Result]
"""The runs of a file."""

MOST_POINTS = 20_000
"""Points of all charts of a page: a browser opens it in a second or two."""
UNDRAWN = f"Not drawn: a page has charts of {MOST_POINTS} points at most, and other tables have taken them."


def of(files: Sequence[File]) -> Report:
    """All that is to be said of some files.  Raises UsageError where they hold nothing."""
    runs = [run for file in files for run in file]
    if not any(run.records or run.rounds for run in runs):
        raise UsageError(
            f"{', '.join(dict.fromkeys(run.path for run in runs))} holds no rows.",
            "Give a file in which a case was measured.",
        )
    series, single = _series(files)
    said: list[Said] = []
    sections: list[Section] = []
    for number, members in enumerate(series, start=1):
        _add(sections, said, _judged(members, f"verdicts-{number}"))
    if len(single) > 1:
        _add(sections, said, _beside(single, "side-by-side"))
    left = MOST_POINTS
    for number, (run, name) in enumerate(zip(runs, _names(files), strict=True), start=1):
        section, sentences, left = _run(run, name, f"run-{number}", left)
        _add(sections, said, ([section], sentences))
    title = ", ".join(PurePath(file[0].path).name for file in files)
    return Report(title=f"fabricbench: {title}", answer=tuple(said), sections=tuple(sections))


def _add(sections: list[Section], said: list[Said], found: tuple[Sequence[Section], Sequence[Said]]) -> None:
    sections += found[0]
    said += found[1]


def _series(files: Sequence[File]) -> tuple[list[list[Result]], list[File]]:
    """Alternated series, each with both of its sides, and the files that are of none."""
    whole = [list(file) for file in files if sides.both(file)]
    rest = [file for file in files if not sides.both(file)]
    halves = [run for file in rest if _paired(file) for run in file]
    if not sides.both(halves):
        return whole, rest
    return [*whole, halves], [file for file in rest if not _paired(file)]


def _paired(file: File) -> bool:
    return any(launch.pairing is not None for run in file for launch in run.launches)


def _judged(runs: Sequence[Result], to: str) -> tuple[list[Section], list[Said]]:
    """The verdicts on an alternated series, or why there are none."""
    base, new = sides.split(runs)
    try:
        found = compare(base, new, margin=MARGIN)
    except UsageError as error:
        return [], [Said(kind="doubt", text=f"No verdicts: {error}")]
    charts = {group.title: beside.ratios(group, group.title) for group in _groups(found)}
    paths = ", ".join(dict.fromkeys(run.path for run in runs))
    return [_section(to, f"Verdicts: {paths}", verdicts.page(found), charts)], answer.of_comparison(found, to)


def _groups(found: Comparison) -> Iterable[Group[Judged]]:
    return grouped(found.rows, lambda row: row.case).groups


def _beside(files: Sequence[File], to: str) -> tuple[list[Section], list[Said]]:
    """Files as columns, or why they cannot be."""
    try:
        found = laid(files)
    except UsageError as error:
        return [], [Said(kind="doubt", text=f"Not side by side: {error}")]
    lined = [line for section in found.sections for line in section.lines]
    ratios = sum(any(cell.ratio is not None for cell in line.cells) for line in lined)
    text = f"{len(files)} files side by side: {ratios} of {len(lined)} rows have a ratio."
    said = [Said(kind="plain", text=text, to=to), *(Said(kind="doubt", text=note, to=to) for note in found.notes)]
    return [_section(to, "Side by side", columns_page.page(found), _side_charts(files, found))], said


def _side_charts(files: Sequence[File], found: Columns) -> dict[str, list[Chart]]:
    """Of each table the times, and the rate that says most of those that its rows have."""
    rates = {key: columns for key in lines.TELLING if (columns := _of_rate(files, key)) is not None}
    (section,) = found.sections
    charts = {}
    for group in grouped(section.lines, lambda line: line.case).groups:
        charts[group.title] = beside.side_by_side(group, section.labels, found, _cells(found))
        for columns in rates.values():
            if more := beside.side_by_side(group, section.labels, columns, _cells(columns)):
                charts[group.title] += more
                break
    return charts


def _of_rate(files: Sequence[File], key: RateKey) -> Columns | None:
    if not any(key in record.rates for file in files for run in file for record in run.records):
        return None
    return laid(files, metric=key)


def _cells(columns: Columns) -> beside.Cells:
    return {line.case.key(): line.cells for section in columns.sections for line in section.lines}


def _names(files: Sequence[File]) -> list[str]:
    """What runs are called: by their file, and where it holds several by their side of a series or their number."""
    found = []
    for file in files:
        for run in file:
            series = dict(facts(run)).get("series")
            more = [] if len(file) == 1 else [*([series] if series else []), f"run {run.run.id}"]
            found.append(", ".join([run.path, *more]))
    return found


def _run(run: Result, name: str, to: str, left: int) -> tuple[Section, list[Said], int]:
    """One run as `show` has it, with charts for as many points as are left; how many are left after it."""
    tables = grouped(rows_of(run, recompute=False), lambda row: row.case)
    charts: dict[str, list[Chart]] = {}
    undrawn: list[str] = []
    for group in tables.groups:
        wanted = lines.points(group)
        if wanted > left:
            undrawn.append(group.title)
            continue
        if found := lines.charts(group):
            charts[group.title] = found
            left -= wanted
    section = _section(to, name, results.page(run, recompute=False), charts, undrawn)
    said = answer.of_run(run, tables, name, to)
    if (rounds := pairs.pairs(run)) is not None:
        block = Block(id=f"{to}-pairs", title="pairs", parts=(pairs.part(rounds),))
        section = replace(section, blocks=(block, *section.blocks))
        said += pairs.said(rounds, block.id)
    return section, said, left


def _section(
    to: str, title: str, page: Page, charts: Mapping[str, Sequence[Chart]], undrawn: Sequence[str] = ()
) -> Section:
    blocks = []
    for number, (name, tables) in enumerate(groupby(page.tables, key=lambda table: table.block), start=1):
        parts = tuple(Part(table=table, charts=tuple(charts.get(table.title, ()))) for table in tables)
        blocks.append(Block(id=f"{to}-{number}", title=name or parts[0].table.title, parts=parts))
    notes = (*page.notes, *([f"{UNDRAWN} Tables without charts for that: {len(undrawn)}."] if undrawn else []))
    return Section(
        id=to, title=title, alarms=page.alarms, facts=page.facts, charts=(), blocks=tuple(blocks), notes=notes
    )

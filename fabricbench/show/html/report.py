"""Result files -> what a report of them says: verdicts first, then files side by side, then every run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import PurePath

from fabricbench.errors import UsageError
from fabricbench.judge import sides
from fabricbench.judge.columns import Columns, labels
from fabricbench.judge.columns import side_by_side as laid
from fabricbench.judge.compare import compare
from fabricbench.judge.rule import MARGIN
from fabricbench.judge.sides import Key
from fabricbench.model import RateKey
from fabricbench.show import columns as columns_page
from fabricbench.show import results, rounds, verdicts
from fabricbench.show.cases import grouped
from fabricbench.show.heading import facts
from fabricbench.show.html import answer, beside, lines, pairs
from fabricbench.show.html.figures import Chart
from fabricbench.show.html.render import Block, Part, Report, Said, Section, Told
from fabricbench.show.html.texts import counted
from fabricbench.show.rows import rows_of
from fabricbench.show.table import Page
from fabricbench.store import Result

File = Sequence[Result]
"""The runs of a file."""
Found = tuple[Section | None, Told]
"""A section, none where there cannot be one, and what the answer says of it."""

MOST_POINTS = 20_000
"""Points of all charts of a page over size: a browser opens it in a second or two."""

MOST_NAMES = 4
"""Files in the title of a page."""


@dataclass
class Room:
    """How many points may still be drawn on a page, and how many tables have gone without charts since it was asked."""

    left: int
    undrawn: int = 0

    def admitted(self, charts: Sequence[Chart]) -> Sequence[Chart]:
        """The charts of a table, or none of them where there is no room."""
        wanted = sum(len(trace.get("x", ())) for chart in charts for trace in chart.figure["data"])
        if wanted > self.left:
            self.undrawn += 1
            return ()
        self.left -= wanted
        return charts

    def said(self) -> list[str]:
        """A sentence where tables have gone without."""
        count, self.undrawn = self.undrawn, 0
        limit = f"a page has charts of {MOST_POINTS} points at most, and those above have taken them"
        return [f"Without a chart: {counted(count, 'table')}; {limit}."] if count else []


def of(files: Sequence[File]) -> Report:
    """All that is to be said of some files.  Raises UsageError where they hold nothing."""
    runs = [run for file in files for run in file]
    if not any(run.records or run.rounds for run in runs):
        raise UsageError(
            f"{', '.join(dict.fromkeys(run.path for run in runs))} holds no rows.",
            "Give a file in which a case was measured.",
        )
    series, single = _series(files)
    room = Room(MOST_POINTS)
    found: list[Found] = [_judged(members, f"verdicts-{number}", room) for number, members in enumerate(series, 1)]
    measured = [file for file in single if any(run.records for run in file)]
    found += [_beside(measured, "side-by-side", room)] if len(measured) > 1 else []
    names = _names(files)
    found += [
        _run(run, name, f"run-{number}", room) for number, (run, name) in enumerate(zip(runs, names, strict=True), 1)
    ]
    return Report(
        title=f"fabricbench: {_title(files)}",
        answer=tuple(told for _, told in found),
        sections=tuple(section for section, _ in found if section is not None),
    )


def _title(files: Sequence[File]) -> str:
    """The names of the first few files."""
    more = len(files) - MOST_NAMES
    named = [PurePath(file[0].path).name for file in files[:MOST_NAMES]]
    return ", ".join([*named, *([f"and {more} more"] if more > 0 else [])])


def _series(files: Sequence[File]) -> tuple[list[list[Result]], list[File]]:
    """Alternated series, each with both of its sides wherever they lie, and the files that are of none."""
    groups: dict[tuple[object, ...], list[File]] = {}
    for number, file in enumerate(files):
        pairings = (launch.pairing for run in file for launch in run.launches)
        series = sorted({pairing.id for pairing in pairings if pairing is not None})
        groups.setdefault((*series,) if series else (number,), []).append(file)
    found: list[list[Result]] = []
    single: list[File] = []
    for members in groups.values():
        runs = [run for file in members for run in file]
        if sides.both(runs):
            found.append(runs)
        else:
            single += members
    return found, single


def _judged(runs: Sequence[Result], to: str, room: Room) -> Found:
    """The verdicts on an alternated series, or why there are none."""
    title = f"Verdicts: {', '.join(dict.fromkeys(run.path for run in runs))}"
    base, new = sides.split(runs)
    try:
        found = compare(base, new, margin=MARGIN)
    except UsageError as error:
        return _none(title, error)
    groups = grouped(found.rows, lambda row: row.case).groups
    charts = {group.title: room.admitted(beside.ratios(group)) for group in groups}
    return _section(to, title, verdicts.page(found), charts, room), _told(title, to, answer.of_comparison(found))


def _beside(files: Sequence[File], to: str, room: Room) -> Found:
    """Files as columns, or why they cannot be."""
    title = "Side by side"
    try:
        found = laid(files)
    except UsageError as error:
        return _none(title, error)
    charts = _side_charts(files, found, room)
    return _section(to, title, columns_page.page(found), charts, room), _told(title, to, answer.of_columns(found))


def _none(title: str, error: UsageError) -> Found:
    return None, _told(title, "", [Said(kind="doubt", text=f"There is no answer: {error.what}")])


def _told(title: str, to: str, sentences: Sequence[Said]) -> Told:
    return Told(title=title, to=to, sentences=tuple(sentences))


def _side_charts(files: Sequence[File], found: Columns, room: Room) -> dict[str, Sequence[Chart]]:
    """Of each table the times, and the rate that says most of those that its rows have."""
    wrong = _wrong(files)
    found_by_rate = (_of_rate(files, key) for key in lines.TELLING)
    times = beside.Figures.of(found, wrong)
    rates = [beside.Figures.of(columns, wrong) for columns in found_by_rate if columns is not None]
    charts = {}
    for group in grouped([line for section in found.sections for line in section.lines], lambda line: line.case).groups:
        drawn = (beside.side_by_side(group, rate) for rate in rates)
        rate = next((one for one in drawn if one), [])
        charts[group.title] = room.admitted([*beside.side_by_side(group, times), *rate])
    return charts


def _wrong(files: Sequence[File]) -> set[tuple[str, Key]]:
    """Columns and cases whose results are wrong in some launch."""
    return {
        (label, record.case.key())
        for label, file in zip(labels(files), files, strict=True)
        for run in file
        for record in run.records
        if record.check.status == "wrong"
    }


def _of_rate(files: Sequence[File], key: RateKey) -> Columns | None:
    try:
        return laid(files, metric=key)
    except UsageError:
        return None  # no row has it


def _names(files: Sequence[File]) -> list[str]:
    """What runs are called: by their file, and where it holds several by their side of a series and their number."""
    found = []
    for file in files:
        for run in file:
            series = dict(facts(run)).get("series")
            more = [] if len(file) == 1 else [*([series] if series else []), f"run {run.run.id}"]
            found.append(", ".join([run.path, *more]))
    return found


def _run(run: Result, name: str, to: str, room: Room) -> Found:
    """One run as `show` has it, with charts as far as there is room."""
    tables = grouped(rows_of(run, recompute=False), lambda row: row.case)
    charts = {group.title: room.admitted(lines.charts(group, run.path)) for group in tables.groups}
    page = results.page(run, recompute=False)
    drawn = rounds.pictures(run)  # made of characters: here is a better one
    page = replace(page, tables=tuple(table for table in page.tables if table not in drawn))
    section = _section(to, name, page, charts, room)
    said = answer.of_run(run, tables)
    if (found := pairs.pairs(run)) is not None:
        block = Block(id=f"{to}-pairs", title="pairs", parts=(pairs.part(found),))
        section = replace(section, blocks=(block, *section.blocks))
        said += pairs.said(found)
    return section, _told(name, to, said)


def _section(to: str, title: str, page: Page, charts: Mapping[str, Sequence[Chart]], room: Room) -> Section:
    blocks = []
    for number, (name, tables) in enumerate(groupby(page.tables, key=lambda table: table.block), 1):
        parts = tuple(Part(table=table, charts=tuple(charts.get(table.title, ()))) for table in tables)
        blocks.append(Block(id=f"{to}-{number}", title=name or parts[0].table.title, parts=parts))
    return Section(
        id=to, title=title, alarms=page.alarms, facts=page.facts, blocks=tuple(blocks),
        notes=(*page.notes, *room.said()),
    )  # fmt: skip

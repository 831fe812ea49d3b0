"""Charts of what was judged or laid side by side: figures of every column, and ratios of the new side over the base."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from fabricbench.judge.columns import Cell, Columns
from fabricbench.judge.columns import Line as Row
from fabricbench.judge.compare import Row as Judged
from fabricbench.judge.metric import Metric
from fabricbench.judge.sides import Key
from fabricbench.model import Case
from fabricbench.quantity import percent_text
from fabricbench.show.cases import Group
from fabricbench.show.columns import figure_unit
from fabricbench.show.html.figures import Axis, Chart, Level, Line, Point, lines_of, over_size
from fabricbench.show.html.lines import LEAST_SIZES, OPEN, by_line, few_lines, filled, names, sized
from fabricbench.show.html.texts import counted
from fabricbench.show.table import number_text

UNLIKE = "Lines of unlike conditions are drawn beside each other: what differs stands below the table."


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One metric of all rows: labels of the columns with where they came from, and the cells of each case.

    wrong: labels and cases whose results are wrong, which are no figure to draw.
    """

    metric: Metric
    sources: Mapping[str, str]
    cells: Mapping[Key, Sequence[Cell]]
    wrong: Collection[tuple[str, Key]]

    @classmethod
    def of(cls, columns: Columns, wrong: Collection[tuple[str, Key]]) -> "Figures":
        """Those of files side by side, which have one section."""
        (section,) = columns.sections
        return cls(
            metric=columns.metric,
            sources={label: source for label, source in columns.sources if label in section.labels},
            cells={line.case.key(): line.cells for line in section.lines},
            wrong=wrong,
        )

    def drawn(self, case: Case) -> list[Cell]:
        """The cells of a case, without the figures of wrong results."""
        key = case.key()
        cells = zip(self.sources, self.cells.get(key, ()), strict=False)
        return [replace(cell, value=None) if (label, key) in self.wrong else cell for label, cell in cells]


def side_by_side(group: Group[Row], figures: Figures) -> list[Chart]:
    """One metric of a table over size, a colour a column and a mark a variant; none where there is only one size."""
    rows = [(line.case, figures.drawn(line.case)) for line in group.items]
    drawn = [(case, cells) for case, cells in rows if case.nbytes and any(cell.value for cell in cells)]
    cases = [case for case, _ in drawn]
    if not _several_sizes(cases):
        return []
    scale, unit = figure_unit(figures.metric, (cell.value for _, cells in drawn for cell in cells))
    axis = Axis(name=figures.metric, unit=unit)
    called = names(cases, [""] * len(cases))
    lines: list[Line] = []
    for mark, (name, members) in enumerate(by_line(cases, called).items()):
        for colour, (label, source) in enumerate(figures.sources.items()):
            points = [_figure(cases[one], drawn[one][1][colour], axis, scale, source) for one in members]
            lines += lines_of(label if len(set(called)) == 1 else f"{label}: {name}", colour, mark, points)
    kept, cut = few_lines(lines)
    wrong = sum((label, line.case.key()) in figures.wrong for line in group.items for label in figures.sources)
    left_out = [f"Not drawn: {counted(wrong, 'figure')} of wrong results."] if wrong else []
    left_out += (
        [UNLIKE] if any(cell.why and cell.value and cells[0].value for _, cells in drawn for cell in cells) else []
    )
    caption = f"{figures.metric} over size, side by side: {group.title}"
    return [Chart(caption=caption, said=(*left_out, *cut, *_open(cases)), figure=over_size(kept, [], axis))]


def ratios(group: Group[Judged]) -> list[Chart]:
    """Ratios over size with their intervals, and the margin; none where there is only one size with a ratio."""
    rows = [row for row in group.items if row.ratio is not None and row.case.nbytes]
    cases = [row.case for row in rows]
    if not _several_sizes(cases):
        return []
    called = names(cases, [""] * len(cases))
    lines = [
        line
        for number, (name, members) in enumerate(by_line(cases, called).items())
        for line in lines_of(name, number, number, [_ratio(rows[one]) for one in members])
    ]
    kept, cut = few_lines(lines)
    left_out = len(group.items) - len(rows)
    unshown = [f"Not drawn: {counted(left_out, 'row')} without a ratio or a size."] if left_out else []
    band = "The band is the 95 % interval of the ratio; above 1 the new side takes longer."
    axis = Axis(name="new / base", unit="", logarithmic=False)
    return [
        Chart(
            caption=f"new over base, over size: {group.title}", said=(*unshown, *cut, band, *_open(cases)),
            figure=over_size(kept, _margins(rows), axis),
        )
    ]  # fmt: skip


def _several_sizes(cases: Sequence[Case]) -> bool:
    return len({case.nbytes for case in cases}) >= LEAST_SIZES


def _open(cases: Sequence[Case]) -> list[str]:
    return [OPEN] if len({case.cadence for case in cases}) > 1 else []


def _figure(case: Case, cell: Cell, axis: Axis, scale: float, source: str) -> Point:
    if not cell.value:
        return Point(nbytes=case.nbytes, filled=filled(case))
    value = cell.value / scale
    launches = f"{cell.launches} launch{'es' if cell.launches != 1 else ''}"
    ratio = [] if cell.ratio is None else [f"{cell.ratio:.3f} of the first column{_between(cell.low, cell.high)}"]
    return Point(
        nbytes=case.nbytes, value=value, filled=filled(case),
        said=(
            f"{sized(case)}: {axis.name} {number_text(value)} {axis.unit}", launches, *ratio,
            *([f"no ratio: {cell.why}"] if cell.why else []),
            *([f"flags: {', '.join(cell.flags)}"] if cell.flags else []),
            case.text(), source,
        ),
    )  # fmt: skip


def _ratio(row: Judged) -> Point:
    ratio = row.ratio or 0.0
    return Point(
        nbytes=row.case.nbytes, value=ratio, low=row.low, high=row.high, filled=filled(row.case),
        said=(
            f"{sized(row.case)}: {row.verdict}, {ratio:.3f}{_between(row.low, row.high)}", row.reason,
            f"{row.base_launches} launches of the base, {row.new_launches} of the new side", row.name,
        ),
    )  # fmt: skip


def _between(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" (95 % {low:.3f}-{high:.3f})"


def _margins(rows: Sequence[Judged]) -> list[Level]:
    """No difference, and how much of one does not matter."""
    first, last = min(row.case.nbytes for row in rows), max(row.case.nbytes for row in rows)
    margin = max(row.margin for row in rows)
    said = (f"differences up to {percent_text(margin)} do not matter",)
    found = ((f"margin, +{percent_text(margin)}", 1 + margin), ("margin, as much less", 1 / (1 + margin)))
    return [Level(name=name, said=said, value=value, first=first, last=last) for name, value in found]

"""Lines over message size and matrices -> figures as plotly.js reads them, without colours.

The page paints them (`charts.js`), because it alone knows whether it is light, dark or printed: `meta` of a trace says
what it is and which colour of the palette it has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from fabricbench.quantity import size_text
from fabricbench.show.html.texts import plain

MOST_LINES = 24
"""Lines that an eye can still tell apart, by colour, mark and dash."""
MOST_TICKS = 8
MOST_LABELS = 16
"""Names that still fit beside a matrix, those that are marked apart."""
MOST_GAPS = 40
"""Rows of a matrix whose cells can be set apart."""
LEAST_SHARE, MOST_SHARE = 50, 150
"""Percent of the usual rate at the ends of the colours: fixed, so that noise does not look like a fault."""

# As many marks as the palette of the page has colours.
MARKS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "hexagon")
DASHES = ("solid", "dash", "dot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A figure at a size, in the unit of its axis, with what is said of it and the launches that it is the median of.

    `value`: none where the line has a gap. `filled`: the mark is filled; an open one was measured otherwise.
    """

    nbytes: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    filled: bool = True
    said: tuple[str, ...] = ()
    launches: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Points of one name. `colour` and `mark` are numbers of the palette and of `MARKS`."""

    name: str
    colour: int
    mark: int
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A figure that cannot be passed, or is not expected to be, over a range of sizes."""

    name: str
    said: tuple[str, ...]
    value: float
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What a figure shows: "time", "us"."""

    name: str
    unit: str
    logarithmic: bool = True

    @property
    def title(self) -> str:
        """Name and unit as in the head of a table."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A figure with its caption, and what has to be known before reading it."""

    caption: str
    said: tuple[str, ...]
    figure: Mapping[str, Any]


def lines_of(name: str, colour: int, mark: int, points: Sequence[Point]) -> list[Line]:
    """Points by growing size as a line, with gaps where there is no figure; as two where sizes were measured twice."""
    sizes = [point.nbytes for point in points if point.value is not None]
    if len(set(sizes)) == len(sizes):
        parts = {name: list(points)}
    else:
        parts = {
            f"{name} {how}": [point for point in points if point.filled is filled]
            for how, filled in (("streaming", False), ("isolated", True))
        }
    found = ((called, _gapped(members)) for called, members in parts.items())
    return [Line(name=called, colour=colour, mark=mark, points=kept) for called, kept in found if kept]


def _gapped(points: Sequence[Point]) -> tuple[Point, ...]:
    """Points with a figure, and between them those sizes that have none."""
    sizes = {point.nbytes for point in points if point.value is not None}
    if not sizes:
        return ()
    within = (point for point in points if min(sizes) <= point.nbytes <= max(sizes))
    return tuple(point for point in within if point.value is not None or point.nbytes not in sizes)


def over_size(lines: Sequence[Line], levels: Sequence[Level], axis: Axis) -> dict[str, Any]:
    """A figure of lines over message size, both axes logarithmic."""
    sizes = sorted({point.nbytes for line in lines for point in line.points})
    ticks = _ticks(sizes)
    return {
        "data": [
            *(trace for line in lines for trace in _traces(line)),
            *(_level(one) for one in levels),
        ],
        "layout": {
            "xaxis": {
                "type": "log",
                "title": {"text": "size (B)"},
                "tickvals": ticks,
                "ticktext": [size_text(size).removesuffix("iB") for size in ticks],
            },
            "yaxis": {"type": "log" if axis.logarithmic else "linear", "title": {"text": plain(axis.title)}},
            "showlegend": True,
        },
    }


def matrix(names: Sequence[str], values: Sequence[Sequence[float | None]], said: Sequence[Sequence[str]],
           marked: Sequence[int]) -> dict[str, Any]:  # fmt: skip
    """A heat map, from the row's member to the column's: percent, none where nothing was measured.

    marked: members whose row and column are pointed out.
    """
    places = sorted({*range(0, len(names), -(-len(names) // MOST_LABELS)), *marked})
    axis = {
        "tickvals": places,
        "ticktext": [plain(f"* {names[one]}" if one in marked else names[one]) for one in places],
        "showgrid": False,
        "constrain": "domain",
    }
    gap = 1 if len(names) <= MOST_GAPS else 0
    return {
        "data": [
            {
                "type": "heatmap",
                "z": [list(row) for row in values],
                "text": [[plain(text) for text in row] for row in said],
                "hoverinfo": "text",
                "hoverongaps": False,
                "zmin": LEAST_SHARE,
                "zmax": MOST_SHARE,
                "xgap": gap,
                "ygap": gap,
                "colorbar": {
                    "orientation": "h",
                    "y": 0,
                    "yanchor": "top",
                    "thickness": 12,
                    "title": {"text": "% of the usual rate", "side": "bottom"},
                    "tickvals": [LEAST_SHARE, 75, 100, 125, MOST_SHARE],
                    "ticktext": [f"≤ {LEAST_SHARE}", "75", "100", "125", f"≥ {MOST_SHARE}"],
                },
                "meta": {"role": "matrix"},
            }
        ],
        "layout": {
            "xaxis": {"title": {"text": "to"}, "side": "top", **axis},
            "yaxis": {"title": {"text": "from", "standoff": 12}, "autorange": "reversed", "scaleanchor": "x", **axis},
            "showlegend": False,
        },
    }


def _traces(line: Line) -> list[dict[str, Any]]:
    """The interval as a band, the launches as small marks, then the line over both."""
    group = {"legendgroup": plain(line.name), "name": plain(line.name)}
    return [
        *({**group, **band} for band in _bands(line)),
        *({**group, **dots} for dots in _launches(line)),
        {
            **group,
            "type": "scatter",
            "mode": "lines+markers",
            "x": [point.nbytes for point in line.points],
            "y": [point.value for point in line.points],
            "text": [_hover(line.name, point.said) for point in line.points],
            "hoverinfo": "text",
            "line": {"dash": _dash(line), "width": 2},
            "marker": {
                "symbol": [f"{_mark(line)}{'' if point.filled else '-open'}" for point in line.points],
                "size": 8,
            },
            "meta": {"role": "line", "colour": line.colour},
        },
    ]


def _bands(line: Line) -> list[dict[str, Any]]:
    """Stretches of points that have an interval: filled between low and high; a point alone has a bar."""
    found = []
    for known, members in groupby(line.points, key=lambda point: point.low is not None and point.high is not None):
        points = list(members)
        if not known:
            continue
        there, back = points, points[::-1]
        found.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": [point.nbytes for point in (*there, *back)],
                "y": [*(point.high for point in there), *(point.low for point in back)],
                "fill": "toself",
                "line": {"width": 0 if len(points) > 1 else 3},
                "hoverinfo": "skip",
                "showlegend": False,
                "meta": {"role": "band", "colour": line.colour},
            }
        )
    return found


def _launches(line: Line) -> list[dict[str, Any]]:
    dots = [(point.nbytes, value, text) for point in line.points for value, text in point.launches]
    if not dots:
        return []
    sizes, values, texts = zip(*dots, strict=True)
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": list(sizes),
            "y": list(values),
            "text": [_hover(line.name, (text,)) for text in texts],
            "hoverinfo": "text",
            "marker": {"symbol": "circle", "size": 4},
            "showlegend": False,
            "meta": {"role": "launches", "colour": line.colour},
        }
    ]


def _level(level: Level) -> dict[str, Any]:
    text = _hover(level.name, level.said)
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [level.first, level.last],
        "y": [level.value, level.value],
        "name": plain(level.name),
        "text": [text, text],
        "hoverinfo": "text",
        "line": {"dash": "dashdot", "width": 2},
        "meta": {"role": "level"},
    }


def _mark(line: Line) -> str:
    return MARKS[line.mark % len(MARKS)]


def _dash(line: Line) -> str:
    """Another one where colours or marks begin again."""
    return DASHES[(line.mark // len(MARKS) + line.colour // len(MARKS)) % len(DASHES)]


def _hover(name: str, said: Sequence[str]) -> str:
    """A name and lines below it; long ones are broken, because a box over a figure is narrow."""
    return "<br>".join([f"<b>{plain(name)}</b>", *(plain(one) for text in said for one in _broken(text))])


def _broken(text: str, width: int = 64) -> list[str]:
    words, found = text.split(" "), [""]
    for word in words:
        fits = len(found[-1]) + len(word) < width
        found = [*found[:-1], f"{found[-1]} {word}".strip()] if fits else [*found, word]
    return [line for line in found if line]


def _ticks(sizes: Sequence[int]) -> list[int]:
    """The sizes themselves where they are few, else powers of two that are spread over them."""
    if len(sizes) <= MOST_TICKS:
        return list(sizes)
    low, high = sizes[0].bit_length() - 1, sizes[-1].bit_length()
    step = -(-(high - low) // MOST_TICKS)
    return [1 << power for power in range(low, high + 1, step)]

"""Markdown for a pull request: what changed first, the rest folded; all numbers to six digits.

Every text from a file is made harmless: it can neither end a cell, nor become a link, a mention or HTML. Source: GitHub
Flavored Markdown, 4.10 tables and 6.2 entities.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from fabricbench.judge.compare import Comparison, Row
from fabricbench.model import RateKey
from fabricbench.quantity import percent_text
from fabricbench.show.cases import grouped
from fabricbench.show.export.points import Exported, Point, listed
from fabricbench.show.heading import alarms, facts
from fabricbench.show.results import RATES
from fabricbench.show.table import number_text, time_unit
from fabricbench.show.verdicts import ORDER
from fabricbench.store import Result

MOST_CHARACTERS = 65_536
"""What a comment on GitHub can hold."""

_PLAIN = re.compile(r"[A-Za-z0-9 ./=,+:;()%-]")
_DIGITS = 6
_HEAD_LINES = 2
_MOST_REASONS = 20
_FOLD_CHARACTERS = 500  # what stands around a table, with room to spare


def result(results: Sequence[Result], points: Sequence[Point]) -> Exported:
    """A table an operation, as `show` groups them, below what identifies the runs."""
    tables = grouped(points, lambda point: point.case)
    parts = [f"**{escaped(alarm)}**" for one in results for alarm in alarms(one)]
    parts.append("\n".join(f"- {name}: {escaped(value)}" for one in results for name, value in facts(one)))
    if tables.shared:
        parts.append(f"All rows: {escaped('; '.join(tables.shared))}.")
    for group in tables.groups:
        leading = [
            " ".join([*column.words, *([f"({column.unit})"] if column.unit else [])]) for column in group.columns
        ]
        columns = _figures(group.items)
        rows = [
            [*cells, *(cell(point) for cell in columns.values())]
            for cells, point in zip(group.cells, group.items, strict=True)
        ]
        parts += [f"#### {escaped(group.title)}", _table([*leading, *columns], rows)]
    bad = [f"- {escaped(point.name)}: {escaped(point.reason)}" for point in points if point.reason]
    return Exported("\n\n".join([*parts, *(["\n".join(bad)] if bad else [])]) + "\n")


def comparison(judged: Comparison, _: Sequence[Result]) -> Exported:
    """Rows that are not the same, with reasons; then the others, as many as a comment can hold."""
    rows = sorted(judged.every, key=lambda row: ORDER.index(row.verdict))
    told = [row for row in rows if row.verdict != "same"]
    same = [row for row in rows if row.verdict == "same"]
    margins = " or ".join(sorted({percent_text(row.margin) for row in rows}))
    unit = time_unit(value for row in rows for value in (row.base_s, row.new_s))
    text = "\n\n".join(
        [
            f"**fabricbench: {_counts(rows)}** (margin {margins})",
            f"base: {escaped(judged.base)}<br>new: {escaped(judged.new)}",
            *([_bullets(judged.notes)] if judged.notes else []),
            *([_bullets(_reasons(told))] if told else []),
        ]
    )
    first, left = _fitting(told, unit, MOST_CHARACTERS - len(text) - _FOLD_CHARACTERS)
    text += f"\n\n{first}" if told else ""
    folded, more = _fitting(same, unit, MOST_CHARACTERS - len(text) - _FOLD_CHARACTERS)
    fold = f"\n\n<details><summary>{len(same)} the same</summary>\n\n{folded}\n\n</details>" if same else ""
    notes = (f"{left + more} rows do not fit into a comment of {MOST_CHARACTERS} characters.",) if left + more else ()
    return Exported(f"{text}{fold}\n", notes)


def escaped(text: str) -> str:
    """A text that reads as it is written, in a cell or a paragraph."""
    return "".join(_harmless(one) for one in text)


def _harmless(one: str) -> str:
    if _PLAIN.match(one):
        return one
    if not one.isprintable():
        return " " if one.isspace() else ascii(one)[1:-1].replace("\\", "&#92;")
    return one if not one.isascii() else f"&#{ord(one)};"


def _figures(points: Sequence[Point]) -> dict[str, Callable[[Point], str]]:
    """Columns by their head."""
    scale, unit = time_unit(point.time_s for point in points)
    columns: dict[str, Callable[[Point], str]] = {
        f"time ({unit})": lambda point: _number(point.time_s, scale),
        "launches": lambda point: str(point.launches),
    }
    if any(point.interval_s for point in points):
        columns[f"95 % of launches ({unit})"] = lambda point: _interval(point, scale)
    for key, (rate_scale, rate_unit) in RATES.items():
        if any(key in point.rates for point in points):
            columns[f"{key} ({rate_unit})"] = partial(_rate, key, rate_scale)
    columns["#wrong"] = lambda point: "N/A" if point.wrong is None else str(point.wrong)
    return columns


def _rate(key: RateKey, scale: float, point: Point) -> str:
    return _number(point.rates.get(key), scale)


def _interval(point: Point, scale: float) -> str:
    return " to ".join(_number(end, scale) for end in point.interval_s) if point.interval_s else "N/A"


def _number(value: float | None, scale: float) -> str:
    return number_text(None if value is None else value / scale, _DIGITS)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *([escaped(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _fitting(rows: Sequence[Row], times: tuple[float, str], room: int) -> tuple[str, int]:
    """A table of the first rows that fit into so many characters, and how many do not."""
    scale, unit = times
    heads = ["verdict", "row", f"base ({unit})", f"new ({unit})", "new / base", "95 %", "launches"]
    lines = _table(heads, [_cells(row, scale) for row in rows]).split("\n")
    kept = len(lines)
    while kept > _HEAD_LINES and sum(len(line) + 1 for line in lines[:kept]) > room:
        kept -= 1
    left = len(lines) - kept
    more = [f"\nand {left} more: see `fabricbench compare`."] if left else []
    return "\n".join([*lines[:kept], *more]), left


def _cells(row: Row, scale: float) -> list[str]:
    verdict = f"{row.verdict} (not gated)" if row.verdict == "worse" and not row.gated else row.verdict
    interval = "N/A" if row.low is None or row.high is None else f"{_number(row.low, 1)} to {_number(row.high, 1)}"
    return [
        *(verdict, row.name, _number(row.base_s, scale), _number(row.new_s, scale)),
        *(_number(row.ratio, 1), interval, f"{row.base_launches} + {row.new_launches}"),
    ]


def _counts(rows: Sequence[Row]) -> str:
    found = Counter(row.verdict for row in rows)
    said = ", ".join(f"{found[verdict]} {verdict}" for verdict in ORDER if found[verdict])
    return f"{said} of {len(rows)} row{'s' if len(rows) > 1 else ''}"


def _reasons(rows: Sequence[Row]) -> list[str]:
    """Every reason once, with the rows it is about; the first ones where there are many."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        reason = " ".join([row.reason, *([f"Flags: {', '.join(row.flags)}."] if row.flags else [])])
        found.setdefault((row.verdict, reason), []).append(row.name)
    lines = [f"{verdict}, {listed(names)}: {reason}" for (verdict, reason), names in found.items()]
    return [*lines[:_MOST_REASONS], *([f"and {len(lines) - _MOST_REASONS} more"] if len(lines) > _MOST_REASONS else [])]


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {escaped(line)}" for line in lines)

"""Pages and tables -> a terminal in colour, or plain ASCII where the output is piped."""

import re
import sys
import textwrap
from collections.abc import Sequence
from typing import TextIO

from fabricbench.show.cases import FAMILIES
from fabricbench.show.table import Column, Page, Table

WIDTH = 80

_IN_PICTURE = r"(?=[-+#.0-9]*\|$)"
"""What follows a character of a heat map on its line."""

STYLES = {
    "bold red": r"^[A-Z][A-Z-]{3,}\b.*|\b(worse|WRONG|INVALID|NOT|FAIL)\b",
    "green": r"\b(better|PASS)\b",
    "yellow": r"\b(unclear|missing|unlike|UNLIKE|MISSING)\b",
    "bold": rf"^({'|'.join(FAMILIES)}|other): .*",
    "dim": r"^# \w+",
    "red": rf"[0-4]{_IN_PICTURE}",
    "dark_orange": rf"[5-8]{_IN_PICTURE}",
    "cyan": rf"[9#+]{_IN_PICTURE}",
}
"""What stands out on a terminal, by pattern over single lines."""


def draw(page: Page, stream: TextIO | None = None) -> None:
    """Write a page to standard output, coloured only on a terminal."""
    stream = sys.stdout if stream is None else stream
    if stream.isatty():
        _draw_coloured(page, stream)
    else:
        stream.write(page_text(page))


def _draw_coloured(page: Page, stream: TextIO) -> None:
    """The same lines in colour: a library that fits tables to a width would cut numbers off."""
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, highlight=False)
    text = Text(page_text(page), end="")
    for style, pattern in STYLES.items():
        text.highlight_regex(re.compile(pattern, re.MULTILINE), style)
    console.print(text, soft_wrap=True, end="")


def page_text(page: Page) -> str:
    """A page as plain ASCII."""
    lines = [part for alarm in page.alarms for part in _wrapped(alarm)]
    width = max((len(name) for name, _ in page.facts), default=0)
    for name, value in page.facts:
        lines += _wrapped(value, first=f"# {name:<{width}}  ", rest=f"# {'':<{width}}  ")
    for before, table in zip(("", *(table.block for table in page.tables)), page.tables, strict=False):
        apart = not table.block or table.block != before
        lines += [*([""] if apart else []), *table_lines(table)]
    lines += [""] if page.notes else []
    for note in page.notes:
        lines += _wrapped(note)
    return _ascii("\n".join(lines)) + "\n"


def table_lines(table: Table) -> list[str]:
    """Title, head, rows and notes; columns two spaces apart where that fits, else one."""
    heads = _heads(table.columns)
    lines = [*_wrapped(table.title), *_aligned(table.columns, (*heads, *table.rows))]
    for note in table.notes:
        lines += _wrapped(note, first="  ", rest="    ")
    return lines


def _heads(columns: Sequence[Column]) -> list[tuple[str, ...]]:
    """Lines of the head; words stand on top and units in the last line, whatever their number."""
    depth = max(len(column.words) for column in columns)
    words = [(*column.words, *[""] * (depth - len(column.words))) for column in columns]
    units = tuple(f"({column.unit})" if column.unit else "" for column in columns)
    return [*zip(*words, strict=True), units]


def _aligned(columns: Sequence[Column], rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[index]) for row in rows) for index in range(len(columns))]
    gap = "  " if sum(widths) + 2 * (len(widths) - 1) <= WIDTH else " "
    return [
        gap.join(
            cell.ljust(width) if column.align == "left" else cell.rjust(width)
            for column, width, cell in zip(columns, widths, row, strict=True)
        ).rstrip()
        for row in rows
    ]


def _wrapped(text: str, first: str = "", rest: str = "  ") -> list[str]:
    # A path is no path any more once it is broken.
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False, break_long_words=False
    )


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("ascii")

"""What an importer of one tool is: how its output is recognised, and how lines or documents become rows."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from fabricbench.show.imports.lines import Document, Line
from fabricbench.show.imports.printed import Printed


class Reader(Protocol):
    """Reads one log line by line; what headings said holds for the rows below them."""

    tool: str
    """Name of the tool that printed the rows to come, for `origin`."""
    version: str | None

    def take(self, line: Line) -> Sequence[Printed] | None:
        """Rows of a line, none of one that is known to hold none; None of a line that the tool does not print.

        Raises UnreadableError for a row that cannot be.
        """
        ...


Rows = Iterator[Callable[[], Sequence[Printed]]]
"""Rows of a document, each made when called, so that one that cannot be does not take the others with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A JSON document of a tool."""

    tool: str
    version: str | None
    rows: Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool, or several that print alike.

    `sign`: a line that no other tool prints, matched at its start. `reader`: of its text, given the name that the user
    gave, one of `names`, and the number of ranks, each where there is one. `fixed`: rows of one table are of one
    length, so that a last line without its end can be told whole. `mark`: what only its JSON documents hold.
    """

    names: tuple[str, ...]
    sign: re.Pattern[str] | None = None
    reader: Callable[[str | None, int | None], Reader] | None = None
    fixed: bool = True
    mark: re.Pattern[bytes] | None = None
    document: Callable[[Document, str | None, int | None], Parsed] | None = None

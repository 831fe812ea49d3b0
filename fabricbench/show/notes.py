"""Notes on rows: under the only table they concern, else once at the end of the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fabricbench.model import Case
from fabricbench.show.cases import Group, Grouping, row_names


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is said of some rows; `example` is the one that `text` quotes where theirs differ."""

    head: str
    cases: tuple[Case, ...]
    text: str
    example: Case | None = None


def under(group: Group[Any], notes: Sequence[Note], page: Grouping[Any]) -> tuple[str, ...]:
    """Notes that concern rows of this table only."""
    return tuple(
        _said(note, *(row_names(cases, group.cases) for cases in _named(note)))
        for note in notes
        if page.home(note.cases) is group
    )


def at_end(notes: Sequence[Note], page: Grouping[Any]) -> tuple[str, ...]:
    """Notes that concern rows of several tables."""
    return tuple(
        _said(note, *(page.names(cases) for cases in _named(note))) for note in notes if page.home(note.cases) is None
    )


def _named(note: Note) -> list[tuple[Case, ...]]:
    return [note.cases, *([(note.example,)] if note.example is not None else [])]


def _said(note: Note, rows: str, example: str = "") -> str:
    return f"{note.head}, {rows}{f', e.g. {example}' if example else ''}: {note.text}"

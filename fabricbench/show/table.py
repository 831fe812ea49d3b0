"""A table as pure data: it knows units and alignment, and neither colour nor width."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

ABSENT = "N/A"

Align = Literal["left", "right"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """The head of a column: lines of words, then the unit of every number below it."""

    words: tuple[str, ...]
    unit: str = ""
    align: Align = "right"

    @property
    def head(self) -> tuple[str, ...]:
        """All lines of the head, the unit last."""
        return (*self.words, f"({self.unit})") if self.unit else self.words


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of text under columns; `notes` belong below it. Tables of one `block` stand close together."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    block: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one result says: alarms before any number, then what makes it self-contained."""

    alarms: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]
    notes: tuple[str, ...] = ()


def number_text(value: float | None, digits: int = 3) -> str:
    """Significant digits, without an exponent where possible: 0.00123, 12.3, 123456."""
    if value is None:
        return ABSENT
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if exponent < -5:  # noqa: PLR2004 - more zeros than that are hard to count
        return f"{value:.{digits - 1}e}"
    rounded = round(value, digits - 1 - exponent)
    return f"{rounded:.{max(0, digits - 1 - math.floor(math.log10(abs(rounded))))}f}"


def share_text(share: float | None) -> str:
    """Percent of a ceiling; a share too small for the column is said to be small, not 0."""
    if share is None:
        return ABSENT
    return f"{100 * share:.1f}" if share >= 0.001 else "<0.1"  # noqa: PLR2004 - 0.1 %


def time_unit(values_s: Iterable[float | None]) -> tuple[float, str]:
    """The unit of a whole column in seconds, and its name: us, or ns for what is shorter."""
    shortest = min((value for value in values_s if value), default=1e-6)
    return (1e-9, "ns") if shortest < 1e-8 else (1e-6, "us")  # noqa: PLR2004 - 0.01 us

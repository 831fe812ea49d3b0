"""Violated performance guidelines -> lines below the tables."""

from collections.abc import Sequence
from typing import Any

from fabricbench.judge.guidelines import Finding
from fabricbench.quantity import size_text, time_text
from fabricbench.show.cases import Grouping
from fabricbench.show.table import number_text

MOST = 10

GUIDE = (
    "guidelines: in every launch these calls took over 5 % longer than others that give the same result, than a "
    "larger size, or than the same size in pieces. The library could be tuned, or the others be called instead. Seen "
    "in fewer than 5 launches it may be chance."
)
"""How to read the findings, said before them."""


def lines(found: Sequence[Finding], page: Grouping[Any]) -> tuple[str, ...]:
    """The worst findings, and how many more there are; nothing where there are none."""
    if not found:
        return ()
    left = len(found) - MOST
    return (GUIDE, *(_line(one, page) for one in found[:MOST]), *([f"and {left} more."] if left > 0 else []))


def _line(one: Finding, page: Grouping[Any]) -> str:
    return (
        f"{page.names([one.case])} takes {number_text(one.factor)} times as long as {_rival(one)} "
        f"({time_text(one.time_s)} against {time_text(one.parts_s)}; seen in {one.launches} of {one.launches} launches)"
    )


def _rival(one: Finding) -> str:
    """Operations of a mock-up, which share the size of the row; else another size, and how many calls of it."""
    size = one.parts[0].nbytes
    if size == one.case.nbytes:
        return " + ".join(part.operation for part in one.parts)
    return f"{one.times} x {size_text(size)}" if one.times > 1 else size_text(size)

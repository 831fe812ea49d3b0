"""False alarms and power of the comparison rule, from stored launches whose truth is known."""

import statistics as middle
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from fabricbench.judge.rule import MARGIN, Decision, Times, decide_table
from fabricbench.statistics import clopper_pearson

SIDES = ("base", "new", "new", "base") * 2 + ("base", "new")
"""Sides of one table in order of time: five each, never three of one in a row."""

FACTOR = 1.25
"""How much longer a slowed row takes."""


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """One launch of the fixture: medians in seconds by row, and for a few rows some samples, evenly spaced in time.

    `table` counts within unchanged or slowed launches; `slowed` names the rows that were slowed in this launch.
    """

    started: str
    machine: str
    series: str
    table: int
    side: str
    slowed: list[str]
    medians_s: dict[str, float]
    samples_s: dict[str, list[float]]


@dataclass(frozen=True, kw_only=True)
class RowResult:
    """One row of the plan over all tables. `detectable`: median minimum detectable effect over unchanged tables."""

    row: str
    spread: float
    detectable: float | None
    false: int
    found: int
    slowed: int


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The table of false alarms and power; the intervals are exact (Clopper & Pearson), 95 %."""

    tables: int
    alarmed: int
    alarmed_interval: tuple[float, float]
    eligible: int
    found: int
    slowed: int
    found_interval: tuple[float, float]
    rows: tuple[RowResult, ...]


def judge(launches: Sequence[Noted]) -> Calibration:
    """Judge every table of the fixture with the one comparison rule."""
    unchanged = [decide(table) for table in tables(launches, "unchanged")]
    slowed = [(table[0], _slowed_rows(table), decide(table)) for table in tables(launches, "slowed")]
    rows = tuple(
        _row(row, launches, unchanged, [(hit, made) for _, hit, made in slowed]) for row in launches[0].medians_s
    )
    eligible = [row for row in rows if row.detectable is not None and row.detectable < FACTOR - 1]
    alarmed = sum(any(decision.verdict == "worse" for decision in table.values()) for table in unchanged)
    found, tried = sum(row.found for row in eligible), sum(row.slowed for row in eligible)
    return Calibration(
        tables=len(unchanged), alarmed=alarmed, alarmed_interval=clopper_pearson(alarmed, len(unchanged)),
        eligible=len(eligible), found=found, slowed=tried,
        found_interval=clopper_pearson(found, tried) if tried else (0.0, 1.0), rows=rows,
    )  # fmt: skip


def tables(launches: Iterable[Noted], series: str) -> list[list[Noted]]:
    """Complete tables of one series; one that was cut short is left out."""
    tables: dict[int, list[Noted]] = {}
    for noted in launches:
        if noted.series == series:
            tables.setdefault(noted.table, []).append(noted)
    return [table for table in tables.values() if len(table) == len(SIDES)]


def decide(table: Sequence[Noted]) -> dict[str, Decision]:
    """The verdict on every row of one alternated table."""
    rows = list(table[0].medians_s)
    times = [Times(base=_side(table, row, "base"), new=_side(table, row, "new"), margin=MARGIN) for row in rows]
    return dict(zip(rows, decide_table(times), strict=True))


def _side(table: Sequence[Noted], row: str, side: str) -> dict[tuple[str, str, int], float]:
    return {
        ("calibration", side, number): noted.medians_s[row] for number, noted in enumerate(table) if noted.side == side
    }


def _slowed_rows(table: Sequence[Noted]) -> set[str]:
    return {row for noted in table for row in noted.slowed}


def _row(
    row: str, launches: Sequence[Noted], unchanged: Sequence[dict[str, Decision]],
    slowed: Sequence[tuple[set[str], dict[str, Decision]]],
) -> RowResult:  # fmt: skip
    medians = sorted(noted.medians_s[row] for noted in launches if noted.series == "unchanged")
    seen = [table[row].detectable for table in unchanged]
    known = [effect for effect in seen if effect is not None]
    hit = [made[row] for rows, made in slowed if row in rows]
    return RowResult(
        row=row,
        spread=medians[int(0.95 * (len(medians) - 1))] / medians[int(0.05 * (len(medians) - 1))] - 1,
        detectable=middle.median(known) if known else None,
        false=sum(table[row].verdict == "worse" for table in unchanged),
        found=sum(decision.verdict == "worse" for decision in hit),
        slowed=len(hit),
    )

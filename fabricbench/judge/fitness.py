"""Is this instrument, and this machine, fit to measure? One finding a question, with what would remove a doubt."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fabricbench.quantity import about_size, percent_text, time_text

Verdict = Literal["ok", "doubt", "unknown"]
Unit = Literal["s", "B", "share", "ratio", "cores", ""]
Ratios = Mapping[int, float]
"""Ours over the control, by size in bytes."""

GEOMEAN_LIMIT, WORST_LIMIT = 1.03, 1.08


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One answer. `value` is a number of `unit`, text where the unit is empty, None where nobody knows.

    `remedy`: what removes the doubt, or why the answer is unknown; empty where all is well.
    """

    name: str
    value: float | str | None
    unit: Unit
    expected: str
    verdict: Verdict
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """One operation against the control: ratios by size in bytes, their geometric mean and the largest of them."""

    geomean: float
    worst: float
    ratios: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The C control; `why` says why there is none."""

    pingpong: Against | None
    allreduce: Against | None
    why: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that `doctor` found."""

    library: str
    ranks: int
    launches: int
    findings: tuple[Finding, ...]
    control: Control


def number_text(value: float, unit: Unit) -> str:
    """A number of a finding for people."""
    if unit == "s":
        return time_text(value)
    if unit == "B":
        return about_size(value)
    if unit == "share":
        return percent_text(value)
    return f"{value:.3f}" if unit == "ratio" else f"{value:.1f} {unit}"


def at_most(name: str, value: float | None, unit: Unit, limit: float, remedy: str, *, why: str = "") -> Finding:
    """A number that should not exceed a limit. `why`: the reason where there is no number."""
    expected = f"at most {number_text(limit, unit)}"
    if value is None:
        return Finding(name=name, value=None, unit=unit, expected=expected, verdict="unknown", remedy=why)
    if value > limit:
        return Finding(name=name, value=value, unit=unit, expected=expected, verdict="doubt", remedy=remedy)
    return Finding(name=name, value=value, unit=unit, expected=expected, verdict="ok", remedy="")


def told(name: str, value: str, expected: str, fits: bool | None, remedy: str) -> Finding:
    """An answer in words. `fits` None: nobody can tell whether it is what it should be."""
    verdict: Verdict = "unknown" if fits is None else "ok" if fits else "doubt"
    return Finding(name=name, value=value, unit="", expected=expected, verdict=verdict, remedy="" if fits else remedy)


def control(launches: Sequence[Mapping[str, Ratios | None]], why: str | None) -> Control:
    """The control over all launches: by size the median of the launches' ratios.

    launches: by operation, `pingpong` and `allreduce`, the ratios of one launch.
    """
    found = {name: _against([launch[name] for launch in launches]) for name in ("pingpong", "allreduce")}
    return Control(pingpong=found["pingpong"], allreduce=found["allreduce"], why=why)


def _against(launches: Sequence[Ratios | None]) -> Against | None:
    known = [ratios for ratios in launches if ratios is not None]
    if not known or len(known) < len(launches):
        return None
    ratios = {size: statistics.median(launch[size] for launch in known) for size in known[0]}
    geomean = math.exp(statistics.fmean(math.log(ratio) for ratio in ratios.values()))
    return Against(
        geomean=round(geomean, 4),
        worst=round(max(ratios.values()), 4),
        ratios={str(size): round(ratio, 4) for size, ratio in ratios.items()},
    )


def over_control(name: str, against: Against | None, why: str | None) -> list[Finding]:
    """Findings of one operation."""
    remedy = "Repeat with --launches 5 on a quiet machine; if it stays, report it: the loop costs too much here."
    geomean, worst = (None, None) if against is None else (against.geomean, against.worst)
    return [
        at_most(f"{name} over C, mean", geomean, "ratio", GEOMEAN_LIMIT, remedy, why=why or ""),
        at_most(f"{name} over C, worst", worst, "ratio", WORST_LIMIT, remedy, why=why or ""),
    ]

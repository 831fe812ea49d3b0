"""Ceilings joined to records when reading: how much of what is possible a row reached.

A physical ceiling is computed from device attributes, so a row above it is invalid. A measured or
declared one can be beaten (data stayed in a cache, a profile is old), which is a doubt. There is no
pass mark.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from fabricbench import traffic
from fabricbench.judge.sides import launch_median
from fabricbench.model import Ceiling, Doubt, RateKey, Record
from fabricbench.quantity import percent_text, rate_text, time_text

SLACK = 1.05
"""Share of a ceiling above which a row is not believed: clocks and ceilings have errors too."""

_ONE_WAY = frozenset({"memory", "device-memory"})
"""Resources whose ceiling counts both directions together; links carry each at full rate."""

_REDUCTIONS = frozenset({"allreduce", "reduce", "reduce_scatter", "reduce_scatter_block"})
_IN_NETWORK = re.compile(r"nvls|sharp|collnet|in-?network|switch|unknown", re.IGNORECASE)
"""Algorithms that may reduce inside the network; an MPI library that names none may do so too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What one row reached of one ceiling. `doubt` is why it cannot be taken as it stands."""

    ceiling: Ceiling
    ratio: float
    invalid: bool
    doubt: Doubt | None


def tightest(record: Record, ceilings: Iterable[Ceiling]) -> Bound | None:
    """The bound that the row came nearest to, an invalidating one first; none if unbounded."""
    return max(bounds(record, ceilings), key=lambda bound: (bound.invalid, bound.ratio), default=None)


def bounds(record: Record, ceilings: Iterable[Ceiling]) -> list[Bound]:
    """Every ceiling of the record's launch and resource in a unit it can be held against."""
    seconds = launch_median(record)
    if not seconds or record.check.status == "skipped":
        return []
    found = []
    for ceiling in ceilings:
        if ceiling.launch == record.launch and ceiling.resource == record.traffic.resource:
            ratio = _ratio(record, ceiling, seconds)
            found += [_bound(record, ceiling, ratio)] if ratio else []
    return found


def _ratio(record: Record, ceiling: Ceiling, seconds: float) -> float | None:
    """Share of the ceiling that was reached; above 1 is faster than it allows."""
    found = level(record, ceiling)
    if found is None:
        return None
    metric, value = found
    if metric == "time":
        return value / seconds
    return traffic.rate(metric, record.case, record.traffic, seconds) / value


def level(record: Record, ceiling: Ceiling) -> tuple[Literal["time"] | RateKey, float] | None:
    """The figure of a row that its ceiling is held against, and the value of it that reaches the ceiling.

    Seconds, or per second and rank where ranks share the ceiling of a host; none where the units do not fit.
    """
    sharing = 1 if ceiling.scope == "rank" else ranks_a_host(record)
    if ceiling.scope not in ("rank", "host") or sharing is None:
        return None
    if ceiling.unit == "s":
        return "time", ceiling.value
    key = _rate_key(record, ceiling)
    return None if key is None else (key, ceiling.value / sharing)


def _rate_key(record: Record, ceiling: Ceiling) -> RateKey | None:
    if ceiling.unit == "FLOP/s":
        return "flops"
    if ceiling.unit == "B/s":
        return "bandwidth" if record.traffic.resource in _ONE_WAY else "busbw"
    return None


def ranks_a_host(record: Record) -> int | None:
    """Ranks of the case on the fullest host; placement is hosts x ranks a host, such as 2x8+7."""
    match = re.fullmatch(r"\d+x(\d+(?:\+\d+)*)", record.conditions.placement)
    if match is None or record.case.ranks is None:
        return None
    return min(record.case.ranks, max(map(int, match[1].split("+"))))


def _bound(record: Record, ceiling: Ceiling, ratio: float) -> Bound:
    above = ratio > SLACK
    invalid = above and ceiling.nature == "physical" and not _in_network(record)
    return Bound(
        ceiling=ceiling,
        ratio=ratio,
        invalid=invalid,
        doubt=_doubt(ceiling, ratio, invalid) if above else None,
    )


def _in_network(record: Record) -> bool:
    """Whether a switch may have reduced, so that links carried less than the bus bandwidth says."""
    return (
        record.case.operation in _REDUCTIONS
        and record.traffic.resource not in _ONE_WAY
        and _IN_NETWORK.search(record.conditions.algorithm) is not None
    )


def _doubt(ceiling: Ceiling, ratio: float, invalid: bool) -> Doubt:
    reached = f"{percent_text(ratio)} of the {ceiling.nature} {ceiling.resource} ceiling"
    if invalid:
        return Doubt(
            code="invalid",
            text=f"INVALID: {reached} was reached, which cannot be.",
            remedy="Do not use this row; check its clock and its traffic with `doctor`.",
        )
    if ceiling.nature == "physical":
        return Doubt(
            code="in-network",
            text=f"{reached} was reached; only a reduction inside the network explains that.",
            remedy="Have the library print its algorithm, or force another one.",
        )
    return Doubt(
        code="in-cache",
        text=f"{reached} was reached; the data may have stayed in a cache.",
        remedy="Measure a size beyond the last-level cache, or correct the declared value.",
    )


def ceiling_text(ceiling: Ceiling) -> str:
    """A ceiling with its source: "21.0 GB/s of memory a rank, measured (copy, 1 GiB)"."""
    seconds = ceiling.unit == "s"
    amount = time_text(ceiling.value) if seconds else rate_text(ceiling.value, ceiling.unit)
    return f"{amount} of {ceiling.resource} a {ceiling.scope}, {ceiling.nature} ({ceiling.source})"

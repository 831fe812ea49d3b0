"""What of a row is looked at: its time, its p99 or one of its rates, and which direction is worse."""

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from fabricbench import traffic
from fabricbench.judge.sides import Identity, Key, Unit

Metric = Literal["time", "p99", "algbw", "busbw", "bandwidth", "flops", "messages"]
METRICS: tuple[Metric, ...] = get_args(Metric)
TIMES = frozenset({"time", "p99"})
"""Metrics of which less is better; of all others more is."""


def slower(metric: Metric, ratio: float) -> bool:
    """Whether a ratio of new over base is a change for the worse."""
    return ratio > 1 if metric in TIMES else ratio < 1


def value(unit: Unit, key: Key, metric: Metric) -> float | None:
    """The figure of one launch, from its samples: seconds, bytes, FLOP or messages per second; none where it has none.

    Rates are computed from the median. p99 is of isolated rows with enough samples.
    """
    if metric == "p99":
        return unit.tails_s.get(key)
    median_s = unit.medians_s.get(key)
    if metric == "time" or median_s is None:
        return median_s
    record = unit.rows[key]
    if metric not in record.rates or median_s <= 0:
        return None
    return traffic.rate(metric, record.case, record.traffic, median_s)


def values(key: Key, side: Sequence[Unit], metric: Metric) -> Mapping[Identity, float]:
    """The figures of all launches that have one."""
    found = ((unit.identity, value(unit, key, metric)) for unit in side)
    return {identity: figure for identity, figure in found if figure is not None}

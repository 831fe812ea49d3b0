"""Our figures beside those of a peer: best of launches, and how far launches scatter. Pure functions.

Times of both sides follow one convention: of one launch, the mean over ranks of each rank's mean time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fabricbench.statistics import Interval

LEAST_LAUNCHES = 5
"""Launches a side below which quartiles say nothing."""
RESAMPLES, SEED = 2000, 1

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """All launches of one operation: seconds by size, one a launch. `step_s`: what the peer's digits can show."""

    operation: str
    program: str
    ours_s: Mapping[int, Sequence[float]]
    theirs_s: Mapping[int, Sequence[float]]
    step_s: Mapping[int, float]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One operation, every ratio ours over theirs.

    `best`: geometric mean over sizes of the ratio of the best launches; `worst` of them, at `worst_size`.
    `spread`: geometric mean over `spread_sizes` sizes of the ratio of interquartile ranges; None where launches are too
    few, or where no side scatters by more than the peer prints.
    """

    operation: str
    program: str
    sizes: int
    best: float
    worst: float
    worst_size: int
    spread: Interval | None
    spread_sizes: int
    figures: Figures


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How long our figures of one operation take, medians over all launches, seconds.

    `bare_s`: start and end of ranks that do nothing but load and start MPI.  `first_s`: from the start of a launch to
    its first sample, without its ceilings.  `measuring_s`: from there to the last case, checks included.
    """

    bare_s: float
    first_s: float
    measuring_s: float


@dataclass(frozen=True, kw_only=True)
class Report:
    """All operations that both have; `left_out` says why others are missing, `spent_s` what each side took.

    `peer` and `fabricbench` are versions, the latter a commit where there is one; `started` is UTC.
    """

    peer: str
    fabricbench: str
    machine: str
    started: str
    library: str
    ranks: int
    launches: int
    spent_s: tuple[float, float]
    answer: Answer
    rows: tuple[Row, ...]
    left_out: tuple[str, ...]


def row(figures: Figures) -> Row | None:
    """The ratios of one operation; None where the peer's digits show no time above zero."""
    sizes = [size for size in figures.ours_s if min(figures.theirs_s[size]) > 0 and min(figures.ours_s[size]) > 0]
    if not sizes:
        return None
    ratios = np.array([min(figures.ours_s[size]) / min(figures.theirs_s[size]) for size in sizes])
    worst = int(ratios.argmax())
    spread, scattered = _spread(figures, sizes)
    return Row(
        operation=figures.operation, program=figures.program, sizes=len(sizes), best=_geomean(ratios),
        worst=float(ratios[worst]), worst_size=sizes[worst], spread=spread, spread_sizes=scattered, figures=figures,
    )  # fmt: skip


def _geomean(ratios: Floats) -> float:
    return float(np.exp(np.log(ratios).mean()))


def _spread(figures: Figures, sizes: list[int]) -> tuple[Interval | None, int]:
    """Ratio of the interquartile ranges, and over how many sizes.

    Both sides are rounded to the peer's digits, and no range counts as less than one digit: else the peer's rounding
    would pass for steadiness. Sizes at which neither side scatters more than that say nothing.
    """
    ours, theirs = (np.array([side[size] for size in sizes]).T for side in (figures.ours_s, figures.theirs_s))
    if min(len(ours), len(theirs)) < LEAST_LAUNCHES:
        return None, 0
    step = np.array([figures.step_s[size] for size in sizes])
    ours = np.round(ours / step) * step
    # Half a digit more, because rounded figures carry errors in their last bits.
    telling = (_ranges(ours, step) > 1.5 * step) | (_ranges(theirs, step) > 1.5 * step)
    if not telling.any():
        return None, 0
    ours, theirs, step = ours[:, telling], theirs[:, telling], step[telling]
    value = _geomean(_ranges(ours, step) / _ranges(theirs, step))
    low, high = _bootstrap(ours, theirs, step)
    return Interval(value, low, high), int(telling.sum())


def _ranges(launches: Floats, step: Floats) -> Floats:
    """Interquartile range of the launches, the last axis but one, at least one digit."""
    low, high = np.quantile(launches, (0.25, 0.75), axis=-2)
    return np.asarray(np.maximum(high - low, step))


def _bootstrap(ours: Floats, theirs: Floats, step: Floats) -> tuple[float, float]:
    """95 % percentile interval: launches are drawn anew on each side, with all their sizes.

    Sizes of one launch go together because they share its placement. Source: Efron & Tibshirani, An Introduction to the
    Bootstrap, 13.3.
    """
    random = np.random.default_rng(SEED)
    drawn = [side[random.integers(len(side), size=(RESAMPLES, len(side)))] for side in (ours, theirs)]
    logs = np.log(_ranges(drawn[0], step) / _ranges(drawn[1], step)).mean(axis=-1)
    low, high = np.exp(np.quantile(logs, (0.025, 0.975)))
    return float(low), float(high)

"""Where a series of launches changes its level: E-divisive means, hierarchical, with a permutation test.

The statistic of a split is the energy distance between what lies before it and what lies after, up to a further split;
the best split of a segment is kept when no permutation of the segment's launches has a better one, and its two parts
are split in turn. Source: Matteson & James, A Nonparametric Approach for Multiple Change Point Analysis of Multivariate
Data, JASA 109 (2014), 2.2 to 3.2 with alpha = 1; for performance: Daly et al., ICPE 2020 (MongoDB), and Fleming et al.,
Hunter, arXiv:2301.03034 (Apache Otava). As there, parts are tested one by one, not all clusters at once.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PERMUTATIONS = 499
LEVEL = 1 / (PERMUTATIONS + 1)
"""p of a split that no permutation matches: that is what it takes."""
SEED = 20260101

_FIRST = 7
"""Permutations of the first block: most series do not change, and are done with it."""
_AT_ONCE = 1 << 16
"""Differences held at once: a megabyte stays in a cache, and memory does not grow with the series."""
_ROUNDING = 1e-9


def change_points(values: Floats, starts: NDArray[np.int64], least: int) -> list[int]:
    """Launches at which a new level begins, ascending.

    values: (launches,) in order of time, on the scale on which noise is alike (logarithms of times). starts: first
    launch of every run, ascending from 0: a level can only begin with a run. least: launches that a level must have.
    """
    random = np.random.default_rng(SEED)
    found: list[int] = []
    waiting = [(0, len(values))]
    while waiting:
        begin, end = waiting.pop()
        inside = starts[(starts >= begin) & (starts < end)] - begin
        split = _split(values[begin:end], inside, least, random)
        if split is not None:
            found.append(begin + split)
            waiting += [(begin, begin + split), (begin + split, end)]
    return sorted(found)


def _split(values: Floats, starts: NDArray[np.int64], least: int, random: np.random.Generator) -> int | None:
    """Where a segment changes; none where a permutation of it changes as much."""
    n = len(values)
    sides = _Sides(starts, n, least)
    if not sides.possible:
        return None
    statistics = sides.statistics(values[None, :])[0]
    best = int(statistics.argmax())
    observed = float(statistics[best])
    if observed <= 0:
        return None
    for count in _blocks(n):
        shuffled = random.permuted(np.broadcast_to(values, (count, n)), axis=1)
        if sides.statistics(shuffled).max() >= observed * (1 - _ROUNDING):
            return None
    return sides.split_at(best)


def _blocks(n: int) -> Iterator[int]:
    """Sizes of the blocks that make up all permutations."""
    left, size = PERMUTATIONS, min(_FIRST, max(1, _AT_ONCE // n**2))
    while left:
        yield min(size, left)
        left -= min(size, left)
        size = max(1, _AT_ONCE // n**2)


class _Sides:
    """All splits of a segment of n launches in runs: before `split`, and from there up to `end`."""

    def __init__(self, starts: NDArray[np.int64], n: int, least: int) -> None:
        self._starts = starts
        bounds = np.append(starts, n)
        split, end = (
            side.ravel() for side in np.meshgrid(np.arange(len(bounds)), np.arange(len(bounds)), indexing="ij")
        )
        kept = (bounds[split] >= least) & (bounds[end] - bounds[split] >= least)
        self._split, self._end = split[kept], end[kept]
        self._before = bounds[self._split].astype(np.float64)
        self._after = (bounds[self._end] - bounds[self._split]).astype(np.float64)
        self.possible = bool(kept.any())

    def split_at(self, number: int) -> int:
        """First launch after a split."""
        return int(self._starts[self._split[number]])

    def statistics(self, series: Floats) -> Floats:
        """Scaled energy distance of every split. series: (series, n); returns (series, splits)."""
        distances = np.abs(series[:, :, None] - series[:, None, :])
        runs = np.add.reduceat(np.add.reduceat(distances, self._starts, axis=1), self._starts, axis=2)
        sums = np.zeros((len(series), runs.shape[1] + 1, runs.shape[1] + 1))
        sums[:, 1:, 1:] = runs.cumsum(axis=1).cumsum(axis=2)
        m, n = self._before, self._after
        within = sums[:, self._split, self._split]
        upto = sums[:, self._split, self._end]
        whole = sums[:, self._end, self._end]
        between = 2 / (m * n) * (upto - within)
        energy = between - within / (m * (m - 1)) - (whole - 2 * upto + within) / (n * (n - 1))
        return np.asarray(m * n / (m + n) * energy)

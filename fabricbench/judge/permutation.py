"""One permutation of launch labels for a whole table (max-T), and the smallest effect it would see.

The statistic of a row is the correlation between a launch's side and the logarithm of its median,
which orders permutations as Student's t does. All rows share each permutation, which keeps their
dependence, and every row is held against the largest statistic of all rows. Source: Westfall &
Young, Resampling-Based Multiple Testing (1993), 2.3, single step; Phipson & Smyth 2010 for
counting the observed labels too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEVEL = 0.01
PERMUTATIONS = 4999
SEED = 20260101

_BLOCK = 256
"""Rows worked on at once, so that memory does not grow with the table."""
_ALLOWED = round(LEVEL * (PERMUTATIONS + 1)) - 1
"""Permutations that may reach the observed statistic while p <= LEVEL."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class TableTest:
    """What the test says of every row; all arrays are (rows,).

    p is adjusted for the whole table. direction: +1 where the new side is slower. needed: shift of
    the new side's logarithms beyond which p <= LEVEL with direction +1.
    """

    p: Floats
    direction: Floats
    needed: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """Statistics of some rows. `moved` is what the new side's launches gain per unit of shift."""

    rows: slice
    stayed: Floats  # (permutations, rows): of the values as they are, not yet divided by `deviation`
    moved: Floats  # (permutations, rows)
    observed: Floats  # (rows,)
    reach: Floats  # (rows,): largest possible `moved`
    deviation: Floats  # (rows,)

    def statistics(self) -> Floats:
        """Absolute correlations, (permutations, rows); 0 for a row without variation."""
        scale = np.where(self.deviation > 0, self.deviation, np.inf)
        return np.asarray(np.abs(self.stayed) / scale)


def max_t(logs: Floats, new: NDArray[np.bool_], *, shifts: bool = True) -> TableTest:
    """Test all rows at once. logs: (launches, rows), nan where absent; new: (launches,).

    shifts: whether to find what is needed, which takes most of the time; else it is infinite.
    """
    labels = _permuted_labels(new.size, min(int(new.sum()), int((~new).sum())))
    rows = logs.shape[1]
    highest = _TwoHighest(labels.shape[0])
    for block in _blocks(logs, new, labels):
        highest.take(block)
    p, direction, needed = np.ones(rows), np.zeros(rows), np.full(rows, np.inf)
    for block in _blocks(logs, new, labels):
        p[block.rows] = _adjusted_p(block, highest.values)
        direction[block.rows] = np.sign(block.observed)
        if shifts:
            needed[block.rows] = _needed_shift(block, highest.without(block.rows))
    return TableTest(p=p, direction=direction, needed=needed)


@lru_cache(maxsize=8)
def _permuted_labels(launches: int, smaller: int) -> Floats:
    """Random splits, (permutations, launches); the same ones when the sides change places."""
    order = np.random.default_rng(SEED).random((PERMUTATIONS, launches)).argsort(axis=1)
    labels = (order < smaller).astype(np.float64)
    labels.flags.writeable = False
    return labels


def _blocks(logs: Floats, new: NDArray[np.bool_], labels: Floats) -> Iterator[_Block]:
    for start in range(0, logs.shape[1], _BLOCK):
        rows = slice(start, min(start + _BLOCK, logs.shape[1]))
        yield _block(rows, logs[:, rows], new, labels)


def _block(rows: slice, logs: Floats, new: NDArray[np.bool_], labels: Floats) -> _Block:
    present = ~np.isnan(logs)
    count = present.sum(axis=0)
    centred = np.where(present, logs - np.nansum(logs, axis=0) / count, 0.0)
    sides = np.where(present, new[:, None].astype(np.float64), 0.0)
    sides = np.where(present, sides - sides.sum(axis=0) / count, 0.0)
    chosen = labels @ present
    spread = np.sqrt(chosen * (count - chosen) / count)
    spread[spread == 0] = np.inf  # one side of this row is empty: this permutation says nothing
    reach = np.sqrt((sides * sides).sum(axis=0))
    return _Block(
        rows=rows,
        stayed=(labels @ centred) / spread,
        moved=(labels @ sides) / spread,
        observed=(sides * centred).sum(axis=0) / reach,
        reach=reach,
        deviation=np.sqrt((centred * centred).sum(axis=0)),
    )


class _TwoHighest:
    """Of every permutation the largest statistic, the row that has it, and the runner-up."""

    def __init__(self, permutations: int) -> None:
        self.values = np.zeros(permutations)
        self.second = np.zeros(permutations)
        self.row = np.full(permutations, -1)

    def take(self, block: _Block) -> None:
        statistics = block.statistics()
        everyone = np.arange(statistics.shape[0])
        row = statistics.argmax(axis=1)
        top = statistics[everyone, row]
        statistics[everyone, row] = 0.0
        self.second = np.maximum(np.minimum(self.values, top), np.maximum(self.second, statistics.max(axis=1)))
        self.row = np.where(top > self.values, row + block.rows.start, self.row)
        self.values = np.maximum(self.values, top)

    def without(self, rows: slice) -> Floats:
        """Largest statistic of all other rows, (permutations, rows)."""
        own = self.row[:, None] == np.arange(rows.start, rows.stop)
        return np.where(own, self.second[:, None], self.values[:, None])


def _adjusted_p(block: _Block, highest: Floats) -> Floats:
    scale = np.where(block.deviation > 0, block.deviation, np.inf)
    observed = np.abs(block.observed) / scale * (1 - _ROUNDING)
    reached = highest.size - np.searchsorted(np.sort(highest), observed, side="left")
    return np.asarray((1 + reached) / (1 + highest.size))


def _needed_shift(block: _Block, others: Floats) -> Floats:
    """Shift of the new side beyond which p <= LEVEL, (rows,).

    A permutation counts while its statistic in this row, or the largest of the other rows, reaches
    the observed one. Each stops doing so at one shift and never counts beyond it, so the answer is
    an order statistic of those shifts.
    """
    reach, observed = block.reach, block.observed
    towards = _ratio(block.stayed - observed, reach - block.moved, reach)
    away = _ratio(-block.stayed - observed, reach + block.moved, reach)
    # u / sqrt(rest^2 + u^2), with u = observed + shift * reach, is the observed correlation.
    rest = np.sqrt(np.maximum(block.deviation**2 - observed**2, 0.0))
    unreachable = others >= 1 - _ROUNDING
    others = np.where(unreachable, 0.0, others)
    beside = (rest * others / np.sqrt(1 - others**2) - observed) / reach
    beside[unreachable] = np.inf
    ends = np.maximum(np.maximum(towards, away), beside)
    return np.asarray(np.partition(ends, -(_ALLOWED + 1), axis=0)[-(_ALLOWED + 1)])


def _ratio(rise: Floats, slope: Floats, reach: Floats) -> Floats:
    """Shift at which a permutation drops out; never for the observed split or its mirror image."""
    same = slope <= _ROUNDING * reach
    return np.where(same, np.inf, rise / np.where(same, 1.0, slope))

"""The ratio of two groups of launches with an interval that holds for any shape of noise.

The interval inverts the exact Mann-Whitney test on the logarithms of launch medians: it holds the
factor between two distributions of one shape with at least the wanted confidence, however skewed or
bimodal they are. Source: Hodges & Lehmann 1963; Lehmann, Nonparametrics (1975), 2.6; Hollander &
Wolfe, Nonparametric Statistical Methods, 4.3.
"""

import math
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95

_EXACT = 50
"""Launches of both sides together up to which counts are exact: C(50, 25) fits in 64 bits."""


def shift_interval(base: NDArray[np.float64], new: NDArray[np.float64]) -> tuple[float, float] | None:
    """Bounds of the shift from base to new; none where no interval of 95 % exists (3 against 3).

    With 5 launches a side the confidence is 96.8 %: the third of 25 differences from each end.
    """
    depth = _depth(base.size, new.size)
    if depth == 0:
        return None
    differences = np.sort((new[:, None] - base[None, :]).ravel())
    return float(differences[depth - 1]), float(differences[-depth])


@cache
def _depth(base: int, new: int) -> int:
    """Largest k such that P(fewer than k pairs lie beyond the true shift) <= 2.5 % a side."""
    tail = (1 - CONFIDENCE) / 2
    if base + new > _EXACT:
        spread = math.sqrt(base * new * (base + new + 1) / 12)
        return max(0, math.floor(base * new / 2 + NormalDist().inv_cdf(tail) * spread))
    counts = _mann_whitney_counts(base, new)
    return int(np.searchsorted(np.cumsum(counts) / counts.sum(), tail, side="right"))


def _mann_whitney_counts(base: int, new: int) -> NDArray[np.int64]:
    """Orders of the two groups by U = 0 .. base * new: a Gaussian binomial coefficient."""
    counts = np.zeros(base * new + 1, dtype=np.int64)
    counts[0] = 1
    for step in range(1, base + 1):
        rise = new + step
        counts[rise:] -= counts[:-rise].copy()  # times 1 - q^rise
        for start in range(step):  # divided by 1 - q^step
            counts[start::step] = np.cumsum(counts[start::step])
    return counts

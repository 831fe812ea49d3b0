"""Samples -> median, interval, percentiles. Pure NumPy, nonparametric, sources cited."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fabricbench.model import Cadence, Stop, Summary

Samples = Sequence[float] | NDArray[np.float64]


class Interval(NamedTuple):
    """A point estimate between two bounds.

    The bounds are None where no interval of the wanted confidence exists.
    """

    value: float
    low: float | None
    high: float | None


@lru_cache(maxsize=8)  # sampling asks for ever larger n
def _binomial_cdf(n: int, p: float) -> NDArray[np.float64]:
    """P(X <= k) for k = 0..n by logarithms of factorials, exact to rounding for the n used here."""
    k = np.arange(n + 1)
    log_factorial = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, n + 1)))))
    log_choose = log_factorial[n] - log_factorial - log_factorial[::-1]
    log_pmf = log_choose + k * math.log(p) + (n - k) * math.log1p(-p)
    return np.asarray(np.minimum(1.0, np.cumsum(np.exp(log_pmf))))


def quantile_ranks(n: int, q: float, confidence: float = 0.95) -> tuple[int | None, int | None]:
    """0-based ranks of the order statistics that enclose the q-quantile, None where n is too small.

    Each side misses with at most (1 - confidence) / 2. Source: Le Boudec, Performance Evaluation,
    2.2 (binomial ranks); at n = 6 the whole range misses the median with probability
    2 * 0.5**6 = 3.1 %, at n = 5 with 6.3 %.
    """
    if n == 0:
        return None, None
    tail = (1 - confidence) / 2
    cdf = _binomial_cdf(n, q)
    # P(X_(low) > quantile) = P(Binomial(n, q) <= low), with `low` counted from 0.
    low = int(np.searchsorted(cdf, tail, side="right")) - 1
    # P(X_(high) < quantile) = P(Binomial(n, q) > high) = 1 - cdf[high].
    high = int(np.searchsorted(cdf, 1 - tail, side="left"))
    return (low if low >= 0 else None), (high if high < n else None)


def median_interval(samples: Samples, confidence: float = 0.95) -> Interval:
    """Median and its rank interval.

    samples: (n,), any order, n >= 1. There is no interval below n = 6 at 95 %.
    """
    ordered = np.sort(np.asarray(samples, dtype=np.float64))
    n = ordered.size
    median = float((ordered[(n - 1) // 2] + ordered[n // 2]) / 2)
    low, high = quantile_ranks(n, 0.5, confidence)
    if low is None or high is None:
        return Interval(median, None, None)
    return Interval(median, float(ordered[low]), float(ordered[high]))


def samples_needed(q: float) -> int:
    """Samples from which the q-quantile has a one-sided 95 % upper bound: 299 for p99, 2995 for p99.9."""
    return math.ceil(math.log(0.05) / math.log(q))


def percentile(samples: Samples, q: float) -> float | None:
    """The q-quantile as an order statistic, None where it has no one-sided 95 % upper bound."""
    found = percentiles(np.asarray(samples, dtype=np.float64).reshape(1, -1), q)
    return None if found is None else float(found[0])


def percentiles(rows: NDArray[np.float64], q: float) -> NDArray[np.float64] | None:
    """The q-quantile of every row as in `percentile`. rows: (rows, n)."""
    if rows.shape[1] < samples_needed(q):
        return None
    return np.asarray(np.quantile(rows, q, axis=1, method="inverted_cdf"))


def relative_width(samples: Samples) -> float:
    """Half the width of the median's interval over the median; infinite without an interval."""
    value, low, high = median_interval(samples)
    if low is None or high is None:
        return math.inf
    return (high - low) / (2 * value) if value > 0 else 0.0


def clopper_pearson(found: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact interval of a proportion. Source: Clopper & Pearson, Biometrika 26 (1934)."""
    from scipy.stats import binomtest  # 0.3 s to import, and only tables of proportions need it

    interval = binomtest(found, trials).proportion_ci(confidence_level=confidence, method="exact")
    return float(interval.low), float(interval.high)


def six_digits(values: Sequence[float] | NDArray[np.float64]) -> list[float]:
    """Values as a result file carries them; everything computed later starts from these."""
    return [float(f"{value:.6g}") for value in values]


class Ordered(NamedTuple):
    """Order statistics of one row's samples; None where there are too few of them. Seconds, not rounded."""

    n: int
    median_s: float | None
    low_s: float | None
    high_s: float | None
    p99_s: float | None


NOTHING = Ordered(0, None, None, None, None)
_AT_ONCE = 1 << 20
"""Samples worked on at once, so that memory does not grow with the file."""


def kept(samples_s: Samples, excluded: Sequence[tuple[int, int, str]]) -> Samples:
    """The samples that count. excluded: [first, last, reason], both ends included."""
    if not excluded:
        return samples_s
    counts = np.ones(len(samples_s), dtype=np.bool_)
    for first, last, _ in excluded:
        counts[first : last + 1] = False
    return np.asarray(samples_s, dtype=np.float64)[counts]


def ordered(rows: Sequence[Samples]) -> list[Ordered]:
    """Median with its interval and p99 of many rows; those of one length are sorted as one array."""
    found = [NOTHING] * len(rows)
    by_count: dict[int, list[int]] = {}
    for index, samples in enumerate(rows):
        by_count.setdefault(len(samples), []).append(index)
    for n, members in by_count.items():
        step = max(1, _AT_ONCE // n) if n else len(members)
        for start in range(0, len(members) if n else 0, step):
            chosen = members[start : start + step]
            block = np.sort(np.array([rows[index] for index in chosen], dtype=np.float64), axis=1)
            for index, one in zip(chosen, _ordered(block), strict=True):
                found[index] = one
    return found


def _ordered(block: NDArray[np.float64]) -> list[Ordered]:
    """block: (rows, n), each row sorted."""
    count, n = block.shape
    low, high = quantile_ranks(n, 0.5)
    nothing = [None] * count
    bounded = low is not None and high is not None
    tails = percentiles(block, 0.99)
    return [
        Ordered(n, *figures)
        for figures in zip(
            ((block[:, (n - 1) // 2] + block[:, n // 2]) / 2).tolist(),
            block[:, low].tolist() if bounded else nothing,
            block[:, high].tolist() if bounded else nothing,
            nothing if tails is None else tails.tolist(),
            strict=True,
        )
    ]


def summarise(
    samples_s: Samples,
    excluded: Sequence[tuple[int, int, str]],
    cadence: Cadence,
    stop: Stop,
) -> Summary:
    """The stored summary of one row; the writer and the reader's check both come here.

    samples_s: (n,) seconds per operation, as written. excluded: [first, last, reason], both ends
    included.
    """
    return summary(ordered([kept(samples_s, excluded)])[0], cadence, stop)


def summary(found: Ordered, cadence: Cadence, stop: Stop) -> Summary:
    """A summary as files carry it. Streaming samples are means of many operations, so they have no percentile."""
    if found.n == 0:
        return Summary(n=0, median_s=None, low_s=None, high_s=None, p99_s=None, stop="skipped")
    tail = found.p99_s if cadence == "isolated" else None
    figures = (found.median_s, found.low_s, found.high_s, tail)
    median_s, low_s, high_s, p99_s = (None if value is None else six_digits([value])[0] for value in figures)
    return Summary(n=found.n, median_s=median_s, low_s=low_s, high_s=high_s, p99_s=p99_s, stop=stop)

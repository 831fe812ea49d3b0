"""Intervals against exact binomials, coverage by simulation, and the summary of a row."""

import math

import numpy as np
import pytest
from scipy import stats

from fabricbench import statistics

LAUNCHES = 4000


@pytest.mark.parametrize("n", [1, 2, 5, 6, 7, 20, 64, 299, 300, 2000])
@pytest.mark.parametrize("q", [0.5, 0.9, 0.99])
def test_ranks_are_the_exact_binomial_ones(n: int, q: float) -> None:
    low, high = statistics.quantile_ranks(n, q)
    misses = stats.binom(n, q)
    if low is None:
        assert misses.cdf(0) > 0.025
    else:
        assert misses.cdf(low) <= 0.025 < misses.cdf(low + 1)
    if high is None:
        assert misses.sf(n - 1) > 0.025
    else:
        assert misses.sf(high) <= 0.025 + 1e-12
        assert misses.sf(high - 1) > 0.025


def test_known_ranks() -> None:
    assert statistics.quantile_ranks(0, 0.5) == (None, None)
    assert statistics.quantile_ranks(5, 0.5) == (None, None)
    assert statistics.quantile_ranks(6, 0.5) == (0, 5)
    assert statistics.quantile_ranks(71, 0.5) == (26, 44)  # Le Boudec's table A.1: 27 and 45 from 1


@pytest.mark.parametrize("name", ["normal", "lognormal", "exponential", "bimodal", "cauchy"], ids=str)
@pytest.mark.parametrize("n", [6, 25])
def test_the_interval_covers_the_median(name: str, n: int) -> None:
    generator = np.random.default_rng(n)
    shape = (LAUNCHES, n)
    draws, median = {
        "normal": lambda: (generator.normal(5, 1, shape), 5.0),
        "lognormal": lambda: (generator.lognormal(0, 1, shape), 1.0),
        "exponential": lambda: (generator.exponential(1, shape), math.log(2)),
        "bimodal": lambda: (
            np.where(generator.random(shape) < 0.6, 1.0, 9.0) + generator.uniform(0, 1, shape),
            1 + 0.5 / 0.6,
        ),
        "cauchy": lambda: (generator.standard_cauchy(shape), 0.0),
    }[name]()
    covered = 0
    for samples in draws:
        _, low, high = statistics.median_interval(samples)
        assert low is not None
        assert high is not None
        covered += low <= median <= high
    low_rank, high_rank = statistics.quantile_ranks(n, 0.5)
    assert low_rank is not None
    assert high_rank is not None
    exact = stats.binom(n, 0.5).cdf(high_rank) - stats.binom(n, 0.5).cdf(low_rank)
    assert exact >= 0.95
    assert covered / LAUNCHES == pytest.approx(exact, abs=4 * math.sqrt(0.05 * 0.95 / LAUNCHES))


def test_five_samples_have_a_median_and_no_interval() -> None:
    assert statistics.median_interval([3, 1, 2, 5, 4]) == (3.0, None, None)
    assert statistics.relative_width([3, 1, 2, 5, 4]) == math.inf


def test_six_samples_span_their_range() -> None:
    assert statistics.median_interval([3, 1, 2, 5, 4, 6]) == (3.5, 1.0, 6.0)
    assert statistics.relative_width([3, 1, 2, 5, 4, 6]) == pytest.approx(5 / 7)
    assert statistics.relative_width([0.0] * 6) == 0.0


@pytest.mark.parametrize(("q", "needed"), [(0.9, 29), (0.99, 299), (0.999, 2995)])
def test_a_percentile_exists_from_its_number_of_samples_on(q: float, needed: int) -> None:
    assert statistics.percentile(range(needed - 1), q) is None
    assert statistics.percentile(range(needed), q) == math.ceil(needed * q) - 1
    assert 1 - q**needed >= 0.95 > 1 - q ** (needed - 1)


def test_proportions_are_exact() -> None:
    low, high = statistics.clopper_pearson(0, 40)
    assert low == 0.0
    assert high == pytest.approx(1 - 0.025 ** (1 / 40))


def test_six_digits_are_kept() -> None:
    values = statistics.six_digits([1.23456789e-5, 0.0, 123456789.0])
    assert values == [1.23457e-05, 0.0, 123457000.0]
    assert statistics.six_digits(values) == values


def test_a_summary_is_computed_from_the_samples_that_count() -> None:
    samples = [9.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0]
    summary = statistics.summarise(samples, [(0, 0, "warm"), (7, 7, "gap")], "isolated", "budget")
    assert (summary.n, summary.median_s, summary.low_s, summary.high_s) == (6, 3.5, 1.0, 6.0)
    assert (summary.p99_s, summary.stop) == (None, "budget")


def test_a_summary_has_six_digits() -> None:
    assert statistics.summarise([1.0, 1.0001234], [], "isolated", "count").median_s == 1.00006


def test_only_isolated_samples_have_a_tail() -> None:
    samples = [float(i) for i in range(299)]
    assert statistics.summarise(samples, [], "isolated", "count").p99_s == 296.0
    assert statistics.summarise(samples, [], "streaming", "count").p99_s is None
    assert statistics.summarise(samples[:-1], [], "isolated", "count").p99_s is None


def test_no_samples_are_a_skipped_case() -> None:
    for samples, excluded in (([], []), ([1.0], [(0, 0, "all of it")])):
        summary = statistics.summarise(samples, excluded, "isolated", "converged")
        assert (summary.n, summary.stop) == (0, "skipped")
        assert summary.median_s is summary.low_s is summary.high_s is summary.p99_s is None

"""When sampling ends, on streams whose nature is known."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricbench.measure.stop import Stopping, block_size, repeats_for

Stream = Callable[[np.random.Generator, int], np.ndarray]
BLOCK, BLOCKS, BLOCK_S = 50, 200, 0.01


def feed(stream: Stream, seed: int, *, budget_s: float = BLOCKS * BLOCK_S, least_s: float = 0.0) -> tuple[str, int]:
    """The reason, and after how many blocks, each of which takes BLOCK_S by a clock of its own."""
    samples = stream(np.random.default_rng(seed), BLOCK * BLOCKS)
    stopping = Stopping(budget_s=budget_s, least_s=least_s)
    for done in range(1, BLOCKS + 1):
        reason = stopping.reason(samples[: done * BLOCK], done * BLOCK_S)
        if reason is not None:
            return reason, done
    raise AssertionError("nothing stopped it")


def quiet(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.normal(1e-5, 1e-7, n)


def wide(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.exp(rng.normal(-11, 0.3, n))


def heavy(rng: np.random.Generator, n: int) -> np.ndarray:
    return 1e-5 * (1 + 0.05 * rng.pareto(1.1, n))


def two_modes(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.where(rng.random(n) < 0.5, 1e-5, 2e-5) * rng.normal(1, 0.001, n)


def drifting(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.linspace(1e-5, 5e-5, n) * rng.normal(1, 0.2, n)


def constant(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.full(n, 1e-5)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("stream", [constant, quiet, wide, heavy])
def test_independent_samples_converge_however_far_they_scatter(stream: Stream, seed: int) -> None:
    assert feed(stream, seed)[0] == "converged"


@pytest.mark.parametrize("seed", range(5))
def test_what_does_not_narrow_ends_at_a_plateau_before_the_budget(seed: int) -> None:
    reason, done = feed(drifting, seed)
    assert reason == "plateau"
    assert done < BLOCKS


def test_two_modes_end_at_a_plateau_unless_one_happens_to_prevail() -> None:
    reasons = [feed(two_modes, seed)[0] for seed in range(40)]
    assert reasons.count("plateau") > 25
    assert "budget" not in reasons


@pytest.mark.parametrize("seed", range(5))
def test_wide_samples_use_a_small_budget_up_instead_of_giving_up(seed: int) -> None:
    assert feed(wide, seed, budget_s=50 * BLOCK_S) == ("budget", 50)


@pytest.mark.parametrize("stream", [constant, quiet, heavy])
def test_nothing_but_the_budget_stops_before_the_least_time(stream: Stream) -> None:
    _, soon = feed(stream, 1)
    reason, done = feed(stream, 1, least_s=0.5)
    assert reason == "converged"
    assert done * BLOCK_S >= 0.5 > soon * BLOCK_S
    assert feed(stream, 1, budget_s=0.3, least_s=0.5) == ("budget", 30)


def test_a_wide_stream_needs_more_samples_than_a_quiet_one() -> None:
    assert feed(wide, 1)[1] > feed(quiet, 1)[1]


def test_no_valid_sample_is_no_reason_and_ends_with_the_budget() -> None:
    stopping = Stopping(budget_s=1.0, least_s=0.0)
    nothing = np.empty(0)
    assert [stopping.reason(nothing, spent / 20) for spent in range(20)] == [None] * 20
    assert stopping.reason(nothing, 1.0) == "budget"


@given(call_s=st.floats(0, 10), least_s=st.floats(0, 100))
def test_a_streaming_sample_has_at_least_one_call_and_lasts_fifty_microseconds(call_s: float, least_s: float) -> None:
    repeats = repeats_for(call_s, least_s)
    assert repeats >= 1
    assert (repeats + 0.5) * max(call_s, 1e-9) >= 0.99 * 5e-5


@given(sample_s=st.floats(0, 10), budget_s=st.floats(0, 1000), most=st.integers(1, 256))
def test_a_block_is_between_one_sample_and_the_most(sample_s: float, budget_s: float, most: int) -> None:
    assert 1 <= block_size(sample_s, budget_s, most) <= most

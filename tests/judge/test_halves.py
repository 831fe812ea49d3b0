"""Halves of all members compared until one is left, on all-reduces whose truth is known."""

from collections.abc import Collection

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricbench.judge import halves
from fabricbench.judge.halves import TURNS, Members, Outcome, Searched, Trial

SECONDS = 1e-3


def times(
    group: Members, slow: Collection[int], share: float, draw: np.random.Generator, noise: float, turns: int = TURNS
) -> list[float]:
    """An all-reduce is as slow as its slowest member."""
    usual = SECONDS / (share if set(group) & set(slow) else 1.0)
    return [usual * float(np.exp(draw.normal(0, noise))) for _ in range(turns)]


def searched(
    members: Members, slow: Collection[int], share: float = 0.5, seed: int = 1, noise: float = 0.01
) -> tuple[Members, list[Outcome]]:
    draw = np.random.default_rng(seed)
    trial: Trial | None = halves.first(members)
    found: Members = ()
    outcomes = []
    while trial is not None:
        one, two = trial.groups
        assert len(one) == len(two) == len(members) // 2
        assert not set(trial.first) & set(trial.second)
        outcome = halves.outcome(
            trial, (times(one, slow, share, draw, noise), times(two, slow, share, draw, noise)), len(members)
        )
        found = outcome.slow or found
        outcomes.append(outcome)
        trial = halves.following(outcome, members)
    return found, outcomes


@given(st.integers(4, 200).flatmap(lambda ranks: st.tuples(st.just(ranks), st.integers(0, ranks - 1))))
def test_whoever_is_slow_is_found_in_few_trials(case: tuple[int, int]) -> None:
    ranks, slow = case
    found, outcomes = searched(tuple(range(ranks)), {slow})
    assert found == (slow,)
    # A member that is left over costs one trial more.
    assert len(outcomes) <= 2 * int(np.ceil(np.log2(ranks)))


def test_members_need_not_be_numbered_from_0() -> None:
    assert searched((0, 2, 5, 6, 9), {9})[0] == (9,)


def test_a_clean_search_ends_after_the_halves() -> None:
    found, outcomes = searched(tuple(range(8)), ())
    assert (found, len(outcomes)) == ((), 1)
    found, outcomes = searched(tuple(range(9)), ())
    assert (found, len(outcomes)) == ((), 2)  # with the one that was left over


def test_noise_is_rarely_named_and_the_threshold_grows_with_it() -> None:
    named = sum(bool(searched(tuple(range(8)), (), seed=seed, noise=0.05)[0]) for seed in range(200))
    assert named <= 4
    _, (quiet,) = searched(tuple(range(8)), (), noise=0.001)
    _, (noisy,) = searched(tuple(range(8)), (), noise=0.05)
    assert quiet.sees == pytest.approx(0.95)
    assert noisy.sees < 0.94


def test_two_that_are_slow_only_together_are_left_together() -> None:
    """Halves of the slower half are alike: no single member is blamed."""
    trial = halves.first(tuple(range(8)))
    outcome = halves.outcome(trial, ([2e-3] * TURNS, [1e-3] * TURNS), 8)
    assert outcome.slow == (0, 1, 2, 3)
    assert outcome.share == pytest.approx(0.5)
    second = halves.following(outcome, tuple(range(8)))
    assert second == Trial(first=(0, 1), second=(2, 3), fill=(4, 5))
    alike = halves.outcome(second, ([1e-3] * TURNS, [1e-3] * TURNS), 8)
    assert alike.slow == ()
    assert halves.following(alike, tuple(range(8))) is None


def test_a_member_is_measured_again_in_other_company() -> None:
    trial = halves.retrial(2, tuple(range(6)))
    assert trial == Trial(first=(2,), second=(5,), fill=(4, 3))
    assert halves.again(0.5, ([2e-3] * 3, [1e-3] * 3)) == (3, 3)
    assert halves.again(0.5, ([2e-3, 1e-3, 2e-3], [1e-3] * 3)) == (2, 3)
    assert Searched(members=(2,), slow=3, again=3).confirmed
    assert not Searched(members=(2,), slow=2, again=3).confirmed
    assert not Searched(members=(2,)).confirmed


@pytest.mark.parametrize(
    ("names", "members"),
    [
        (["a", "b", "c", "d"], (0, 1, 2, 3)),
        (["a:0", "a:1", "a:2", "a:3"], (0, 1, 2, 3)),
        (["a:0", "a:1", "b", "c", "d"], (0, 2, 3, 4)),
        (["a:0", "b:0", "c:0", "d:0", "a:1", "b:1", "c:1", "d:1"], (0, 1, 2, 3)),
    ],
)
def test_members_whose_groups_are_alike_are_compared(names: list[str], members: Members) -> None:
    assert halves.candidates(names) == (members, None)


@pytest.mark.parametrize(
    ("names", "why"), [(["a:0", "a:1", "b:0", "b:1"], "2 hosts"), (["a:0", "a:1", "a:2"], "3 members on one host")]
)
def test_too_few_are_not_compared_and_told_so(names: list[str], why: str) -> None:
    members, blind = halves.candidates(names)
    assert members == ()
    assert blind is not None
    assert why in blind

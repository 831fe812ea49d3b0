"""Change points: what is found, where, and how often what is not there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabricbench.judge.divisive import _Sides, change_points

LEAST = 5


def starts(*runs: int) -> np.ndarray:
    return np.cumsum([0, *runs[:-1]])


def found(levels: list[float], launches: int = 5, noise: float = 0.02, seed: int = 1) -> list[int]:
    """Change points of runs with these levels, as numbers of runs."""
    random = np.random.default_rng(seed)
    values = np.concatenate([level + random.normal(0, noise, launches) for level in levels])
    return [point // launches for point in change_points(values, starts(*[launches] * len(levels)), LEAST)]


def energy(before: np.ndarray, after: np.ndarray) -> float:
    """The statistic as Matteson & James write it, term by term."""
    m, n = len(before), len(after)
    between = 2 / (m * n) * sum(abs(x - y) for x in before for y in after)
    left = sum(abs(before[i] - before[k]) for i in range(m) for k in range(i)) / (m * (m - 1) / 2)
    right = sum(abs(after[i] - after[k]) for i in range(n) for k in range(i)) / (n * (n - 1) / 2)
    return m * n / (m + n) * (between - left - right)


@given(st.lists(st.integers(1, 4), min_size=2, max_size=6), st.integers(0, 1 << 30))
@settings(max_examples=40, deadline=None)
def test_the_statistic_is_that_of_the_paper_for_every_split(runs: list[int], seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=sum(runs))
    sides = _Sides(starts(*runs), len(values), 2)
    bounds = [0, *np.cumsum(runs)]
    wanted = [
        energy(values[:split], values[split:end])
        for split in bounds
        for end in bounds
        if split >= 2 and end - split >= 2
    ]
    assert sides.possible is bool(wanted)
    if wanted:
        assert np.allclose(sides.statistics(values[None, :])[0], wanted)


class TestFound:
    def test_one_step(self) -> None:
        assert found([0.0] * 4 + [0.3] * 4) == [4]

    def test_two_steps_and_a_return(self) -> None:
        assert found([0.0] * 4 + [0.3] * 4 + [0.0] * 4) == [4, 8]

    def test_the_newest_run_alone(self) -> None:
        assert found([0.0] * 7 + [0.3]) == [7]

    def test_a_change_of_shape_is_a_change_too(self) -> None:
        random = np.random.default_rng(4)
        values = np.concatenate([random.normal(0, 0.01, 40), random.choice([-0.3, 0.3], 40)])
        assert change_points(values, starts(*[5] * 16), LEAST) == [40]

    def test_a_level_begins_with_a_run(self) -> None:
        values = np.array([0.0] * 12 + [1.0] * 13) + np.random.default_rng(1).normal(0, 0.01, 25)
        assert change_points(values, starts(10, 5, 10), LEAST) in ([10], [15], [10, 15])

    def test_launches_one_a_run(self) -> None:
        values = np.array([0.0] * 10 + [0.3] * 10) + np.random.default_rng(2).normal(0, 0.02, 20)
        assert change_points(values, np.arange(20), LEAST) == [10]

    def test_the_same_series_gives_the_same_points(self) -> None:
        assert found([0.0] * 4 + [0.05] * 4, noise=0.05, seed=3) == found([0.0] * 4 + [0.05] * 4, noise=0.05, seed=3)


class TestNotFound:
    @pytest.mark.parametrize("runs", [(5,), (4, 5), (5, 4), (9,), (3, 3, 3)])
    def test_too_few_launches_say_nothing(self, runs: tuple[int, ...]) -> None:
        values = np.concatenate([np.full(count, float(number)) for number, count in enumerate(runs)])
        assert change_points(values, starts(*runs), LEAST) == []

    def test_two_runs_of_five_cannot_prove_a_change(self) -> None:
        assert found([0.0, 1.0]) == []

    def test_a_flat_series(self) -> None:
        assert change_points(np.zeros(40), starts(*[5] * 8), LEAST) == []

    def test_false_alarms_are_rare(self) -> None:
        alarms = sum(bool(found([0.0] * 10, noise=1.0, seed=seed)) for seed in range(400))
        assert alarms <= 4  # expected 0.8; more than 4 has a chance of 0.1 %

    def test_heavy_tails_are_no_change(self) -> None:
        random = np.random.default_rng(8)
        alarms = sum(
            bool(change_points(np.exp(random.standard_t(2, 50)), starts(*[5] * 10), LEAST)) for _ in range(200)
        )
        assert alarms <= 3

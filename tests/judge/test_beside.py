"""Ratios to a peer, on figures whose truth is known."""

import numpy as np
import pytest

from fabricbench.judge import beside
from fabricbench.judge.beside import Figures

SIZES = (4, 64, 1024)


def figures(ours: float, theirs: float, *, launches: int = 10, scatter: tuple[float, float] = (0.1, 0.1)) -> Figures:
    """Launches evenly over `scatter` above the best, so that the interquartile range is half of it."""
    steps = np.linspace(0, 1, launches)
    return Figures(
        operation="allreduce",
        program="osu_allreduce",
        ours_s={size: [size * 1e-6 * ours * (1 + scatter[0] * step) for step in steps] for size in SIZES},
        theirs_s={size: [size * 1e-6 * theirs * (1 + scatter[1] * step) for step in steps] for size in SIZES},
        step_s=dict.fromkeys(SIZES, 1e-12),
    )


def test_the_best_of_launches_is_compared_size_by_size() -> None:
    made = figures(1.2, 1.0)
    row = beside.row(Figures(
        operation=made.operation, program=made.program, theirs_s=made.theirs_s, step_s=made.step_s,
        ours_s={**made.ours_s, 64: [2 * value for value in made.ours_s[64]]},
    ))  # fmt: skip
    assert row is not None
    assert row.best == pytest.approx(1.2 * 2 ** (1 / 3))
    assert (row.worst, row.worst_size, row.sizes) == (pytest.approx(2.4), 64, 3)


def test_the_spread_is_a_ratio_of_interquartile_ranges() -> None:
    row = beside.row(figures(1.0, 1.0, scatter=(0.1, 0.4)))
    assert row is not None
    assert row.spread is not None
    assert row.spread.value == pytest.approx(0.25, rel=1e-3)
    assert row.spread_sizes == 3
    assert row.spread.low is not None
    assert row.spread.high is not None
    assert row.spread.low <= row.spread.value <= row.spread.high


def test_rounding_is_no_steadiness() -> None:
    """A peer that prints 4 us in every launch scatters by up to a digit, and so does ours below it."""
    made = figures(1.0, 1.0, scatter=(0.1, 0.0))
    coarse = Figures(
        operation=made.operation, program=made.program, ours_s=made.ours_s, theirs_s=made.theirs_s,
        step_s=dict.fromkeys(SIZES, 1e-6),
    )  # fmt: skip
    row = beside.row(coarse)
    assert row is not None
    assert row.spread is not None
    assert row.spread_sizes == 2, "4 us scatter by less than the digit"
    ranges = [
        np.subtract(*np.quantile(np.round(np.array(made.ours_s[size]) * 1e6), (0.75, 0.25))) for size in (64, 1024)
    ]
    assert row.spread.value == pytest.approx(float(np.sqrt(np.prod(ranges))))


def test_few_launches_have_no_spread() -> None:
    row = beside.row(figures(1.0, 1.0, launches=4))
    assert row is not None
    assert (row.spread, row.spread_sizes) == (None, 0)


def test_a_peer_that_prints_zero_has_no_ratio() -> None:
    made = figures(1.0, 1.0)
    assert beside.row(figures(1.0, 0.0)) is None
    some = Figures(
        operation=made.operation, program=made.program, ours_s=made.ours_s, step_s=made.step_s,
        theirs_s={**made.theirs_s, 4: [0.0] * 10},
    )  # fmt: skip
    row = beside.row(some)
    assert row is not None
    assert row.sizes == 2

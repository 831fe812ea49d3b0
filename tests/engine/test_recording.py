"""Which doubts a row has about its own samples."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from builders import make_case

from fabricbench.engine.recording import doubts
from fabricbench.measure.sampling import UNLOADED, Sampled
from fabricbench.model import Cadence, RankTimes

SETTING: Any = SimpleNamespace(clock=SimpleNamespace(read_s=2.5e-8))


def sampled(operation_s: float, *, operations: int = 1, skew_s: float = 0.0, late: int = 0) -> Sampled:
    return Sampled(
        samples_s=[operation_s] * 3, skew_s=[skew_s] * 3, ranks_s=RankTimes(median=[], mean=[], last=[]), excluded=[],
        late=late, issued=3, repeats=operations, operations=operations, stop="budget",
        latest_late=[False] * 3,
    )  # fmt: skip


@pytest.mark.parametrize("cadence", ["isolated", "streaming"])
def test_ranks_that_start_late_are_a_doubt_where_it_shows_in_the_time(cadence: Cadence) -> None:
    (found,) = doubts(make_case(cadence=cadence), sampled(1e-4, skew_s=2e-6, late=3), SETTING)
    assert (found.code, found.text) == (
        "late-starts",
        "3 of 3 samples started late on a rank; none was left out.",
    )
    assert ("streaming" in found.remedy) == (cadence == "isolated")


@pytest.mark.parametrize(
    "each",
    [
        sampled(1e-4, skew_s=2e-6),
        sampled(1e-4, skew_s=0.9e-6, late=3),
        sampled(1e-6, operations=1000, skew_s=2e-6, late=3),
    ],
)
def test_a_start_that_is_even_enough_is_none(each: Sampled) -> None:
    assert doubts(make_case(cadence="streaming"), each, SETTING) == []


def test_an_operation_too_short_for_the_clock_is_one() -> None:
    assert [doubt.code for doubt in doubts(make_case(cadence="isolated"), sampled(4e-7), SETTING)] == ["too-short"]
    assert doubts(make_case(cadence="streaming"), sampled(4e-7), SETTING) == []


def test_samples_without_a_load_are_counted_and_late_ones_beside_them_are_still_said() -> None:
    spoilt = replace(sampled(1e-4, skew_s=2e-6, late=2), excluded=[(0, 1, UNLOADED)])
    found = {doubt.code: doubt.text for doubt in doubts(make_case(), spoilt, SETTING)}
    assert found["unloaded"] == "2 of 3 samples were taken while aggressors paused; they are left out."
    assert "none was left out" in found["late-starts"]
    left_out = replace(spoilt, excluded=[(0, 1, "late start")])
    assert doubts(make_case(), left_out, SETTING) == []

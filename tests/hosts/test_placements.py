"""Faults at seeded places of fabrics of known speed, diagnosed: two of each kind of `make calibration-hosts`."""

import pytest
from hosts import placements
from hosts.fabric import why_not

from fabricbench import mpi
from fabricbench.judge.placements import CASES, Case


@pytest.mark.hosts
@pytest.mark.mpi
@pytest.mark.skipif(why_not() is not None, reason=why_not() or "")
@pytest.mark.skipif(mpi.installed() is not None, reason="needs MPI")
@pytest.mark.parametrize(("case", "seed"), [("clean", 1001), ("clean", 1002), ("transmit", 1001), ("receive", 1002)])
def test_what_is_slow_is_named_and_nobody_where_nothing_is(case: Case, seed: int) -> None:
    one = placements.diagnosed(case, seed)
    assert one.right, one


def test_places_follow_the_seed_and_are_spread() -> None:
    places = [placements.place("transmit", seed) for seed in range(40)]
    assert places == [placements.place("transmit", seed) for seed in range(40)]
    assert {host for _, _, host in places} == {0, 1, 2, 3}
    assert all(placements.SLOWEST_MBIT <= rate <= placements.FASTEST_MBIT for _, rate, _ in places)
    assert placements.place("clean", 1)[2] is None
    assert placements.place("leaves", 1)[0] == 6


def test_what_is_there_is_not_measured_again() -> None:
    wanted = list(placements.wanted(CASES, 2, []))
    assert wanted[: len(CASES)] == [(case, 1) for case in CASES]
    assert len(wanted) == 2 * len(CASES)

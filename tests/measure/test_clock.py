"""Clocks of ranks: the bound of an offset holds the truth, however uneven the way there and back."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricbench import mpi
from fabricbench.measure import clock

DELAYS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**9)), min_size=1, max_size=clock.ROUNDS)


class Wire:
    """Rank 0 on the other end of a line: its clock is `offset` behind ours, and the ways there and back differ."""

    def __init__(self, offset: int, delays: list[tuple[int, int]]) -> None:
        self.now, self.offset, self.delays = 10**12, offset, delays

    def monotonic_ns(self) -> int:
        return self.now

    def Sendrecv(self, sent: Any, to: int, tag: int, received: Any, source: int, again: int) -> None:
        there, back = self.delays[0]
        self.delays = self.delays[1:] + self.delays[:1]
        self.now += there
        received[0] = self.now - self.offset
        self.now += back


class Asking(mpi.World):
    """Rank 1 of 2 on such a line."""

    def __init__(self, wire: Wire) -> None:
        self.communicator, self.rank, self.ranks = wire, 1, 2


def ask(offset: int, delays: list[tuple[int, int]]) -> tuple[float, float]:
    wire = Wire(offset, delays)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic_ns", wire.monotonic_ns)
        return clock._ask(Asking(wire))


@given(offset=st.integers(-(10**12), 10**12), delays=DELAYS)
def test_the_bound_holds_the_true_offset(offset: int, delays: list[tuple[int, int]]) -> None:
    found, bound = ask(offset, delays)
    assert abs(found - offset * 1e-9) <= bound + 1e-9


@given(offset=st.integers(-(10**9), 10**9), delays=DELAYS)
def test_the_quickest_round_decides_how_wide_it_is(offset: int, delays: list[tuple[int, int]]) -> None:
    _, bound = ask(offset, delays)
    assert bound <= min(there + back for there, back in delays) / 2 * 1e-9 + 1e-12


def test_a_bound_that_took_one_way_for_the_other_would_not_hold() -> None:
    found, bound = ask(0, [(0, 1000)])
    assert bound == pytest.approx(500e-9)
    assert abs(found) <= bound
    assert abs(found) > bound / 2  # all on one side: half the way there and back is the least that holds


class Pair(mpi.Group):
    """Two ranks that say these identities; the second has this offset and bound."""

    ranks = 2

    def __init__(self, identities: list[str]) -> None:
        self.identities = identities

    def gather(self, value: Any) -> list[Any]:
        return self.identities


@pytest.mark.parametrize(
    ("identities", "offset", "verified"),
    [
        (["a", "a"], 1e-7, True),
        (["a", "a"], -1e-7, True),
        (["a", "a"], 3e-6, False),
        (["a", "b"], 0.0, False),
        (["unknown", "unknown"], 0.0, False),
    ],
)
def test_one_clock_is_one_kernel_and_no_offset_beyond_its_bound(
    identities: list[str], offset: float, verified: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "_offsets", lambda group: ([0.0, offset], [0.0, 1e-6]))
    report = clock.report(Pair(identities))
    assert report.verified is verified
    assert report.bound_s == 1e-6
    assert report.offset_s == [0.0, offset]


def test_one_rank_alone_has_one_clock() -> None:
    report = clock.report(mpi.Group())
    assert (report.verified, report.offset_s, report.bound_s) == (clock.kernel_identity() != "unknown", [0.0], 0.0)

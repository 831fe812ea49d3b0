"""Synchronised starts: who is late, and what is done about it."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricbench import mpi
from fabricbench.measure import sync


class Rank:
    """One rank whose clock moves only where it is told to; the body runs in the interpreter."""

    def __init__(self, margin: int, samples: int = 4) -> None:
        self.now, self.hears_after, self.latest, self.code = 1000, 0, 0, 0
        self.cells, self.late = np.array([0, 0, 0, margin], np.int64), np.zeros(samples, np.uint8)
        self.block = SimpleNamespace(
            cells=0, late=1, samples=samples, zero=np.int64(0), flag=np.uint8(0), type=0, op=0, comm=0
        )

    def view(self, address: int, count: int, like: Any) -> Any:
        return (self.cells, self.late)[address]

    def now_ns(self) -> int:
        self.now += 1
        return self.now

    def allreduce(self, *arguments: Any) -> int:
        self.cells[1] = max(int(self.cells[0]), self.latest)
        self.now += self.hears_after
        return self.code

    def start(self) -> int:
        with pytest.MonkeyPatch.context() as patch:
            for name, stand_in in (("view", self.view), ("now_ns", self.now_ns), ("MPI_Allreduce", self.allreduce)):
                patch.setattr(sync, name, stand_in)
            return sync.by_round_time(self.block)


@given(margin=st.integers(10, 10**6), delay=st.integers(0, 2 * 10**6))
def test_a_rank_that_hears_of_the_start_after_it_is_late_and_no_other(margin: int, delay: int) -> None:
    rank = Rank(margin)
    rank.hears_after = delay
    assert rank.start() == 0
    assert bool(rank.late[0]) == (delay + 1 >= margin)
    assert rank.now >= rank.cells[1], "left before the agreed moment"


def test_the_agreed_moment_is_the_latest_proposal() -> None:
    rank = Rank(margin=50)
    rank.latest = 9000
    rank.start()
    assert rank.cells[1] == 9000
    assert rank.now >= 9000


def test_each_sample_has_its_own_mark_and_a_block_begins_clean() -> None:
    rank = Rank(margin=100, samples=4)
    for delay in (0, 500, 0, 500):
        rank.hears_after = delay
        rank.start()
    assert rank.late.tolist() == [0, 1, 0, 1]
    start = sync.Synchroniser("round-time", sync.Hook(0, 0), rank.cells, rank.late)
    start.begin(3)
    assert rank.late.tolist() == [0, 0, 0, 1]
    assert rank.cells[2] == 0


def test_an_error_of_the_library_ends_the_wait() -> None:
    rank = Rank(margin=10)
    rank.code = 5
    assert rank.start() == 5
    assert rank.cells[2] == 0


@given(shares=st.lists(st.floats(0, 1), max_size=40))
def test_the_margin_doubles_where_too_many_are_late_up_to_a_millisecond(shares: list[float]) -> None:
    cells = np.array([0, 0, 0, sync.FIRST_MARGIN_NS], np.int64)
    start = sync.Synchroniser("round-time", sync.Hook(0, 0), cells, np.zeros(1, np.uint8))
    for share in shares:
        before = int(cells[3])
        start.adapt(share)
        grown = min(2 * before, sync.LAST_MARGIN_NS) if share > sync.LATE_SHARE else before
        assert cells[3] == grown
    assert sync.FIRST_MARGIN_NS <= cells[3] <= sync.LAST_MARGIN_NS


def test_one_rank_alone_needs_no_synchronisation() -> None:
    start = sync.synchroniser(mpi.Group(), common_clock=True, room=True, samples=8)
    assert start.kind == "none"
    assert start.late.shape == (8,)

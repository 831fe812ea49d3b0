"""From a loop to samples, with ranks that are threads and clocks that move only where they are told to."""

import threading
from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricbench import mpi
from fabricbench.measure import sampling
from fabricbench.measure.loop import Hook, Taken
from fabricbench.measure.sampling import Sampled, Sampler, runs
from fabricbench.measure.sync import Synchroniser
from fabricbench.model import Cadence
from fabricbench.spec import Step
from fabricbench.statistics import six_digits, summarise

Duration = Callable[[int], float]
"""Seconds of the sample of that number, for one call of the step."""


class Table:
    """Where the threads of one test meet."""

    def __init__(self, ranks: int) -> None:
        self.barrier, self.values = threading.Barrier(ranks, timeout=30), [None] * ranks


class Thread(mpi.Group):
    """One rank of several in one process."""

    def __init__(self, table: Table, rank: int) -> None:
        self.table, self.rank, self.ranks = table, rank, len(table.values)

    def gather(self, value: Any) -> list[Any]:
        self.table.values[self.rank] = value
        self.table.barrier.wait()
        heard = list(self.table.values)
        self.table.barrier.wait()
        return heard

    def broadcast(self, value: Any) -> Any:
        return self.gather(value)[0]

    def highest(self, values: Any) -> Any:
        return np.max(self.gather(values), axis=0)


class FakeLoop:
    """A step whose calls last what `duration` says, on a clock that stands still between samples."""

    def __init__(
        self, duration: Duration, late: Callable[[int], bool], *, operations: int = 1, begins_ns: int = 0
    ) -> None:
        self.step = Step(call=lambda: None, operations=operations)
        self.duration, self.is_late, self.now_ns = duration, late, begins_ns
        self.start = Synchroniser("round-time", Hook(0, 0), np.zeros(4, np.int64), np.zeros(64, np.uint8))
        self.issued: list[float] = []
        self.late: list[bool] = []
        self.repeats: list[int] = []

    def take(self, samples: int, repeats: int) -> Taken:
        entered, left = np.zeros(samples, np.int64), np.zeros(samples, np.int64)
        for i in range(samples):
            number = len(self.issued)
            each = self.duration(number)
            entered[i] = self.now_ns
            self.now_ns += round(each * 1e9) * repeats
            left[i] = self.now_ns
            self.issued.append(each)
            self.late.append(self.is_late(number))
            self.start.late[i] = self.late[-1]
        self.repeats.append(repeats)
        return Taken(entered, left)


def sample(
    *loops: FakeLoop, cadence: Cadence = "isolated", budget_s: float = 1.0, common_clock: bool = True,
    taking_part: tuple[bool, ...] = (), tail: bool = False,
) -> list[Sampled]:  # fmt: skip
    """What every rank is given; each rank is a thread with the clock of its loop."""
    table, found = Table(len(loops)), [None] * len(loops)
    own = threading.local()

    def work(rank: int) -> None:
        own.loop = loops[rank]
        sampler = Sampler(
            group=Thread(table, rank), loop=loops[rank], start=loops[rank].start,  # type: ignore[arg-type]
            taking_part=(taking_part or (True,) * len(loops))[rank], common_clock=common_clock, cadence=cadence,
            budget_s=budget_s,
        )  # fmt: skip
        try:
            found[rank] = sampler.sample(tail=tail)  # type: ignore[call-overload]
        except BaseException:
            table.barrier.abort()
            raise

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "time", SimpleNamespace(monotonic=lambda: own.loop.now_ns * 1e-9))
        threads = [threading.Thread(target=work, args=(rank,)) for rank in range(len(loops))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert all(one is not None for one in found)
    return found  # type: ignore[return-value]


def steady(seconds: float) -> Duration:
    return lambda number: seconds


def scattered(seconds: float) -> Duration:
    """Too wide to converge, and no two samples alike."""
    rng = np.random.default_rng(1)
    values = seconds * np.exp(rng.normal(0, 1, 200_000))
    return lambda number: round(float(values[number]), 9)


def punctual(number: int) -> bool:
    return False


def last(loop: FakeLoop, n: int) -> list[float]:
    return loop.issued[len(loop.issued) - n :]


def test_isolated_samples_hold_one_operation_each() -> None:
    loop = FakeLoop(steady(1e-3), punctual)
    (found,) = sample(loop)
    assert found.repeats == 1
    assert loop.repeats[-1] == 1
    assert set(found.samples_s) == {1e-3}
    assert found.stop == "converged"


@pytest.mark.parametrize("call_s", [1e-8, 1e-6, 2e-4, 0.01])
def test_streaming_samples_are_means_of_at_least_fifty_microseconds(call_s: float) -> None:
    loop = FakeLoop(steady(call_s), punctual)
    (found,) = sample(loop, cadence="streaming")
    assert found.samples_s == pytest.approx([call_s] * len(found.samples_s))
    assert found.repeats == loop.repeats[-1]
    assert found.repeats * call_s >= 4.9e-5


def test_a_short_step_is_repeated_in_the_pilot_until_it_can_be_believed() -> None:
    loop = FakeLoop(steady(1e-8), punctual)
    sample(loop, budget_s=1e-4)
    assert loop.repeats[0] == 1
    pilots = loop.repeats[1 : loop.repeats.index(1, 2)]
    assert pilots == [2**k for k in range(len(pilots))]
    assert pilots[-1] * 1e-8 > 1e-4 >= pilots[-2] * 1e-8


@pytest.mark.parametrize("cadence", ["isolated", "streaming"])
def test_a_call_longer_than_the_budget_is_made_three_times(cadence: Cadence) -> None:
    loop = FakeLoop(steady(3.0), punctual)
    (found,) = sample(loop, cadence=cadence, budget_s=2.0)
    assert (loop.repeats, len(loop.issued)) == ([1, 1], 3)
    assert (found.samples_s, found.stop) == ([3.0], "budget")


def test_a_call_of_several_operations_is_shared_out() -> None:
    (found,) = sample(FakeLoop(steady(1e-3), punctual, operations=4))
    assert set(found.samples_s) == {2.5e-4}
    assert found.ranks_s.median == [2.5e-4]


def test_sampling_goes_on_for_its_share_of_the_budget() -> None:
    loop = FakeLoop(steady(1e-3), punctual)
    (found,) = sample(loop, budget_s=2.0)
    assert found.issued * 1e-3 >= 0.3 * 2.0
    assert found.issued * 1e-3 < 0.4 * 2.0


def test_a_budget_is_spent_by_what_never_converges() -> None:
    found = sample(FakeLoop(scattered(1e-3), punctual), budget_s=0.2)[0]
    assert found.stop == "budget"


def test_what_was_seen_while_warming_up_does_not_count() -> None:
    def warming(number: int) -> float:
        return 1e-3 * (1 + 0.8**number)

    loop = FakeLoop(warming, punctual)
    (found,) = sample(loop)
    assert loop.issued[0] == 2e-3
    assert max(found.samples_s) < 1.03e-3


def test_thinning_takes_every_kth_sample_in_order_of_time_and_chooses_no_value() -> None:
    loop = FakeLoop(scattered(1e-5), punctual)
    (found,) = sample(loop, budget_s=0.5)
    assert found.issued > sampling.KEPT
    assert sampling.KEPT / 2 < len(found.samples_s) <= sampling.KEPT
    stride = -(-found.issued // sampling.KEPT)
    assert found.samples_s == six_digits(last(loop, found.issued)[::stride])
    # What is said of a rank rests on all samples, not on the kept ones.
    assert found.ranks_s.mean == six_digits([float(np.mean(last(loop, found.issued)))])


def test_tails_keep_every_sample() -> None:
    loop = FakeLoop(scattered(1e-5), punctual)
    (found,) = sample(loop, budget_s=0.5, tail=True)
    assert found.samples_s == six_digits(last(loop, found.issued))
    assert len(found.samples_s) == found.issued > sampling.KEPT


def test_late_samples_are_kept_and_left_out_of_the_summary() -> None:
    def seldom(number: int) -> bool:
        return number % 10 in (3, 4)

    def slower_when_late(number: int) -> float:
        return 5e-3 if seldom(number) else 1e-3

    loop = FakeLoop(slower_when_late, seldom)
    (found,) = sample(loop)
    marked = loop.late[len(loop.late) - found.issued :]
    expected = {index for index, late in enumerate(marked) if late}
    assert {k for first, end, _ in found.excluded for k in range(first, end + 1)} == expected
    assert {reason for *_, reason in found.excluded} == {"late start"}
    assert found.late == len(expected)
    assert {found.samples_s[k] for k in expected} == {5e-3}
    summary = summarise(found.samples_s, found.excluded, "isolated", found.stop)
    assert summary.median_s == 1e-3
    assert summary.n == found.issued - len(expected)


def test_where_most_are_late_none_is_left_out_and_their_number_is_said() -> None:
    loop = FakeLoop(steady(1e-3), lambda number: number % 5 != 0)
    (found,) = sample(loop)
    assert found.excluded == []
    assert found.late > len(found.samples_s) / 2


def test_where_all_are_late_the_budget_ends_it() -> None:
    (found,) = sample(FakeLoop(steady(1e-3), lambda number: True), budget_s=0.1)
    assert (found.stop, found.excluded, found.late) == ("budget", [], len(found.samples_s))


def test_lateness_widens_the_margin() -> None:
    loop = FakeLoop(steady(1e-3), lambda number: True)
    loop.start.cells[3] = 1000
    sample(loop, budget_s=0.1)
    assert loop.start.cells[3] > 1000


def test_a_sample_is_the_last_exit_minus_the_first_entry() -> None:
    early, slow = FakeLoop(steady(1e-3), punctual), FakeLoop(steady(2e-3), punctual, begins_ns=0)
    slow.take = shifted(slow, early)  # type: ignore[method-assign]
    one, other = sample(early, slow)
    assert one == other
    assert one.ranks_s.median == [1e-3, 2e-3]
    assert one.ranks_s.last == [0.0, 1.0]
    assert set(one.samples_s) == {2.5e-3}
    assert set(one.skew_s) == {5e-4}


def shifted(loop: FakeLoop, other: FakeLoop) -> Callable[[int, int], Taken]:
    """The loop's stamps on the other's clock, each sample entered half a millisecond later than there."""

    def take(samples: int, repeats: int) -> Taken:
        own = FakeLoop.take(loop, samples, repeats)
        begun = np.arange(samples) * round(1e6 * repeats) + loop.common
        loop.common += samples * round(1e6 * repeats)
        length = own.left - own.entered
        return Taken(begun + 500_000, begun + 500_000 + length)

    loop.common = 0  # type: ignore[attr-defined]
    return take


def test_without_a_common_clock_the_longest_local_time_counts() -> None:
    ahead = FakeLoop(steady(1e-3), punctual, begins_ns=10**15)
    (one, other) = sample(ahead, FakeLoop(steady(3e-3), punctual), common_clock=False)
    assert one == other
    assert set(one.samples_s) == {3e-3}
    assert set(one.skew_s) == {0.0}


def test_a_rank_without_a_part_counts_neither_in_times_nor_in_ranks() -> None:
    idle = FakeLoop(steady(1e-7), punctual, begins_ns=10**15)
    one, other = sample(FakeLoop(steady(1e-3), punctual, operations=2), idle, taking_part=(True, False))
    assert one == other
    assert set(one.samples_s) == {5e-4}
    assert one.ranks_s.median == [5e-4]


def test_late_on_one_rank_is_late_on_all() -> None:
    one, other = sample(FakeLoop(steady(1e-3), punctual), FakeLoop(steady(1e-3), lambda number: number % 10 == 0))
    assert one == other
    assert one.late > 0


@given(marked=st.lists(st.booleans(), max_size=60))
def test_runs_are_the_marked_samples(marked: list[bool]) -> None:
    found = runs(np.array(marked, np.bool_), "why")
    assert [k for first, end, _ in found for k in range(first, end + 1)] == [k for k, one in enumerate(marked) if one]
    assert all(end + 1 < first for (_, end, _), (first, _, _) in pairwise(found))


@pytest.mark.parametrize("keeps_late", [True, False])
def test_a_spoilt_block_does_not_count_and_late_samples_do_where_lateness_is_measured(keeps_late: bool) -> None:
    loop = FakeLoop(lambda number: 9.0 if 4 <= number < 8 else 2.0 if number % 4 == 3 else 1.0, lambda n: n % 4 == 3)
    sampler = Sampler(
        group=mpi.Group(), loop=loop, start=loop.start, taking_part=True, common_clock=True,  # type: ignore[arg-type]
        cadence="isolated", budget_s=1.0, keeps_late=keeps_late,
    )  # fmt: skip
    for spoilt in (False, True, False):
        loop.start.late[:] = 0
        sampler.keep(loop.take(4, 1), spoilt=spoilt)
    found = sampler.result("budget", tail=True)
    late = [] if keeps_late else [(number, number, "late start") for number in (3, 7, 11)]
    assert found.excluded == [*late, (4, 7, sampling.UNLOADED)]
    assert found.samples_s == [1.0, 1.0, 1.0, 2.0, *[9.0] * 4, 1.0, 1.0, 1.0, 2.0]
    assert found.ranks_s.mean == pytest.approx([1.25 if keeps_late else 1.0])
    assert found.late == 3

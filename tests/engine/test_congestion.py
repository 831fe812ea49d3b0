"""Victims and aggressors in blocks: who works when, that all stop, what a pause does. Threads stand for ranks."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count, pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fabricbench import mpi
from fabricbench.engine import congestion
from fabricbench.engine.congestion import Attack, Turns
from fabricbench.engine.preparing import Prepared
from fabricbench.entries import now_ns, view
from fabricbench.measure.loop import Loop, Taken, empty, nothing
from fabricbench.measure.sampling import UNLOADED, Sampled, Sampler
from fabricbench.measure.sync import Synchroniser, synchroniser
from fabricbench.model import Case
from fabricbench.spec import Buffer, Step, block

VICTIMS, RANKS, ROUNDS = (0, 2), 4, 8
LOADS = (("victim", 0.0), ("null", 0.0), ("victim", 1.0), ("aggressor", 1.0))
LIMIT_S = 60


class Meeting:
    """Where the threads of a group meet: everything that all of them do together, in order."""

    def __init__(self, ranks: int) -> None:
        self.barrier = threading.Barrier(ranks, timeout=LIMIT_S)
        self.values: list[Any] = [None] * ranks
        self.arrived: dict[int, int] = {}
        self.lock = threading.Lock()


class Member:
    """One thread of a group, with what is asked of a group here."""

    def __init__(self, rank: int, ranks: int, meeting: Meeting) -> None:
        self.rank, self.ranks, self.meeting, self.count = rank, ranks, meeting, 0

    def gather(self, value: Any) -> list[Any]:
        self.meeting.values[self.rank] = value
        self.meeting.barrier.wait()
        found = list(self.meeting.values)
        self.meeting.barrier.wait()
        return found

    def broadcast(self, value: Any) -> Any:
        return self.gather(value)[0]

    def highest(self, values: Any) -> Any:
        return np.max(self.gather(values), axis=0)

    def lowest(self, values: Any) -> Any:
        return np.min(self.gather(values), axis=0)

    def arrive(self) -> "Arrival":
        with self.meeting.lock:
            self.meeting.arrived[self.count] = self.meeting.arrived.get(self.count, 0) + 1
        self.count += 1
        return Arrival(self.meeting, self.count - 1, self.ranks)


@dataclass
class Arrival:
    meeting: Meeting
    number: int
    ranks: int

    def Test(self) -> bool:
        return self.meeting.arrived[self.number] == self.ranks

    def Wait(self) -> None:
        while not self.Test():
            time.sleep(1e-4)


def work(b: Any) -> int:
    """Count, and last for a while."""
    view(b.done, 1, b.like)[0] += 1
    until = now_ns() + b.lasts
    while now_ns() < until:
        pass
    return 0


@dataclass
class Seen:
    """Of each block, as the first victim sees it: the load, and what aggressors had done before and after it."""

    blocks: list[tuple[float, int, int]] = field(default_factory=list)


def case(role: str, load: float) -> Case:
    return Case(
        operation="allreduce", variant="mpi", memory="host", dtype="float32", nbytes=8, ranks=RANKS,
        cadence="streaming" if role == "aggressor" else "isolated", mode="blocking", in_place=False,
        params={"aggressor": "moe", "load": load, "role": role},
    )  # fmt: skip


def performed(
    alter: Callable[[int, Turns], None] = lambda rank, turns: None,
) -> tuple[list[list[Sampled | None]], Seen]:
    """What every rank's parts gave. alter: change a rank's turns before they are performed."""
    whole, sides = Meeting(RANKS), (Meeting(len(VICTIMS)), Meeting(RANKS - len(VICTIMS)))
    done, seen = np.zeros((RANKS, 1), np.int64), Seen()
    results: list[Any] = [None] * RANKS

    def rank_of(rank: int) -> None:
        victim = rank in VICTIMS
        members = VICTIMS if victim else tuple(set(range(RANKS)) - set(VICTIMS))
        party: Any = Member(members.index(rank), len(members), sides[not victim])
        arguments = block(done=done[rank].ctypes.data, like=np.int64(0), lasts=np.int64(20_000))
        step, start = (
            Step(call=work, block=arguments),
            synchroniser(mpi.Group(), common_clock=True, room=True, samples=256),
        )
        made, samplers = [], []
        for role, load in LOADS:
            question: Any = object() if victim == (role != "aggressor") else None
            made.append(Prepared(
                question=question, inputs=(), output=Buffer(0, "uint8"), loop=Loop(step=step), start=start,
                case=case(role, load), party=party, members=members,
            ))  # fmt: skip
            samplers.append(Sampler(
                group=party, loop=made[-1].loop, start=start, taking_part=question is not None, common_clock=True,
                cadence=made[-1].case.cadence, budget_s=0.02, keeps_late=True,
            ))  # fmt: skip
        if rank == VICTIMS[0]:
            for place, (_, load) in enumerate(LOADS[:3]):
                samplers[place].block = watching(samplers[place], load, done, seen)  # type: ignore[method-assign]
        turns = Turns(Member(rank, RANKS, whole), made, samplers)  # type: ignore[arg-type]
        alter(rank, turns)
        results[rank] = turns.performed("seed")

    threads = [threading.Thread(target=rank_of, args=(rank,), daemon=True) for rank in range(RANKS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    assert not any(thread.is_alive() for thread in threads), "a rank hangs"
    return results, seen


def watching(sampler: Sampler, load: float, done: Any, seen: Seen) -> Callable[[], Any]:
    take = sampler.block

    def watched() -> Any:
        others = [rank for rank in range(RANKS) if rank not in VICTIMS]
        before = int(done[others].min())
        taken = take()
        seen.blocks.append((load, before, int(done[others].min())))
        return taken

    return watched


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(congestion, "BLOCKS", ROUNDS)
    monkeypatch.setattr(congestion, "ACTIVE", 0.0)  # threads of one interpreter wait for each other


def test_aggressors_work_in_every_loaded_block_and_in_no_other() -> None:
    results, seen = performed()
    assert len(seen.blocks) == 3 * ROUNDS
    for (_, _, earlier), (load, before, after) in pairwise([(0.0, 0, 0), *seen.blocks]):
        assert before > earlier if load else before == after
    rounds = [tuple(load for load, _, _ in seen.blocks[start : start + 3]) for start in range(0, 3 * ROUNDS, 3)]
    assert {tuple(sorted(one)) for one in rounds} == {(0.0, 0.0, 1.0)}
    assert len(set(rounds)) > 1, "rounds have an order each"
    assert results.count(results[0]) == RANKS, "every rank is told the same"
    for sampled in results[0]:
        assert sampled is not None
        assert sampled.excluded == []
        assert len(sampled.ranks_s.median) == 2
    for sampled in results[0][:3]:
        assert sampled is not None
        assert len(sampled.samples_s) % ROUNDS == 0
        assert min(sampled.samples_s) >= 20e-6


def test_victims_are_not_told_to_begin_before_each_aggressor_has_performed_once() -> None:
    performed_first: list[tuple[float, int]] = []

    def alter(rank: int, turns: Turns) -> None:
        if rank in VICTIMS:
            return
        (attack,) = turns.attacks.values()
        beside, arrive, take = turns._beside, turns.group.arrive, attack.loop.take
        calls: list[str] = []

        def noting(place: int, perform: Callable[[], Any]) -> Any:
            calls.clear()
            found = beside(place, perform)
            performed_first.append((turns.made[place].case.params["load"], calls.index("arrive")))
            return found

        turns._beside = noting  # type: ignore[assignment, method-assign]
        turns.group.arrive = lambda: (calls.append("arrive"), arrive())[1]  # type: ignore[method-assign]
        attack.loop.take = lambda *sizes: (calls.append("take"), take(*sizes))[1]  # type: ignore[method-assign]

    performed(alter)
    assert set(performed_first) == {(0.0, 0), (1.0, 1)}


def paused(which: Callable[[int], bool]) -> Callable[[int, Turns], None]:
    """Turns in which aggressors say of some blocks that they paused. which: by number of the block."""

    def alter(rank: int, turns: Turns) -> None:
        if rank in VICTIMS:
            return
        (attack,) = turns.attacks.values()
        inside, numbers = attack.inside, count()
        attack.inside = lambda *ends: -1.0 if which(next(numbers)) else inside(*ends)  # type: ignore[method-assign]

    return alter


def test_blocks_in_which_one_aggressor_paused_are_left_out_and_others_are_not() -> None:
    results, _ = performed(paused(lambda number: number in (2, 3, 6)))
    quiet, null, loaded, beside = results[0]
    assert quiet is not None and null is not None and loaded is not None and beside is not None  # noqa: PT018
    size = len(loaded.samples_s) // ROUNDS
    assert loaded.excluded == [(2 * size, 4 * size - 1, UNLOADED), (6 * size, 7 * size - 1, UNLOADED)]
    assert quiet.excluded == null.excluded == []


def test_a_victim_that_was_never_loaded_has_no_figure() -> None:
    results, _ = performed(paused(lambda number: True))
    for rank in range(RANKS):
        quiet, null, loaded, _ = results[rank]
        assert loaded is None
        assert quiet is not None
        assert null is not None


def after(both_gone: threading.Semaphore, perform: Callable[[], Any]) -> Callable[[], Any]:
    def waited() -> Any:
        for _ in range(RANKS - len(VICTIMS)):
            assert both_gone.acquire(timeout=LIMIT_S)
        return perform()

    return waited


def saying(until: Callable[[Any], None], gone: Iterable[threading.Semaphore]) -> Callable[[Any], None]:
    def stopped(over: Any) -> None:
        until(over)
        for one in gone:
            one.release()

    return stopped


def test_aggressors_that_are_not_stopped_in_time_stop_by_themselves_and_their_blocks_do_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(congestion, "LONGEST_S", 0.0)
    monkeypatch.setattr(congestion, "ACTIVE", 0.5)
    gone = {rank: threading.Semaphore(0) for rank in VICTIMS}

    def alter(rank: int, turns: Turns) -> None:
        if rank in VICTIMS:
            for name in ("ready", "block"):
                setattr(turns.samplers[2], name, after(gone[rank], getattr(turns.samplers[2], name)))
        else:
            (attack,) = turns.attacks.values()
            attack.until = saying(attack.until, gone.values())  # type: ignore[method-assign]

    results, _ = performed(alter)
    assert results[0][2] is None
    assert results[0][1] is not None


class Clocked:
    """A loop, a group and a request by one made-up clock: a run lasts 70 ns, telling the others 30."""

    def __init__(self, runs: int) -> None:
        self.now, self.left, self.rank = 1000, runs, 0

    def take(self, samples: int, repeats: int) -> Taken:
        begun, self.now, self.left = self.now, self.now + 70, self.left - 1
        stamps = np.linspace(begun, self.now, samples + 1).astype(np.int64)
        return Taken(stamps[:-1], stamps[1:])

    def broadcast(self, value: Any) -> Any:
        self.now += 30
        return value

    def Test(self) -> bool:
        return self.left <= 0


@pytest.mark.parametrize(("longest_s", "runs", "share"), [(1.0, 5, 0.7), (1.0, 1, 0.7), (2e-7, 5, 0.0)])
def test_without_a_common_clock_a_share_is_of_the_whole_time_and_none_where_nobody_stopped_them(
    monkeypatch: pytest.MonkeyPatch, longest_s: float, runs: int, share: float
) -> None:
    clocked: Any = Clocked(runs)
    monkeypatch.setattr(congestion, "LONGEST_S", longest_s)
    monkeypatch.setattr(congestion, "time", SimpleNamespace(monotonic_ns=lambda: clocked.now))
    attack = attacking(clocked, common_clock=False)
    attack.until(clocked)
    assert attack.inside(0, 1) == pytest.approx(share)


def attacking(clocked: Any, *, common_clock: bool) -> Attack:
    loop = Loop(step=Step(call=nothing, block=block(unused=0)))
    sampler = SimpleNamespace(loop=loop, repeats=1, common_clock=common_clock)
    attack = Attack(SimpleNamespace(party=clocked), sampler)  # type: ignore[arg-type]
    attack.loop, attack.size = clocked, 7
    return attack


@pytest.mark.parametrize(
    ("first", "last", "share"),
    [
        (1000, 1070, 1.0),  # the first run
        (1070, 1100, 0.0),  # the pause after it
        (1030, 1100, 40 / 70),
        (1000, 1200, 0.7),
        (900, 1000, 0.0),  # before them all
        (1100, 1400, 140 / 300),  # longer than they went on
    ],
)
def test_on_a_common_clock_a_share_is_of_the_victims_block(
    monkeypatch: pytest.MonkeyPatch, first: int, last: int, share: float
) -> None:
    clocked: Any = Clocked(3)
    monkeypatch.setattr(congestion, "time", SimpleNamespace(monotonic_ns=lambda: clocked.now))
    attack = attacking(clocked, common_clock=True)
    attack.until(clocked)
    assert attack.inside(first, last) == pytest.approx(share)


def test_of_what_aggressors_did_every_kth_is_kept_and_none_is_late() -> None:
    start = Synchroniser("round-time", empty(), np.zeros(4, np.int64), np.ones(congestion.KEPT_A_BLOCK, np.uint8))
    sampler = Sampler(
        group=mpi.Group(), loop=Loop(step=Step(call=nothing, block=block(unused=0))), start=start, taking_part=True,
        common_clock=True, cadence="streaming", budget_s=1.0,
    )  # fmt: skip
    attack = Attack(SimpleNamespace(party=mpi.Group()), sampler)  # type: ignore[arg-type]
    entered = np.arange(0, 6000, 10)
    attack.taken = [Taken(entered[:250], entered[:250] + 7), Taken(entered[250:], entered[250:] + 7)]
    attack.keep()
    found = sampler.result("budget", tail=False)
    assert found.samples_s == [7e-9] * 200
    assert (found.late, found.excluded) == (0, [])

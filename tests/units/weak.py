"""Ranks that share a memory weaker than any processor's, one step at a time, in an order that a seed decides.

Bodies run in the interpreter, on blocks that were really prepared; what they call is replaced. A plain store becomes
visible to others at some later time, in any order; one with release not before those that were made before it. A plain
load may give what this rank has once seen there; one with acquire gives what is there, and from then on nothing older
is given. So a body that says or asks too little goes wrong here, if not on the processor that it was tried on.
"""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from fabricbench.collectives import allreduce_shm, allreduce_shm_one_shot, hops, segments
from fabricbench.spec import Step

PATIENCE = 50_000
"""Steps of all ranks after which they hang."""

Cell = tuple[int, int]
"""Whose memory, and where in it."""

Hook = Callable[[int, int], None]
"""Given the rank and how often it has performed."""


class HangError(Exception):
    """Nobody gets on."""


class Memory:
    """What is there, what each rank has seen of it, and what it has stored that is not there yet."""

    def __init__(self, ranks: int, chance: random.Random) -> None:
        self._chance = chance
        self._there: dict[Cell, int] = {}
        self._seen: list[dict[Cell, int]] = [{} for _ in range(ranks)]
        self._pending: list[list[tuple[Cell, int, bool]]] = [[] for _ in range(ranks)]

    def load(self, rank: int, cell: Cell, *, acquire: bool = False) -> int:
        if acquire:
            self._forget(rank, 1.0)
        return self._seen[rank].setdefault(cell, self._there.get(cell, 0))

    def store(self, rank: int, cell: Cell, value: int, *, release: bool = False) -> None:
        self._pending[rank].append((cell, value, release))
        self._seen[rank][cell] = value

    def drift(self) -> None:
        """Some stores of some ranks become visible, and some of what was seen is looked at again."""
        for rank, pending in enumerate(self._pending):
            for _ in range(self._chance.randrange(4) if pending else 0):
                self._let_one_out(pending)
            if self._chance.random() < 0.1:
                self._forget(rank, 0.3)

    def _let_one_out(self, pending: list[tuple[Cell, int, bool]]) -> None:
        if not pending:
            return
        place = self._chance.randrange(len(pending))
        cell, value, release = pending[place]
        before = pending[:place]
        if (release and before) or any(cell == one for one, _, _ in before):
            place = 0
            cell, value, _ = pending[0]
        del pending[place]
        self._there[cell] = value

    def _forget(self, rank: int, share: float) -> None:
        own = {cell for cell, _, _ in self._pending[rank]}
        kept = {
            cell: value for cell, value in self._seen[rank].items() if cell in own or self._chance.random() >= share
        }
        self._seen[rank] = kept


class Ranks:
    """Bodies of several ranks, of which one at a time runs, and what they call in the place of what is compiled."""

    def __init__(self, steps: list[Step], seed: int) -> None:
        self._chance = random.Random(seed)
        self.ranks = len(steps)
        self.memory = Memory(self.ranks, self._chance)
        self.private: dict[Cell, int] = {}
        self.blocks = [_fields(step) for step in steps]
        self._steps = steps
        # One rank is much slower than the others, or none.
        self._weights = [self._chance.choice((1, 1, 20)) for _ in steps]
        self._turns = [threading.Semaphore(0) for _ in steps]
        self._running = set(range(self.ranks))
        self._now, self._count = 0, 0
        self._over = threading.Event()
        self._trouble: list[BaseException] = []

    def perform(self, times: int, before: Hook, after: Hook) -> None:
        """Each body so many times, between what else its rank does.  Raises HangError, or what a body raised."""
        for rank in range(self.ranks):
            threading.Thread(target=self._perform, args=(rank, times, before, after), daemon=True).start()
        self._pass_on()
        self._over.wait()
        if self._trouble:
            raise self._trouble[0]

    def _perform(self, rank: int, times: int, before: Hook, after: Hook) -> None:
        self._turns[rank].acquire()
        try:
            for time in range(times):
                before(rank, time)
                assert self._steps[rank].call(self.blocks[rank]) == 0
                after(rank, time)
        except BaseException as error:
            self._trouble.append(error)
            self._over.set()
            return
        self._running.discard(rank)
        self._pass_on()

    def _pass_on(self) -> None:
        left = sorted(self._running)
        if not left:
            self._over.set()
            return
        self._now = self._chance.choices(left, [self._weights[rank] for rank in left])[0]
        self._turns[self._now].release()

    def switch(self) -> None:
        """Between two steps of a body: time passes, and anybody goes on."""
        me = self._now
        self.memory.drift()
        self._count += 1
        if self._count > PATIENCE:
            raise HangError
        self._pass_on()
        self._turns[me].acquire()

    # What bodies call. Arrays hold single bytes.

    def load(self, address: int, *, acquire: bool = False) -> int:
        cell = self._cell(address)
        if cell is None:
            return self.private.get((self._now, address), 0)
        return self.memory.load(self._now, cell, acquire=acquire)

    def store(self, address: int, value: int, *, release: bool = False) -> None:
        cell = self._cell(address)
        if cell is None:
            self.private[self._now, address] = value
        else:
            self.memory.store(self._now, cell, value, release=release)

    def load_acquire(self, address: int) -> int:
        self.switch()
        return self.load(address, acquire=True)

    def store_release(self, address: int, value: int) -> None:
        self.switch()
        self.store(address, value, release=True)

    def memcpy(self, into: int, source: int, nbytes: int) -> None:
        for place in range(nbytes):
            if place % 3 == 0:
                self.switch()
            self.store(into + place, self.load(source + place))

    def reduce(self, b: Any, left: int, right: int, into: int, count: int) -> int:
        for place in range(count):
            if place % 3 == 0:
                self.switch()
            self.store(into + place, (self.load(left + place) + self.load(right + place)) % 256)
        return 0

    def view(self, address: int, count: int, like: Any) -> Any:
        b = self.blocks[self._now]
        return b.epochs if address == b.epoch else b.bases

    def _cell(self, address: int) -> Cell | None:
        """Which byte of whose segment; None for memory of the rank's own."""
        b = self.blocks[self._now]
        owners = [owner for owner, base in enumerate(b.bases) if base <= address < base + b.data + 2 * b.slot]
        return (owners[0], address - b.bases[owners[0]]) if owners else None


def _fields(step: Step) -> SimpleNamespace:
    assert step.block is not None
    assert step.block.dtype.names is not None
    values = {name: int(step.block[name][0]) for name in step.block.dtype.names}
    return SimpleNamespace(**{**values, "spins": 0}, bases=[int(base) for base in step.keep[0]], epochs=[0])


@contextmanager
def replaced(ranks: Ranks, **more: Callable[..., Any]) -> Iterator[None]:
    """Meanwhile bodies call the ranks' own; `more` replaces names of `segments` once more."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("load_acquire", "store_release", "view"):
            patched.setattr(segments, name, getattr(ranks, name))
        patched.setattr(segments, "now_ns", lambda: 0)
        patched.setattr(segments, "sched_yield", ranks.switch)
        patched.setattr(hops, "memcpy", ranks.memcpy)
        for module in (allreduce_shm, allreduce_shm_one_shot):
            patched.setattr(module, "reduce", ranks.reduce)
        for name, thing in more.items():
            patched.setattr(segments, name, thing)
        yield

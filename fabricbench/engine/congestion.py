"""Victims beside aggressors: blocks of every load in seeded random order, and whether the load was there.

What happens in a block, on the whole group of ranks:

victims             wait until the aggressors are at work, take their samples, say that they have
aggressors at work  perform once, say that they are at work, and go on until the victims have said so
other aggressors    sleep

"Saying so" is a non-blocking barrier of all ranks: it is over for nobody before all have reached it. Only one of the
aggressors looks whether it is over, between short runs of their operation, and tells the others, so that all of them
stop after the same run. They stop by themselves after LONGEST_S. A block counts if an operation of theirs was under
way for nearly all of it.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Literal, TypeVar

import numpy as np

from fabricbench import mpi
from fabricbench.engine.aggressors import BLOCKS
from fabricbench.engine.preparing import Prepared, prepare
from fabricbench.engine.setting import Setting
from fabricbench.errors import UnavailableError
from fabricbench.measure.loop import Loop, Taken, empty
from fabricbench.measure.sampling import Sampled, Sampler
from fabricbench.model import Case

RUN_S = 0.005
"""Time of an aggressor's operations between two looks, in which it sends nothing."""
SETTLE_S = 0.0005
"""Time that victims leave to aggressors which have said that they are at work, at load 0 as well."""
ACTIVE = 0.9
"""Share of a block in which an operation of the aggressors must have been under way."""
LONGEST_S = 60.0
PILOT = 3
KEPT_A_BLOCK = 256
"""Times of the aggressors' operations that are kept of a block."""
NAP_S = 0.0005
_NEVER = np.iinfo(np.int64).min + 1

NEVER_LOADED = f"in no block was an operation of the aggressors under way for {100 * ACTIVE:.0f} % of the time."

Heard = Literal["nothing", "over", "too long"]
T = TypeVar("T")


def parts(setting: Setting, cases: list[Case], victim: Prepared, stack: ExitStack) -> list[Prepared]:
    """Each case with what performs it: what is prepared for the victim at all loads, for the aggressors at each.

    Raises UnavailableError, on every rank alike.
    """
    if not isinstance(setting.group, mpi.World):
        raise UnavailableError("There is no MPI library.", mpi.INSTALL)
    return [
        _aggressor(setting, case, stack) if case.params["role"] == "aggressor" else replace(victim, case=case)
        for case in cases
    ]


def _aggressor(setting: Setting, case: Case, stack: ExitStack) -> Prepared:
    """Started together for a check only: at work each rank sends as soon as it can."""
    prepared = prepare(setting, case, stack)
    return replace(prepared, start=replace(prepared.start, kind="none"))


def in_turn(setting: Setting, made: list[Prepared], samplers: list[Sampler]) -> list[Sampled | None]:
    """What every part gave, the same on every rank; None for a victim that was never loaded as it should be."""
    assert isinstance(setting.group, mpi.World)
    return Turns(setting.group, made, samplers).performed(f"{setting.seed} {setting.launch} {made[0].case.victim}")


@dataclass
class Attack:
    """The aggressors of one load. `size`: operations in a run of RUN_S.

    Of the last block: `taken`, the time stamps of all runs; `share`, how much of its time this rank was inside of them,
    0 where the victims took too long.
    """

    part: Prepared
    sampler: Sampler
    loop: Loop = field(init=False)
    size: int = 1
    taken: list[Taken] = field(default_factory=list)
    share: float = 0.0

    @property
    def mine(self) -> bool:
        """Whether this rank is one of them."""
        return self.part.question is not None

    def __post_init__(self) -> None:
        self.loop = replace(self.sampler.loop, sync=empty())

    def ready(self) -> None:
        """How many operations make a run, from what they take with nobody beside them."""
        self.sampler.ready()
        taken = self.loop.take(PILOT, self.sampler.repeats)
        slowest_ns = float(self.part.party.highest(np.array([np.median(taken.left - taken.entered)]))[0])
        self.size = max(1, round(RUN_S * 1e9 / slowest_ns))

    def until(self, over: Any) -> None:
        """Perform until a request is over, or for too long."""
        party, begun, self.taken = self.part.party, time.monotonic_ns(), []
        while True:
            self.taken.append(self.loop.take(self.size, self.sampler.repeats))
            heard: Heard = party.broadcast(_heard(over, begun) if party.rank == 0 else None)
            if heard != "nothing":
                break
        entered, left = self._stamps()
        self.share = float((left - entered).sum()) / (time.monotonic_ns() - begun) if heard == "over" else 0.0

    def inside(self, first: int, last: int) -> float:
        """The share of a block, by its own time stamps, that this rank was inside of its operations.

        Where ranks have no clock in common, that of the time from before the block until after it.
        """
        if not self.sampler.common_clock:
            return self.share
        entered, left = self._stamps()
        within = np.minimum(left, last) - np.maximum(entered, first)
        return float(within[within > 0].sum()) / max(1, last - first)

    def keep(self) -> None:
        """Add what was done last to the samples, every k-th of it."""
        entered, left = self._stamps()
        stride = -(-entered.size // KEPT_A_BLOCK)
        kept = Taken(entered[::stride], left[::stride])
        self.sampler.start.begin(kept.entered.size)  # nothing of this had a common start to be late for
        self.sampler.keep(kept)

    def _stamps(self) -> Taken:
        return Taken(*(np.concatenate(column) for column in zip(*self.taken, strict=True)))


def _heard(over: Any, begun: int) -> Heard:
    if over.Test():
        return "over"
    return "too long" if time.monotonic_ns() - begun > LONGEST_S * 1e9 else "nothing"


class Turns:
    """All parts of one victim and its aggressors, in rounds of a block each."""

    def __init__(self, group: mpi.World, made: list[Prepared], samplers: list[Sampler]) -> None:
        """made: all parts, each with its sampler."""
        self.group, self.made, self.samplers = group, made, samplers
        self.victims = [place for place, part in enumerate(made) if part.case.params["role"] != "aggressor"]
        self.attacks = {
            part.case.params["load"]: Attack(part, sampler)
            for part, sampler in zip(made, samplers, strict=True)
            if part.case.params["role"] == "aggressor"
        }

    def performed(self, seed: str) -> list[Sampled | None]:
        """Make ready, then BLOCKS rounds, each in a new random order that all ranks draw alike."""
        for attack in self.attacks.values():
            if attack.mine:
                attack.ready()
            asleep(self.group.arrive())
        for place in self.victims:
            self._beside(place, self.samplers[place].ready)
        loaded = dict.fromkeys(self.victims, False)
        for number in range(BLOCKS):
            for place in Random(f"{seed} {number}").sample(self.victims, len(self.victims)):
                loaded[place] |= self._block(place)
        return [self._result(place, loaded.get(place, True)) for place in range(len(self.made))]

    def _block(self, place: int) -> bool:
        """One block of a victim; whether the aggressors were at work all the time."""
        taken = self._beside(place, self.samplers[place].block)
        loaded = self._inside(place, taken) >= ACTIVE
        if taken is not None:
            sampler = self.samplers[place]
            sampler.keep(taken, spoilt=not loaded)
            sampler.start.adapt(float(sampler.lates[-1].mean()))
        attack = self._attack(place)
        if attack is not None and attack.mine:
            attack.keep()
        return loaded

    def _inside(self, place: int, taken: Taken | None) -> float:
        """The share of a block that an operation of the aggressors was under way; 1 where none was to be.

        That of the busiest of them: who only sends is out of it while the network still carries what it sent.
        """
        ends = (_NEVER, _NEVER) if taken is None else (taken.left.max(), -taken.entered.min())
        last, first = map(int, self.group.highest(np.array(ends)) * (1, -1))
        attack = self._attack(place)
        if attack is None:
            return 1.0
        share = attack.inside(first, last) if attack.mine else -1.0
        return float(self.group.highest(np.array([share]))[0])

    def _beside(self, place: int, perform: Callable[[], T]) -> T | None:
        """What victims made beside their aggressors; None on other ranks."""
        attack, made = self._attack(place), None
        if self.made[place].question is not None:
            self.group.arrive().Wait()
            time.sleep(SETTLE_S)
            made = perform()
            self.group.arrive().Wait()
        elif attack is not None and attack.mine:
            attack.loop.take(1, attack.sampler.repeats)
            begun, over = self.group.arrive(), self.group.arrive()
            attack.until(over)
            asleep(begun, over)
        else:
            asleep(self.group.arrive(), self.group.arrive())
        return made

    def _attack(self, place: int) -> Attack | None:
        """Who is at work beside a victim; nobody at load 0."""
        return self.attacks.get(self.made[place].case.params["load"])

    def _result(self, place: int, loaded: bool) -> Sampled | None:
        """A part's samples, from those who took them."""
        part, mine = self.made[place], None
        if part.question is not None and loaded:
            # Tails are what congestion shows first.
            mine = self.samplers[place].result("budget", tail=True)
        told = self.group.gather(mine if part.party.rank == 0 else None)
        return next((sampled for sampled in told if sampled is not None), None)


def asleep(*requests: Any) -> None:
    """Wait without keeping a core or the network busy."""
    for request in requests:
        while not request.Test():
            time.sleep(NAP_S)

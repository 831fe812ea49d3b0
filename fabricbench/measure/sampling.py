"""From a prepared loop to the samples of a case: how many operations a sample has, warm-up, blocks, when to stop."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fabricbench import mpi
from fabricbench.measure.loop import Loop, Taken
from fabricbench.measure.stop import Stopping, block_size, repeats_for
from fabricbench.measure.sync import Synchroniser
from fabricbench.model import Cadence, RankTimes, Stop
from fabricbench.statistics import six_digits

KEPT = 2000
KEPT_FOR_TAILS = 100_000
LEAST_SHARE = 0.3
"""Share of its budget that a case is sampled for at least: one quiet moment is no property of a machine."""

WARM_SHARE = 0.2
WARM_CHANGE = 0.02
TOO_LATE = 0.5
UNLOADED = "aggressors paused"
"""Why samples of a victim are left out."""
_NEVER = np.iinfo(np.int64)

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """What one case gave; times are seconds per operation, the same on every rank. `operations` make one sample.

    `latest_late`: of the last samples, KEPT at most, which started late; all False where none is left out for it.
    """

    samples_s: list[float]
    skew_s: list[float]
    ranks_s: RankTimes
    excluded: list[tuple[int, int, str]]
    late: int
    issued: int
    repeats: int
    operations: int
    stop: Stop
    latest_late: list[bool]


@dataclass
class Sampler:
    """One case being sampled. `taking_part`: this rank has a part in the operation, and its clock counts.

    `keeps_late`: samples that started late count, because what made them late is what is measured.
    """

    group: mpi.Group
    loop: Loop
    start: Synchroniser
    taking_part: bool
    common_clock: bool
    cadence: Cadence
    budget_s: float
    keeps_late: bool = False
    repeats: int = 1
    _per_call: int = 1
    samples: list[Floats] = field(default_factory=list)
    skews: list[Floats] = field(default_factory=list)
    lates: list[NDArray[np.bool_]] = field(default_factory=list)
    spoilt: list[NDArray[np.bool_]] = field(default_factory=list)
    own: list[Floats] = field(default_factory=list)
    last: list[NDArray[np.bool_]] = field(default_factory=list)
    _size: int = 1
    _spent_s: float = 0.0
    _stop: Stop | None = None

    @property
    def operations(self) -> int:
        """Operations in one sample; ranks without a part learn it from the others."""
        return self._per_call * self.repeats

    def sample(self, *, tail: bool) -> Sampled:
        """Pilot, warm-up, then blocks until a stop rule speaks."""
        return in_turn([self], tail=tail)[0]

    def ready(self) -> None:
        """Pilot and warm-up: how many operations make a sample, how many samples a block."""
        call_s = self._pilot()
        least_s = LEAST_SHARE * self.budget_s
        if self.cadence == "streaming":
            self.repeats = repeats_for(call_s, least_s)
        self._size = block_size(call_s * self.repeats, self.budget_s, self.start.late.size)
        if not self._long(call_s):
            self._warm_up(self._size)
        self._stopping = Stopping(budget_s=self.budget_s, least_s=least_s)

    def _pilot(self) -> float:
        """Time of one call of the step, agreed between ranks: the best of a few, in samples long enough to be believed.

        The best, because one preempted rank would make every later sample too short. Of calls longer than the budget
        two are enough, and more would cost minutes on a slow link; they are warm by then.
        """
        self._per_call = int(self.group.highest(np.array([self.loop.step.operations]))[0])
        self.repeats = 1
        call_s = self._best_call(2)
        while not self._long(call_s):
            call_s = self._best_call(5)
            if call_s * self.repeats > 1e-4 or self.repeats >= 1 << 20:  # noqa: PLR2004 - 0.1 ms: 4000 clock reads
                break
            self.repeats *= 2
        self.repeats = 1
        return call_s

    def _best_call(self, samples: int) -> float:
        return float(self._tried(samples).min()) * self._per_call

    def _tried(self, samples: int) -> Floats:
        """Samples that are not kept, from which the start learns how long ranks need to hear of it."""
        taken, _, late, _ = self._merged(self._take(samples))
        self.start.adapt(float(late.mean()))
        return taken

    def _long(self, call_s: float) -> bool:
        return call_s > self.budget_s

    def _warm_up(self, size: int) -> None:
        """Discard blocks until one is no longer faster than the one before; first calls were made by the check."""
        limit = time.monotonic() + WARM_SHARE * self.budget_s
        before = float("inf")
        while True:
            now = float(np.median(self._tried(size)))
            settled = now > before * (1 - WARM_CHANGE) or time.monotonic() > limit
            if self.group.broadcast(settled):
                return
            before = now

    def block(self) -> Taken:
        """The time stamps of one block more, of this rank."""
        return self._take(self._size)

    def _next(self) -> None:
        """One block more, and what the stop rules first say of it."""
        begun = time.monotonic()
        self.keep(self.block())
        self._spent_s += time.monotonic() - begun
        reason: Stop | None = self.group.broadcast(
            self._stopping.reason(self._valid(), self._spent_s) if self.group.rank == 0 else None
        )
        self._stop = self._stop or reason
        if self._stop is None:
            self.start.adapt(float(np.mean(self.lates[-1])))

    def _valid(self) -> Floats:
        return np.concatenate(self.samples)[~np.concatenate(self.lates)]

    def _take(self, size: int) -> Taken:
        self.start.begin(size)
        return self.loop.take(size, self.repeats)

    def _merged(self, taken: Taken) -> tuple[Floats, Floats, NDArray[np.bool_], NDArray[np.bool_]]:
        """Of all ranks that take part: seconds per operation, entry skew, late starts; and where this rank was last.

        Last means the last to leave, or, where clocks are not common, the one that took longest.
        """
        size = taken.entered.size
        if self.taking_part:
            rows = (taken.entered, -taken.entered, taken.left, taken.left - taken.entered)
        else:
            rows = (np.full(size, _NEVER.min + 1, np.int64),) * 4
        late = self.start.late[:size].astype(np.int64)
        highest = self.group.highest(np.concatenate((*rows, late))).reshape(5, size)
        last_entry, first_entry, last_exit, longest = (
            highest[0],
            -highest[1],
            highest[2],
            highest[3],
        )
        spans = last_exit - first_entry if self.common_clock else longest
        return (
            spans * 1e-9 / self.operations,
            (last_entry - first_entry) * 1e-9 if self.common_clock else np.zeros(size),
            highest[4] > 0,
            taken.left == last_exit if self.common_clock else taken.left - taken.entered == longest,
        )

    def keep(self, taken: Taken, *, spoilt: bool = False) -> None:
        """Add a block to the samples; one that is spoilt is not to be summarised."""
        samples, skews, late, last = self._merged(taken)
        self.spoilt.append(np.full(late.size, spoilt))
        self.samples.append(samples)
        self.skews.append(skews)
        self.lates.append(late)
        self.own.append((taken.left - taken.entered) * 1e-9 / self.operations)
        self.last.append(last)

    def result(self, stop: Stop, *, tail: bool) -> Sampled:
        """What all blocks together gave. Needs one that is not spoilt."""
        kept = KEPT_FOR_TAILS if tail else KEPT
        samples, skews, late = np.concatenate(self.samples), np.concatenate(self.skews), np.concatenate(self.lates)
        spoilt = np.concatenate(self.spoilt)
        hopeless = self.keeps_late or bool(late.mean() > TOO_LATE)
        # A rank that starts late lets the others wait inside the operation: no time of theirs either.
        valid = (~late | hopeless) & ~spoilt
        own, last = np.concatenate(self.own)[valid], np.concatenate(self.last)[valid]
        issued, latest = late.size, late[-KEPT:] & (not hopeless)
        # Every k-th sample in order of time: no sample is chosen for its value.
        stride = -(-samples.size // kept)
        samples, skews, late, spoilt = samples[::stride], skews[::stride], late[::stride], spoilt[::stride]
        mine = (float(np.median(own)), float(np.mean(own)), float(np.mean(last))) if self.taking_part else None
        ranks = [entry for entry in self.group.gather(mine) if entry is not None]
        medians, means, lasts = (six_digits(column) for column in zip(*ranks, strict=True))
        return Sampled(
            samples_s=six_digits(samples),
            skew_s=six_digits(skews),
            ranks_s=RankTimes(median=medians, mean=means, last=lasts),
            excluded=[*([] if hopeless else runs(late, "late start")), *runs(spoilt, UNLOADED)],
            late=int(np.count_nonzero(late)),
            issued=issued,
            repeats=self.repeats,
            operations=self.operations,
            stop=stop,
            latest_late=latest.tolist(),
        )


def in_turn(samplers: Sequence[Sampler], *, tail: bool) -> list[Sampled]:
    """Several loops, a block of each in turn until a stop rule has spoken of all: drift is the same for all of them."""
    for one in samplers:
        one.ready()
    while any(one._stop is None for one in samplers):
        for one in samplers:
            one._next()
    return [one.result(one._stop, tail=tail) for one in samplers if one._stop is not None]


def runs(marked: NDArray[np.bool_], reason: str) -> list[tuple[int, int, str]]:
    """Marked samples as [first, last, reason], both ends included."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], marked.astype(np.int8), [0]))))
    return [(int(first), int(end) - 1, reason) for first, end in edges.reshape(-1, 2)]

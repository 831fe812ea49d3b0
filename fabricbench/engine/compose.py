"""A collective beside a compute step: linked cases, which differ in `part` only.

communication          started and finished, nothing in between
computation            the compute step alone
both                   started, computed in slices, finished
communication-in-both  of the same samples as `both`, from the start until the library first says that it is over
computation-in-both    of the same samples, the computing

The parameter `overlap` says what `both` does for the library meanwhile:

none     nothing
calls    asks it to work on the collective after every slice
thread   a second thread does so all the time; refused where it has no core of its own
serial   finishes the collective before computing: the negative control, which overlaps nothing
timer    has a timer run out instead, set to what the collective takes: the positive control, which overlaps everything
"""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from fabricbench import mpi
from fabricbench.engine import aggressors
from fabricbench.engine.placement import Placement
from fabricbench.engine.spin import round_s, spin, spinner
from fabricbench.engine.tending import tended
from fabricbench.entries import call, now_ns, view
from fabricbench.errors import UnavailableError
from fabricbench.measure.loop import Hook, empty, hook
from fabricbench.measure.sampling import KEPT, Sampled, runs
from fabricbench.model import Case, RankTimes
from fabricbench.spec import Step, block
from fabricbench.statistics import six_digits

SLICE_S = 5e-6
"""Longest computation between two calls of the library."""
LEAST_SLICES = 4
COMMUNICATION, COMPUTATION = 0, 1
WITHIN = {"communication-in-both": COMMUNICATION, "computation-in-both": COMPUTATION}
PAIR = 2
"""Cores that a rank with a second thread needs."""


def linked(cases: Iterable[Case]) -> list[list[Case]]:
    """Cases that are measured in turn, together; a case without a part is alone. In the order of the first of each."""
    groups: dict[tuple[object, ...], list[Case]] = {}
    for case in cases:
        params = {name: value for name, value in case.params.items() if name != "part"}
        beside = (case.victim, case.params["aggressor"]) if "aggressor" in params else None
        groups.setdefault(beside or msgspec.structs.replace(case, params=params).key(), []).append(case)
    # A victim is prepared first, whatever the order that was drawn.
    return [
        sorted(group, key=aggressors.place) if "aggressor" in group[0].params else group for group in groups.values()
    ]


def performed(cases: Iterable[Case]) -> list[Case]:
    """Those of linked cases that are run; the others are seen in the samples of `both`."""
    return [case for case in cases if case.params.get("part") not in WITHIN]


def communicates(case: Case) -> bool:
    """Whether the collective is performed, so that its result can be checked."""
    return not str(case.params.get("part")).startswith("computation") and case.params.get("overlap") != "timer"


def refuse(case: Case, step: Step, placement: Placement, group: mpi.Group) -> None:
    """Raises UnavailableError for what cannot be composed."""
    if step.block is None or None in (step.start, step.progress, step.finish):
        raise UnavailableError(f"{case.operation}/{case.variant} cannot be left alone between its start and its end.")
    if case.params["overlap"] != "thread":
        return
    ranks, cores = placement.tightest
    if PAIR * ranks > cores or min(placement.own) < PAIR:
        raise UnavailableError("A progress thread needs a core of its own beside each rank.")
    if placement.ranks > 1 and placement.binding != "core":
        raise UnavailableError("Ranks share cores: bind each to two of its own, as mpirun --map-by slot:PE=2 does.")
    if not group.threaded:
        raise UnavailableError(f"{group.library} does not let two threads call it at once.")


class Within:
    """What happens inside of `both`, by sample: nanoseconds of communication and of computation, the last KEPT."""

    def __init__(self) -> None:
        """Room for them."""
        self.times = np.zeros((KEPT, 2), np.int64)
        self.turn = np.zeros(1, np.int64)

    def latest_s(self, count: int, which: int) -> NDArray[np.float64]:
        """The last samples of one of the two, (count,) seconds in order of time."""
        last = np.arange(self.turn[0] - count, self.turn[0]) % KEPT
        return np.asarray(self.times[last, which] * 1e-9)


@dataclass(frozen=True, kw_only=True)
class Composed:
    """The step of one part. `state` (1,) is what the computation came to, `expected` what it must come to."""

    step: Step
    state: NDArray[np.int64]
    expected: int
    within: Within

    def forget(self) -> None:
        """Before a check."""
        self.state[0] = 0

    def wrong(self) -> int:
        """1 where the computation is not what it should be."""
        return int(self.state[0] != self.expected)


def seen(made: Composed | None, case: Case, both: Sampled, group: mpi.Group) -> Sampled:
    """Samples of a part that is seen inside of `both`: of every sample the slowest rank's time. Every rank calls.

    made: what this rank sampled; None for a rank without a part.
    """
    count, which = len(both.latest_late), WITHIN[str(case.params["part"])]
    own = np.zeros(count) if made is None else made.within.latest_s(count, which)
    slowest, late = group.highest(own), np.array(both.latest_late)
    valid = ~late | late.all()
    last = own[valid] == slowest[valid]
    mine = None if made is None else (np.median(own[valid]), np.mean(own[valid]), np.mean(last))
    columns = zip(*(entry for entry in group.gather(mine) if entry is not None), strict=True)
    medians, means, lasts = (six_digits(column) for column in columns)
    return replace(
        both, samples_s=six_digits(slowest), skew_s=[0.0] * count, late=int(late.sum()),
        excluded=[] if late.all() else runs(late, "late start"),
        ranks_s=RankTimes(median=medians, mean=means, last=lasts),
    )  # fmt: skip


def rounds_of(seconds: float) -> tuple[int, int]:
    """Slices of a computation that lasts so long on this rank, and rounds in each."""
    slices = max(LEAST_SLICES, round(seconds / SLICE_S))
    return slices, max(1, round(seconds / slices / round_s()))


def composed(step: Step, case: Case, slices: int, rounds: int, lasts_s: float, stack: ExitStack) -> Composed:
    """The part of the case that its parameters name, made of a step with two halves that takes `lasts_s`.

    stack: ends the thread of the part, where there is one.
    """
    part, form = case.params["part"], case.params["overlap"]
    computes, over, within = part != "communication", np.zeros(1, np.int64), Within()
    start = progress = finish = empty()
    if form == "timer" and part != "computation":
        start, finish = _timer(lasts_s)
    elif communicates(case) and computes and form == "serial":
        start = _hook(step.call, step)
    elif communicates(case):
        start, finish = _hook(step.start, step), _hook(step.finish, step)
        if computes and form == "calls":
            progress = _look(step, over)
        elif computes and form == "thread":
            start, finish = stack.enter_context(tended(start, _look(step, over), finish))
    slices = slices if computes else 0
    state = np.zeros(1, np.int64)
    arguments = block(
        start=start.function, start_block=start.block, progress=progress.function, progress_block=progress.block,
        finish=finish.function, finish_block=finish.block, slices=slices, rounds=rounds,
        state=state.ctypes.data, over=over.ctypes.data, times=within.times.ctypes.data, turn=within.turn.ctypes.data,
        kept=KEPT, like=np.int64(0),
    )  # fmt: skip
    made = Step(
        call=compute_meanwhile, block=arguments, settle=step.settle, operations=step.operations,
        keep=(start, progress, finish, state, over, within, step),
    )  # fmt: skip
    return Composed(step=made, state=state, expected=spinner()(1, slices * rounds), within=within)


def compute_meanwhile(b: Any) -> int:
    """Start, compute slice by slice with a call after each, finish; and note how long either took."""
    over = view(b.over, 1, b.like)
    over[0] = 0
    begun = now_ns()
    code: int = call(b.start, b.start_block)
    if code != 0:
        return code
    computing, state = now_ns(), 1
    for _ in range(b.slices):
        state = spin(state, b.rounds)
        code = call(b.progress, b.progress_block)
        if code != 0:
            return code
    computed = now_ns()
    view(b.state, 1, b.like)[0] = state
    code = call(b.finish, b.finish_block)
    ended, turn = now_ns(), view(b.turn, 1, b.like)
    times = view(b.times + 16 * (turn[0] % b.kept), 2, b.like)
    times[0] = (over[0] if over[0] != 0 else ended) - begun
    times[1] = computed - computing
    turn[0] += 1
    return code


def look(b: Any) -> int:
    """Let the library work on it, and note when it is first over."""
    code: int = call(b.progress, b.progress_block)
    over = view(b.over, 1, b.like)
    if over[0] == 0 and view(b.done, 1, b.flag)[0] != 0:
        over[0] = now_ns()
    return code


def _look(step: Step, over: NDArray[np.int64]) -> Hook:
    progress = _hook(step.progress, step)
    arguments = block(
        progress=progress.function, progress_block=progress.block, over=over.ctypes.data, done=step.done,
        like=np.int64(0), flag=np.int32(0),
    )  # fmt: skip
    made = hook(look, arguments)
    return Hook(made.function, made.block, (made.owner, progress))


def _hook(body: Any, step: Step) -> Hook:
    assert step.block is not None
    return hook(body, step.block)


def _timer(lasts_s: float) -> tuple[Hook, Hook]:
    until = np.zeros(1, np.int64)
    arguments = block(until=until.ctypes.data, lasts=round(lasts_s * 1e9), like=np.int64(0))
    halves = (hook(body, arguments) for body in (set_timer, wait_for_timer))
    start, finish = (Hook(half.function, half.block, (half.owner, until)) for half in halves)
    return start, finish


def set_timer(b: Any) -> int:
    """From now on."""
    view(b.until, 1, b.like)[0] = now_ns() + b.lasts
    return 0


def wait_for_timer(b: Any) -> int:
    """Until it has run out."""
    until = view(b.until, 1, b.like)[0]
    while now_ns() < until:
        pass
    return 0

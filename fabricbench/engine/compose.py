"""A collective beside a compute step: three linked cases, which differ in `part` only.

communication   started and finished, nothing in between
computation     the compute step alone
both            started, computed in slices, finished

The parameter `overlap` says what `both` does for the library meanwhile:

none     nothing
calls    asks it to work on the collective after every slice
serial   finishes the collective before computing: the negative control, which overlaps nothing
timer    has a timer run out instead, set to what the collective takes: the positive control, which overlaps everything
thread   leaves it to a thread of the library, which needs a core of its own; refused, because none can be had here
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from fabricbench.engine.placement import Placement
from fabricbench.engine.spin import round_s, spin, spinner
from fabricbench.entries import call, now_ns, view
from fabricbench.errors import UnavailableError
from fabricbench.measure.loop import Hook, empty, hook
from fabricbench.model import Case
from fabricbench.spec import Step, block

SLICE_S = 5e-6
"""Longest computation between two calls of the library."""
LEAST_SLICES = 4


def linked(cases: Iterable[Case]) -> list[list[Case]]:
    """Cases that are measured in turn, together; a case without a part is alone. In the order of the first of each."""
    groups: dict[tuple[object, ...], list[Case]] = {}
    for case in cases:
        params = {name: value for name, value in case.params.items() if name != "part"}
        groups.setdefault(msgspec.structs.replace(case, params=params).key(), []).append(case)
    return list(groups.values())


def communicates(case: Case) -> bool:
    """Whether the collective is performed, so that its result can be checked."""
    return case.params.get("part") != "computation" and case.params.get("overlap") != "timer"


def refuse(case: Case, step: Step, placement: Placement) -> None:
    """Raises UnavailableError for what cannot be composed."""
    if case.params["overlap"] == "thread":
        if 2 * placement.most_on_a_host > min(placement.cores):
            raise UnavailableError("A progress thread needs a core of its own beside each rank.")
        raise UnavailableError("A progress thread cannot be asked of this library from here.")
    if step.block is None or None in (step.start, step.progress, step.finish):
        raise UnavailableError(f"{case.operation}/{case.variant} cannot be left alone between its start and its end.")


@dataclass(frozen=True, kw_only=True)
class Composed:
    """The step of one part. `state` (1,) is what the computation came to, `expected` what it must come to."""

    step: Step
    state: NDArray[np.int64]
    expected: int

    def forget(self) -> None:
        """Before a check."""
        self.state[0] = 0

    def wrong(self) -> int:
        """1 where the computation is not what it should be."""
        return int(self.state[0] != self.expected)


def rounds_of(seconds: float) -> tuple[int, int]:
    """Slices of a computation that lasts so long on this rank, and rounds in each."""
    slices = max(LEAST_SLICES, round(seconds / SLICE_S))
    return slices, max(1, round(seconds / slices / round_s()))


def composed(step: Step, case: Case, slices: int, rounds: int, lasts_s: float) -> Composed:
    """The part of the case that its parameters name, made of a step with two halves that takes `lasts_s`."""
    part, form = case.params["part"], case.params["overlap"]
    computes = part != "communication"
    start = progress = finish = empty()
    if form == "timer" and part != "computation":
        start, finish = _timer(lasts_s)
    elif communicates(case) and computes and form == "serial":
        start = _hook(step.call, step)
    elif communicates(case):
        start, finish = _hook(step.start, step), _hook(step.finish, step)
        progress = _hook(step.progress, step) if computes and form == "calls" else progress
    slices = slices if computes else 0
    state = np.zeros(1, np.int64)
    arguments = block(
        start=start.function, start_block=start.block, progress=progress.function, progress_block=progress.block,
        finish=finish.function, finish_block=finish.block, slices=slices, rounds=rounds,
        state=state.ctypes.data, like=np.int64(0),
    )  # fmt: skip
    made = Step(
        call=compute_meanwhile, block=arguments, settle=step.settle, operations=step.operations,
        keep=(start, progress, finish, state, step),
    )  # fmt: skip
    return Composed(step=made, state=state, expected=spinner()(1, slices * rounds))


def compute_meanwhile(b: Any) -> int:
    """Start, compute slice by slice with a call after each, finish."""
    code: int = call(b.start, b.start_block)
    if code != 0:
        return code
    state = 1
    for _ in range(b.slices):
        state = spin(state, b.rounds)
        code = call(b.progress, b.progress_block)
        if code != 0:
            return code
    view(b.state, 1, b.like)[0] = state
    code = call(b.finish, b.finish_block)
    return code


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

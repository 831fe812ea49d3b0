"""Faults on purpose, so that the instrument can be seen to find them; such rows are flagged `injected`.

slow:OPERATION/VARIANT:FACTOR   operations of matching rows take FACTOR times as long (a compiled spin); commas
                                separate several rows; FACTOR@RANK on one rank only
flip:OPERATION/VARIANT          one byte of the last rank's result is flipped before it is checked
die:RANK    hang:RANK           a rank is killed, or never returns, in the middle of the run
"""

import fnmatch
import os
import signal
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fabricbench.engine.spin import round_s, spin, spinner
from fabricbench.entries import call, view
from fabricbench.errors import UsageError
from fabricbench.measure.loop import hook
from fabricbench.model import Case
from fabricbench.spec import Array, Step, block

LARGEST = 1000.0
KINDS = ("slow", "flip", "die", "hang")
REMEDY = "Write slow:OPERATION/VARIANT:FACTOR, or FACTOR@RANK, flip:OPERATION/VARIANT, die:RANK or hang:RANK."


@dataclass(frozen=True)
class Fault:
    """One fault; `patterns` select rows, `rank` is the one that has it, None for every rank."""

    kind: str
    patterns: tuple[str, ...] = ()
    factor: float = 1.0
    rank: int | None = None

    def hits(self, case: Case) -> bool:
        """Whether this fault changes that row."""
        return any(fnmatch.fnmatch(f"{case.operation}/{case.variant}", pattern) for pattern in self.patterns)


def parse(text: str | None) -> Fault | None:
    """The fault that `--inject` names.  Raises UsageError."""
    if text is None:
        return None
    kind, _, rest = text.partition(":")
    try:
        if kind == "slow":
            patterns, _, amount = rest.rpartition(":")
            factor, on, rank = amount.partition("@")
            fault = Fault(kind, tuple(patterns.split(",")), float(factor), int(rank) if on else None)
        elif kind == "flip":
            fault = Fault(kind, tuple(rest.split(",")))
        elif kind in KINDS:
            fault = Fault(kind, rank=int(rest))
        else:
            raise ValueError
    except ValueError:
        raise UsageError(f"'{text}' is no fault to inject.", REMEDY) from None
    if any("/" not in pattern for pattern in fault.patterns) or (kind == "slow" and not 1 < fault.factor < LARGEST):
        raise UsageError(f"'{text}' is no fault to inject.", REMEDY)
    return fault


def flip(output: Array) -> None:
    """Flip the lowest bit of the byte in the middle."""
    raw = output.view(np.uint8)
    if raw.size:
        raw[raw.size // 2] ^= 1


def strike(fault: Fault | None, rank: int, index: int, of: int) -> None:
    """Die or hang, if that is this rank's fault, at the second case or the only one."""
    if fault is None or fault.kind not in ("die", "hang") or rank != fault.rank or index != min(1, of - 1):
        return
    if fault.kind == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    while True:
        time.sleep(1)


def slowed(step: Step, operation_s: float, factor: float) -> Step:
    """The same step with a spin behind it that takes (factor - 1) times as long as the step itself.

    The spin counts instead of reading the clock, whose cost is a visible part of a short operation.
    """
    rounds = round(operation_s * step.operations * (factor - 1) / round_s())
    if step.block is None:
        perform_spin, perform = spinner(), step.call

        def perform_and_spin() -> None:
            perform()
            perform_spin(1, rounds)

        return replace(step, call=perform_and_spin)
    inner = hook(step.call, step.block)
    cell = np.ones(1, np.int64)
    arguments = block(
        inner=inner.function,
        inner_block=inner.block,
        rounds=rounds,
        cell=cell.ctypes.data,
        like=np.int64(0),
    )
    return replace(
        step, call=_inner_and_spin, block=arguments, start=None, progress=None, finish=None,
        keep=(inner, cell, *step.keep),
    )  # fmt: skip


def _inner_and_spin(b: Any) -> int:
    code: int = call(b.inner, b.inner_block)
    cell = view(b.cell, 1, b.like)
    cell[0] = spin(1, b.rounds) | 1
    return code

"""The only measuring loop: compiled once, it calls any step by its address.

Between two time stamps stands nothing but the calls of the step, or the interpreter of a python step.
"""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fabricbench import native
from fabricbench.entries import call, memcpy, now_ns
from fabricbench.errors import NotMeasuredError
from fabricbench.spec import Step, block

Stamps = NDArray[np.int64]


class Hook(NamedTuple):
    """A compiled body with its block, as the loop calls it: two addresses, and what keeps them valid."""

    function: int
    block: int
    owner: Any = None


class Taken(NamedTuple):
    """Time stamps of one rank, (samples,) nanoseconds of its own clock each."""

    entered: Stamps
    left: Stamps


def nothing(b: Any) -> int:
    """The empty step: what a rank without a part does, and what every call costs at least."""
    return 0


def hook(body: Callable[[Any], int], arguments: NDArray[Any]) -> Hook:
    """A body, compiled, with its arguments."""
    compiled = native.compile(body, arguments)
    return Hook(compiled.address, int(arguments.ctypes.data), (compiled, arguments))


@cache
def empty() -> Hook:
    """The hook that does nothing."""
    return hook(nothing, block(unused=0))


def _run(  # noqa: PLR0913, PLR0917 - Numba compiles scalars and arrays; a structure would cost a load a call
    step: int, arguments: int, restore: int, restored: int, sync: int, synced: int, ack: int, acked: int,
    window: int, repeats: int, entered: Stamps, left: Stamps, cell: Stamps,
) -> int:  # fmt: skip
    """Fill `entered` and `left`; returns the first non-zero code of a step. `cell` shows others where we are."""
    for i in range(entered.size):
        cell[0] = i
        code: int = call(restore, restored)
        if code == 0:
            code = call(sync, synced)
        if code != 0:
            return code
        start = now_ns()
        for k in range(repeats):
            code = call(step, arguments)
            if code != 0:
                return code
            if window > 0 and k % window == window - 1:
                code = call(ack, acked)
                if code != 0:
                    return code
        left[i] = now_ns()
        entered[i] = start
    return 0


def _call(step: int, arguments: int) -> int:
    return int(call(step, arguments))


@cache
def _compiled() -> tuple[Callable[..., int], Callable[..., int]]:
    stamps = ", ".join(["int64[::1]"] * 3)
    run = native.jit(_run, f"int64({', '.join(['int64'] * 10)}, {stamps})")
    return run, native.jit(_call, "int64(int64, int64)")


def called(one: Hook) -> int:
    """Call a hook once; what it returns."""
    return _compiled()[1](*one[:2])


def overwrite(b: Any) -> int:
    """Bring back input that lives where the output does."""
    memcpy(b.output, b.input, b.nbytes)
    return 0


@dataclass(kw_only=True)
class Loop:
    """A prepared step, ready to be timed.

    Before each sample `restore` brings back input that the step overwrites, then `sync` starts the ranks together;
    `ack` runs after every `window` operations. `cell` (1,) holds the sample being taken.
    """

    step: Step
    restore: Hook = field(default_factory=empty)
    sync: Hook = field(default_factory=empty)
    ack: Hook = field(default_factory=empty)
    window: int = 0
    cell: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))

    def __post_init__(self) -> None:
        if self.step.block is not None:
            self._hook = hook(self.step.call, self.step.block)

    def take(self, samples: int, repeats: int) -> Taken:
        """Samples of `repeats` operations each.  Raises NotMeasuredError at the first return code that is not 0."""
        taken = Taken(np.zeros(samples, np.int64), np.zeros(samples, np.int64))
        code = self._take_compiled(taken, repeats) if self.step.block is not None else self._take_python(taken, repeats)
        if code != 0:
            raise NotMeasuredError(f"{self.trouble(code)} in sample {int(self.cell[0])}.")
        return taken

    def trouble(self, code: int) -> str:
        """What a code means that is not 0."""
        said = self.step.why(code) if self.step.why is not None else None
        return said or f"The step returned error code {code}"

    def _take_compiled(self, taken: Taken, repeats: int) -> int:
        run, _ = _compiled()
        return run(
            *self._hook[:2], *self.restore[:2], *self.sync[:2], *self.ack[:2],
            self.window, repeats, taken.entered, taken.left, self.cell,
        )  # fmt: skip

    def _take_python(self, taken: Taken, repeats: int) -> int:
        _, single = _compiled()
        step, sync, ack, clock = self.step.call, self.sync, self.ack, time.monotonic_ns
        rounds = [self.window and k % self.window == self.window - 1 for k in range(repeats)]
        collecting = gc.isenabled()
        gc.disable()  # a collection inside a sample would be charged to the step
        try:
            for i in range(taken.entered.size):
                self.cell[0] = i
                if code := single(*self.restore[:2]) or single(*sync[:2]):
                    return code
                start = clock()
                for acknowledge in rounds:
                    step()
                    if acknowledge and (code := single(*ack[:2])):
                        return code
                taken.left[i] = clock()
                taken.entered[i] = start
        finally:
            if collecting:
                gc.enable()
        return 0

"""Time of work on a GPU by its own events, with no launch inside.

A kernel holds the stream back while the host puts behind it: an event, the operations, another event. Then the host
lets go, and the time between the events is the device's alone. Source: the blocking kernel of nvbench.
"""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from fabricbench.device.gpu import Gpu
from fabricbench.errors import NotMeasuredError
from fabricbench.measure.loop import Loop, Taken, called, hook

MOST_QUEUED = 256
"""Operations behind one hold: a driver lets about 1000 launches wait, and then makes the host wait for the device."""

PATIENCE_S = 5.0
"""How long the device holds its stream back for a host that does not come."""

EVENT_S = 0.5e-6
"""Resolution of events. Source: CUDA Driver API, cuEventElapsedTime."""


@dataclass(kw_only=True)
class Held(Loop):
    """A loop whose samples are times between two events; `entered` is the host's clock, `left` that and the time.

    gpu: where the step's `start` enqueues its work.
    """

    gpu: Gpu
    patience_s: float = PATIENCE_S

    def __post_init__(self) -> None:
        super().__post_init__()
        assert self.step.start is not None
        assert self.step.block is not None
        self._start = hook(self.step.start, self.step.block)
        self._released, self._gave_up = self.gpu.signals
        self._hold = self.gpu.kernel("hold.cuh", "hold")

    def take(self, samples: int, repeats: int) -> Taken:
        """Samples of `repeats` operations each.  Raises NotMeasuredError, also where the device gave up waiting."""
        taken = Taken(np.zeros(samples, np.int64), np.zeros(samples, np.int64))
        for i in range(samples):
            self.cell[0] = i
            self._called(self.sync)
            taken.entered[i] = time.monotonic_ns()
            full, rest = divmod(repeats, MOST_QUEUED)
            lasted_s = sum(self._between_events(queued) for queued in (*[MOST_QUEUED] * full, rest) if queued)
            taken.left[i] = taken.entered[i] + round(lasted_s * 1e9)
        return taken

    def _between_events(self, queued: int) -> float:
        """Seconds that so many operations take the device."""
        first, last = self.gpu.events
        turn = int(self._released.value[0]) + 1
        self.gpu.launch(
            self._hold, 1, 1, np.uint64(self._released.address), np.uint64(self._gave_up.address),
            np.uint32(turn), np.uint64(self.patience_s * 1e9),
        )  # fmt: skip
        try:
            self.gpu.record(first)
            for _ in range(queued):
                self._called(self._start)
            self.gpu.record(last)
        finally:
            self._released.value[0] = turn  # whatever happened: or the device would wait until its patience ends
        self.gpu.wait()
        if self._gave_up.value[0] == turn:
            raise NotMeasuredError(
                f"The GPU waited {self.patience_s:g} s for its work, which did not come.",
                "Something stops this process for seconds: look for other work on its cores.",
            )
        return self.gpu.elapsed_s(first, last)

    def _called(self, one: Any) -> None:
        if code := called(one):
            raise NotMeasuredError(f"{self.trouble(code)} in sample {int(self.cell[0])}.")


def held(loop: Loop, gpu: Gpu) -> Loop:
    """The same loop, timed by the GPU's events."""
    return Held(step=loop.step, restore=loop.restore, sync=loop.sync, cell=loop.cell, gpu=gpu)

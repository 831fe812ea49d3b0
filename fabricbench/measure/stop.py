"""When a case has been sampled enough, and how many operations make one sample."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fabricbench.model import Stop
from fabricbench.statistics import relative_width

PRECISION = 0.01
PLATEAU_LOOKS = 4
PLATEAU_WIDTH = 0.95
SAMPLE_S = 5e-5
"""Shortest worthwhile sample of a streaming case: two clock reads are below 0.1 % of it."""


@dataclass
class Stopping:
    """Fed with the samples so far after each block, says why to stop, or None.

    `least_s`: sampling goes on at least this long, so that a median does not rest on one quiet moment of the machine.
    """

    budget_s: float
    least_s: float
    widths: list[float] = field(default_factory=list)

    def reason(self, samples: NDArray[np.float64], spent_s: float) -> Stop | None:
        """samples: (n,) seconds, all that count so far; spent_s: time since sampling began."""
        if spent_s >= self.budget_s:
            return "budget"
        self.widths.append(relative_width(samples) if samples.size else math.inf)
        if spent_s < self.least_s:
            return None
        if self.widths[-1] <= PRECISION:
            return "converged"
        return "plateau" if self._plateau() else None

    def _plateau(self) -> bool:
        """More samples no longer narrow the interval: twice as many made it hardly narrower, at several looks running.

        Independent samples would have made it 29 % narrower, however far they scatter; modes and drift do not.
        """
        looks = range(len(self.widths) - PLATEAU_LOOKS, len(self.widths))
        return looks.start >= PLATEAU_LOOKS and all(
            math.inf > self.widths[look] >= PLATEAU_WIDTH * self.widths[(look + 1) // 2 - 1] for look in looks
        )


def repeats_for(call_s: float, least_s: float) -> int:
    """Back-to-back calls in a streaming sample: at least 50 us, and a thousand in the shortest sampling time."""
    return max(1, round(max(SAMPLE_S, least_s / 1000) / max(call_s, 1e-9)))


def block_size(sample_s: float, budget_s: float, most: int) -> int:
    """Samples between two looks: a fiftieth of the budget, so that time, signals and stop rules are seen in between."""
    return int(np.clip(budget_s / 50 / max(sample_s, 1e-9), 1, most))

"""What all cases of a launch share."""

from dataclasses import dataclass

from fabricbench import mpi
from fabricbench.engine import inject
from fabricbench.engine.placement import Placement
from fabricbench.engine.watchdog import Standing
from fabricbench.model import ClockReport


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all cases of a launch share."""

    group: mpi.Group
    placement: Placement
    clock: ClockReport
    cache_bytes: int | None
    seed: int
    launch: int
    software: dict[str, str]
    budget_s: float
    tail: bool
    fault: inject.Fault | None
    standing: Standing

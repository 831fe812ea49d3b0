"""Clocks of the ranks: whether they are one clock, and how far apart they are where they are not.

Only CLOCK_MONOTONIC is read, never MPI_Wtime: on one host Open MPI's differed between ranks by up to 832 us.
"""

import time
from pathlib import Path

import numpy as np

from fabricbench import mpi
from fabricbench.measure.loop import Loop, nothing
from fabricbench.model import ClockReport
from fabricbench.spec import Step, block

ROUNDS = 50
SOURCE = "CLOCK_MONOTONIC"


def now_s() -> float:
    """This rank's clock."""
    return time.monotonic_ns() * 1e-9


def kernel_identity() -> str:
    """Equal on two ranks exactly where they run under one kernel and one time namespace, hence one monotonic clock."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/time').readlink()}"
    except OSError:
        return "unknown"


def report(group: mpi.Group) -> ClockReport:
    """Whether the ranks share a clock, each rank's offset to rank 0, and the largest bound of those offsets.

    Shared means: one kernel by name, and no measured offset outside its own bound.
    """
    identities = group.gather(kernel_identity())
    offsets, bounds = _offsets(group)
    same = len(set(identities)) == 1 and identities[0] != "unknown"
    agrees = all(abs(offset) <= bound for offset, bound in zip(offsets, bounds, strict=True))
    return ClockReport(
        source=SOURCE, verified=same and agrees, read_s=float(f"{read_cost_s():.4g}"),
        offset_s=[float(f"{offset:.4g}") for offset in offsets], bound_s=float(f"{max(bounds):.4g}"),
    )  # fmt: skip


def read_cost_s() -> float:
    """Time between two readings of the clock with nothing between, median of 200 samples."""
    taken = Loop(step=_empty_step()).take(200, 1)
    return float(np.median(taken.left - taken.entered)) * 1e-9


def empty_step_s() -> float:
    """Cost of one empty compiled step, median of 50 samples of 10,000."""
    taken = Loop(step=_empty_step()).take(50, 10_000)
    return float(np.median(taken.left - taken.entered)) * 1e-9 / 10_000


def _empty_step() -> Step:
    return Step(call=nothing, block=block(unused=0))


def _offsets(group: mpi.Group) -> tuple[list[float], list[float]]:
    """Offset of each rank's clock to rank 0's, and its bound, seconds.

    Source: SKaMPI. The remote reading t lies between two local ones, s and s': t - s' <= offset <= t - s, and the
    tightest of many rounds bounds it.
    """
    if not isinstance(group, mpi.World):
        return [0.0], [0.0]
    mine = (0.0, 0.0)
    for other in range(1, group.ranks):
        if group.rank == 0:
            _answer(group, other)
        elif group.rank == other:
            mine = _ask(group)
    pairs = group.gather(mine)
    return [offset for offset, _ in pairs], [bound for _, bound in pairs]


def _ask(group: mpi.World) -> tuple[float, float]:
    low, high = -float("inf"), float("inf")
    theirs = np.zeros(1, np.int64)
    for _ in range(ROUNDS):
        before = time.monotonic_ns()
        group.communicator.Sendrecv(np.zeros(1, np.int64), 0, 1, theirs, 0, 1)
        after = time.monotonic_ns()
        # Rank 0 read `theirs` between: offset of this rank to rank 0 = mine - theirs.
        low, high = max(low, before - int(theirs[0])), min(high, after - int(theirs[0]))
    return (low + high) / 2 * 1e-9, (high - low) / 2 * 1e-9


def _answer(group: mpi.World, other: int) -> None:
    heard = np.zeros(1, np.int64)
    for _ in range(ROUNDS):
        group.communicator.Recv(heard, other, 1)
        group.communicator.Send(np.array([time.monotonic_ns()], np.int64), other, 1)

"""Synchronised starts: before each sample all ranks agree on a moment and wait for it.

round-time (Hunold & Carpen-Amarie, CLUSTER 2018): the start is fixed on the common clock, and a rank that finds it
passed at its first look is late; the sample is kept and counted, never summarised. barrier: the library's barrier,
whose exit is uneven by up to a microsecond; used where ranks exceed cores or clocks are not common, and said.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabricbench import mpi
from fabricbench.entries import MPI_Allreduce, MPI_Barrier, call, now_ns, view
from fabricbench.measure.loop import Hook, empty, hook
from fabricbench.model import Sync
from fabricbench.spec import block

FIRST_MARGIN_NS = 2_000
LAST_MARGIN_NS = 1_000_000
LATE_SHARE = 0.01


def by_barrier(b: Any) -> int:
    """Leave when all have entered."""
    return MPI_Barrier(b.comm)


def by_round_time(b: Any) -> int:
    """Agree on the latest rank's proposal and spin until then."""
    cells = view(b.cells, 4, b.zero)  # proposal, agreed start, sample, margin
    cells[0] = now_ns() + cells[3]
    code = MPI_Allreduce(b.cells, b.cells + 8, np.int32(1), b.type, b.op, b.comm)
    if code != 0:
        return code
    start = cells[1]
    view(b.late, b.samples, b.flag)[cells[2] % b.samples] = now_ns() >= start
    cells[2] += 1
    while now_ns() < start:
        pass
    return 0


@dataclass
class Synchroniser:
    """How samples of one case start together; `late` says which of the last block did not."""

    kind: Sync
    hook: Hook
    cells: NDArray[np.int64]
    late: NDArray[np.uint8]

    def begin(self, samples: int) -> None:
        """Before a block of at most `late.size` samples."""
        self.cells[2] = 0
        self.late[:samples] = 0

    def adapt(self, late_share: float) -> None:
        """Give the ranks more time to hear of the start when too many came late; all ranks must agree on the share."""
        if late_share > LATE_SHARE:
            self.cells[3] = min(2 * int(self.cells[3]), LAST_MARGIN_NS)


def synchroniser(group: mpi.Group, *, common_clock: bool, room: bool, samples: int) -> Synchroniser:
    """The best start that ranks, clocks and cores allow.

    common_clock: all ranks read one clock.  room: no more ranks than cores.  samples: the largest block.
    """
    cells = np.array([0, 0, 0, FIRST_MARGIN_NS], np.int64)
    late = np.zeros(samples, np.uint8)
    if not isinstance(group, mpi.World) or group.ranks == 1:
        return Synchroniser("none", empty(), cells, late)
    if not (common_clock and room):
        return Synchroniser("barrier", barrier(group), cells, late)
    arguments = block(
        cells=cells.ctypes.data, late=late.ctypes.data, samples=samples, zero=np.int64(0), flag=np.uint8(0),
        type=group.datatype("int64"), op=group.op("max"), comm=group.comm,
    )  # fmt: skip
    return Synchroniser("round-time", hook(by_round_time, arguments), cells, late)


def barrier(group: mpi.World) -> Hook:
    """The library's barrier as a hook."""
    return hook(by_barrier, block(comm=group.comm))


ARRIVALS = ("flat", "linear", "reverse", "random", "straggler")
"""Together; each a little later than the one before; the other way round; anyhow; only the last rank late."""

_RANDOM_BITS = 31


def share(pattern: str, rank: int, ranks: int) -> float:
    """How late a rank enters, as a share of the largest delay; random ranks draw anew for every sample."""
    along = rank / max(1, ranks - 1)
    shares = {"flat": 0.0, "linear": along, "reverse": 1 - along, "random": 1.0, "straggler": float(rank == ranks - 1)}
    return shares[pattern]


def by_arrival(b: Any) -> int:
    """Start together, then wait for this rank's own turn."""
    code: int = call(b.start, b.start_block)
    wait = b.delay
    if b.draws:
        state = view(b.state, 1, b.zero)
        state[0] = (state[0] * 1103515245 + 12345) % (1 << _RANDOM_BITS)  # the generator of the C standard's example
        wait = b.delay * (state[0] >> 8) >> (_RANDOM_BITS - 8)
    until = now_ns() + wait
    while now_ns() < until:
        pass
    return code


def arriving(start: Hook, pattern: str, apart_s: float, group: mpi.Group, seed: int) -> Hook:
    """A start after which ranks enter by a pattern, the last `apart_s` after the first."""
    state = np.array([(seed * 7919 + group.rank * 104729 + 1) % (1 << _RANDOM_BITS)], np.int64)
    arguments = block(
        start=start.function, start_block=start.block, state=state.ctypes.data, zero=np.int64(0),
        delay=round(apart_s * 1e9 * share(pattern, group.rank, group.ranks)), draws=int(pattern == "random"),
    )  # fmt: skip
    made = hook(by_arrival, arguments)
    return Hook(made.function, made.block, (made.owner, start, state))

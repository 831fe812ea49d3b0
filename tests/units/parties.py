"""The first 1, 2, 3, ... ranks of a job, each number with its own communicator; waiting that leaves others a core."""

import time
from typing import Any, NamedTuple

import numpy as np

from fabricbench import mpi
from fabricbench.engine.placement import Placement, placement

NAP_S = 0.0005
LINE = 4096
"""Longest line that can be told to all ranks."""


class Party(NamedTuple):
    """The first ranks, and where they are."""

    group: mpi.World
    places: Placement


def parties(group: mpi.Group) -> list[Party | None]:
    """For each number of ranks from 0 up the party of so many, None where this rank is not of it.  Every rank calls."""
    assert isinstance(group, mpi.World)
    found: list[Party | None] = [None]
    for count in range(1, group.ranks + 1):
        part = group.split(int(group.rank >= count))
        found.append(Party(part, placement(part)) if group.rank < count else None)
    return found


def told(group: mpi.World, line: str) -> str:
    """Rank 0's line, on every rank."""
    room = np.zeros(LINE, np.uint8)
    if group.rank == 0:
        room[:] = np.frombuffer(line.encode().ljust(LINE), np.uint8)
    asleep(group.communicator.Ibcast(room))
    return room.tobytes().decode().strip()


def meet(group: mpi.World) -> None:
    """Return when every rank has called."""
    asleep(group.communicator.Ibarrier())


def asleep(request: Any) -> None:
    """Wait without spinning: the ranks of this job are more than the cores."""
    while not request.Test():
        time.sleep(NAP_S)

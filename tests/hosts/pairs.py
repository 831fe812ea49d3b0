"""A job of ranks, `python -m hosts.pairs BYTES REPEATS`: every pair one way and the other, in rounds of disjoint pairs.

Rank 0 prints the lines of a result, one a round and direction.
"""

import sys
import time
from typing import Any

import msgspec
import numpy as np

from fabricbench import mpi
from fabricbench.judge.localise import rounds
from fabricbench.model import Round


def moved_s(world: Any, message: np.ndarray[Any, Any], sends: bool, other: int) -> float:
    """One message and its acknowledgement, after both are ready."""
    token = np.zeros(1, "uint8")
    world.Sendrecv(token, other, 1, np.empty(1, "uint8"), other, 1)
    begun = time.monotonic()
    if sends:
        world.Send(message, other, 2)
        world.Recv(token, other, 3)
    else:
        world.Recv(message, other, 2)
        world.Send(token, other, 3)
    return time.monotonic() - begun


def main() -> None:
    nbytes, repeats = int(sys.argv[1]), int(sys.argv[2])
    group = mpi.connect()
    assert isinstance(group, mpi.World)
    world, message = group.communicator, np.zeros(nbytes, "uint8")
    for number, pairs in enumerate(rounds(group.ranks)):
        mine = next(((one, two) for one, two in pairs if group.rank in (one, two)), None)
        for direction in ("forward", "backward"):
            samples_s: list[float] = []
            if mine is not None:
                first = group.rank == mine[0]
                sends, other = first == (direction == "forward"), mine[1] if first else mine[0]
                samples_s = [moved_s(world, message, sends, other) for _ in range(repeats)]
            heard = group.gather(samples_s)
            line = Round(
                launch=0, round=number, direction=direction, pairs=pairs, nbytes=nbytes,  # type: ignore[arg-type]
                samples_s=[heard[one] for one, _ in pairs], check="unchecked",
            )  # fmt: skip
            if group.rank == 0:
                print(msgspec.json.encode(line).decode(), flush=True)
    mpi.finish(group)


if __name__ == "__main__":
    main()

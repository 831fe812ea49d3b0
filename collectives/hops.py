"""What the algorithms written here share: sending, receiving, both at once with two neighbours, copying.

Bodies keep in their block: `comm`, `type`, and `status` (room for one MPI_Status).
"""

from typing import Any

import numpy as np

from fabricbench.entries import MPI_Recv, MPI_Send, MPI_Sendrecv, memcpy

TAG = 7


def exchange(b: Any, out: int, sent: int, to: int, into: int, received: int, source: int) -> int:
    """Send `sent` elements at address `out` while `received` elements arrive at address `into`."""
    return MPI_Sendrecv(
        out, np.int32(sent), b.type, np.int32(to), np.int32(TAG),
        into, np.int32(received), b.type, np.int32(source), np.int32(TAG), b.comm, b.status,
    )  # fmt: skip


def send(b: Any, out: int, count: int, to: int) -> int:
    """Send and wait until the memory may be used again."""
    return MPI_Send(out, np.int32(count), b.type, np.int32(to), np.int32(TAG), b.comm)


def receive(b: Any, into: int, count: int, source: int) -> int:
    """Wait for a message."""
    return MPI_Recv(into, np.int32(count), b.type, np.int32(source), np.int32(TAG), b.comm, b.status)


def first_of(b: Any, part: int) -> int:
    """First element of one of `ranks` parts of `count` elements; parts differ by at most one element."""
    return portion(part, b.count, b.ranks)


def portion(part: int, count: int, ranks: int) -> int:
    """The same of so many elements and ranks."""
    return part * count // ranks


def copy(b: Any, source: int, into: int, nbytes: int) -> None:
    """Copy bytes from one address to another; bytes, so that one body serves every type."""
    memcpy(into, source, nbytes)

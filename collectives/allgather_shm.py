"""All-gather through memory that ranks of a host share: each copies its part there, then everybody's from there."""

from collections.abc import Iterator
from typing import Any

from fabricbench.collectives import segments
from fabricbench.collectives.allgather import allgather
from fabricbench.collectives.hops import copy
from fabricbench.collectives.segments import GIVEN, announce, next_epoch, slot, wait_for
from fabricbench.spec import Context, Step


def call(b: Any) -> int:
    """Piece by piece of `most` bytes; the own part goes straight into place."""
    own, done = b.receive + b.rank * b.stride, 0
    if b.send != own:  # in place it lies there
        copy(b, b.send, own, b.stride)
    while done < b.stride:
        size = min(b.most, b.stride - done)
        epoch = next_epoch(b)
        copy(b, b.send + done, slot(b, b.rank, epoch), size)
        announce(b, GIVEN, epoch)
        for distance in range(1, b.ranks):
            source = (b.rank + distance) % b.ranks
            code = wait_for(b, GIVEN, source, epoch)
            if code != 0:
                return code
            copy(b, slot(b, source, epoch), b.receive + source * b.stride + done, size)
        done += size
    return 0


@allgather.variant("shm", mpi_prepares=True, large=True, refuse=segments.refuse)
def shm(context: Context) -> Iterator[Step]:
    """Shared memory of a host, without the library: a part is copied in once, and out by everybody."""
    question = context.question
    stride = question.count // question.ranks * question.dtype.itemsize
    most = min(stride, segments.SLOT_BYTES)
    yield from segments.shared(
        context, call, most, receive=context.output.address, stride=stride, most=most,
        send=context.send.address + (question.rank * stride if question.case.in_place else 0),
    )  # fmt: skip

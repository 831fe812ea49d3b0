"""All-gather through memory that ranks of a host share: each copies its part there, then everybody's from there."""

from collections.abc import Iterator
from typing import Any

from fabricbench.collectives import segments
from fabricbench.collectives.allgather import allgather
from fabricbench.collectives.hops import copy
from fabricbench.collectives.segments import GIVEN, announce, next_epoch, slot, wait_for
from fabricbench.spec import Context, Question, Step


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


def most(question: Question) -> int:
    """Bytes of a piece: all that a slot holds."""
    return min(segments.part_bytes(question), segments.SLOT_BYTES)


@allgather.variant("shm", uses_mpi="to prepare", large=True, refuse=segments.refuse, scratch=segments.scratch(most))
def shm(context: Context) -> Iterator[Step]:
    """Shared memory of a host, without the library: a part is copied in once, and out by everybody."""
    question = context.question
    own = question.rank * segments.part_bytes(question) if question.case.in_place else 0
    yield from segments.shared(
        context, call, most(question), send=context.send.address + own, receive=context.output.address,
        stride=segments.part_bytes(question), most=most(question),
    )  # fmt: skip

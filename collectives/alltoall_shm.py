"""All-to-all through memory that ranks of a host share: each copies all parts there, then its own from everybody.

Every part is copied twice, and nobody waits for anything but the other's data. A chunk is the same piece of every part:
all of them are out before the first is written over, so it can be done in place.
"""

from collections.abc import Iterator
from typing import Any

from fabricbench.collectives import segments
from fabricbench.collectives.alltoall import alltoall
from fabricbench.collectives.hops import copy
from fabricbench.collectives.segments import GIVEN, announce, next_epoch, slot, wait_for
from fabricbench.spec import Context, Question, Step


def call(b: Any) -> int:
    """Piece by piece of `most` bytes of every part; the own part is not shared."""
    mine, done = b.rank * b.stride, 0
    if b.send != b.receive:
        copy(b, b.send + mine, b.receive + mine, b.stride)
    while done < b.stride:
        size = min(b.most, b.stride - done)
        epoch = next_epoch(b)
        for distance in range(1, b.ranks):
            to = (b.rank + distance) % b.ranks
            copy(b, b.send + to * b.stride + done, slot(b, b.rank, epoch) + to * b.most, size)
        announce(b, GIVEN, epoch)
        for distance in range(1, b.ranks):
            source = (b.rank + distance) % b.ranks
            code = wait_for(b, GIVEN, source, epoch)
            if code != 0:
                return code
            copy(b, slot(b, source, epoch) + b.rank * b.most, b.receive + source * b.stride + done, size)
        done += size
    return 0


def most(question: Question) -> int:
    """Bytes of a piece."""
    return segments.rounded(min(segments.part_bytes(question), segments.SLOT_BYTES // question.ranks))


def slot_bytes(question: Question) -> int:
    """A piece for every rank."""
    return question.ranks * most(question)


@alltoall.variant(
    "shm", uses_mpi="to prepare", large=True, refuse=segments.refuse, scratch=segments.scratch(slot_bytes)
)
def shm(context: Context) -> Iterator[Step]:
    """Shared memory of a host, without the library: every part is copied in and out."""
    question = context.question
    yield from segments.shared(
        context, call, slot_bytes(question), send=context.send.address, receive=context.output.address,
        stride=segments.part_bytes(question), most=most(question),
    )  # fmt: skip

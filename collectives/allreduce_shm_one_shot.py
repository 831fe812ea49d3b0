"""One-shot all-reduce through memory that ranks of a host share: each copies its array there and reduces all of them.

One exchange of flags instead of two, for ranks - 1 whole arrays out of others' memory on every rank: for small ones.
"""

from collections.abc import Iterator
from typing import Any

from fabricbench.collectives import reductions, segments
from fabricbench.collectives.allreduce import allreduce
from fabricbench.collectives.allreduce_shm import most, refuse
from fabricbench.collectives.hops import copy
from fabricbench.collectives.reductions import reduce
from fabricbench.collectives.segments import GIVEN, announce, next_epoch, slot, wait_for_all
from fabricbench.spec import Context, Question, Step


def call(b: Any) -> int:
    """Chunk by chunk; in order of rank, so that all ranks come to the same result to the last bit."""
    done = 0
    while done < b.count:
        count = min(b.most, b.count - done)
        epoch = next_epoch(b)
        copy(b, b.send + done * b.width, slot(b, b.rank, epoch), count * b.width)
        announce(b, GIVEN, epoch)
        code = wait_for_all(b, GIVEN, epoch)
        left, into = slot(b, 0, epoch), b.receive + done * b.width
        for rank in range(1, b.ranks):
            if code != 0:
                return code
            code = reduce(b, left, slot(b, rank, epoch), into, count)
            left = into
        done += count
    return 0


def slot_bytes(question: Question) -> int:
    """A chunk."""
    return most(question) * question.dtype.itemsize


@allreduce.variant(
    "shm-one-shot", uses_mpi="to prepare", large=True, refuse=refuse, scratch=segments.scratch(slot_bytes)
)
def shm_one_shot(context: Context) -> Iterator[Step]:
    """Shared memory of a host, without the library: each reduces all arrays itself; one exchange of flags."""
    question = context.question
    asked, reducing = reductions.fields(context, local=False)
    yield from segments.shared(
        context, call, slot_bytes(question), send=context.send.address, receive=context.output.address,
        count=question.count, most=most(question), **reducing,
    )  # fmt: skip
    del asked  # the step pointed at it until now

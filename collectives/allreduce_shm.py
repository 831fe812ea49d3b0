"""Two-shot all-reduce through memory that ranks of a host share: each reduces its part for all, all read all parts.

A rank copies the others' parts of its array into its slot, reduces its own part straight from the others' slots, and
puts the result behind; then everyone copies the results. That is 2 (ranks - 1) / ranks of the array out of others'
memory, the least possible. Chunk by chunk: while the others reduce one, a rank gives the next. Who gives chunk e has
seen in e - 1 that all had reduced e - 2, and who reduces e, that all had taken the results of e - 2.
"""

from collections.abc import Iterator
from typing import Any

from fabricbench.collectives import reductions, segments
from fabricbench.collectives.allreduce import allreduce
from fabricbench.collectives.hops import copy, portion
from fabricbench.collectives.reductions import reduce
from fabricbench.collectives.segments import GIVEN, REDUCED, announce, next_epoch, slot, wait_for, wait_for_all
from fabricbench.model import Case
from fabricbench.spec import Context, Question, Step


def call(b: Any) -> int:
    """Give a chunk, take the results of the one before, reduce the own part of this one."""
    done, before, epoch = 0, 0, 0
    while done < b.count:
        count = min(b.most, b.count - done)
        epoch = next_epoch(b)
        give(b, done, count, epoch)
        code = take(b, done - before, before, epoch - 1) if before > 0 else 0
        if code == 0:
            code = combine(b, done, count, epoch)
        if code != 0:
            return code
        done, before = done + count, count
    return take(b, done - before, before, epoch)


def give(b: Any, done: int, count: int, epoch: int) -> None:
    """The chunk of `count` elements from `done` on, but the part that this rank reduces."""
    here, into = b.send + done * b.width, slot(b, b.rank, epoch)
    first, end = portion(b.rank, count, b.ranks) * b.width, portion(b.rank + 1, count, b.ranks) * b.width
    copy(b, here, into, first)
    copy(b, here + end, into + end, count * b.width - end)
    announce(b, GIVEN, epoch)


def combine(b: Any, done: int, count: int, epoch: int) -> int:
    """This rank's part, in order of rank, for all."""
    code = wait_for_all(b, GIVEN, epoch)
    first = portion(b.rank, count, b.ranks)
    size, start = portion(b.rank + 1, count, b.ranks) - first, first * b.width
    own, result = b.send + done * b.width + start, slot(b, b.rank, epoch) + b.results
    left = own if b.rank == 0 else slot(b, 0, epoch) + start
    for rank in range(1, b.ranks):
        if code != 0:
            return code
        right = own if rank == b.rank else slot(b, rank, epoch) + start
        code = reduce(b, left, right, result, size)
        left = result
    announce(b, REDUCED, epoch)
    copy(b, result, b.receive + done * b.width + start, size * b.width)
    return code


def take(b: Any, done: int, count: int, epoch: int) -> int:
    """The others' parts of a chunk's result."""
    for distance in range(1, b.ranks):
        rank = (b.rank + distance) % b.ranks
        code = wait_for(b, REDUCED, rank, epoch)
        if code != 0:
            return code
        first = portion(rank, count, b.ranks)
        size = portion(rank + 1, count, b.ranks) - first
        copy(b, slot(b, rank, epoch) + b.results, b.receive + (done + first) * b.width, size * b.width)
    return 0


def refuse(case: Case) -> str | None:
    """Why a case cannot be reduced here."""
    return segments.refuse(case) or reductions.no_loop(case)


def most(question: Question) -> int:
    """Elements of a chunk."""
    return min(question.count, segments.SLOT_BYTES // question.dtype.itemsize)


def results(question: Question) -> int:
    """Where in a slot a result begins."""
    return segments.rounded(most(question) * question.dtype.itemsize)


def slot_bytes(question: Question) -> int:
    """A chunk, and a part of the result."""
    return results(question) + (most(question) // question.ranks + 1) * question.dtype.itemsize


@allreduce.variant("shm", uses_mpi="to prepare", large=True, refuse=refuse, scratch=segments.scratch(slot_bytes))
def shm(context: Context) -> Iterator[Step]:
    """Shared memory of a host, without the library: each reduces a part for all, then all copy the parts."""
    question = context.question
    asked, reducing = reductions.fields(context, local=False)
    yield from segments.shared(
        context, call, slot_bytes(question), send=context.send.address, receive=context.output.address,
        count=question.count, most=most(question), results=results(question), **reducing,
    )  # fmt: skip
    del asked  # the step pointed at it until now

"""Bruck's all-gather: log2(ranks) hops, rounded up, that double what a rank has; then one turn into place.

Source: Bruck, Ho, Kipnis, Upfal & Weathersby, IEEE TPDS 8 (1997). Any number of ranks; (ranks - 1) / ranks of the array
are sent, the least possible, and the whole array is copied once more.
"""

from collections.abc import Iterator
from typing import Any

from fabricbench.collectives.allgather import allgather
from fabricbench.collectives.hops import copy, exchange
from fabricbench.spec import Buffer, Context, Step, block, one_more


def call(b: Any) -> int:
    """Place i of the room holds the part of the rank i to the right: first this rank's own, then 2, 4, ... parts."""
    copy(b, b.send, b.room, b.stride)
    distance = 1
    while distance < b.ranks:
        right, left = (b.rank + distance) % b.ranks, (b.rank + b.ranks - distance) % b.ranks
        moved = min(distance, b.ranks - distance) * b.part
        code = exchange(b, b.room, moved, left, b.room + distance * b.stride, moved, right)
        if code != 0:
            return code
        distance *= 2
    behind = b.ranks - b.rank  # this rank's part and those of the ranks after it
    copy(b, b.room, b.receive + b.rank * b.stride, behind * b.stride)
    copy(b, b.room + behind * b.stride, b.receive, b.rank * b.stride)
    return 0


@allgather.variant("bruck", needs=("MPI_Sendrecv",), scratch=one_more)
def bruck(context: Context) -> Iterator[Step]:
    """log2(ranks) hops for any number of ranks, then a copy of the whole array."""
    question, library = context.question, context.mpi
    part = question.count // question.ranks
    stride = part * question.dtype.itemsize
    room = Buffer(question.count, question.dtype)
    status = Buffer(library.status_width, "uint8")
    yield Step(
        call=call,
        block=block(
            send=context.send.address + (question.rank * stride if question.case.in_place else 0),
            receive=context.output.address,
            room=room.address,
            status=status.address,
            part=part,
            stride=stride,
            rank=question.rank,
            ranks=question.ranks,
            type=library.datatype(question.dtype),
            comm=library.comm,
        ),
        keep=(room, status),
    )

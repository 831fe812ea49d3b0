"""Bruck's all-to-all: log2(ranks) hops, rounded up; a part travels once for each 1 in the binary distance it must go.

Source: Bruck, Ho, Kipnis, Upfal & Weathersby, IEEE TPDS 8 (1997): fewest hops, each of up to half the array, and every
part packed and unpacked. For small parts.
"""

from collections.abc import Iterator
from typing import Any

from fabricbench.collectives.alltoall import alltoall
from fabricbench.collectives.hops import copy, exchange
from fabricbench.spec import Buffer, Context, Question, Step, block


def call(b: Any) -> int:
    """Place i of the room holds a part that must go i ranks to the right, in hops of 1, 2, 4, ... ranks."""
    ahead = b.ranks - b.rank
    copy(b, b.send + b.rank * b.stride, b.room, ahead * b.stride)
    copy(b, b.send, b.room + ahead * b.stride, b.rank * b.stride)
    distance = 1
    while distance < b.ranks:
        packed = 0
        for i in range(b.ranks):
            if i & distance:
                copy(b, b.room + i * b.stride, b.outbox + packed * b.stride, b.stride)
                packed += 1
        moved = packed * b.part
        to, source = (b.rank + distance) % b.ranks, (b.rank + b.ranks - distance) % b.ranks
        code = exchange(b, b.outbox, moved, to, b.inbox, moved, source)
        if code != 0:
            return code
        for i in range(b.ranks - 1, 0, -1):
            if i & distance:
                packed -= 1
                copy(b, b.inbox + packed * b.stride, b.room + i * b.stride, b.stride)
        distance *= 2
    for i in range(b.ranks):
        copy(b, b.room + i * b.stride, b.receive + (b.rank + b.ranks - i) % b.ranks * b.stride, b.stride)
    return 0


def rooms(question: Question) -> int:
    """Elements of the array being turned, and of what is packed and unpacked at once."""
    return question.count + 2 * (question.ranks // 2) * (question.count // question.ranks)


@alltoall.variant("bruck", needs=("MPI_Sendrecv",), scratch=rooms)
def bruck(context: Context) -> Iterator[Step]:
    """log2(ranks) hops of up to half the array: fewest hops, most traffic."""
    question, library = context.question, context.mpi
    part = question.count // question.ranks
    room = Buffer(question.count, question.dtype)
    outbox, inbox = (Buffer(question.ranks // 2 * part, question.dtype) for _ in range(2))
    status = Buffer(library.status_width, "uint8")
    yield Step(
        call=call,
        block=block(
            send=context.send.address,
            receive=context.output.address,
            room=room.address,
            outbox=outbox.address,
            inbox=inbox.address,
            status=status.address,
            part=part,
            stride=part * question.dtype.itemsize,
            rank=question.rank,
            ranks=question.ranks,
            type=library.datatype(question.dtype),
            comm=library.comm,
        ),
        keep=(room, outbox, inbox, status),
    )

"""Recursive-doubling all-reduce: log2(ranks) exchanges of the whole array.

Source: Thakur, Rabenseifner & Gropp, IJHPCA 19 (2005). Where ranks is no power of two, the first ranks fold in pairs:
the even one gives its array to the odd one, rests, and is given the result.
"""

from collections.abc import Iterator
from typing import Any

from fabricbench.collectives.allreduce import allreduce
from fabricbench.collectives.hops import add, copy, exchange, receive, send
from fabricbench.spec import Buffer, Context, Step, block


def call(b: Any) -> int:
    """Partners at distance 1, 2, 4, ... swap and add what they have so far."""
    copy(b, b.send, b.receive, b.count)
    power = 1
    while 2 * power <= b.ranks:
        power *= 2
    folded = b.ranks - power
    if b.rank < 2 * folded and b.rank % 2 == 0:
        code = send(b, b.receive, b.count, b.rank + 1)
        return code if code != 0 else receive(b, b.receive, b.count, b.rank + 1)
    if b.rank < 2 * folded:
        code = receive(b, b.inbox, b.count, b.rank - 1)
        if code != 0:
            return code
        add(b, b.receive, b.inbox, b.receive, b.count)
    place = b.rank // 2 if b.rank < 2 * folded else b.rank - folded
    distance = 1
    while distance < power:
        across = place ^ distance
        partner = 2 * across + 1 if across < folded else across + folded
        code = exchange(b, b.receive, b.count, partner, b.inbox, b.count, partner)
        if code != 0:
            return code
        add(b, b.receive, b.inbox, b.receive, b.count)
        distance *= 2
    return send(b, b.receive, b.count, b.rank - 1) if b.rank < 2 * folded else 0


@allreduce.variant("recursive-doubling", needs=("MPI_Sendrecv", "MPI_Send", "MPI_Recv"))
def recursive_doubling(context: Context) -> Iterator[Step]:
    """log2(ranks) exchanges of the whole array: fewest hops, most traffic."""
    question, library = context.question, context.mpi
    inbox = Buffer(question.count, question.dtype)
    status = Buffer(library.status_width, "uint8")
    yield Step(
        call=call,
        block=block(
            send=context.send.address,
            receive=context.output.address,
            inbox=inbox.address,
            status=status.address,
            count=question.count,
            rank=question.rank,
            ranks=question.ranks,
            type=library.datatype(question.dtype),
            comm=library.comm,
            zero=question.dtype.type(0),
        ),
        keep=(inbox, status),
    )

"""Recursive-doubling all-reduce: log2(ranks) exchanges of the whole array.

Source: Thakur, Rabenseifner & Gropp, IJHPCA 19 (2005). Where ranks is no power of two, the first ranks fold in pairs:
the even one gives its array to the odd one, rests, and is given the result.
"""

from collections.abc import Iterator
from typing import Any

from fabricbench.collectives import folding
from fabricbench.collectives.allreduce import allreduce
from fabricbench.collectives.folding import fold, rank_at
from fabricbench.collectives.hops import copy, exchange, receive, send
from fabricbench.collectives.reductions import algorithm, reduce
from fabricbench.spec import Buffer, Context, Step, block, one_more


def swap(b: Any) -> int:
    """Partners at distance 1, 2, 4, ... swap and reduce what they have so far."""
    distance = 1
    while distance < b.power:
        partner = rank_at(b, b.place ^ distance)
        code = exchange(b, b.receive, b.count, partner, b.inbox, b.count, partner)
        if code == 0:
            code = reduce(b, b.receive, b.inbox, b.receive, b.count)
        if code != 0:
            return code
        distance *= 2
    return 0


def call(b: Any) -> int:
    """Fold, swap, and give the other the result."""
    if b.send != b.receive:
        copy(b, b.send, b.receive, b.count * b.width)
    paired, code = b.rank < 2 * b.folded, 0
    if paired and b.rank % 2 == 0:
        code = send(b, b.receive, b.count, b.rank + 1)
        return code if code != 0 else receive(b, b.receive, b.count, b.rank + 1)
    if paired:
        code = fold(b, b.receive)
    if code == 0:
        code = swap(b)
    return send(b, b.receive, b.count, b.rank - 1) if paired and code == 0 else code


@algorithm(allreduce, "recursive-doubling", ("MPI_Sendrecv", "MPI_Send", "MPI_Recv"), scratch=one_more)
def recursive_doubling(context: Context, reducing: dict[str, Any]) -> Iterator[Step]:
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
            comm=library.comm,
            **folding.fields(question),
            **reducing,
        ),
        keep=(inbox, status),
    )

"""Recursive-halving reduce-scatter: log2(ranks) exchanges of 1/2, 1/4, 1/8, ... of the array.

Source: Thakur, Rabenseifner & Gropp, IJHPCA 19 (2005): (ranks - 1) / ranks of the array, the least traffic possible.
Where ranks is no power of two, the first ranks fold in pairs: the even one gives its array to the odd one, rests, and
is given its share; the odd one stands for both shares.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fabricbench.collectives import folding, portions
from fabricbench.collectives.folding import fold, rank_at
from fabricbench.collectives.hops import copy, exchange, receive, send
from fabricbench.collectives.reduce_scatter import reduce_scatter
from fabricbench.collectives.reduce_scatter_block import reduce_scatter_block
from fabricbench.collectives.reductions import algorithm, reduce
from fabricbench.entries import view
from fabricbench.spec import Buffer, Context, Question, Step, block


def first_of_place(b: Any, place: int) -> int:
    """First element of a place; it has one share of the array, each of the first `doubled` places two."""
    first: int = view(b.edges, b.shares + 1, b.edges)[place + min(place, b.doubled)]
    return first


def halve(b: Any, source: int, work: int, final: int) -> int:
    """Partners at distance ..., 4, 2, 1 swap halves of what they share and reduce the half they keep.

    The first step reads at `source`; results lie in their places at `work`, the last at address `final`.
    """
    distance = b.power // 2
    while distance > 0:
        kept = b.place // distance * distance
        given = kept ^ distance
        kept_first, given_first = first_of_place(b, kept), first_of_place(b, given)
        count = first_of_place(b, kept + distance) - kept_first
        partner = rank_at(b, b.place ^ distance)
        code = exchange(
            b, source + given_first * b.width, first_of_place(b, given + distance) - given_first, partner,
            b.inbox, count, partner,
        )  # fmt: skip
        if code == 0:
            into = work + kept_first * b.width if distance > 1 else final
            code = reduce(b, source + kept_first * b.width, b.inbox, into, count)
        if code != 0:
            return code
        source = work
        distance //= 2
    return 0


def call(b: Any) -> int:
    """Fold, halve, and give back the other's share."""
    if b.ranks == 1:
        copy(b, b.send, b.receive, b.count * b.width)
        return 0
    if b.rank >= 2 * b.folded:
        return halve(b, b.send, b.work, b.receive)
    if b.rank % 2 == 0:
        code = send(b, b.send, b.count, b.rank + 1)
        return code if code != 0 else receive(b, b.receive, b.own, b.rank + 1)
    first = first_of_place(b, b.place)
    both, theirs = b.work + first * b.width, first_of_place(b, b.place + 1) - first - b.own
    code = fold(b, b.work)
    if code == 0:
        code = halve(b, b.work, b.work, both)
    copy(b, both + theirs * b.width, b.receive, b.own * b.width)
    return code if code != 0 else send(b, both, theirs, b.rank - 1)


def two_more(question: Question) -> int:
    """Elements of the array being reduced, and of what comes in."""
    return 2 * question.count


@algorithm(reduce_scatter, "recursive-halving", ("MPI_Sendrecv", "MPI_Send", "MPI_Recv"), scratch=two_more)
@algorithm(reduce_scatter_block, "recursive-halving", ("MPI_Sendrecv", "MPI_Send", "MPI_Recv"), scratch=two_more)
def recursive_halving(context: Context, reducing: dict[str, Any]) -> Iterator[Step]:
    """log2(ranks) exchanges of ever smaller halves: fewest steps; least traffic for powers of two."""
    question, library = context.question, context.mpi
    folded = folding.fields(question)
    edges = np.array(portions.bounds(question), np.int64)
    work, inbox = Buffer(question.count, question.dtype), Buffer(question.count, question.dtype)
    status = Buffer(library.status_width, "uint8")
    yield Step(
        call=call,
        block=block(
            send=context.send.address,
            receive=context.output.address,
            work=work.address,
            inbox=inbox.address,
            status=status.address,
            count=question.count,
            own=context.output.array.size,
            edges=edges.ctypes.data,
            ranks=question.ranks,
            doubled=folded["folded"],
            shares=question.ranks,
            comm=library.comm,
            **folded,
            **reducing,
        ),
        keep=(edges, work, inbox, status),
    )

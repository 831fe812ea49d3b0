"""Rabenseifner's all-reduce: recursive-halving reduce-scatter, then recursive-doubling all-gather.

Source: Rabenseifner, ICCS 2004: 2 log2(ranks) exchanges, together 2 (ranks - 1) / ranks of the array, the least
possible. Where ranks is no power of two, the first ranks fold in pairs: the even one gives its array to the odd one,
rests, and is given the result.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fabricbench.collectives import folding, portions
from fabricbench.collectives.allreduce import allreduce
from fabricbench.collectives.folding import fold, rank_at
from fabricbench.collectives.hops import copy, exchange, receive, send
from fabricbench.collectives.reduce_scatter_recursive_halving import first_of_place, halve
from fabricbench.collectives.reductions import algorithm
from fabricbench.spec import Buffer, Context, Step, block, one_more


def double(b: Any) -> int:
    """Partners at distance 1, 2, 4, ... swap the results they have so far."""
    distance = 1
    while distance < b.power:
        mine = b.place // distance * distance
        theirs = mine ^ distance
        mine_first, theirs_first = first_of_place(b, mine), first_of_place(b, theirs)
        partner = rank_at(b, b.place ^ distance)
        code = exchange(
            b, b.receive + mine_first * b.width, first_of_place(b, mine + distance) - mine_first, partner,
            b.receive + theirs_first * b.width, first_of_place(b, theirs + distance) - theirs_first, partner,
        )  # fmt: skip
        if code != 0:
            return code
        distance *= 2
    return 0


def call(b: Any) -> int:
    """Fold, halve, double, and give the other the result."""
    if b.ranks == 1:
        copy(b, b.send, b.receive, b.count * b.width)
        return 0
    paired, code, source = b.rank < 2 * b.folded, 0, b.send
    if paired and b.rank % 2 == 0:
        code = send(b, b.send, b.count, b.rank + 1)
        return code if code != 0 else receive(b, b.receive, b.count, b.rank + 1)
    if paired:
        code, source = fold(b, b.receive), b.receive
    if code == 0:
        code = halve(b, source, b.receive, b.receive + first_of_place(b, b.place) * b.width)
    if code == 0:
        code = double(b)
    return send(b, b.receive, b.count, b.rank - 1) if paired and code == 0 else code


@algorithm(allreduce, "rabenseifner", ("MPI_Sendrecv", "MPI_Send", "MPI_Recv"), scratch=one_more)
def rabenseifner(context: Context, reducing: dict[str, Any]) -> Iterator[Step]:
    """2 log2(ranks) exchanges of halves: few hops, and least traffic for powers of two."""
    question, library = context.question, context.mpi
    folded = folding.fields(question)
    edges = np.array(portions.even(question.count, folded["power"]), np.int64)
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
            ranks=question.ranks,
            doubled=0,
            edges=edges.ctypes.data,
            shares=folded["power"],
            comm=library.comm,
            **folded,
            **reducing,
        ),
        keep=(edges, inbox, status),
    )

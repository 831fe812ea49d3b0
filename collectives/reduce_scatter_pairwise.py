"""Pairwise reduce-scatter: in step i every rank gives the rank i further on its share.

Source: Thakur, Rabenseifner & Gropp, IJHPCA 19 (2005): ranks - 1 steps of one share, the least traffic possible.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fabricbench.collectives import portions
from fabricbench.collectives.hops import copy, exchange
from fabricbench.collectives.reduce_scatter import reduce_scatter
from fabricbench.collectives.reduce_scatter_block import reduce_scatter_block
from fabricbench.collectives.reductions import algorithm, reduce
from fabricbench.entries import view
from fabricbench.spec import Buffer, Context, Question, Step, block


def call(b: Any) -> int:
    """Only input travels; each rank reduces its own share as the others' arrive."""
    edges = view(b.edges, b.ranks + 1, b.edges)
    so_far, own = b.send + edges[b.rank] * b.width, edges[b.rank + 1] - edges[b.rank]
    for step in range(1, b.ranks):
        to, source = (b.rank + step) % b.ranks, (b.rank + b.ranks - step) % b.ranks
        code = exchange(
            b, b.send + edges[to] * b.width, edges[to + 1] - edges[to], to, b.inbox, own, source
        )  # fmt: skip
        if code != 0:
            return code
        code = reduce(b, so_far, b.inbox, b.result, own)
        if code != 0:
            return code
        so_far = b.result
    if so_far != b.receive:  # one rank alone, or in place, where input lies there until the last of it has left
        copy(b, so_far, b.receive, own * b.width)
    return 0


def shares(question: Question) -> int:
    """Elements of the share that comes in, and in place of the result, as input lies where that belongs."""
    edges = portions.bounds(question)
    return (1 + question.case.in_place) * (edges[question.rank + 1] - edges[question.rank])


@algorithm(reduce_scatter, "pairwise", ("MPI_Sendrecv",), scratch=shares)
@algorithm(reduce_scatter_block, "pairwise", ("MPI_Sendrecv",), scratch=shares)
def pairwise(context: Context, reducing: dict[str, Any]) -> Iterator[Step]:
    """One exchange of one share with every other rank: least traffic, most steps."""
    question, library = context.question, context.mpi
    edges = np.array(portions.bounds(question), np.int64)
    inbox = Buffer(context.output.array.size, question.dtype)
    result = Buffer(context.output.array.size, question.dtype) if question.case.in_place else context.output
    status = Buffer(library.status_width, "uint8")
    yield Step(
        call=call,
        block=block(
            send=context.send.address,
            receive=context.output.address,
            inbox=inbox.address,
            result=result.address,
            status=status.address,
            edges=edges.ctypes.data,
            rank=question.rank,
            ranks=question.ranks,
            comm=library.comm,
            **reducing,
        ),
        keep=(edges, inbox, result, status),
    )

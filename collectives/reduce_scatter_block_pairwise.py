"""Pairwise reduce-scatter: in step i every rank gives its part to the rank i further on.

Source: Thakur, Rabenseifner & Gropp, IJHPCA 19 (2005): ranks - 1 steps of one part, the least traffic possible.
"""

from collections.abc import Iterator
from typing import Any

from fabricbench.collectives.hops import copy, exchange
from fabricbench.collectives.reduce_scatter_block import reduce_scatter_block
from fabricbench.collectives.reductions import algorithm, reduce
from fabricbench.spec import Buffer, Context, Step, block


def call(b: Any) -> int:
    """Only input travels; each rank reduces its own part as the others' arrive."""
    so_far = b.send + b.rank * b.part * b.width
    for step in range(1, b.ranks):
        to, source = (b.rank + step) % b.ranks, (b.rank + b.ranks - step) % b.ranks
        code = exchange(b, b.send + to * b.part * b.width, b.part, to, b.inbox, b.part, source)
        if code != 0:
            return code
        code = reduce(b, so_far, b.inbox, b.result, b.part)
        if code != 0:
            return code
        so_far = b.result
    if so_far != b.receive:  # one rank alone, or in place, where input lies there until the last of it has left
        copy(b, so_far, b.receive, b.part * b.width)
    return 0


@algorithm(reduce_scatter_block, "pairwise", ("MPI_Sendrecv",))
def pairwise(context: Context, reducing: dict[str, Any]) -> Iterator[Step]:
    """One exchange of one part with every other rank: least traffic, most steps."""
    question, library = context.question, context.mpi
    part = question.count // question.ranks
    inbox = Buffer(part, question.dtype)
    result = Buffer(part, question.dtype) if question.case.in_place else context.output
    status = Buffer(library.status_width, "uint8")
    yield Step(
        call=call,
        block=block(
            send=context.send.address,
            receive=context.output.address,
            inbox=inbox.address,
            result=result.address,
            status=status.address,
            part=part,
            rank=question.rank,
            ranks=question.ranks,
            comm=library.comm,
            **reducing,
        ),
        keep=(inbox, result, status),
    )

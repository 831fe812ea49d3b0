"""Dissemination barrier: log2(ranks) rounds, rounded up, of messages without content.

Source: Hensgen, Finkel & Manber, IJPP 17 (1988). After the round of distance d a rank has heard, at first
hand or not, of the 2 d - 1 ranks to its left; any number of ranks.
"""

from collections.abc import Iterator
from typing import Any

from fabricbench.collectives.barrier import barrier
from fabricbench.collectives.hops import exchange
from fabricbench.spec import Buffer, Context, Step, block


def call(b: Any) -> int:
    """Tell the rank 1, 2, 4, ... to the right, and hear from the one as far to the left."""
    distance = 1
    while distance < b.ranks:
        to, source = (b.rank + distance) % b.ranks, (b.rank + b.ranks - distance) % b.ranks
        code = exchange(b, b.token, 0, to, b.token, 0, source)
        if code != 0:
            return code
        distance *= 2
    return 0


@barrier.variant("dissemination", needs=("MPI_Sendrecv",))
def dissemination(context: Context) -> Iterator[Step]:
    """log2(ranks) rounds of empty messages, no rank is special."""
    question, library = context.question, context.mpi
    token = Buffer(0, question.dtype)
    status = Buffer(library.status_width, "uint8")
    yield Step(
        call=call,
        block=block(
            token=token.address,
            status=status.address,
            rank=question.rank,
            ranks=question.ranks,
            type=library.datatype(question.dtype),
            comm=library.comm,
        ),
        keep=(token, status),
    )

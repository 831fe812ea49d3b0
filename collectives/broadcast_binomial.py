"""Binomial-tree broadcast: the ranks that have the array double with every step.

Source: Thakur, Rabenseifner & Gropp, IJHPCA 19 (2005): log2(ranks) steps, rounded up, of the whole array. The root
sends it that often, every other rank less often and half of them never.
"""

from collections.abc import Iterator
from typing import Any

from fabricbench.collectives.broadcast import broadcast
from fabricbench.collectives.hops import receive, send
from fabricbench.collectives.rooted import at_root, root
from fabricbench.spec import Buffer, Context, Step, block


def call(b: Any) -> int:
    """Ranks count from the root; each is the child of the one whose number lacks its lowest bit."""
    place = (b.rank + b.ranks - b.root) % b.ranks
    distance = 1
    while distance < b.ranks and place // distance % 2 == 0:
        distance *= 2
    if place > 0:
        code = receive(b, b.buffer, b.count, (b.rank + b.ranks - distance) % b.ranks)
        if code != 0:
            return code
    while distance > 1:
        distance //= 2
        if place + distance < b.ranks:
            code = send(b, b.buffer, b.count, (b.rank + distance) % b.ranks)
            if code != 0:
                return code
    return 0


@broadcast.variant("binomial", needs=("MPI_Send", "MPI_Recv"))
def binomial(context: Context) -> Iterator[Step]:
    """log2(ranks) steps of the whole array: fewest steps, most traffic at the root."""
    question, library = context.question, context.mpi
    buffer = context.send if at_root(question) else context.output
    status = Buffer(library.status_width, "uint8")
    yield Step(
        call=call,
        block=block(
            buffer=buffer.address,
            status=status.address,
            count=question.count,
            rank=question.rank,
            ranks=question.ranks,
            root=root(question),
            type=library.datatype(question.dtype),
            comm=library.comm,
        ),
        keep=(status,),
    )

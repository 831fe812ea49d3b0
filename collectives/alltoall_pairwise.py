"""Pairwise all-to-all: ranks - 1 hops, in each of which every rank sends one part and receives one.

Source: Thakur, Rabenseifner & Gropp, IJHPCA 19 (2005): (ranks - 1) / ranks of the array, the least possible, and never
two messages to one rank at once. Partners are found by rotation, as for any number of ranks.
"""

from collections.abc import Iterator
from typing import Any

from fabricbench.collectives.alltoall import alltoall, two_buffers_only
from fabricbench.collectives.hops import copy, exchange
from fabricbench.spec import Buffer, Context, Step, block


def call(b: Any) -> int:
    """Send straight to the rank 1, 2, 3, ... to the right, receive from the one as far to the left."""
    mine = b.rank * b.stride
    copy(b, b.send + mine, b.receive + mine, b.stride)
    for distance in range(1, b.ranks):
        to, source = (b.rank + distance) % b.ranks, (b.rank + b.ranks - distance) % b.ranks
        code = exchange(
            b, b.send + to * b.stride, b.part, to, b.receive + source * b.stride, b.part, source
        )  # fmt: skip
        if code != 0:
            return code
    return 0


@alltoall.variant("pairwise", needs=("MPI_Sendrecv",), refuse=two_buffers_only)
def pairwise(context: Context) -> Iterator[Step]:
    """Hops of one part, ranks - 1 of them, one after the other."""
    question, library = context.question, context.mpi
    part = question.count // question.ranks
    status = Buffer(library.status_width, "uint8")
    yield Step(
        call=call,
        block=block(
            send=context.send.address,
            receive=context.output.address,
            status=status.address,
            part=part,
            stride=part * question.dtype.itemsize,
            rank=question.rank,
            ranks=question.ranks,
            type=library.datatype(question.dtype),
            comm=library.comm,
        ),
        keep=(status,),
    )

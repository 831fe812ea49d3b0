"""Pipelined chain broadcast: segments wander from rank to rank, all links busy at once.

Source: Pjesivac-Grbovic et al., Cluster Computing 10 (2007): ranks - 2 + segments steps of one segment; every rank but
the last sends the array once.
"""

from collections.abc import Iterator
from typing import Any

from fabricbench.collectives.broadcast import broadcast
from fabricbench.collectives.hops import exchange
from fabricbench.collectives.rooted import at_root, root
from fabricbench.spec import Buffer, Context, Step, block

SEGMENT = 64 * 1024


def call(b: Any) -> int:
    """Every step hands on what came in the step before, while the next segment arrives."""
    place = (b.rank + b.ranks - b.root) % b.ranks
    left = (b.rank + b.ranks - 1) % b.ranks if place > 0 else b.nobody
    right = (b.rank + 1) % b.ranks if place + 1 < b.ranks else b.nobody
    there, last = 0, 0  # elements that came so far, and those of them that came in the last step
    while there < b.count or last > 0:
        now = min(b.segment, b.count - there)
        code = exchange(
            b, b.buffer + (there - last) * b.width, last, right if last > 0 else b.nobody,
            b.buffer + there * b.width, now, left if now > 0 else b.nobody,
        )  # fmt: skip
        if code != 0:
            return code
        there, last = there + now, now
    return 0


@broadcast.variant("pipelined-chain", needs=("MPI_Sendrecv",))
def pipelined_chain(context: Context) -> Iterator[Step]:
    """Segments of 64 KiB handed along the chain of ranks: least traffic, most steps."""
    question, library = context.question, context.mpi
    buffer = context.send if at_root(question) else context.output
    status = Buffer(library.status_width, "uint8")
    yield Step(
        call=call,
        block=block(
            buffer=buffer.address,
            status=status.address,
            count=question.count,
            segment=SEGMENT // question.dtype.itemsize,
            width=question.dtype.itemsize,
            rank=question.rank,
            ranks=question.ranks,
            root=root(question),
            nobody=int(library.module.PROC_NULL),
            type=library.datatype(question.dtype),
            comm=library.comm,
        ),
        keep=(status,),
    )

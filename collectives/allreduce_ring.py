"""Ring all-reduce: ranks - 1 reduce-scatter hops, then ranks - 1 all-gather hops.

Source: Patarasuk & Yuan, JPDC 69 (2009): every rank sends 2 (ranks - 1) / ranks of the array, the least possible.
"""

from collections.abc import Iterator
from typing import Any

from fabricbench.collectives.allreduce import allreduce
from fabricbench.collectives.hops import copy, exchange, first_of
from fabricbench.collectives.reductions import algorithm, reduce
from fabricbench.spec import Buffer, Context, Question, Step, block


def call(b: Any) -> int:
    """Each rank talks to its two neighbours only; every hop carries one part."""
    if b.ranks == 1:
        copy(b, b.send, b.receive, b.count * b.width)
        return 0
    right, left = (b.rank + 1) % b.ranks, (b.rank + b.ranks - 1) % b.ranks
    source = b.send  # the first hop sends input, the later ones sums
    for hop in range(2 * (b.ranks - 1)):
        out = (b.rank + 2 * b.ranks - hop) % b.ranks
        into = (out + b.ranks - 1) % b.ranks
        out_first, into_first = first_of(b, out), first_of(b, into)
        out_count, into_count = first_of(b, out + 1) - out_first, first_of(b, into + 1) - into_first
        here = b.receive + into_first * b.width
        reducing = hop < b.ranks - 1
        code = exchange(
            b, source + out_first * b.width, out_count, right,
            b.inbox if reducing else here, into_count, left,
        )  # fmt: skip
        if code != 0:
            return code
        if reducing:
            code = reduce(b, b.send + into_first * b.width, b.inbox, here, into_count)
            if code != 0:
                return code
        source = b.receive
    return 0


def part(question: Question) -> int:
    """Elements of the largest part."""
    return -(-question.count // question.ranks)


@algorithm(allreduce, "ring", ("MPI_Sendrecv",), scratch=part)
def ring(context: Context, reducing: dict[str, Any]) -> Iterator[Step]:
    """2 (ranks - 1) hops of 1/ranks of the array, neighbours only: least traffic, most hops."""
    question, library = context.question, context.mpi
    inbox = Buffer(part(question), question.dtype)
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
            comm=library.comm,
            **reducing,
        ),
        keep=(inbox, status),
    )

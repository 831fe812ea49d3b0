"""Scatter and all-gather broadcast: parts go down a binomial tree, then around a ring.

Source: Barnett et al., InterCom, SHPCC 1994: log2(ranks) + ranks - 1 steps, and no rank sends twice the array.
As Zhou et al., ICPP Workshops 2015, nobody is sent what the tree gave it already; so nothing comes to the root.
"""

from collections.abc import Iterator
from typing import Any

from fabricbench.collectives.broadcast import broadcast
from fabricbench.collectives.hops import exchange, first_of, receive, send
from fabricbench.collectives.rooted import at_root, root
from fabricbench.spec import Buffer, Context, Step, block


def reach(b: Any, place: int) -> int:
    """Lowest bit of a place: the tree gives it so many parts, or as many as there are; the root has all."""
    distance = 1
    while distance < b.ranks and place // distance % 2 == 0:
        distance *= 2
    return distance


def scatter(b: Any, place: int) -> int:
    """Each rank takes the parts of its subtree and gives away the upper half of them until its own is left."""
    distance, here = reach(b, place), first_of(b, place)
    if place > 0:
        count = first_of(b, min(place + distance, b.ranks)) - here
        code = receive(b, b.buffer + here * b.width, count, (b.rank + b.ranks - distance) % b.ranks)
        if code != 0:
            return code
    while distance > 1:
        distance //= 2
        if place + distance < b.ranks:
            first = first_of(b, place + distance)
            count = first_of(b, min(place + 2 * distance, b.ranks)) - first
            code = send(b, b.buffer + first * b.width, count, (b.rank + distance) % b.ranks)
            if code != 0:
                return code
    return 0


def gather(b: Any, place: int) -> int:
    """Each hop hands on the part that came last; a rank's last hops would bring parts of its subtree: left out."""
    beside = (place + 1) % b.ranks
    receives = b.ranks - min(reach(b, place), b.ranks - place)
    sends = b.ranks - min(reach(b, beside), b.ranks - beside)
    for hop in range(max(receives, sends)):
        out = (place + b.ranks - hop) % b.ranks
        into = (out + b.ranks - 1) % b.ranks
        out_first, into_first = first_of(b, out), first_of(b, into)
        code = exchange(
            b, b.buffer + out_first * b.width, first_of(b, out + 1) - out_first,
            (b.rank + 1) % b.ranks if hop < sends else b.nobody,
            b.buffer + into_first * b.width, first_of(b, into + 1) - into_first,
            (b.rank + b.ranks - 1) % b.ranks if hop < receives else b.nobody,
        )  # fmt: skip
        if code != 0:
            return code
    return 0


def call(b: Any) -> int:
    """Scatter, then all-gather."""
    place = (b.rank + b.ranks - b.root) % b.ranks
    code = scatter(b, place)
    return code if code != 0 else gather(b, place)


@broadcast.variant("scatter-allgather", needs=("MPI_Sendrecv", "MPI_Send", "MPI_Recv"))
def scatter_allgather(context: Context) -> Iterator[Step]:
    """Binomial scatter, then ring all-gather: no rank sends much more than the array."""
    question, library = context.question, context.mpi
    buffer = context.send if at_root(question) else context.output
    status = Buffer(library.status_width, "uint8")
    yield Step(
        call=call,
        block=block(
            buffer=buffer.address,
            status=status.address,
            count=question.count,
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

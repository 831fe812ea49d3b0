"""Spread-out all-to-all: everything is posted at once, and one call waits for all of it.

Source: Thakur, Rabenseifner & Gropp, IJHPCA 19 (2005): (ranks - 1) / ranks of the array, the least possible, in one
round. Targets are rotated, so that not all ranks send to the same one first.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fabricbench.collectives.alltoall import alltoall, two_buffers_only
from fabricbench.collectives.hops import TAG, copy
from fabricbench.entries import MPI_Irecv, MPI_Isend, MPI_Waitall
from fabricbench.spec import Buffer, Context, Step, block


def call(b: Any) -> int:
    """All receives, then all sends, then this rank's own part while they travel."""
    request = b.requests
    for distance in range(1, b.ranks):
        source = (b.rank + b.ranks - distance) % b.ranks
        code = MPI_Irecv(
            b.receive + source * b.stride, np.int32(b.part), b.type, np.int32(source), np.int32(TAG), b.comm, request
        )  # fmt: skip
        if code != 0:
            return code
        request += b.request_width
    for distance in range(1, b.ranks):
        to = (b.rank + distance) % b.ranks
        code = MPI_Isend(
            b.send + to * b.stride, np.int32(b.part), b.type, np.int32(to), np.int32(TAG), b.comm, request
        )  # fmt: skip
        if code != 0:
            return code
        request += b.request_width
    mine = b.rank * b.stride
    copy(b, b.send + mine, b.receive + mine, b.stride)
    return MPI_Waitall(np.int32(2 * (b.ranks - 1)), b.requests, b.statuses)


@alltoall.variant("spread-out", needs=("MPI_Isend", "MPI_Irecv", "MPI_Waitall"), refuse=two_buffers_only)
def spread_out(context: Context) -> Iterator[Step]:
    """Messages of one part, ranks - 1 of them, all in flight at once."""
    question, library = context.question, context.mpi
    part, messages = question.count // question.ranks, 2 * (question.ranks - 1)
    requests = Buffer(messages * library.request_width, "uint8")
    statuses = Buffer(messages * library.status_width, "uint8")
    yield Step(
        call=call,
        block=block(
            send=context.send.address,
            receive=context.output.address,
            requests=requests.address,
            statuses=statuses.address,
            request_width=library.request_width,
            part=part,
            stride=part * question.dtype.itemsize,
            rank=question.rank,
            ranks=question.ranks,
            type=library.datatype(question.dtype),
            comm=library.comm,
        ),
        keep=(requests, statuses),
    )

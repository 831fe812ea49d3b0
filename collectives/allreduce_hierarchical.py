"""Hierarchical all-reduce: reduce inside each host, all-reduce among one rank a host, broadcast inside each host.

Source: Karonis et al., IPDPS 2000: what crosses hosts is sent once a host instead of once a rank. Each of the three is
the MPI library's own; on one host it is reduce and broadcast.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fabricbench.collectives import reductions
from fabricbench.collectives.allreduce import allreduce
from fabricbench.entries import MPI_Allreduce, MPI_Bcast, MPI_Reduce
from fabricbench.spec import Context, Step, block


def call(b: Any) -> int:
    """The first rank of each host speaks for it."""
    code = MPI_Reduce(b.send, b.receive, b.count, b.type, b.op, np.int32(0), b.inside)
    if code == 0 and b.speaks:
        code = MPI_Allreduce(b.in_place, b.receive, b.count, b.type, b.op, b.across)
    return code if code != 0 else MPI_Bcast(b.receive, b.count, b.type, np.int32(0), b.inside)


@allreduce.variant("hierarchical", needs=("MPI_Reduce", "MPI_Allreduce", "MPI_Bcast"), refuse=reductions.library_only)
def hierarchical(context: Context) -> Iterator[Step]:
    """Inside the host, then across: least traffic between hosts."""
    question, library = context.question, context.mpi
    first = library.hosts.index(library.hosts[library.rank])
    speaks = first == library.rank
    given = reductions.library_arguments(context, in_place=question.case.in_place and speaks)
    inside, across = library.split(first), library.split(int(speaks))
    yield Step(
        call=call,
        block=block(
            # In place, the others' input lies in what they receive.
            send=given.send if not question.case.in_place or speaks else context.output.address,
            receive=context.output.address,
            in_place=library.in_place,
            count=np.int32(question.count),
            type=given.type,
            op=given.op,
            speaks=int(speaks),
            inside=inside.comm,
            across=across.comm,
        ),
        keep=given.keep,
    )
    inside.communicator.Free()
    across.communicator.Free()

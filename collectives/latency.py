"""Latency: one message one way, as half of a ping-pong between two ranks."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fabricbench.entries import MPI_Recv, MPI_Send
from fabricbench.model import Traffic
from fabricbench.spec import Array, Buffer, Context, Layout, Operation, Question, Step, block

TAG = 3


def from_partner(question: Question, start: int, stop: int) -> Array:
    """Each of the two ends with the other's array."""
    return question.input(1 - question.rank, start, stop)


latency = Operation(
    name="latency",
    family="point-to-point",
    layout=lambda question: Layout(inputs=(question.count,), output=question.count),
    reference=from_partner,
    traffic=lambda question: Traffic(sent=float(question.case.nbytes), received=0.0, flops=0.0, resource="link"),
    rates=(),
    dtypes=("uint8",),
    sizes="1,8,64,1KiB,8KiB,64KiB,1MiB",
    params={"distance": "same-host"},
    pair=True,
    streaming_below=1 << 20,
)


def ping(b: Any) -> int:
    """Send, then wait for the answer."""
    code = MPI_Send(b.send, b.count, b.type, b.peer, np.int32(TAG), b.comm)
    if code != 0:
        return code
    return MPI_Recv(b.receive, b.count, b.type, b.peer, np.int32(TAG), b.comm, b.status)


def pong(b: Any) -> int:
    """Wait, then answer."""
    code = MPI_Recv(b.receive, b.count, b.type, b.peer, np.int32(TAG), b.comm, b.status)
    if code != 0:
        return code
    return MPI_Send(b.send, b.count, b.type, b.peer, np.int32(TAG), b.comm)


@latency.variant("mpi", needs=("MPI_Send", "MPI_Recv"))
def mpi(context: Context) -> Iterator[Step]:
    """Blocking send and receive."""
    question, library = context.question, context.mpi
    status = Buffer(library.status_width, "uint8")
    yield Step(
        call=ping if question.rank == 0 else pong,
        block=block(
            send=context.send.address,
            receive=context.output.address,
            status=status.address,
            count=np.int32(question.count),
            peer=np.int32(context.peer(1 - question.rank)),
            type=library.datatype(question.dtype),
            comm=library.comm,
        ),
        keep=(status,),
        operations=2,
    )


@latency.variant("mpi4py", step="python", uses_mpi=True)
def mpi4py(context: Context) -> Iterator[Step]:
    """The same calls through mpi4py: the difference is what Python costs."""
    question = context.question
    kind = context.mpi.named(question.dtype)
    peer = context.peer(1 - question.rank)
    out, into = [context.send.array, kind], [context.output.array, kind]
    send, receive = context.mpi.communicator.Send, context.mpi.communicator.Recv

    def ping() -> None:
        send(out, peer, TAG)
        receive(into, peer, TAG)

    def pong() -> None:
        receive(into, peer, TAG)
        send(out, peer, TAG)

    yield Step(call=ping if question.rank == 0 else pong, operations=2)

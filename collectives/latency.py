"""Latency: one message one way, as half of a ping-pong between two ranks."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fabricbench.entries import (
    MPI_Irecv,
    MPI_Isend,
    MPI_Recv,
    MPI_Recv_init,
    MPI_Request_free,
    MPI_Send,
    MPI_Send_init,
    MPI_Start,
    MPI_Wait,
)
from fabricbench.model import Mode, Traffic
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


def send(b: Any) -> int:
    """Start sending, and do nothing else meanwhile."""
    code = MPI_Isend(b.send, b.count, b.type, b.peer, np.int32(TAG), b.comm, b.sending)
    return code if code != 0 else MPI_Wait(b.sending, b.status)


def receive(b: Any) -> int:
    """Start receiving, and do nothing else meanwhile."""
    code = MPI_Irecv(b.receive, b.count, b.type, b.peer, np.int32(TAG), b.comm, b.receiving)
    return code if code != 0 else MPI_Wait(b.receiving, b.status)


def ping_started(b: Any) -> int:
    """Non-blocking: send, then the answer."""
    code = send(b)
    return code if code != 0 else receive(b)


def pong_started(b: Any) -> int:
    """Non-blocking: receive, then answer."""
    code = receive(b)
    return code if code != 0 else send(b)


def make(b: Any) -> int:
    """Make both persistent requests."""
    code = MPI_Send_init(b.send, b.count, b.type, b.peer, np.int32(TAG), b.comm, b.sending)
    if code != 0:
        return code
    return MPI_Recv_init(b.receive, b.count, b.type, b.peer, np.int32(TAG), b.comm, b.receiving)


def restart(b: Any, request: int) -> int:
    """Start a persistent request, and do nothing else meanwhile."""
    code = MPI_Start(request)
    return code if code != 0 else MPI_Wait(request, b.status)


def ping_restarted(b: Any) -> int:
    """Persistent: send, then the answer."""
    code = restart(b, b.sending)
    return code if code != 0 else restart(b, b.receiving)


def pong_restarted(b: Any) -> int:
    """Persistent: receive, then answer."""
    code = restart(b, b.receiving)
    return code if code != 0 else restart(b, b.sending)


def free(b: Any) -> int:
    """Give both persistent requests back."""
    code = MPI_Request_free(b.sending)
    return code if code != 0 else MPI_Request_free(b.receiving)


BODIES: dict[Mode, tuple[Callable[[Any], int], Callable[[Any], int]]] = {
    "blocking": (ping, pong),
    "non-blocking": (ping_started, pong_started),
    "persistent": (ping_restarted, pong_restarted),
}
"""What the first and the second rank do."""

NEEDS: dict[Mode, tuple[str, ...]] = {
    "blocking": ("MPI_Send", "MPI_Recv"),
    "non-blocking": ("MPI_Isend", "MPI_Irecv", "MPI_Wait"),
    "persistent": ("MPI_Send_init", "MPI_Recv_init", "MPI_Start", "MPI_Wait"),
}


@latency.variant("mpi", needs=NEEDS)
def mpi(context: Context) -> Iterator[Step]:
    """Send and receive, one after the other."""
    question, library = context.question, context.mpi
    status = Buffer(library.status_width, "uint8")
    sending, receiving = Buffer(library.request_width, "uint8"), Buffer(library.request_width, "uint8")
    asked = block(
        send=context.send.address,
        receive=context.output.address,
        status=status.address,
        sending=sending.address,
        receiving=receiving.address,
        count=np.int32(question.count),
        peer=np.int32(context.peer(1 - question.rank)),
        type=library.datatype(question.dtype),
        comm=library.comm,
    )
    persistent = question.case.mode == "persistent"
    if persistent:
        context.once(make, asked)
    body = BODIES[question.case.mode][question.rank]
    yield Step(call=body, block=asked, keep=(status, sending, receiving), operations=2)
    if persistent:
        context.once(free, asked)


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

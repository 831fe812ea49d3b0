"""Bandwidth: a window of messages one way between two ranks, then one acknowledgement.

Every message of the window has memory of its own on both sides, so that each is checked and none overwrites another.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fabricbench.entries import MPI_Irecv, MPI_Isend, MPI_Recv, MPI_Send, MPI_Waitall
from fabricbench.model import Traffic
from fabricbench.spec import Array, Buffer, Context, Layout, Operation, Question, Step, block

TAG, ACKNOWLEDGEMENT = 4, 5


def window(question: Question) -> int:
    """Messages in flight."""
    return int(question.case.params["window"])


def layout(question: Question) -> Layout:
    """The first rank holds a window of messages, the second receives it."""
    held = window(question) * question.count
    return Layout(inputs=(held,), output=0) if question.rank == 0 else Layout((), output=held)


def from_sender(question: Question, start: int, stop: int) -> Array:
    """All messages of the window, in order."""
    return question.input(0, start, stop)


bandwidth = Operation(
    name="bandwidth",
    family="point-to-point",
    layout=layout,
    reference=from_sender,
    traffic=lambda question: Traffic(sent=float(question.case.nbytes), received=0.0, flops=0.0, resource="link"),
    rates=("bandwidth", "messages"),
    dtypes=("uint8",),
    sizes="1,1KiB,8KiB,64KiB,1MiB",
    params={"distance": "same-host", "window": 32},
    pair=True,
    streaming_below=1 << 20,
)


def fire(b: Any) -> int:
    """Start every send of the window, wait for all, wait for the acknowledgement."""
    for i in range(b.window):
        code = MPI_Isend(
            b.send + i * b.nbytes, b.count, b.type, b.peer, np.int32(TAG), b.comm,
            b.requests + i * b.request_width,
        )  # fmt: skip
        if code != 0:
            return code
    code = MPI_Waitall(b.window, b.requests, b.statuses)
    if code != 0:
        return code
    return MPI_Recv(b.token, np.int32(0), b.type, b.peer, np.int32(ACKNOWLEDGEMENT), b.comm, b.statuses)


def catch(b: Any) -> int:
    """Post every receive of the window, wait for all, acknowledge."""
    for i in range(b.window):
        code = MPI_Irecv(
            b.receive + i * b.nbytes, b.count, b.type, b.peer, np.int32(TAG), b.comm,
            b.requests + i * b.request_width,
        )  # fmt: skip
        if code != 0:
            return code
    code = MPI_Waitall(b.window, b.requests, b.statuses)
    if code != 0:
        return code
    return MPI_Send(b.token, np.int32(0), b.type, b.peer, np.int32(ACKNOWLEDGEMENT), b.comm)


@bandwidth.variant("mpi", needs=("MPI_Isend", "MPI_Irecv", "MPI_Waitall"))
def mpi(context: Context) -> Iterator[Step]:
    """Non-blocking sends into posted receives."""
    question, library = context.question, context.mpi
    messages = window(question)
    requests = Buffer(messages * library.request_width, "uint8")
    statuses = Buffer(messages * library.status_width, "uint8")
    token = Buffer(1, "uint8")
    first = question.rank == 0
    yield Step(
        call=fire if first else catch,
        block=block(
            send=context.send.address if first else 0,
            receive=context.output.address,
            requests=requests.address,
            statuses=statuses.address,
            token=token.address,
            request_width=library.request_width,
            nbytes=question.case.nbytes,
            window=np.int32(messages),
            count=np.int32(question.count),
            peer=np.int32(context.peer(1 - question.rank)),
            type=library.datatype(question.dtype),
            comm=library.comm,
        ),
        keep=(requests, statuses, token),
        operations=messages,
    )


@bandwidth.variant("mpi4py", step="python", uses_mpi=True)
def mpi4py(context: Context) -> Iterator[Step]:
    """The same calls through mpi4py: the difference is what Python costs."""
    question, library = context.question, context.mpi
    kind, peer = library.named(question.dtype), context.peer(1 - question.rank)
    first = question.rank == 0
    memory = (context.send if first else context.output).array.reshape(window(question), -1)
    slots, token = [[slot, kind] for slot in memory], np.empty(0, "uint8")
    send, receive = library.communicator.Send, library.communicator.Recv
    start = library.communicator.Isend if first else library.communicator.Irecv
    complete = library.module.Request.Waitall

    def fire() -> None:
        complete([start(slot, peer, TAG) for slot in slots])
        receive(token, peer, ACKNOWLEDGEMENT)

    def catch() -> None:
        complete([start(slot, peer, TAG) for slot in slots])
        send(token, peer, ACKNOWLEDGEMENT)

    yield Step(call=fire if first else catch, operations=window(question))

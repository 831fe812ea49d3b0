"""Patterns of point-to-point messages: one machine for all of them.

A pattern says of one rank what it sends and what it receives. Slot s of its input or output holds one message, with
memory of its own, so that each is checked and none overwrites another. Messages between two ranks are numbered by their
tags: the k-th that one sends is the k-th that the other receives from it. One operation is one message of the busiest
rank, unless a pattern says otherwise: times are divided by its `messages`.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import numpy as np

from fabricbench.entries import (
    MPI_Pready,
    MPI_Recv,
    MPI_Request_free,
    MPI_Send,
    MPI_Start,
    MPI_Startall,
    MPI_Waitall,
    perform,
    view,
)
from fabricbench.model import Case, Mode, Scalar, Traffic
from fabricbench.spec import Array, Buffer, Context, Layout, Operation, Question, Step, anything, block, parts

ACKNOWLEDGEMENT, FIRST_TAG = 0, 1
HANDLE = 8
LAST_TAG = 32767
"""The largest tag that every MPI library must allow."""

SYMBOLS: dict[Mode, tuple[str, ...]] = {
    "non-blocking": ("MPI_Irecv", "MPI_Isend", "MPI_Waitall"),
    "persistent": ("MPI_Recv_init", "MPI_Send_init", "MPI_Startall", "MPI_Waitall"),
    "partitioned": ("MPI_Precv_init", "MPI_Psend_init", "MPI_Pready", "MPI_Start", "MPI_Waitall"),
}
"""Of each mode the functions that the library must have; the first two make the request of a receive and of a send."""


class Messages(NamedTuple):
    """Of one rank, in order: (to, slot of the input) of each send, (source, slot of the output) of each receive.

    `acknowledged`: whoever received sends an empty message back, and whoever sent waits for it.
    """

    sends: list[tuple[int, int]]
    receives: list[tuple[int, int]]
    acknowledged: bool = False


Pattern = Callable[[Question, int], Messages]


def one(question: Question) -> int:
    """Messages of a rank that sends one."""
    return 1


def operation(
    name: str,
    pattern: Pattern,
    *,
    messages: Callable[[Question], int] = one,
    busiest: Literal["both", "sends", "receives"] = "both",
    params: dict[str, Scalar] | None = None,
    pair: bool = False,
    window: int = 0,
    refuse: Callable[[Case], str | None] = anything,
) -> Operation:
    """The operation of a pattern, with its variants.

    messages: of the busiest rank, by which times are divided. busiest: whether that rank sends, receives or both.
    window: operations after which all wait for all, for patterns in which a rank could run ahead.
    """

    def traffic(question: Question) -> Traffic:
        nbytes = float(question.case.nbytes)
        sent, received = nbytes * (busiest != "receives"), nbytes * (busiest != "sends")
        return Traffic(sent=sent, received=received, flops=0.0, resource="link")

    made = Operation(
        name=name,
        family="point-to-point",
        layout=lambda question: layout(question, pattern),
        reference=lambda question, start, stop: reference(question, pattern, start, stop),
        traffic=traffic,
        rates=("bandwidth", "messages"),
        dtypes=("uint8",),
        sizes="1,1KiB,8KiB,64KiB,1MiB",
        mode="non-blocking",
        params={**(params or {}), "partitions": 4},
        pair=pair,
        streaming_below=1 << 20,
        window=window,
        refuse=refuse,
    )
    own(made, pattern, messages)
    return made


def layout(question: Question, pattern: Pattern) -> Layout:
    """A message in every slot."""
    mine = pattern(question, question.rank)
    return Layout(inputs=(len(mine.sends) * question.count,), output=len(mine.receives) * question.count)


def reference(question: Question, pattern: Pattern, start: int, stop: int) -> Array:
    """Every slot holds what its sender had in the slot of that message."""
    count, origin = question.count, origins(question, pattern)

    def message(slot: int, low: int, high: int) -> Array:
        sender, out = origin[slot]
        return question.input(sender, out * count + low, out * count + high)

    return parts(start, stop, count, message)


def origins(question: Question, pattern: Pattern) -> dict[int, tuple[int, int]]:
    """For each slot of the output, the sender and its slot."""
    receives = pattern(question, question.rank).receives
    found = {}
    for (source, slot), number in zip(receives, numbers(receives), strict=True):
        sends = [out for to, out in pattern(question, source).sends if to == question.rank]
        found[slot] = (source, sends[number])
    return found


def numbers(messages: list[tuple[int, int]]) -> list[int]:
    """The how manieth of its partner each message is, from 0."""
    seen: Counter[int] = Counter()
    found = []
    for partner, _ in messages:
        found.append(seen[partner])
        seen[partner] += 1
    return found


def tag(number: int, upwards: bool) -> int:
    """Of a message to a higher rank or another, odd or even.

    Open MPI 5 mixes up partitioned messages of two directions that have one tag, and never ends.
    """
    return FIRST_TAG + 2 * number + upwards


def window(question: Question) -> int:
    """Messages in flight."""
    return int(question.case.params["window"])


def refuse_window(case: Case) -> str | None:
    """Why there is no such window."""
    return out_of_range("window", case, 1, (LAST_TAG - FIRST_TAG) // 2)


def out_of_range(name: str, case: Case, least: int, most: int) -> str | None:
    """Why a parameter cannot be what it is."""
    wanted = case.params[name]
    if isinstance(wanted, int) and least <= wanted <= most:
        return None
    return f"has no {name} {wanted}; it is {least} to {most}"


def alone(case: Case) -> str | None:
    """Why one rank is not enough."""
    return None if case.known_ranks > 1 else "needs at least 2 ranks"


def undivided(case: Case) -> str | None:
    """Why a message cannot be sent in so many parts; types are single bytes."""
    if case.mode != "partitioned":
        return None
    wanted = case.params["partitions"]
    if isinstance(wanted, int) and wanted > 0 and case.nbytes % wanted == 0:
        return None
    return f"has {case.nbytes} elements a message, which do not divide into {wanted} partitions"


def idle(case: Case, made: Operation, pattern: Pattern) -> str | None:
    """Why there are no partitioned messages: Open MPI 5 sets them up with all ranks, and waits for the idle ones."""
    if case.mode != "partitioned":
        return None
    ranks = 2 if made.pair else case.known_ranks
    question = Question(case=case, rank=0, ranks=ranks, seed=0)
    if ranks == case.ranks and all(any(pattern(question, rank)[:2]) for rank in range(ranks)):
        return None
    return f"is not partitioned with {case.ranks} ranks: some would have no message, and Open MPI would wait for them"


def post(b: Any) -> int:
    """The request of every message: made persistent or started, as the functions `receive` and `send` do it."""
    addresses, peers = view(b.addresses, b.messages, b.addresses), view(b.peers, b.messages, b.peers)
    tags, request = view(b.tags, b.messages, b.tags), b.requests
    for i in range(b.messages):
        function = b.receive if i < b.receives else b.send
        code: int = perform(function, addresses[i], np.int64(b.count), b.type, peers[i], tags[i], b.comm, request)
        if code != 0:
            return code
        request += b.request_width
    return 0


def make_partitioned(b: Any) -> int:
    """The same for messages in parts."""
    addresses, peers = view(b.addresses, b.messages, b.addresses), view(b.peers, b.messages, b.peers)
    tags, request, part = view(b.tags, b.messages, b.tags), b.requests, np.int64(b.count // b.partitions)
    for i in range(b.messages):
        function, parts = b.receive if i < b.receives else b.send, np.int64(b.partitions)
        code: int = perform(function, addresses[i], parts, part, b.type, peers[i], tags[i], b.comm, b.info, request)
        if code != 0:
            return code
        request += b.request_width
    return 0


def free(b: Any) -> int:
    """Give all requests back."""
    for i in range(b.messages):
        code = MPI_Request_free(b.requests + i * b.request_width)
        if code != 0:
            return code
    return 0


def complete(b: Any) -> int:
    """Wait for all messages, then acknowledge what came and wait until what went is acknowledged."""
    code = MPI_Waitall(np.int32(b.messages), b.requests, b.statuses)
    thanked, awaited = view(b.thanked, b.thanks, b.thanked), view(b.awaited, b.awaits, b.awaited)
    for i in range(b.thanks):
        if code == 0:
            code = MPI_Send(b.statuses, np.int32(0), b.type, np.int32(thanked[i]), np.int32(ACKNOWLEDGEMENT), b.comm)
    for i in range(b.awaits):
        if code == 0:
            code = MPI_Recv(
                b.statuses, np.int32(0), b.type, np.int32(awaited[i]), np.int32(ACKNOWLEDGEMENT), b.comm, b.statuses
            )
    return code


def exchange(b: Any) -> int:
    """Everything at once."""
    code = post(b)
    return code if code != 0 else complete(b)


def restart(b: Any) -> int:
    """Start what was prepared once."""
    code = MPI_Startall(np.int32(b.messages), b.requests)
    return code if code != 0 else complete(b)


def handle(b: Any, i: int) -> int:
    """The request itself, which MPI_Pready takes instead of its address: 4 bytes in MPICH, 8 in Open MPI."""
    if b.request_width == HANDLE:
        return int(view(b.requests, b.messages, b.requests)[i])
    return int(view(b.requests, b.messages, b.count)[i])


def restart_partitioned(b: Any) -> int:
    """Start what was prepared once, and say of every part of every send that it is ready.

    One by one, because MPI_Startall of several partitioned requests never ends in Open MPI 5 (issue 12969).
    """
    code = 0
    for i in range(b.messages):
        if code == 0:
            code = MPI_Start(b.requests + i * b.request_width)
    for i in range(b.receives, b.messages):
        for part in range(b.partitions):
            if code == 0:
                code = MPI_Pready(np.int32(part), handle(b, i))
    return code if code != 0 else complete(b)


def acknowledgements(mine: Messages) -> tuple[list[int], list[int]]:
    """Whom to send an acknowledgement, and from whom to wait for one."""
    if not mine.acknowledged:
        return [], []
    return list(dict.fromkeys(source for source, _ in mine.receives)), list(dict.fromkeys(to for to, _ in mine.sends))


def arguments(context: Context, mine: Messages) -> tuple[Array, tuple[Any, ...]]:
    """The block of the bodies, and what it points at."""
    question, library = context.question, context.mpi
    nbytes, everything = question.case.nbytes, [*mine.receives, *mine.sends]
    starts = [context.output.address] * len(mine.receives) + [context.send.address] * len(mine.sends)
    table = np.zeros((3, len(everything)), np.int64)
    table[0] = [start + slot * nbytes for start, (_, slot) in zip(starts, everything, strict=True)]
    table[1] = [context.peer(partner) for partner, _ in everything]
    upwards = [source < question.rank for source, _ in mine.receives] + [to > question.rank for to, _ in mine.sends]
    table[2] = list(map(tag, (*numbers(mine.receives), *numbers(mine.sends)), upwards))
    thanked, awaited = (np.array(list(map(context.peer, ranks)), np.int64) for ranks in acknowledgements(mine))
    requests = Buffer(len(everything) * library.request_width, "uint8")
    statuses = Buffer((len(everything) + 1) * library.status_width, "uint8")
    receive, send = (library.function(symbol) for symbol in SYMBOLS[question.case.mode][:2])
    asked = block(
        addresses=table[0].ctypes.data, peers=table[1].ctypes.data, tags=table[2].ctypes.data,
        thanked=thanked.ctypes.data, awaited=awaited.ctypes.data, thanks=thanked.size, awaits=awaited.size,
        messages=len(everything), receives=len(mine.receives), requests=requests.address, statuses=statuses.address,
        receive=receive, send=send, request_width=library.request_width,
        count=np.int32(question.count), type=library.datatype(question.dtype),
        partitions=np.int32(question.case.params.get("partitions", 1)), comm=library.comm, info=library.no_info,
    )  # fmt: skip
    return asked, (table, thanked, awaited, requests, statuses)


def own(made: Operation, pattern: Pattern, messages: Callable[[Question], int]) -> None:
    """Variants `mpi` and `mpi4py` of an operation."""

    def mpi(context: Context) -> Iterator[Step]:
        """All receives posted, all sends started, one wait for all."""
        question = context.question
        asked, keep = arguments(context, pattern(question, question.rank))
        operations = messages(question)
        if question.case.mode == "non-blocking":
            yield Step(call=exchange, start=post, finish=complete, block=asked, keep=keep, operations=operations)
            return
        partitioned = question.case.mode == "partitioned"
        context.once(make_partitioned if partitioned else post, asked)
        yield Step(call=restart_partitioned if partitioned else restart, block=asked, keep=keep, operations=operations)
        context.once(free, asked)

    def mpi4py(context: Context) -> Iterator[Step]:
        """The same calls through mpi4py: the difference is what Python costs."""
        question, world, complete = context.question, context.mpi.communicator, context.mpi.module.Request.Waitall
        mine = pattern(question, question.rank)
        receives = slots(context, context.output, mine.receives)
        sends = slots(context, context.send, mine.sends)
        thanked, awaited = (list(map(context.peer, ranks)) for ranks in acknowledgements(mine))
        token = np.empty(0, "uint8")

        def call() -> None:
            complete([*(world.Irecv(*one) for one in receives), *(world.Isend(*one) for one in sends)])
            for peer in thanked:
                world.Send(token, peer, ACKNOWLEDGEMENT)
            for peer in awaited:
                world.Recv(token, peer, ACKNOWLEDGEMENT)

        yield Step(call=call, operations=messages(question))

    made.variant("mpi", needs=SYMBOLS, refuse=lambda case: undivided(case) or idle(case, made, pattern))(mpi)
    made.variant("mpi4py", step="python", needs={"non-blocking": ()})(mpi4py)


def slots(context: Context, memory: Buffer, messages: list[tuple[int, int]]) -> list[tuple[Any, int, int]]:
    """What mpi4py's methods take of each message: its memory and type, the rank, the tag."""
    count, kind = context.question.count, context.mpi.named(context.question.dtype)
    return [
        ([memory.array[slot * count : (slot + 1) * count], kind], context.peer(partner), tag(number, upwards=False))
        for (partner, slot), number in zip(messages, numbers(messages), strict=True)
    ]

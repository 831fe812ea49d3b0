"""Memory that the ranks of a host share, and how they take turns in it: segments, flags, epochs.

Every rank owns a segment that all others map: flags, then room for data in two slots. A rank that has put its data of
an epoch there says so by writing the epoch's number into its own flag in every other segment; who needs the data waits
at its own segment until that number is there, or a later one. Numbers grow as long as the step lives and are never
reset, so nothing has to be cleared, and no flag of an earlier operation can be taken for one of this.

Slots take turns by epoch. A rank in epoch e has seen that all others had begun e - 1; they had done with e - 2 before,
so nobody reads any more what lay in the slot that it writes now. With one slot a fast rank would overwrite what a slow
one still reads.

Flags are stored with release and loaded with acquire: who sees a number sees the data. A wait spins, then gives its
core away between looks, and ends after LIMIT_S with a code that names the rank that did not come. The MPI library
finds the ranks and takes the votes; once a step is made, nothing calls it.
"""

import mmap
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fabricbench.entries import load_acquire, now_ns, sched_yield, store_release, view
from fabricbench.model import Case
from fabricbench.spec import Array, Context, Handles, Question, Refused, Step, block

FOLDER = Path("/dev/shm")
LINE = 128
"""Bytes from flag to flag: processors fetch two lines of 64 bytes at a time."""
GIVEN, REDUCED = range(2)
"""What a flag says of an epoch: this rank's data lie in its slot; its part of the result does."""
KINDS = 2
SLOTS = 2
SLOT_BYTES = 256 << 10
"""Most data of one epoch: what two ranks' slots hold stays in their caches; larger arrays take several epochs."""
LIMIT_S = 60.0
GAP_NS = 100_000_000
"""Most that counts as waiting between two looks."""
SPINS, SPINS_CROWDED = 20_000, 100
"""Looks before a core is given away; the second where ranks are more than cores."""


def refuse(case: Case) -> str | None:
    """Why one rank cannot."""
    return "needs 2 ranks or more, of one host" if case.known_ranks == 1 else None


# What bodies call. They keep in their block what `fields` gives.


def next_epoch(b: Any) -> int:
    """Begin an epoch; all ranks begin the same ones in the same order."""
    epoch = view(b.epoch, 1, b.like)
    epoch[0] += 1
    number: int = epoch[0]
    return number


def slot(b: Any, rank: int, epoch: int) -> int:
    """Address of the data of a rank in an epoch."""
    address: int = view(b.segments, b.ranks, b.like)[rank] + b.data + epoch % b.slots * b.slot
    return address


def announce(b: Any, kind: int, epoch: int) -> None:
    """Tell all others, the next rank first; what was written before is seen by whoever hears it."""
    segments = view(b.segments, b.ranks, b.like)
    for distance in range(1, b.ranks):
        store_release(segments[(b.rank + distance) % b.ranks] + _flag(kind, b.rank, b.ranks), epoch)


def wait_for(b: Any, kind: int, rank: int, epoch: int) -> int:
    """Until a rank has announced an epoch; returns 0, or -1 - rank where it did not in time."""
    awaited = b.flags + _flag(kind, rank, b.ranks)
    for _ in range(b.spins):
        if load_acquire(awaited) >= epoch:
            return 0
    waited, before = 0, now_ns()
    while load_acquire(awaited) < epoch:
        now = now_ns()
        # Whoever was stopped itself, as by Ctrl-Z, has not waited all that time.
        waited += min(now - before, GAP_NS)
        if waited > b.limit:
            return -1 - rank
        before = now
        sched_yield()
    return 0


def wait_for_all(b: Any, kind: int, epoch: int) -> int:
    """The same of all others."""
    code = 0
    for distance in range(1, b.ranks):
        code = wait_for(b, kind, (b.rank + distance) % b.ranks, epoch)
        if code != 0:
            break
    return code


def _flag(kind: int, rank: int, ranks: int) -> int:
    """Where in a segment the flag of a rank is."""
    return (kind * ranks + rank) * LINE


# How a step comes by its segments.


def shared(context: Context, call: Callable[[Any], int], slot_bytes: int, **more: Any) -> Iterator[Step]:
    """The step of a body that uses slots of so many bytes; `more` is what else it keeps in its block.

    Raises Refused, on every rank of the communicator alike, where there is no memory to share.
    """
    question, library = context.question, context.mpi
    nbytes = _size(question.ranks, slot_bytes)
    spins = _looked_round(library, nbytes)
    with _mapped(library, nbytes) as addresses:
        segments, epoch = np.array(addresses, np.int64), np.zeros(1, np.int64)
        found = fields(question.rank, segments, epoch, slot_bytes, spins)
        yield Step(
            call=call, block=block(**found, **more), why=lambda code: _late(context, code), keep=(segments, epoch)
        )


def fields(rank: int, segments: Array, epoch: Array, slot_bytes: int, spins: int) -> dict[str, Any]:
    """What the bodies above need. segments: (ranks,) addresses, as this rank sees them; epoch: (1,), the last one."""
    ranks = segments.size
    return {
        "segments": segments.ctypes.data, "flags": segments[rank], "epoch": epoch.ctypes.data, "data": _data(ranks),
        "slot": rounded(slot_bytes), "slots": SLOTS, "rank": rank, "ranks": ranks, "spins": spins,
        "limit": round(LIMIT_S * 1e9), "like": np.int64(0),
    }  # fmt: skip


def _late(context: Context, code: int) -> str | None:
    if code >= 0:
        return None
    me, other = context.peer(context.question.rank), context.peer(-1 - code)
    return f"Rank {me} waited {LIMIT_S:g} s for rank {other} in shared memory"


def _looked_round(library: Handles, nbytes: int) -> int:
    """Looks before a core is given away.  Raises Refused where segments of so many bytes cannot be had."""
    if len(set(library.hosts)) > 1:
        raise Refused(f"Ranks on {len(set(library.hosts))} hosts have no memory in common.")
    rooms, cpus = zip(*_agreed(library, lambda: (_room(), os.sched_getaffinity(0))), strict=True)
    if len(cpus) * nbytes > min(rooms):
        raise Refused(
            f"{len(cpus)} segments of {nbytes} bytes do not fit into {FOLDER}, which has {min(rooms)} bytes free. "
            "Containers are given more with --shm-size."
        )
    return SPINS_CROWDED if len(cpus) > len(set().union(*cpus)) else SPINS


def _room() -> int:
    """Bytes that may still be shared; a file system without blocks of its own has no limit."""
    found = os.statvfs(FOLDER)
    return found.f_bavail * found.f_frsize if found.f_blocks else sys.maxsize


@contextmanager
def _mapped(library: Handles, nbytes: int) -> Iterator[list[int]]:
    """Addresses of every rank's segment, in order of rank; all bytes are zero.

    Names exist until all ranks have mapped all segments. Afterwards nothing outlives the processes, however they end.
    """
    path, maps = FOLDER / f"fabricbench-{os.getpid()}-{secrets.token_hex(8)}", list[mmap.mmap]()
    try:
        try:
            names = _agreed(library, lambda: _made(path, nbytes))
            _agreed(library, lambda: maps.extend(_opened(name, nbytes) for name in names))
        finally:
            path.unlink(missing_ok=True)
        yield [int(np.frombuffer(one, np.uint8).ctypes.data) for one in maps]
    finally:
        for one in maps:
            one.close()


def _made(path: Path, nbytes: int) -> str:
    """A file that has its memory: one that is only long would end the first who writes where there is none left."""
    made = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(made, 0, nbytes)
    finally:
        os.close(made)
    return str(path)


def _opened(name: str, nbytes: int) -> mmap.mmap:
    """Pages are entered now, so that no operation meets one for the first time."""
    found = os.open(name, os.O_RDWR | os.O_CLOEXEC)
    try:
        return mmap.mmap(found, nbytes, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE)
    finally:
        os.close(found)


def _agreed(library: Handles, attempt: Callable[[], Any]) -> list[Any]:
    """What an attempt gave on every rank.  Raises Refused, on every rank alike, where it failed on any."""
    trouble, given = None, None
    try:
        given = attempt()
    except OSError as error:
        trouble = f"No memory can be shared in {FOLDER}: {error.strerror}."
    heard = library.communicator.allgather((trouble, given))
    first = next((text for text, _ in heard if text), None)
    if first is not None:
        raise Refused(first)
    return [one for _, one in heard]


def part_bytes(question: Question) -> int:
    """Of one of as many equal parts as there are ranks."""
    return question.count // question.ranks * question.dtype.itemsize


def scratch(slot_bytes: Callable[[Question], int]) -> Callable[[Question], int]:
    """Elements of a rank's segment, whose slots have so many bytes."""
    return lambda question: -(-_size(question.ranks, slot_bytes(question)) // question.dtype.itemsize)


def _size(ranks: int, slot_bytes: int) -> int:
    return rounded(_data(ranks) + SLOTS * rounded(slot_bytes), mmap.PAGESIZE)


def _data(ranks: int) -> int:
    """Where in a segment data begin: behind the flags of all ranks."""
    return _flag(KINDS, 0, ranks)


def rounded(nbytes: int, unit: int = LINE) -> int:
    """The next whole number of units."""
    return -(-nbytes // unit) * unit

"""What the one-sided operations share: a window of the pair, and how the two agree that a transfer is over.

Rank 0, the origin, moves the data; rank 1, the target, only lends its memory. The time includes completion at the
target. sync=flush: the epoch of a passive target lasts as long as the case, the origin flushes after every transfer,
and the target's step does nothing. A library that works on the target's memory in software needs the target inside of
MPI: it is, because it waits there for the next sample. sync=fence: both call MPI_Win_fence after every transfer.

Bodies keep in their block what `fields` gives.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from fabricbench.entries import MPI_Win_fence, MPI_Win_flush
from fabricbench.model import Case
from fabricbench.spec import Buffer, Context, Question, Refused, Step, block

SYNCS = ("flush", "fence")
ORIGIN, TARGET = 0, 1


def refuse(case: Case) -> str | None:
    """Why there is no such synchronisation."""
    wanted = case.params["sync"]
    return None if wanted in SYNCS else f"has no sync {wanted!r}; there are {', '.join(SYNCS)}"


def fences(question: Question) -> bool:
    """Whether both ranks end a transfer, not the origin alone."""
    return bool(question.case.params["sync"] == "fence")


def complete(b: Any) -> int:
    """At the origin, after the transfer: return when it is done at the target."""
    if b.fenced:
        return MPI_Win_fence(np.int32(0), b.window)
    return MPI_Win_flush(np.int32(TARGET), b.window)


def lend(b: Any) -> int:
    """The target's part."""
    return MPI_Win_fence(np.int32(0), b.window) if b.fenced else 0


def fields(context: Context, window: Any, local: Buffer) -> dict[str, Any]:
    """What the bodies need; local: the origin's own memory."""
    question, library = context.question, context.mpi
    return {
        "local": local.address,
        "count": np.int32(question.count),
        "type": library.datatype(question.dtype),
        "window": library.handle(window),
        "fenced": int(fences(question)),
    }


@contextmanager
def opened(context: Context, lent: Buffer) -> Iterator[tuple[Any, Callable[[], None] | None]]:
    """A window of the pair over the memory `lent`, with an epoch open, and the `settle` of its steps.

    Both ranks call. What either can find missing is found before the first call that waits for the other.
    """
    library, fenced = context.mpi, fences(context.question)
    library.named(context.question.dtype)
    everyone = library.communicator.Get_group()
    two = everyone.Incl([context.peer(ORIGIN), context.peer(TARGET)])
    pair = library.communicator.Create_group(two)
    window = library.module.Win.Create(lent.array, disp_unit=1, comm=pair)

    def settle() -> None:
        window.Sync()
        pair.Barrier()
        window.Sync()

    def free() -> None:
        if fenced:
            window.Fence(library.module.MODE_NOSUCCEED)
        else:
            window.Unlock_all()
        window.Free()
        for thing in (pair, two, everyone):
            thing.Free()

    if fenced:
        window.Fence()
    else:
        window.Lock_all()
    try:
        # Plain reads and writes of lent memory meet transfers here; without one memory for both that is not allowed.
        if window.Get_attr(library.module.WIN_MODEL) != library.module.WIN_UNIFIED:
            raise Refused("The library keeps a copy of a window's memory.")
        yield window, None if fenced else settle
    except Refused:  # of all ranks alike; after any other error the two might wait for each other
        free()
        raise
    free()


def compiled(
    context: Context, lent: Buffer, transfer: Callable[[Any], int], local: Buffer, **more: int
) -> Iterator[Step]:
    """The origin performs the body `transfer` on `local` and the memory `lent` by the target."""
    with opened(context, lent) as (window, settle):
        yield Step(
            call=transfer if context.question.rank == ORIGIN else lend,
            block=block(**fields(context, window, local), **more),
            settle=settle,
        )


def python(context: Context, lent: Buffer, transfer: str, local: Buffer, *more: Any) -> Iterator[Step]:
    """The same through mpi4py; transfer: the name of the window's method."""
    with opened(context, lent) as (window, settle):
        move, fence, flush = getattr(window, transfer), window.Fence, window.Flush
        given = [local.array, context.mpi.named(context.question.dtype)]
        place = (0, context.question.count, given[1])

        def fenced() -> None:
            move(given, TARGET, place, *more)
            fence()

        def flushed() -> None:
            move(given, TARGET, place, *more)
            flush(TARGET)

        def idle() -> None:
            pass

        if fences(context.question):
            call = fenced if context.question.rank == ORIGIN else fence
        else:
            call = flushed if context.question.rank == ORIGIN else idle
        yield Step(call=call, settle=settle)

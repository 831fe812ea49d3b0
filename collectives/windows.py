"""What the one-sided operations share: a window of the pair, and how the origin knows that a transfer is over.

Rank 0, the origin, moves the data; rank 1, the target, only lends its memory. The epoch of a passive target lasts as
long as the case, and the origin flushes after every transfer, so the time includes completion at the target. A library
that works on the target's memory in software needs the target inside of MPI: it is, because it waits there for the
next sample.

The parameter `win` says whose memory it is: `allocate`, the library's own, which ranks of one host can share, or
`create`, memory that was there before.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from fabricbench.entries import MPI_Win_flush
from fabricbench.model import Case, Scalar
from fabricbench.spec import Buffer, Context, Refused, Step, block

ORIGIN, TARGET = 0, 1
WINS = ("allocate", "create")
PARAMS: dict[str, Scalar] = {"distance": "same-host", "win": WINS[0]}


def refuse(case: Case) -> str | None:
    """Why there is no such window."""
    made = case.params["win"]
    return None if made in WINS else f"has no win {made}; there are {', '.join(WINS)}"


def complete(b: Any) -> int:
    """At the origin, after the transfer: return when it is done at the target."""
    return MPI_Win_flush(np.int32(TARGET), b.window)


def lend(b: Any) -> int:
    """The target's part."""
    return 0


@contextmanager
def opened(context: Context, lent: Buffer) -> Iterator[tuple[Any, Callable[[], None]]]:
    """A window of the pair over what the target has `lent`, with an epoch open, and the `settle` of its steps.

    Both ranks call. What either can find missing is found before the first call that waits for the other.
    """
    library = context.mpi
    library.named(context.question.dtype)
    everyone = library.communicator.Get_group()
    two = everyone.Incl([context.peer(ORIGIN), context.peer(TARGET)])
    pair = library.communicator.Create_group(two)
    window, memory = _made(context, lent, pair)

    def settle() -> None:
        window.Sync()
        pair.Barrier()
        window.Sync()

    def free() -> None:
        memory.close()
        window.Unlock_all()
        window.Free()
        for thing in (pair, two, everyone):
            thing.Free()

    window.Lock_all()
    try:
        # Plain reads and writes of lent memory meet transfers here; without one memory for both that is not allowed.
        if window.Get_attr(library.module.WIN_MODEL) != library.module.WIN_UNIFIED:
            raise Refused("The library keeps a copy of a window's memory.")
        yield window, settle
    except Refused:  # of all ranks alike; after any other error the two might wait for each other
        free()
        raise
    free()


def _made(context: Context, lent: Buffer, pair: Any) -> tuple[Any, ExitStack]:
    """The window, and how long the target's buffer lies in it."""
    module, memory = context.mpi.module, ExitStack()
    target = context.question.rank == TARGET
    if context.question.case.params["win"] == "create":
        return module.Win.Create(lent.array if target else None, disp_unit=1, comm=pair), memory
    window = module.Win.Allocate(lent.nbytes if target else 0, disp_unit=1, comm=pair)
    if target:
        memory.enter_context(lent.lying_in(window.tomemory()))
    return window, memory


def compiled(
    context: Context, lent: Buffer, transfer: Callable[[Any], int], local: Buffer, **more: int
) -> Iterator[Step]:
    """The origin performs the body `transfer` on `local` and the memory `lent` by the target."""
    question, library = context.question, context.mpi
    with opened(context, lent) as (window, settle):
        yield Step(
            call=transfer if question.rank == ORIGIN else lend,
            block=block(
                local=local.address,
                count=np.int32(question.count),
                type=library.datatype(question.dtype),
                window=library.handle(window),
                **more,
            ),
            settle=settle,
        )


def python(context: Context, lent: Buffer, transfer: str, local: Buffer, *more: Any) -> Iterator[Step]:
    """The same through mpi4py; transfer: the name of the window's method."""
    with opened(context, lent) as (window, settle):
        move, flush = getattr(window, transfer), window.Flush
        given = [local.array, context.mpi.named(context.question.dtype)]
        place = (0, context.question.count, given[1])

        def moved() -> None:
            move(given, TARGET, place, *more)
            flush(TARGET)

        def idle() -> None:
            pass

        yield Step(call=moved if context.question.rank == ORIGIN else idle, settle=settle)

"""A collective as the MPI library performs it: blocking, non-blocking and persistent, and the same through mpi4py.

All collectives of MPI are one C function of arguments that are known beforehand, so one compiled body calls any of them
by its address. `own` gives an operation the variants `mpi` and `mpi4py`.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from fabricbench.entries import MPI_Request_free, MPI_Start, MPI_Test, MPI_Wait, invoke
from fabricbench.model import Case, Mode
from fabricbench.spec import Array, Buffer, Context, Operation, Step, anything, block

COUNT_LIMIT = 2**31 - 1
"""Elements that an `int` count can name; above it the functions whose name ends in _c are called."""


class Arguments(NamedTuple):
    """What the C function takes before the communicator, what mpi4py's method takes, and what owns arrays of counts.

    `largest`: the largest displacement, where it can be larger than the count of elements.
    """

    c: tuple[int, ...]
    python: tuple[Any, ...]
    keep: tuple[Any, ...] = ()
    largest: int = 0


def perform(b: Any) -> int:
    """One call."""
    code: int = invoke(b)
    return code


def start_and_wait(b: Any) -> int:
    """Start it, and do nothing else meanwhile."""
    code = invoke(b)
    return code if code != 0 else MPI_Wait(b.request, b.status)


def restart(b: Any) -> int:
    """Start what was prepared once."""
    return MPI_Start(b.request)


def restart_and_wait(b: Any) -> int:
    """Start what was prepared once, and do nothing else meanwhile."""
    code = MPI_Start(b.request)
    return code if code != 0 else MPI_Wait(b.request, b.status)


def test(b: Any) -> int:
    """Let the library work on it."""
    return MPI_Test(b.request, b.flag, b.status)


def wait(b: Any) -> int:
    """Until it is done."""
    return MPI_Wait(b.request, b.status)


def free(b: Any) -> int:
    """Give a persistent request back."""
    return MPI_Request_free(b.request)


def own(
    operation: Operation,
    name: str,
    arguments: Callable[[Context], Arguments],
    *,
    refuse: Callable[[Case], str | None] = anything,
) -> None:
    """Variants `mpi` and `mpi4py` of an operation. name: the function without its prefix, such as Allreduce."""
    symbols: dict[Mode, str] = {
        "blocking": f"MPI_{name}",
        "non-blocking": f"MPI_I{name.lower()}",
        "persistent": f"MPI_{name}_init",
    }

    def mpi(context: Context) -> Iterator[Step]:
        """As the MPI library performs it."""
        mode, library, given = context.question.case.mode, context.mpi, arguments(context)
        large = max(context.question.count, given.largest) > COUNT_LIMIT
        status, flag = Buffer(library.status_width, "uint8"), Buffer(1, "int32")
        request = Buffer(library.request_width, "uint8")
        values = [*given.c, library.comm]
        values += [library.no_info] if mode == "persistent" else []
        values += [request.address] if mode != "blocking" else []
        asked = block(
            function=np.int64(library.function(symbols[mode] + "_c" * large)),
            **{f"a{place}": np.int64(value) for place, value in enumerate(values)},
            request=request.address, status=status.address, flag=flag.address,
        )  # fmt: skip
        keep = (request, status, flag, *given.keep)
        if mode == "blocking":
            yield Step(call=perform, block=asked, keep=keep)
            return
        persistent = mode == "persistent"
        if persistent:
            context.once(perform, asked)
        yield Step(
            call=restart_and_wait if persistent else start_and_wait, start=restart if persistent else perform,
            progress=test, finish=wait, done=flag.address, block=asked, keep=keep,
        )  # fmt: skip
        if persistent:
            context.once(free, asked)

    def mpi4py(context: Context) -> Iterator[Step]:
        """The same call through mpi4py: the difference is what Python costs."""
        given = arguments(context)
        method = getattr(context.mpi.communicator, name)
        yield Step(call=lambda: method(*given.python), keep=given.keep)

    operation.variant(
        "mpi", needs={mode: (function,) for mode, function in symbols.items()}, refuse=refuse, large=True
    )(mpi)
    operation.variant("mpi4py", step="python", uses_mpi=True, refuse=refuse)(mpi4py)


def integers(values: Array | list[int], largest: int) -> Array:
    """Counts or displacements as the C function takes them that is called where they may be so large."""
    return np.asarray(values, np.int64 if largest > COUNT_LIMIT else np.int32)

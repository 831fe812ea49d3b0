"""A job of ranks that counts what algorithms really send: `mpirun -n N python -m units.counted`.

Before anything is compiled, the names MPI_Send, MPI_Isend, MPI_Sendrecv and memcpy are given to functions that count
and then call the library's: LLVM asks for names that it was told before it asks libraries, and compiled bodies, cached
or new, keep names and not addresses. What mpi4py sends does not pass there. Rank 0 prints one JSON line for each rank
of each case.
"""

import ctypes
import json
import os
import sys
import traceback
from collections.abc import Iterator
from typing import Any

import msgspec
from llvmlite import binding
from units.parties import Party, meet, parties
from units.ranks import Trial

from fabricbench import entries, mpi
from fabricbench.engine import catalogue, suite
from fabricbench.measure import validate
from fabricbench.measure.loop import Loop
from fabricbench.model import Case
from fabricbench.spec import Operation, Variant, element_type

RANKS = 9
COUNTS = (1, 7, 1000, 70_001)
"""Elements; the last are several segments of the chain."""

DTYPE = "float64"
LIBRARY = ("mpi", "mpi4py")
SENDING = {"MPI_Send": "pipiip", "MPI_Isend": "pipiipp", "MPI_Sendrecv": "pipiipipiipp"}
SILENT = ("MPI_Recv", "MPI_Irecv", "MPI_Waitall", "MPI_Reduce_local")
"""Functions that algorithms may need and that send nothing."""


class Count(msgspec.Struct, frozen=True):
    """What left one rank of one case; in a case with a root, the rank that is `place` further on than it."""

    name: str
    ranks: int
    place: int
    nbytes: int
    width: int
    messages: int
    sent: int
    copied: int


class Counter:
    """Messages and bytes that left this rank, those to nobody are none; bytes that its bodies copied themselves."""

    def __init__(self, library: str, nobody: int) -> None:
        self.messages, self.sent, self.copied = 0, 0, 0
        self._library, self._nobody = ctypes.CDLL(library), nobody
        self._kept = [self._wrapped(name, takes) for name, takes in SENDING.items()]
        self._kept.append(self._copying())

    def _wrapped(self, name: str, takes: str) -> Any:
        entry = getattr(entries, name)
        assert (entry.takes, entry.returns) == (takes, "i")
        form = ctypes.CFUNCTYPE(ctypes.c_int32, *({"p": ctypes.c_int64, "i": ctypes.c_int32}[one] for one in takes))
        real = form(ctypes.cast(getattr(self._library, name), ctypes.c_void_p).value)

        def count(*arguments: int) -> int:
            _, count, kind, to = arguments[:4]
            if to != self._nobody:
                self.messages += 1
                self.sent += count * self._width(kind)
            return real(*arguments)

        counting = form(count)
        binding.add_symbol(name, ctypes.cast(counting, ctypes.c_void_p).value)
        return counting, real

    def _copying(self) -> Any:
        form = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
        real = form(ctypes.cast(ctypes.CDLL(None).memcpy, ctypes.c_void_p).value)

        def count(into: int, source: int, nbytes: int) -> int:
            self.copied += nbytes
            return real(into, source, nbytes)

        counting = form(count)
        binding.add_symbol("memcpy", ctypes.cast(counting, ctypes.c_void_p).value)
        return counting, real

    def _width(self, kind: int) -> int:
        width = ctypes.c_int32()
        assert self._library.MPI_Type_size(ctypes.c_int64(kind), ctypes.byref(width)) == 0
        return width.value


def algorithms() -> dict[str, tuple[Operation, Variant]]:
    """Every collective that is made of messages here, by operation/variant.

    What such as allreduce/hierarchical sends, which is made of the library's collectives, is the library's choice.
    """
    collectives = [operation for operation in catalogue.operations().values() if operation.family == "collective"]
    made = {symbol for operation in collectives for symbol in operation.variants["mpi"].needs["blocking"]}
    return {
        f"{operation.name}/{name}": (operation, variant)
        for operation in collectives
        for name, variant in operation.variants.items()
        if name not in LIBRARY and not made.intersection(variant.needs["blocking"])
    }


def cases(ranks: int) -> Iterator[tuple[Case, Variant]]:
    """Ragged counts, and the first and the last root."""
    for operation, variant in algorithms().values():
        width = element_type(DTYPE).itemsize
        fitted = (suite.fit(operation, element_type(DTYPE), count * width, ranks, strict=False) for count in COUNTS)
        roots = {0, ranks - 1} if "root" in operation.params else {0}
        for nbytes in dict.fromkeys(size for size in fitted if size is not None):
            for root in sorted(roots):
                params = {**operation.params, **({"root": root} if "root" in operation.params else {})}
                case = Case(
                    operation=operation.name, variant=variant.name, memory="host", dtype=DTYPE if operation.sized else
                    operation.dtypes[0], nbytes=nbytes, ranks=ranks, cadence="isolated", mode="blocking",
                    in_place=False, params=params,
                )  # fmt: skip
                if operation.refuse(case) is None and suite.refusal(variant, case) is None:
                    yield case, variant


def perform(party: Party, case: Case, variant: Variant, counter: Counter) -> Count:
    """Once, counted."""
    trial = Trial(party.group, party.places, case, variant)
    assert trial.question is not None
    validate.fill(trial.operation, trial.question, trial.inputs)
    with trial.prepared() as step:
        loop = Loop(step=step)
        counter.messages = counter.sent = counter.copied = 0
        loop.take(1, 1)
    return Count(
        name=f"{case.operation}/{case.variant}",
        ranks=case.ranks,
        place=(party.group.rank - int(case.params.get("root", 0))) % case.ranks,
        nbytes=case.nbytes,
        width=trial.question.dtype.itemsize,
        messages=counter.messages,
        sent=counter.sent,
        copied=counter.copied,
    )


def main() -> None:
    group = mpi.connect()
    assert isinstance(group, mpi.World)
    counter = Counter(mpi.library_path(), int(group.module.PROC_NULL))
    for party in parties(group):
        if party is not None:
            counts = [perform(party, case, variant, counter) for case, variant in cases(party.group.ranks)]
            for found in party.group.gather(counts):
                for count in found if group.rank == 0 else ():
                    print(json.dumps(msgspec.to_builtins(count)), flush=True)
        meet(group)
    mpi.finish(group)


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # leaving in good order would wait for the other ranks

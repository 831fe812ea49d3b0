"""The names that a step body may call: C functions and the few primitives that plain Python lacks.

A body is a plain function of one block. These names stand in it as ordinary calls and are given their meaning by
`native.compile`; here they only say what they are, so that a unit file imports nothing heavy. Calling one from the
interpreter is an error.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """A C function. Types are spelled p: address or MPI handle (64 bits), i: int, l: int64_t, d: double."""

    name: str
    takes: str
    returns: str = "i"

    def __call__(self, *arguments: Any) -> int:
        """Only for type checkers."""
        raise TypeError(f"{self.name} can be called from a compiled step body only.")


@dataclass(frozen=True)
class Primitive:
    """Something that native.py implements in machine code under the same name."""

    name: str

    def __call__(self, *arguments: Any) -> Any:
        """Only for type checkers."""
        raise TypeError(f"{self.name} can be used in a compiled step body only.")


# Handles travel as 64-bit integers whatever the library: where MPI keeps them in 32 bits the callee ignores the rest.
MPI_Allgather = Entry("MPI_Allgather", "pippipp")
MPI_Allreduce = Entry("MPI_Allreduce", "ppippp")
MPI_Alltoall = Entry("MPI_Alltoall", "pippipp")
MPI_Barrier = Entry("MPI_Barrier", "p")
MPI_Bcast = Entry("MPI_Bcast", "pipip")
MPI_Irecv = Entry("MPI_Irecv", "pipiipp")
MPI_Isend = Entry("MPI_Isend", "pipiipp")
MPI_Recv = Entry("MPI_Recv", "pipiipp")
MPI_Reduce_scatter_block = Entry("MPI_Reduce_scatter_block", "ppippp")
MPI_Send = Entry("MPI_Send", "pipiip")
MPI_Sendrecv = Entry("MPI_Sendrecv", "pipiipipiipp")
MPI_Waitall = Entry("MPI_Waitall", "ipp")

memcpy = Entry("memcpy", "ppl", "p")

view = Primitive("view")
"""view(address, count, like): a (count,) array of the type of the scalar `like`, at that address."""

now_ns = Primitive("now_ns")
"""now_ns(): CLOCK_MONOTONIC in integer nanoseconds."""

call = Primitive("call")
"""call(function, block): the int that a compiled body returns; for the measuring loop."""

prange: Callable[..., range] = range
"""Like range, over all threads of the rank; for functions that a body calls and gives its arrays."""

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


@dataclass(frozen=True)
class ByKind:
    """A helper(left, right, into, op) of three arrays and an integer, in three forms.

    The elements of the arrays decide, while a body is compiled, which form it gets: what one type allows another lacks.
    """

    integers: Callable[..., Any]
    floats: Callable[..., Any]
    complexes: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Any:
        """Only for type checkers."""
        raise TypeError("A helper by kind can be called from a compiled step body only.")


class CudaNames:
    """What Numba's CUDA offers to a kernel in Python: `cuda.grid`, `cuda.shared.array` and the rest."""

    def __getattr__(self, name: str) -> Any:
        """Only for type checkers."""
        raise TypeError(f"cuda.{name} can be used in a kernel only.")


# Handles travel as 64-bit integers whatever the library: where MPI keeps them in 32 bits the callee ignores the rest.
MPI_Accumulate = Entry("MPI_Accumulate", "pipilippp")
MPI_Allreduce = Entry("MPI_Allreduce", "ppippp")
MPI_Barrier = Entry("MPI_Barrier", "p")
MPI_Bcast = Entry("MPI_Bcast", "pipip")
MPI_Get = Entry("MPI_Get", "pipilipp")
MPI_Irecv = Entry("MPI_Irecv", "pipiipp")
MPI_Isend = Entry("MPI_Isend", "pipiipp")
MPI_Pready = Entry("MPI_Pready", "ip")
MPI_Put = Entry("MPI_Put", "pipilipp")
MPI_Recv = Entry("MPI_Recv", "pipiipp")
MPI_Reduce = Entry("MPI_Reduce", "ppippip")
MPI_Recv_init = Entry("MPI_Recv_init", "pipiipp")
MPI_Reduce_local = Entry("MPI_Reduce_local", "ppipp")
MPI_Request_free = Entry("MPI_Request_free", "p")
MPI_Send = Entry("MPI_Send", "pipiip")
MPI_Send_init = Entry("MPI_Send_init", "pipiipp")
MPI_Sendrecv = Entry("MPI_Sendrecv", "pipiipipiipp")
MPI_Start = Entry("MPI_Start", "p")
MPI_Startall = Entry("MPI_Startall", "ip")
MPI_Test = Entry("MPI_Test", "ppp")
MPI_Wait = Entry("MPI_Wait", "pp")
MPI_Waitall = Entry("MPI_Waitall", "ipp")
MPI_Win_flush = Entry("MPI_Win_flush", "ip")

memcpy = Entry("memcpy", "ppl", "p")
memmove = Entry("memmove", "ppl", "p")
sched_yield = Entry("sched_yield", "")

view = Primitive("view")
"""view(address, count, like): a (count,) array of the type of the scalar `like`, at that address."""

now_ns = Primitive("now_ns")
"""now_ns(): CLOCK_MONOTONIC in integer nanoseconds."""

call = Primitive("call")
"""call(function, block): the int that a compiled body returns; for the measuring loop."""

invoke = Primitive("invoke")
"""invoke(b): the int that the C function at `b.function` returns for the arguments `b.a0`, `b.a1`, ... in their order.

Every argument is a 64-bit integer: an `int` takes the lower half of its register or place on the stack.
"""

perform = Primitive("perform")
"""perform(function, *arguments): the int that the C function at an address returns for 64-bit integers, as `invoke`."""

fma = Primitive("fma")
"""fma(a, b, c): a * b + c, rounded once; one instruction where the processor has it."""

float_of = Primitive("float_of")
"""float_of(bits): the float32 of 32 bits."""

bits_of = Primitive("bits_of")
"""bits_of(value): the 32 bits of a float32."""

load_acquire = Primitive("load_acquire")
"""load_acquire(address): the int64 there; what its writer did before storing it is seen from now on."""

store_release = Primitive("store_release")
"""store_release(address, value): write an int64 after everything this thread did before."""

cuda = CudaNames()
"""Numba's CUDA, in kernels in Python."""

load16 = Primitive("load16")
"""load16(array, pack): sixteen bytes of elements, as a tuple, by one instruction; in kernels in Python."""

store16 = Primitive("store16")
"""store16(array, pack, values): the same back."""

prange: Callable[..., range] = range
"""Like range, over all threads of the rank; for functions that a body calls and gives its arrays."""

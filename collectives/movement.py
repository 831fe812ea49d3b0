"""What operations that only move data share: their types, and how the library is told of a buffer."""

from typing import Any, NamedTuple

from fabricbench.spec import Array, Context

DTYPES = ("float32", "float64", "int32", "int64", "uint8", "int8", "int16", "uint16", "uint32", "uint64", "float16",
          "bfloat16", "complex64", "complex128")  # fmt: skip
"""bfloat16 moves as the 16 bits that it is."""


class Given(NamedTuple):
    """Type and the library's names for "here already": as C integers, and as mpi4py has them."""

    type: int
    in_place: int
    named: Any
    python_in_place: Any


def given(context: Context) -> Given:
    """Of the elements of a case."""
    library = context.mpi
    named = library.named(context.question.dtype)
    return Given(library.handle(named), library.in_place, named, library.module.IN_PLACE)


def vector(array: Array, counts: Array, displacements: Array, kind: Any) -> list[Any]:
    """An array of shares as mpi4py is told of it."""
    return [array, (counts.tolist(), displacements.tolist()), kind]

"""Operators of reductions: what goes in, what must come out, and the loops of the algorithms written here.

Inputs depend on the operator, so that each result is exact and would show a rank left out, however many there are:
where chance would hide it, one rank alone decides an element, each in its turn.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from fabricbench.entries import ByKind, MPI_Reduce_local, bits_of, call, float_of, memmove, view
from fabricbench.model import Case
from fabricbench.spec import Array, Context, Operation, Question, Refused, Step, block, nothing_more

Prepare = Callable[[Context, dict[str, Any]], Iterator[Step]]

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
FLOATS = ("float16", "float32", "float64", "bfloat16")
COMPLEXES = ("complex64", "complex128")
DTYPES = ("float32", "float64", "int32", "int64", "int8", "int16", "uint8", "uint16", "uint32", "uint64",
          "float16", "bfloat16", *COMPLEXES)  # fmt: skip

SUM, PROD, MIN, MAX, LAND, LOR, LXOR, BAND, BOR, BXOR = range(10)
CODES = {"sum": SUM, "prod": PROD, "min": MIN, "max": MAX, "land": LAND, "lor": LOR, "lxor": LXOR, "band": BAND,
         "bor": BOR, "bxor": BXOR}  # fmt: skip
BFLOAT16 = 100
"""Added to the code of an operator whose elements are bfloat16."""

SUMS = frozenset({"sum", "user"})
ORDERED = frozenset({"min", "max"})
ARITHMETIC = frozenset({"sum", "prod", "user"})
OPERATORS = (*CODES, "user")

RARE = 8
"""One input of so many is the one that changes the result."""

MOST_TWOS = {1: 6, 2: 14, 4: 30, 8: 62, 16: 62}
"""Factors of two that a product of elements of that many bytes has room for."""

EXACT = {
    "int8": 127, "uint8": 127, "int16": 32_767, "uint16": 32_767, "bfloat16": 256, "float16": 2048,
    "float32": 1 << 24, "complex64": 1 << 24,
}  # fmt: skip
"""Up to where every whole number is one of the type; of the others nobody comes so far."""

FEW_VALUES = 8
"""Values that terms of sums of bytes have, so that there is room for several."""

UFUNCS: dict[str, Callable[[Array, Array], Array]] = {
    "sum": np.add, "user": np.add, "prod": np.multiply, "min": np.minimum, "max": np.maximum,
    "land": np.logical_and, "lor": np.logical_or, "lxor": np.logical_xor,
    "band": np.bitwise_and, "bor": np.bitwise_or, "bxor": np.bitwise_xor,
}  # fmt: skip


def refuse(case: Case) -> str | None:
    """Why the operator of a case cannot be had for its type."""
    op = str(case.params["op"])
    if op not in OPERATORS:
        return f"has no operator {op!r}; there are {', '.join(OPERATORS)}"
    if case.dtype in COMPLEXES:
        defined = ARITHMETIC
    elif case.dtype in FLOATS:
        defined = ARITHMETIC | ORDERED
    else:
        return None
    return None if op in defined else f"has no {op} of {case.dtype}; there are {', '.join(sorted(defined))}"


def compiled_only(case: Case) -> str | None:
    """Why the loops here cannot do what a case asks."""
    if case.dtype == "float16":
        return "has no loop for float16, for which Numba has no arithmetic; its -reduce-local twin asks the library"
    return "has no user-defined operator" if case.params["op"] == "user" else None


def library_only(case: Case) -> str | None:
    """Why the library cannot do what a case asks."""
    if case.dtype == "bfloat16" and case.params["op"] != "user":
        return "has no type for bfloat16: MPI has none; the algorithms written here do it, and op=user"
    return None


def local_only(case: Case) -> str | None:
    """Why MPI_Reduce_local cannot do what a case asks."""
    return "has no user-defined operator" if case.params["op"] == "user" else library_only(case)


def inputs(question: Question, rank: int, start: int, stop: int) -> Array:
    """Elements start..stop of one rank's array, before they are encoded.

    No result leaves the range of its type: what happens then MPI does not say (Open MPI's AVX sums of bytes saturate).
    """
    values, op = question.values(rank, start, stop), str(question.case.params["op"])
    # Of each element every rank has one turn; the seed, so that the second check asks others.
    turn = (np.arange(start, stop) + rank + question.seed) % question.ranks
    if op == "prod":
        return _factors(question, values, turn)
    if op in SUMS:
        kept = turn < terms(question)
        if question.case.dtype not in COMPLEXES:
            return np.where(kept, values % largest_term(question) if question.dtype.itemsize == 1 else values, 0)
        return np.where(kept, values + 1j * question.values(rank, start, stop, 1), 0)
    return _decided(values, turn == 0, question, op)


def largest_term(question: Question) -> int:
    """Above all terms of a sum."""
    return FEW_VALUES if question.dtype.itemsize == 1 else question.period


def terms(question: Question) -> int:
    """Ranks whose terms a sum has room for."""
    return EXACT.get(question.case.dtype, 1 << 53) // (largest_term(question) - 1)


def _factors(question: Question, values: Array, turn: Array) -> Array:
    """Ones, and a bounded number of twos; of complex numbers turns by a right angle as well."""
    twos = (values % RARE == 0) & (turn < MOST_TWOS[question.dtype.itemsize])
    rest = np.where(values % RARE == 1, 1j, 1) if question.case.dtype in COMPLEXES else 1
    return np.where(twos, 2, rest)


def _decided(values: Array, decides: Array, question: Question, op: str) -> Array:
    """Inputs of which only one rank's can change an element, and does so for three in four; exclusive ors show all."""
    odd = decides & (values % 4 != 0)
    if op in ("land", "lor"):
        return np.where(odd == (op == "lor"), values + 1, 0)
    if op == "lxor":
        return np.asarray(values % 2)
    if op in ("band", "bor"):
        one = np.where(odd, np.left_shift(np.int64(1), values % (8 * question.dtype.itemsize)), 0)
        return np.asarray(one if op == "bor" else ~one)
    if op == "bxor":
        return np.asarray(values * 0x0101010101010101)
    half = question.period // 2
    return np.asarray(values % half + half * (decides == (op == "max")))


def fill(question: Question, array: int, start: int, stop: int) -> Array:
    """This rank's elements start..stop."""
    return question.encoded(inputs(question, question.rank, start, stop))


def reduced(question: Question, start: int, stop: int, ranks: int | None = None) -> Array:
    """Elements start..stop over the first `ranks` ranks, all of them where nobody says, as elements."""
    op = str(question.case.params["op"])
    whole = ranks is None or ranks == question.ranks
    plain = question.dtype.itemsize > 1 and question.case.dtype not in COMPLEXES and terms(question) >= question.ranks
    if whole and plain and op in SUMS:
        return question.encoded(question.input_sum(start, stop))
    total = inputs(question, 0, start, stop)
    for rank in range(1, question.ranks if ranks is None else ranks):
        total = UFUNCS[op](total, inputs(question, rank, start, stop))
    return question.encoded(total)


def adds(question: Question) -> float:
    """Operations of the busiest rank when the work is shared out evenly."""
    return question.count * (question.ranks - 1) / question.ranks


def _integers(left: Any, right: Any, into: Any, op: int) -> None:  # noqa: C901, PLR0912 - one loop an operator
    if op >= BFLOAT16:
        _bfloats(left, right, into, op - BFLOAT16)
    elif op == SUM:
        for i in range(into.size):
            into[i] = left[i] + right[i]
    elif op == PROD:
        for i in range(into.size):
            into[i] = left[i] * right[i]
    elif op == MIN:
        for i in range(into.size):
            into[i] = min(left[i], right[i])
    elif op == MAX:
        for i in range(into.size):
            into[i] = max(left[i], right[i])
    elif op == LAND:
        for i in range(into.size):
            into[i] = (left[i] != 0) & (right[i] != 0)
    elif op == LOR:
        for i in range(into.size):
            into[i] = (left[i] != 0) | (right[i] != 0)
    elif op == LXOR:
        for i in range(into.size):
            into[i] = (left[i] != 0) ^ (right[i] != 0)
    elif op == BAND:
        for i in range(into.size):
            into[i] = left[i] & right[i]
    elif op == BOR:
        for i in range(into.size):
            into[i] = left[i] | right[i]
    elif op == BXOR:
        for i in range(into.size):
            into[i] = left[i] ^ right[i]


def _floats(left: Any, right: Any, into: Any, op: int) -> None:  # noqa: C901 - one loop an operator
    if op == SUM:
        for i in range(into.size):
            into[i] = left[i] + right[i]
    elif op == PROD:
        for i in range(into.size):
            into[i] = left[i] * right[i]
    elif op == MIN:
        for i in range(into.size):
            into[i] = left[i] if left[i] < right[i] else right[i]
    elif op == MAX:
        for i in range(into.size):
            into[i] = left[i] if left[i] > right[i] else right[i]


def _complexes(left: Any, right: Any, into: Any, op: int) -> None:
    if op == SUM:
        for i in range(into.size):
            into[i] = left[i] + right[i]
    elif op == PROD:
        for i in range(into.size):
            into[i] = left[i] * right[i]


def _widened(bits: Any) -> Any:
    """The float32 whose upper half these bits are."""
    return float_of(np.uint32(np.uint32(bits) << np.uint32(16)))


def _narrowed(value: Any) -> Any:
    """The nearest bfloat16, ties to even; of numbers, not of NaN."""
    bits = bits_of(np.float32(value))
    odd = np.uint32(np.uint32(bits >> np.uint32(16)) & np.uint32(1))
    return np.uint32(bits + np.uint32(0x7FFF) + odd) >> np.uint32(16)


def _bfloats(left: Any, right: Any, into: Any, op: int) -> None:  # noqa: C901 - one loop an operator
    if op == SUM:
        for i in range(into.size):
            into[i] = _narrowed(_widened(left[i]) + _widened(right[i]))
    elif op == PROD:
        for i in range(into.size):
            into[i] = _narrowed(_widened(left[i]) * _widened(right[i]))
    elif op == MIN:
        for i in range(into.size):
            into[i] = left[i] if _widened(left[i]) < _widened(right[i]) else right[i]
    elif op == MAX:
        for i in range(into.size):
            into[i] = left[i] if _widened(left[i]) > _widened(right[i]) else right[i]


_by_kind = ByKind(_integers, _floats, _complexes)


def _by_loop(b: Any) -> int:
    """What is asked, by the loops here."""
    _by_kind(view(b.left, b.count, b.zero), view(b.right, b.count, b.zero), view(b.into, b.count, b.zero), b.op)
    return 0


def _by_library(b: Any) -> int:
    """What is asked, by the library, whose operator always writes over its second array."""
    if b.into == b.right:
        return MPI_Reduce_local(b.left, b.into, np.int32(b.count), b.type, b.op)
    if b.into != b.left:  # they may overlap
        memmove(b.into, b.left, b.count * b.width)
    return MPI_Reduce_local(b.right, b.into, np.int32(b.count), b.type, b.op)


def reduce(b: Any, left: int, right: int, into: int, count: int) -> int:
    """into[:] = left op right, arrays of `count` elements at addresses; `into` may be one of the others.

    Called by its address, so that the body of an algorithm is compiled once for all types, and each type once for all
    algorithms.
    """
    asked = view(b.asked, 4, b.integer)
    asked[0], asked[1], asked[2], asked[3] = left, right, into, count
    code: int = call(b.reducer, b.asked)
    return code


def fields(context: Context, *, local: bool) -> tuple[Array, dict[str, Any]]:
    """What `reduce` is asked in, and what an algorithm's block needs for it; the first must live as long as the step.

    local: by the library's MPI_Reduce_local, not by the loops here.
    """
    question, library = context.question, context.mpi
    op, kind = str(question.case.params["op"]), library.datatype(question.dtype)
    places = {"left": 0, "right": 0, "into": 0, "count": 0}
    if local:
        asked = block(**places, width=question.dtype.itemsize, type=kind, op=library.op(op))
    else:
        code = CODES[op] + (BFLOAT16 if question.case.dtype == "bfloat16" else 0)
        asked = block(**places, op=code, zero=question.dtype.type(0))
    return asked, {
        "type": kind,
        "width": question.dtype.itemsize,
        "reducer": context.address(_by_library if local else _by_loop, asked),
        "asked": asked.ctypes.data,
        "integer": np.int64(0),
    }


def algorithm(
    operation: Operation, name: str, needs: tuple[str, ...], *, scratch: Callable[[Question], int] = nothing_more
) -> Callable[[Prepare], Prepare]:
    """Register `prepare(context, fields)` twice: reducing by the loops here, and by MPI_Reduce_local."""

    def register(prepare: Prepare) -> Prepare:
        def prepared(context: Context, *, local: bool) -> Iterator[Step]:
            asked, reducing = fields(context, local=local)
            yield from prepare(context, reducing)
            del asked  # the step pointed at it until now

        def compiled(context: Context) -> Iterator[Step]:
            yield from prepared(context, local=False)

        def library(context: Context) -> Iterator[Step]:
            yield from prepared(context, local=True)

        compiled.__doc__, compiled.__module__ = prepare.__doc__, prepare.__module__
        library.__doc__ = "The same, reduced by MPI_Reduce_local: every type and operator that the library has."
        operation.variant(name, needs=needs, refuse=compiled_only, scratch=scratch)(compiled)
        operation.variant(
            f"{name}-reduce-local", needs=(*needs, "MPI_Reduce_local"), refuse=local_only, scratch=scratch
        )(library)
        return prepare

    return register


def _own_sum(incoming: Any, inout: Any, length: Any, kind: Any) -> None:
    for i in range(length[0]):
        inout[i] = incoming[i] + inout[i]


def _own_sum_of_bfloats(incoming: Any, inout: Any, length: Any, kind: Any) -> None:
    for i in range(length[0]):
        inout[i] = _narrowed(_widened(incoming[i]) + _widened(inout[i]))


def user_defined(context: Context) -> Any:
    """A sum that the library does not know for one: what an operator of the user's own costs."""
    question = context.question
    if question.case.dtype == "float16":
        raise Refused("Numba has no arithmetic for float16 to write an operator with.")
    body = _own_sum_of_bfloats if question.case.dtype == "bfloat16" else _own_sum
    return context.mpi.user_operator(body, question.dtype)


class Given(NamedTuple):
    """What the library's reductions take: as C integers, and as mpi4py has it."""

    send: int
    type: int
    op: int
    python_send: Any
    named: Any
    operator: Any
    keep: tuple[Any, ...]


def library_arguments(context: Context, *, in_place: bool | None = None) -> Given:
    """Send buffer, type and operator. in_place: whether this rank's input lies in its output, as asked by default."""
    question, library = context.question, context.mpi
    here = question.case.in_place if in_place is None else in_place
    name = str(question.case.params["op"])
    operator = user_defined(context) if name == "user" else library.operator(name)
    named = library.named(question.dtype)
    return Given(
        send=library.in_place if here else context.inputs[0].address,
        type=library.handle(named),
        op=library.handle(operator),
        python_send=library.module.IN_PLACE if here else [context.inputs[0].array, named],
        named=named,
        operator=operator,
        keep=(operator,),
    )

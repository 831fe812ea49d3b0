"""Operation, variant and Step: the extension point.

An Operation is a question: what must come out, how many bytes must move. A variant is one answer: it prepares
once and yields a Step; the engine owns the loop, the clock, the warm-up and the check. Nothing in a unit knows that a
timer exists.

    allreduce = Operation(name="allreduce", family="collective", layout=..., reference=..., traffic=...)

    @allreduce.variant("mpi", needs=("MPI_Allreduce",))
    def mpi(context):
        yield Step(call=body, block=block(send=context.send.address, ...))
"""

import mmap
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from fabricbench import native
from fabricbench.errors import FabricbenchError, UnavailableError
from fabricbench.model import Cadence, Case, Mode, RateKey, Scalar, StepKind, Traffic

Array = NDArray[Any]
Refused = UnavailableError
"""What a variant raises while it prepares, where it finds that it cannot be had."""

Family = Literal["compute", "memory", "point-to-point", "collective"]

CLOSED_FORM_ABOVE = 64
"""Ranks above which a sum over ranks is taken in closed form instead of rank by rank."""

STORED_AS = {"bfloat16": "uint16"}
"""Element types that NumPy lacks, and what holds their bits."""

SMALL = ("float16", "bfloat16")
"""Types with so few bits that sums of larger inputs would be rounded."""

GOLDEN = 0x9E3779B97F4A7C15  # 2^64 / golden ratio, the increment of SplitMix64


def element_type(name: str) -> np.dtype[Any]:
    """The NumPy type that holds elements of this name."""
    return np.dtype(STORED_AS.get(name, name))


@dataclass(frozen=True)
class Question:
    """What one rank is asked: the case, seen from `rank` of `ranks` that take part.

    Inputs are a pure function of (seed, case, rank, element): any rank can make any slice of any rank's input without a
    message. They are small integers, so that sums are exact in every type.
    """

    case: Case
    rank: int
    ranks: int
    seed: int

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """Type that holds the elements."""
        return element_type(self.case.dtype)

    @cached_property
    def count(self) -> int:
        """Elements in `nbytes`."""
        return self.case.nbytes // self.dtype.itemsize

    @cached_property
    def period(self) -> int:
        """Inputs lie in range(period): few enough that sums stay exact, many enough to tell ranks apart.

        Single bytes stay below the poison of the check, so that none is right without having been written.
        """
        return 8 if self.case.dtype in SMALL else 128 if self.dtype.itemsize == 1 else 256

    def encoded(self, values: Array) -> Array:
        """Exact whole numbers as elements; those of bfloat16 are the upper halves of float32's bits."""
        if self.case.dtype == "bfloat16":
            return np.asarray(values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
        return np.asarray(values).astype(self.dtype)

    def input(self, rank: int, start: int, stop: int, array: int = 0) -> Array:
        """Elements start..stop of one rank's input `array`."""
        return self.encoded(self.values(rank, start, stop, array))

    def input_sum(self, start: int, stop: int) -> NDArray[np.int64]:
        """Sum over all ranks of their inputs' elements start..stop, exact.

        Above CLOSED_FORM_ABOVE ranks by arithmetic instead of rank by rank.
        """
        if self.ranks <= CLOSED_FORM_ABOVE:
            return self._rank_by_rank(start, stop)
        cycles, rest = divmod(self.ranks, self.period)
        whole = cycles * (self.period * (self.period - 1) // 2)
        return whole + cyclic_sum(self.noise(np.arange(start, stop), cycle=cycles), rest, self.period)

    def _rank_by_rank(self, start: int, stop: int) -> NDArray[np.int64]:
        total = np.zeros(stop - start, np.int64)
        for rank in range(self.ranks):
            cycle, turn = divmod(rank, self.period)
            if turn == 0:
                noise = self.noise(np.arange(start, stop), cycle=cycle)
            total += (noise + turn) % self.period
        return total

    def values(self, rank: int, start: int, stop: int, array: int = 0) -> NDArray[np.int64]:
        """The same as whole numbers.

        Noise turned by the rank: ranks of one cycle of `period` hold every value once; the next has new noise.
        """
        cycle, turn = divmod(rank, self.period)
        return np.asarray((self.noise(np.arange(start, stop), array, cycle) + turn) % self.period)

    def noise(self, elements: NDArray[np.int64], array: int = 0, cycle: int = 0) -> NDArray[np.int64]:
        """SplitMix64 of element numbers, modulo `period`. Source: Steele, Lea & Flood, OOPSLA 2014."""
        stream = ((self.seed * 31 + array + (cycle << 32)) * GOLDEN) % (1 << 64)
        mixed = np.empty(elements.shape, np.int64)
        _mixer()(elements.reshape(-1), np.uint64(stream), np.uint64(self.period), mixed.reshape(-1))
        return mixed


def _mix(elements: Array, stream: np.uint64, period: np.uint64, mixed: Array) -> None:
    for i in range(elements.size):
        state = (np.uint64(elements[i]) + np.uint64(1)) * np.uint64(GOLDEN) + stream
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed[i] = np.int64((state ^ (state >> np.uint64(31))) % period)


@cache
def _mixer() -> Callable[..., None]:
    # Compiled, because NumPy would need eight passes over temporaries and large cases are mostly checking.
    return native.jit(_mix, "void(int64[::1], uint64, uint64, int64[::1])")


def cyclic_sum(noise: NDArray[np.int64], ranks: int, period: int) -> NDArray[np.int64]:
    """Sum over r = 0 .. ranks - 1 of (noise + r) modulo period, without visiting each r.

    Whole cycles hold every value once; in the rest, the terms that passed `period` wrapped once.
    """
    cycles, rest = divmod(ranks, period)
    wrapped = np.maximum(0, noise + rest - period)
    whole = cycles * (period * (period - 1) // 2)
    return np.asarray(whole + rest * noise + rest * (rest - 1) // 2 - period * wrapped)


@dataclass(frozen=True)
class Layout:
    """Elements that one rank holds: of each input array, and of the output.

    `place`: where in the output's memory the first input lies when the case is in place; None where it never does.
    """

    inputs: tuple[int, ...]
    output: int
    place: int | None = 0

    @property
    def room(self) -> int:
        """Elements that the output's memory needs when the case is in place."""
        return self.output if self.place is None else max(self.output, self.place + max(self.inputs, default=0))


class Buffer:
    """Page-aligned zero memory of its own, not yet touched: `array` (count,), `address`, `nbytes`.

    `room` (at least count,) is all of it: what a library may use beyond the answer.
    """

    def __init__(self, count: int, dtype: np.dtype[Any] | str, *, room: int = 0) -> None:
        """room: elements that there must be memory for, if more than `count`."""
        kind = np.dtype(dtype)
        self.nbytes = count * kind.itemsize
        # Private, so that huge pages apply as they do to malloc's; not empty, because even nothing needs an address.
        memory = mmap.mmap(-1, max(self.nbytes, room * kind.itemsize, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.room: Array = np.frombuffer(memory, dtype=kind, count=max(count, room))
        self.array = self.room[:count]
        self.address = int(np.frombuffer(memory, dtype=np.uint8).ctypes.data)

    @contextmanager
    def lying_in(self, memory: Any) -> Iterator[None]:
        """Meanwhile the elements lie in memory of somebody else's, such as a library's for a window."""
        own = self.room, self.array, self.address
        self.room = self.array = np.frombuffer(memory, dtype=self.array.dtype, count=self.array.size)
        self.address = int(self.array.ctypes.data)
        try:
            yield
        finally:
            self.room, self.array, self.address = own


class Handles(Protocol):
    """What a body needs of MPI, as integers: `fabricbench.mpi.World`."""

    communicator: Any
    module: Any
    rank: int
    library: str

    @property
    def hosts(self) -> list[str]: ...
    def split(self, color: int) -> "Handles": ...
    @property
    def comm(self) -> int: ...
    @property
    def in_place(self) -> int: ...
    @property
    def no_info(self) -> int: ...
    @property
    def request_width(self) -> int: ...
    @property
    def status_width(self) -> int: ...

    def datatype(self, dtype: np.dtype[Any] | str) -> int: ...
    def named(self, dtype: np.dtype[Any] | str) -> Any: ...
    def op(self, name: str) -> int: ...
    def operator(self, name: str) -> Any: ...
    def function(self, symbol: str) -> int: ...
    @property
    def handle_width(self) -> int: ...
    def handle(self, thing: Any) -> int: ...
    def user_operator(self, body: Callable[..., None], dtype: np.dtype[Any]) -> Any: ...


class Context(Protocol):
    """What a variant finds while it prepares."""

    question: Question
    inputs: tuple[Buffer, ...]
    output: Buffer
    threads: int

    @property
    def send(self) -> Buffer:
        """The first input; the output itself where the case is in place."""
        ...

    @property
    def mpi(self) -> Handles:
        """MPI.  Raises UnavailableError where there is none."""
        ...

    def peer(self, index: int) -> int:
        """Rank in the communicator of the participant `index`."""
        ...

    def once(self, body: Callable[[Any], int], block: Array) -> None:
        """Compile a body and call it now, for first touch."""

    def address(self, body: Callable[[Any], int], block: Array) -> int:
        """Compile a body for another body to `call`."""
        ...


@dataclass(frozen=True, kw_only=True)
class Step:
    """What the loop calls. A compiled step has a `block`; a python step is a `call` without arguments.

    `start` and `finish` are the halves of a step that can be left alone in between, `progress` looks after it there and
    says in the int32 at address `done` whether it is over; all are bodies of the same block. `settle` lets this rank
    see what others wrote into its memory; it stands outside the timing. `keep` owns memory that the block points at;
    `operations` says how many operations one call performs.
    """

    call: Callable[..., Any]
    block: Array | None = None
    start: Callable[..., Any] | None = None
    progress: Callable[..., Any] | None = None
    finish: Callable[..., Any] | None = None
    done: int = 0
    settle: Callable[[], object] | None = None
    keep: tuple[Any, ...] = ()
    operations: int = 1

    @property
    def kind(self) -> StepKind:
        """How the loop runs it."""
        return "python" if self.block is None else "compiled"


Prepare = Callable[[Context], AbstractContextManager[Step]]


Needs = tuple[str, ...] | Mapping[Mode, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One answer. `needs` names C functions of the MPI library by mode; `dtypes` narrows the operation's types.

    `refuse` says why a case cannot be answered in this way, None where it can. `large`: counts beyond an int too.
    `scratch`: elements of memory that a rank needs beyond its inputs and output.
    """

    name: str
    step: StepKind
    prepare: Prepare
    needs: Mapping[Mode, tuple[str, ...]]
    refuse: Callable[[Case], str | None]
    scratch: Callable[[Question], int]
    uses_mpi: bool = False
    large: bool = False
    dtypes: tuple[str, ...] = ()
    idea: str = ""


def nothing_more(question: Question) -> int:
    """The scratch of those who work in their inputs and output."""
    return 0


def one_more(question: Question) -> int:
    """The scratch of those who need another array as large as the one asked for."""
    return question.count


def anything(case: Case) -> str | None:
    """Why a case cannot be, of those who can do everything."""
    return None


def exact(question: Question) -> float:
    """The bound of an operation whose inputs make every result exact."""
    return 0.0


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One question. Sizes in elements; `reference` answers for any slice of any rank's output.

    `mode`: when nobody says.
    `fit`: the largest possible count not above the one asked for; the row shows the size it really has.
    `fill`: other inputs than `Question.input`.  `pair`: two ranks take part, the others have the empty step.
    `streaming_below`: sizes under it are too short to be timed one by one, so they stream unless told otherwise.
    `window`: operations after which a rank that could run ahead waits for the others.
    `verify`: for operations whose promise is no array; returns how often it was broken.
    `refuse`: why a case makes no sense, such as an operator that its type lacks; None where it does.
    `in_place`: whether input and output may be one buffer, and whether they always are.
    """

    name: str
    family: Family
    layout: Callable[[Question], Layout]
    reference: Callable[[Question, int, int], Array]
    traffic: Callable[[Question], Traffic]
    rates: tuple[RateKey, ...]
    dtypes: tuple[str, ...]
    sizes: str
    mode: Mode = "blocking"
    bound: Callable[[Question], float] = exact
    fit: Callable[[int, int], int] = lambda count, ranks: count
    fill: Callable[[Question, int, int, int], Array] | None = None
    verify: "Callable[[Question, Witness], int] | None" = None
    params: Mapping[str, Scalar] = field(default_factory=dict)
    pair: bool = False
    sized: bool = True
    in_place: Literal["never", "possible", "always"] = "never"
    refuse: Callable[[Case], str | None] = anything
    streaming_below: int = 0
    window: int = 0
    variants: dict[str, Variant] = field(default_factory=dict)

    def variant(
        self,
        name: str,
        *,
        step: StepKind = "compiled",
        needs: Needs = (),
        uses_mpi: bool = False,
        dtypes: tuple[str, ...] = (),
        refuse: Callable[[Case], str | None] = anything,
        scratch: Callable[[Question], int] = nothing_more,
        large: bool = False,
    ) -> Callable[[Callable[[Context], Iterator[Step]]], Callable[[Context], Iterator[Step]]]:
        """Register a generator that prepares, yields its Step once, and frees."""

        def register(
            prepare: Callable[[Context], Iterator[Step]],
        ) -> Callable[[Context], Iterator[Step]]:
            if name in self.variants:
                raise FabricbenchError(f"{self.name}/{name} is defined twice, the second time in {prepare.__module__}.")
            idea = (prepare.__doc__ or "").strip().partition("\n")[0]
            self.variants[name] = Variant(
                name=name,
                step=step,
                prepare=contextmanager(prepare),
                needs=needs if isinstance(needs, Mapping) else {"blocking": needs},
                refuse=refuse,
                scratch=scratch,
                large=large,
                uses_mpi=uses_mpi or bool(needs),
                dtypes=dtypes or self.dtypes,
                idea=idea,
            )
            return prepare

        return register

    def cadence(self, nbytes: int) -> Cadence:
        """How this size is timed when nobody says."""
        return "streaming" if nbytes < self.streaming_below else "isolated"


def equal_parts(count: int, ranks: int) -> int:
    """The largest count not above `count` that every rank can have an equal part of."""
    return count - count % ranks


class Witness(Protocol):
    """What `Operation.verify` can do: perform the operation, read the clock, and ask the other ranks."""

    def perform(self) -> None: ...
    def now_s(self) -> float: ...
    def latest(self, value: float) -> float: ...


def block(**fields: Any) -> Array:
    """A one-element structured array for a compiled body: integers are 64 bits, NumPy scalars keep their type."""
    values = {name: np.asarray(value) for name, value in fields.items()}
    made = np.zeros(1, np.dtype([(name, value.dtype) for name, value in values.items()], align=True))
    for name, value in values.items():
        made[name] = value
    return made


def parts(start: int, stop: int, part: int, source: Callable[[int, int, int], Array]) -> Array:
    """Elements start..stop of an array made of equal parts; `source(index, low, high)` gives a slice of one part."""
    pieces = []
    while start < stop:
        index, low = divmod(start, part)
        high = min(part, low + stop - start)
        pieces.append(source(index, low, high))
        start += high - low
    return np.concatenate(pieces) if pieces else np.empty(0)

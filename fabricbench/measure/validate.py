"""Is the result right? Fresh input, poisoned output, one operation, every element of every rank compared."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from fabricbench import mpi
from fabricbench.measure import clock
from fabricbench.measure.loop import Loop, empty
from fabricbench.model import Check
from fabricbench.spec import Array, Buffer, Operation, Question

BLOCK_BYTES = 16 << 20
POISON = 0xA5


@dataclass(frozen=True)
class Witness:
    """What an operation without an array can use to prove itself."""

    loop: Loop
    group: mpi.Group

    def perform(self) -> None:
        """The operation, once."""
        self.loop.take(1, 1)

    def now_s(self) -> float:
        """This rank's clock."""
        return clock.now_s()

    def latest(self, value: float) -> float:
        """The largest of all ranks' values."""
        return float(self.group.highest(np.array([value]))[0])


@dataclass(frozen=True)
class Verdict:
    """Over all ranks: elements that differ by more than the bound, the largest difference, and the bound."""

    wrong: int
    worst: float
    bound: float


def fill(operation: Operation, question: Question, inputs: tuple[Buffer, ...]) -> None:
    """Fresh input, block by block."""
    for index, buffer in enumerate(inputs):
        for start, stop in blocks(buffer):
            if operation.fill is None:
                values = question.input(question.rank, start, stop, index)
            else:
                values = operation.fill(question, index, start, stop)
            buffer.array[start:stop] = values


def poison(output: Buffer) -> None:
    """Bytes that hardly any reference produces, so that what was not written is seen."""
    output.array.view(np.uint8)[:] = POISON


def blocks(buffer: Buffer) -> list[tuple[int, int]]:
    """Slices of at most 16 MiB, widened to the 8 bytes that references are computed in."""
    count = buffer.array.size
    step = BLOCK_BYTES // 8 // 8  # references hold several temporaries of 8 bytes an element
    return [(start, min(start + step, count)) for start in range(0, count, step)]


def differences(output: Array, expected: Array, bound: float) -> tuple[int, float]:
    """Elements that differ by more than the bound, and the largest difference; a NaN differs from everything."""
    if output.dtype.kind in "iu":
        # A wrapped sum is right when it is the sum modulo the type's range; the difference of two such may wrap again.
        right = expected.astype(output.dtype)
        apart = np.abs(output.astype(np.float64) - right.astype(np.float64))
        return int(np.count_nonzero((output != right) & (apart >= bound))), float(apart.max(initial=0.0))
    with np.errstate(invalid="ignore", over="ignore"):
        wide = np.complex128 if output.dtype.kind == "c" else np.float64
        apart = np.abs(output.astype(wide) - expected.astype(wide))
    apart[~np.isfinite(apart)] = np.finfo(np.float64).max
    return int(np.count_nonzero(apart > bound)), float(apart.max(initial=0.0))


@dataclass(frozen=True)
class Validator:
    """The check of one prepared case; `spoil` lets a fault be injected into the output.

    `group` is all ranks, `party` those that perform the operation with this one.
    """

    operation: Operation
    question: Question | None
    inputs: tuple[Buffer, ...]
    output: Buffer
    loop: Loop
    group: mpi.Group
    party: mpi.Group
    spoil: Callable[[Array], None] | None = None
    proven: bool = True
    """Whether `Operation.verify` can prove anything here: it compares clocks of several ranks."""

    def check(self) -> Verdict:
        """One operation on fresh data, judged on all ranks together.

        A rank without a part (question None) performs its empty step and has nothing to compare.
        """
        bound = 0.0 if self.question is None else self.operation.bound(self.question)
        if self.operation.verify is not None:
            # Without the synchronised start, which would keep the operation's promise in its place.
            alone, wrong, worst = replace(self.loop, sync=empty()), 0, 0.0
            if self.proven and self.question is not None:
                wrong = self.operation.verify(self.question, Witness(alone, self.party))
        else:
            wrong, worst = self._compare(bound)
        counts = self.group.gather((wrong, worst, bound))
        return Verdict(
            sum(entry[0] for entry in counts),
            max(entry[1] for entry in counts),
            max(entry[2] for entry in counts),
        )

    def _compare(self, bound: float) -> tuple[int, float]:
        poison(self.output)
        if self.question is not None:
            fill(self.operation, self.question, self.inputs)
        if self.loop.step.ready is not None:
            self.loop.step.ready()
        self.loop.take(1, 1)
        if self.loop.step.settle is not None:
            self.loop.step.settle()
        if self.question is None:
            return 0, 0.0
        if self.spoil is not None:
            self.spoil(self.output.array)
        wrong, worst = 0, 0.0
        for start, stop in blocks(self.output):
            expected = self.operation.reference(self.question, start, stop)
            found, apart = differences(self.output.array[start:stop], expected, bound)
            wrong, worst = wrong + found, max(worst, apart)
        return wrong, worst


def joined(before: Verdict, after: Verdict, reference: str, *, proven: bool = True) -> Check:
    """The check of a row: wrong where either comparison was."""
    wrong = before.wrong + after.wrong
    status = "wrong" if wrong else "ok" if proven else "unchecked"
    return Check(
        status=status,  # type: ignore[arg-type]
        wrong=wrong,
        worst=float(f"{max(before.worst, after.worst):.6g}"),
        bound=float(f"{max(before.bound, after.bound):.6g}"),
        reference=reference,
    )

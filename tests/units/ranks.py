"""One job of ranks, `mpirun -n N python -m units.ranks all|mutants`: every unit against its definition.

Rank 0 prints JSON lines: {"at": case} before each case, so that a crash or a hang has a name, then one
{"case", "rank", "what"} for everything that was wrong on any rank, and {"checked": [...], "unavailable": {...}}.
"""

import ctypes
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any

import numpy as np
from units import mutants, oracle

from fabricbench import mpi
from fabricbench.engine import catalogue, preparing, suite
from fabricbench.engine.placement import Placement, placement
from fabricbench.errors import FabricbenchError
from fabricbench.measure import sync, validate
from fabricbench.measure.loop import Loop, empty, nothing
from fabricbench.model import Case, Mode
from fabricbench.spec import Buffer, Operation, Question, Step, Variant, block, element_type

COUNTS = (1, 3, 7, 1000, 4099)
LARGE = 300_007
"""Beyond every eager limit and beyond one block of the check; for the first type of an operation only."""

FEW_COUNTS = (3, 4099)
ALL_TYPES = (2, 3)
"""Numbers of ranks with which every type is tried; units that do not communicate are tried on all counts there."""

SEED = 5
GUARD = 0x5A
LATE_S = 0.003
HANDLES = 4096


def title(case: Case) -> str:
    """The case in one word that names all that was varied."""
    count = case.nbytes // element_type(case.dtype).itemsize
    named = f"{case.operation}/{case.variant}-{case.dtype}-{count}-{case.ranks}ranks"
    return named + "-in-place" * case.in_place + f"-{case.mode}" * (case.mode != "blocking")


def cases(operation: Operation, variant: Variant, ranks: int) -> Iterator[Case]:
    """Every type, ragged counts, in place where the operation allows it; nothing where it cannot be done."""
    if operation.pair and ranks < 2:
        return
    for dtype in variant.dtypes if ranks in ALL_TYPES or not variant.uses_mpi else variant.dtypes[:1]:
        first = dtype == operation.dtypes[0]
        counts = (*COUNTS, LARGE) if first and (ranks in ALL_TYPES or variant.uses_mpi) else FEW_COUNTS
        kind = element_type(dtype)
        wanted = [count * kind.itemsize for count in (counts if operation.sized else (0,))]
        fitted = (suite.fit(operation, kind, nbytes, ranks, strict=False) for nbytes in wanted)
        for nbytes in dict.fromkeys(size for size in fitted if size is not None):
            for mode, in_place in forms(operation, variant, first=first):
                case = Case(
                    operation=operation.name, variant=variant.name, memory="host", dtype=dtype, nbytes=nbytes,
                    ranks=ranks, cadence="isolated", mode=mode, in_place=in_place, params=dict(operation.params),
                )  # fmt: skip
                if operation.refuse(case) is None and suite.refusal(variant, case) is None:
                    yield case


def forms(operation: Operation, variant: Variant, *, first: bool) -> list[tuple[Mode, bool]]:
    """Modes and places: all of them for the first type of an operation."""
    places = {"never": [False], "possible": [False, True], "always": [True]}[operation.in_place]
    modes = list(variant.needs) if first else list(variant.needs)[:1]
    return [(mode, place) for mode in modes for place in places]


class Trial:
    """One case on this rank: prepared by vote, performed twice, everything compared."""

    def __init__(self, group: mpi.Group, places: Placement, case: Case, variant: Variant) -> None:
        self.group, self.places, self.case, self.variant = group, places, case, variant
        self.operation = catalogue.operation(case.operation)
        self.members = preparing.members(case, places, group.rank)
        self.question = preparing.question_of(case, self.members, group.rank, SEED)
        self.wrong: list[str] = []
        self.inputs: tuple[Buffer, ...] = ()
        self.output = Buffer(0, "uint8")
        if self.question is not None:
            self.inputs, self.output = preparing.buffers(self.operation, self.question)

    def run(self) -> str | None:
        """Why it is not available here, or None; what was wrong is in `wrong`."""
        missing = [symbol for symbol in self.variant.needs[self.case.mode] if not self.group.has(symbol)]
        if missing:
            return f"the library has no {', '.join(missing)}"
        with ExitStack() as stack:
            try:
                step = stack.enter_context(self.prepared())
            except FabricbenchError as error:
                return self._heard(str(error))[0]
            return self._judge(step)

    def prepared(self) -> AbstractContextManager[Step]:
        """The step of this rank, the empty one where it has no part."""
        if self.question is None:
            return nullcontext(Step(call=nothing, block=block(unused=0)))
        threads = self.places.threads(self.group.rank)
        place = preparing.Place(self.question, self.inputs, self.output, threads, self.group, self.members)
        return self.variant.prepare(place)

    def _heard(self, trouble: str | None) -> tuple[str | None, list[list[Any]]]:
        """The vote, and the inputs of all participants as they lie in memory: one message for both."""
        if self.question is not None and trouble is None:
            validate.fill(self.operation, self.question, self.inputs)
        mine = None if self.question is None else [buffer.array.copy() for buffer in self.inputs]
        heard = self.group.gather((trouble, mine))
        return next((text for text, _ in heard if text), None), [arrays for _, arrays in heard if arrays is not None]

    def _judge(self, step: Step) -> str | None:
        trouble, everyone = self._heard(None)
        if trouble is not None:
            return trouble
        restore = preparing.restoring(self.operation, self.question, self.inputs, self.output)
        # As in a session: no rank begins before all have their input where it belongs.
        together = sync.barrier(self.group) if isinstance(self.group, mpi.World) else empty()
        loop = Loop(step=step, restore=restore, sync=together)
        if self.operation.verify is not None:
            self._verify(Loop(step=step))
            return None
        self._scratch(step)
        guards = [guard(buffer) for buffer in (*self.inputs, self.output)]
        for time_of in ("first", "second"):
            validate.poison(self.output)
            loop.take(1, 1)
            if step.settle is not None:
                step.settle()
            if self.question is not None:
                self._compare(self.question, everyone, time_of)
        if any((one != GUARD).any() for one in guards):
            self.wrong.append("wrote behind the end of a buffer")
        return None

    def _scratch(self, step: Step) -> None:
        """What the step keeps is no more than its variant said before; less than a page of handles is not said."""
        if self.question is not None:
            said = self.variant.scratch(self.question) * self.question.dtype.itemsize
            own = (*self.inputs, self.output)
            kept = sum(one.nbytes for one in step.keep if isinstance(one, Buffer) and one not in own)
            if kept >= said + HANDLES:
                self.wrong.append(f"keeps {kept} bytes beyond inputs and output, and said {said}")

    def _compare(self, question: Question, everyone: list[list[Any]], time_of: str) -> None:
        bound, found = self.operation.bound(question), self.output.array
        reference = self.operation.reference(question, 0, found.size)
        define = oracle.DEFINITIONS.get(self.case.operation)
        expected = (
            reference if define is None else oracle.encoded(self.case, define(everyone, question.rank, self.case))
        )
        for name, values in (("output", found), ("reference", reference)):
            self._same(name, values, expected, bound, time_of)
        if validate.differences(found, reference, bound)[0] and not self.wrong:
            self.wrong.append(f"{time_of} time: the check finds differences where there are none")
        for index, (buffer, given) in enumerate(zip(self.inputs, everyone[question.rank], strict=True)):
            if not np.array_equal(buffer.array, given):
                self.wrong.append(f"{time_of} time: input {index} was changed")

    def _same(self, name: str, values: Any, expected: Any, bound: float, time_of: str) -> None:
        if values.shape != expected.shape:
            self.wrong.append(f"{time_of} time: {name} has {values.size} elements, not {expected.size}")
            return
        values, expected = (array.astype(self.output.array.dtype) for array in (values, expected))
        bad = np.flatnonzero(values != expected)
        if bound:
            bad = np.flatnonzero(~(np.abs(values.astype(np.float64) - expected.astype(np.float64)) <= bound))
        if bad.size:
            at = int(bad[0])
            self.wrong.append(
                f"{time_of} time: {name} differs in {bad.size} of {values.size} elements; "
                f"[{at}] is {values[at]}, not {expected[at]}"
            )

    def _verify(self, loop: Loop) -> None:
        """No array: nobody may leave before the last has entered, whoever is late."""
        loop.take(1, 1)
        for late in range(self.group.ranks):
            loop.take(1, 1)
            if self.group.rank == late:
                time.sleep(LATE_S)
            entered = time.monotonic_ns()
            loop.take(1, 1)
            left = time.monotonic_ns()
            if left < max(self.group.gather(entered)):
                self.wrong.append(f"left before rank {late}, which was late, had entered")
        witness = validate.Witness(loop, self.group)
        assert self.operation.verify is not None
        assert self.question is not None
        if self.operation.verify(self.question, witness):
            self.wrong.append("the operation's own proof fails")


def guard(buffer: Buffer) -> Any:
    """The bytes between a buffer's end and the end of its page, marked."""
    used = max(buffer.room.nbytes, 1)
    rest, behind = -used % 4096, buffer.address + used
    marked = np.frombuffer((ctypes.c_uint8 * rest).from_address(behind), np.uint8)
    marked[:] = GUARD
    return marked


def everything(ranks: int) -> Iterator[tuple[str, Case, Variant]]:
    """All cases of the catalogue by name."""
    for operation in catalogue.operations().values():
        for variant in operation.variants.values():
            for case in cases(operation, variant, ranks):
                yield title(case), case, variant


def broken(ranks: int) -> Iterator[tuple[str, Case, Variant]]:
    """Every mutant on one case of its operation."""
    for name, variant in mutants.MUTANTS.items():
        operation = catalogue.operation(name.partition("/")[0])
        many = [case for case in cases(operation, variant, ranks) if not case.in_place and case.mode == "blocking"]
        yield name, many[min(3, len(many) - 1)], variant


def main(what: str) -> None:
    group = mpi.connect()
    places = placement(group)
    wrong: list[dict[str, Any]] = []
    checked, unavailable = [], {}
    for name, case, variant in {"all": everything, "mutants": broken}[what](group.ranks):
        if group.rank == 0:
            print(json.dumps({"at": name}), flush=True)
        trial = Trial(group, places, case, variant)
        why = trial.run()
        if why is None:
            checked.append((name, case.operation, case.variant, case.dtype))
        else:
            unavailable[name] = why
        wrong += [{"case": name, "rank": group.rank, "what": text} for text in trial.wrong]
    found = [line for lines in group.gather(wrong) for line in lines]
    if group.rank == 0:
        for line in (*found, {"checked": checked, "unavailable": unavailable}):
            print(json.dumps(line), flush=True)
    mpi.finish(group)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # leaving in good order would wait for the other ranks

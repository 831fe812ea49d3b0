"""Ranks that are threads of this process: variants that need the library only to prepare, without a library.

What they prepare with is here: the vote, and who is where. Segments are real, and so are the bodies.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from fabricbench import native
from fabricbench.engine import catalogue, preparing
from fabricbench.measure import validate
from fabricbench.measure.loop import Loop
from fabricbench.model import Case
from fabricbench.spec import Array, Buffer, Operation, Question, Step, element_type

SEED = 3
PATIENCE_S = 60

Change = Callable[[int, Step], Step]
"""What becomes of the step of a rank before it is performed."""


def unchanged(rank: int, step: Step) -> Step:
    return step


class Meeting:
    """Where all ranks hand in something and are given everybody's."""

    def __init__(self, ranks: int) -> None:
        self._given: list[Any] = [None] * ranks
        self._barrier = threading.Barrier(ranks, timeout=PATIENCE_S)

    def exchange(self, rank: int, given: Any) -> list[Any]:
        self._given[rank] = given
        self._barrier.wait()
        heard = list(self._given)
        self._barrier.wait()
        return heard

    def leave(self) -> None:
        """For good: whoever waits here for this rank is told."""
        self._barrier.abort()


class Handles:
    """What stands for the library: `communicator.allgather`, the hosts, and types that nobody looks at."""

    def __init__(self, rank: int, meeting: Meeting, hosts: list[str]) -> None:
        self.rank, self.hosts, self._meeting = rank, hosts, meeting
        self.communicator = self

    def allgather(self, given: Any) -> list[Any]:
        return self._meeting.exchange(self.rank, given)

    def datatype(self, dtype: Any) -> int:
        return 0


class Place:
    """The Context of one rank."""

    threads = 1

    def __init__(self, question: Question, handles: Handles) -> None:
        self.question, self.mpi = question, handles
        self.inputs, self.output = preparing.buffers(operation_of(question.case), question)

    @property
    def send(self) -> Buffer:
        return self.output if self.question.case.in_place else self.inputs[0]

    def peer(self, index: int) -> int:
        return index

    def address(self, body: Callable[[Any], int], block: Array) -> int:
        return native.compile(body, block).address


def operation_of(case: Case) -> Operation:
    return catalogue.operation(case.operation)


def case_of(
    name: str, ranks: int, count: int, dtype: str = "float32", *, in_place: bool = False, **params: Any
) -> Case:
    """A case of operation/variant; count: of elements, the nearest that the operation can have."""
    operation = catalogue.operation(name.partition("/")[0])
    fitted = operation.fit(count, ranks) or operation.fit(ranks, ranks)
    return Case(
        operation=operation.name, variant=name.partition("/")[2], memory="host", dtype=dtype,
        nbytes=fitted * element_type(dtype).itemsize, ranks=ranks, cadence="isolated", mode="blocking",
        in_place=in_place, params={**operation.params, **params},
    )  # fmt: skip


def wrong(case: Case, *, times: int = 1, change: Change = unchanged, hosts: tuple[str, ...] = ()) -> list[int]:
    """Perform a case so many times in a row on threads: elements of each rank that were wrong, over all times.

    Raises what the first rank that failed raised.
    """
    ranks = case.known_ranks
    meeting = Meeting(ranks)

    def perform(rank: int) -> int:
        question = Question(case=case, rank=rank, ranks=ranks, seed=SEED)
        place = Place(question, Handles(rank, meeting, list(hosts) or ["here"] * ranks))
        operation = operation_of(case)
        with operation.variants[case.variant].prepare(place) as step:  # type: ignore[arg-type]
            meeting.exchange(rank, None)
            try:
                loop = Loop(
                    step=change(rank, step),
                    restore=preparing.restoring(operation, question, place.inputs, place.output),
                )
                return sum(_performed(operation, loop, place, meeting, SEED + time) for time in range(times))
            except BaseException:
                meeting.leave()
                raise

    with ThreadPoolExecutor(ranks) as pool:
        futures = [pool.submit(perform, rank) for rank in range(ranks)]
        failures = [error for error in (future.exception() for future in futures) if error is not None]
        told = [error for error in failures if not isinstance(error, threading.BrokenBarrierError)]
        if failures:
            raise (told or failures)[0]
        return [future.result() for future in futures]


def _performed(operation: Operation, loop: Loop, place: Place, meeting: Meeting, seed: int) -> int:
    question = Question(case=place.question.case, rank=place.question.rank, ranks=place.question.ranks, seed=seed)
    validate.fill(operation, question, place.inputs)
    validate.poison(place.output)
    meeting.exchange(question.rank, None)
    loop.take(1, 1)
    expected = operation.reference(question, 0, place.output.array.size)
    return int(np.count_nonzero(place.output.array != expected))

"""Cases that nobody chose: a strategy that draws them, and a job of ranks, kept open, that tries one after the other.

The ranks: `mpirun -n N python -m units.random_cases`. Rank 0 reads lines {"case", "mutant"} from its standard input;
the first `case.ranks` ranks try the case on a communicator of their own, the others sleep; rank 0 answers with one line
{"wrong": [...], "unavailable": reason or null}. An empty line ends the job.
"""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import assume
from hypothesis import strategies as st
from units import mutants
from units.parties import parties, told
from units.ranks import Trial

from fabricbench import mpi
from fabricbench.collectives import portions, reductions
from fabricbench.engine import catalogue, launch, machine, suite
from fabricbench.model import Case
from fabricbench.spec import Operation, Variant, element_type

RANKS = 9
MOST = 5000
"""Elements of the largest case."""

LIMIT_S = 60
"""For one case, the compilation of its body and the wait for whoever else compiles included."""

TESTS = Path(__file__).parents[1]
PLACES = {"never": [False], "possible": [False, True], "always": [True]}
COLLECTIVES = [name for name, operation in catalogue.operations().items() if operation.family == "collective"]


class HangError(BaseException):
    """Ranks do not answer. No Exception: Hypothesis would try to make it smaller, and wait as long each time."""


class Answer(msgspec.Struct, frozen=True):
    """What was wrong on any rank; why the library cannot do the case, None where it can."""

    wrong: list[str]
    unavailable: str | None


# The side that draws.


@st.composite
def cases(draw: st.DrawFn, names: tuple[str, ...] = (), most_ranks: int = RANKS) -> Case:
    """Any case of the collectives that is not refused. names: of operation/variant, all of them where there is none."""
    name = draw(st.sampled_from(names)) if names else draw(st.sampled_from(COLLECTIVES))
    operation = catalogue.operation(name.partition("/")[0])
    wanted = [name.partition("/")[2]] if names else list(operation.variants)
    variant = operation.variants[draw(st.sampled_from(wanted))]
    ranks = draw(st.integers(1, most_ranks))
    dtype = draw(st.sampled_from(variant.dtypes))
    count = draw(st.integers(1, MOST) | st.integers(1, ranks + 1))
    case = Case(
        operation=operation.name, variant=variant.name, memory="host", dtype=dtype,
        nbytes=fitted(operation, count, ranks) * element_type(dtype).itemsize if operation.sized else 0, ranks=ranks,
        cadence="isolated", mode=draw(st.sampled_from(list(variant.needs))),
        in_place=draw(st.sampled_from(PLACES[operation.in_place])),
        params=dict(operation.params),
    )  # fmt: skip
    values = {"op": reductions.OPERATORS, "root": range(ranks), "counts": portions.SPREADS}
    for param in [name for name in values if name in operation.params]:
        asked = [msgspec.structs.replace(case, params={**case.params, param: value}) for value in values[param]]
        able = [case for case in asked if not refused(operation, variant, case)]
        assume(able)
        case = draw(st.sampled_from(able))
    assume(not refused(operation, variant, case))
    return case


def refused(operation: Operation, variant: Variant, case: Case) -> bool:
    """Whether the program itself would leave this case out."""
    return operation.refuse(case) is not None or suite.refusal(variant, case) is not None


def fitted(operation: Operation, count: int, ranks: int) -> int:
    """The nearest count that the operation can have, the smallest where that is none."""
    return operation.fit(count, ranks) or operation.fit(ranks, ranks)


# The side that asks.


@dataclass
class Job:
    """Ranks that answer; started again for the next case when they died."""

    ranks: int
    process: "subprocess.Popen[str] | None" = None

    def ask(self, case: Case, mutant: str | None = None) -> Answer:
        """Try a case, or a broken variant on it.  Raises AssertionError when ranks die, HangError when they hang."""
        if self.process is None:
            self._start()
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"case": msgspec.to_builtins(case), "mutant": mutant}) + "\n")
        self.process.stdin.flush()
        try:
            line = self._said.get(timeout=LIMIT_S)
        except queue.Empty:
            trouble: str | None = self._ended()
            raise HangError(f"{self.ranks} ranks hang in {case}:\n{trouble}") from None
        trouble = self._ended() if line is None else None
        assert line is not None, f"the ranks died in {case}:\n{trouble}"
        return msgspec.json.decode(line, type=Answer)

    def close(self) -> None:
        """Let the ranks leave in good order.  Raises AssertionError where they do not."""
        if self.process is None:
            return
        assert self.process.stdin is not None
        self.process.stdin.write("\n")  # Open MPI's launcher does not hand on that a pipe was closed
        self.process.stdin.flush()
        try:
            self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            launch.end(self.process)
        status = self.process.returncode
        trouble = self._ended()
        assert status == 0, f"the ranks ended with status {status}:\n{trouble}"

    def _start(self) -> None:
        words = [*launch.prefix(self.ranks, machine.usable_cores()), sys.executable, "-m", "units.random_cases"]
        environment = launch.environment()
        environment["PYTHONPATH"] += f":{TESTS}"
        self._complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115 - open as long as the job
        self._said: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.process = subprocess.Popen(
            words, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints
        )
        self._listener = threading.Thread(target=self._listen, args=(self.process.stdout,), daemon=True)
        self._listener.start()

    def _listen(self, lines: Any) -> None:
        for line in lines:
            if line.startswith("{"):
                self._said.put(line)
        self._said.put(None)

    def _ended(self) -> str:
        """End the job, whatever its state; what it complained of."""
        assert self.process is not None
        launch.end(self.process)
        self._listener.join()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                continue  # what was to be written has no reader any more
        self._complaints.seek(0)
        said = self._complaints.read()[-3000:]
        self._complaints.close()
        self.process = None
        return said


@contextmanager
def job(ranks: int = RANKS) -> Iterator[Job]:
    """Ranks that answer until the end of the block."""
    asked = Job(ranks)
    try:
        yield asked
    finally:
        asked.close()


# The ranks.


def main() -> None:
    group = mpi.connect()
    assert isinstance(group, mpi.World)
    among = parties(group)
    while line := told(group, sys.stdin.readline() if group.rank == 0 else ""):
        asked = json.loads(line)
        case = msgspec.convert(asked["case"], Case)
        party = among[case.ranks]
        if party is None:
            continue
        variant = (
            catalogue.operation(case.operation).variants[case.variant]
            if asked["mutant"] is None
            else mutants.MUTANTS[asked["mutant"]]
        )
        trial = Trial(party.group, party.places, case, variant)
        why = trial.run()
        heard = party.group.gather([f"rank {group.rank}: {text}" for text in trial.wrong])
        if group.rank == 0:
            wrong = [text for texts in heard for text in texts]
            print(json.dumps({"wrong": wrong, "unavailable": why}), flush=True)
    mpi.finish(group)


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # leaving in good order would wait for the other ranks

"""The file of an alternated series: a run a side, whose launches come in turn, each written as a whole."""

import signal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import msgspec

from fabricbench import store
from fabricbench.engine.worker import now
from fabricbench.errors import NotMeasuredError, UsageError
from fabricbench.judge.sides import BASE, NEW
from fabricbench.model import SCHEMA, Ceiling, End, Ending, Pairing, Record, Round, Run
from fabricbench.store import Result

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(kw_only=True)
class Book:
    """One series under way. `command`, `seed`, `launches`: what its runs say of it; `done`: launches of both sides."""

    writer: store.Writer
    pairing: str
    command: tuple[str, ...]
    seed: int
    launches: int
    done: int = 0
    _runs: dict[str, Run] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=lambda: {BASE: 0, NEW: 0})

    @classmethod
    def begun(cls, path: Path, command: tuple[str, ...], seed: int, launches: int) -> Self:
        """A new file, made now so that one that cannot be written is found before measuring.  Raises UsageError."""
        writer = store.Writer.create(path)
        return cls(writer=writer, pairing=uuid.uuid4().hex[:12], command=command, seed=seed, launches=launches)

    @classmethod
    def resumed(cls, path: Path, command: tuple[str, ...], seed: int, launches: int) -> Self:
        """The file of an interrupted series.  Raises UsageError."""
        store.truncate_torn(path)
        results = store.load(path)
        if all(result.end is not None and result.end.status == "complete" for result in results):
            raise UsageError(f"{path} is complete; there is nothing to resume.", f"See fabricbench compare {path}.")
        paired = [(result.run, one.pairing) for result in results for one in result.launches if one.pairing]
        book = cls(
            writer=store.Writer.create(path, append=True), command=command, seed=seed, launches=launches,
            pairing=paired[0][1].id if paired else uuid.uuid4().hex[:12], done=len(paired),
        )  # fmt: skip
        for run, pairing in paired:
            book._runs[pairing.side] = run
            book._counts[pairing.side] += 1
        return book

    @property
    def path(self) -> Path:
        """The file."""
        return self.writer.path

    def results(self) -> list[Result]:
        """What the file holds."""
        return store.load(self.path)

    def write(self, side: str, result: Result) -> None:
        """Append one launch, read from its own file.  Raises NotMeasuredError where the software has changed."""
        run = self._runs.get(side) or self._run(result.run)
        _refuse_changed(side, run, result.run)
        (launched,) = result.launches
        number = self._counts[side]
        pairing = Pairing(id=self.pairing, side=side, position=self.done)
        lines: list[Ceiling | Record | Round] = [*result.ceilings, *result.records, *result.rounds]
        with _undisturbed():
            self.writer.write(run)
            self.writer.write(msgspec.structs.replace(launched, launch=number, pairing=pairing))
            for line in lines:
                self.writer.write(msgspec.structs.replace(line, launch=number))
            self._runs[side] = run
            self._counts[side] += 1
            self.done += 1

    def _run(self, run: Run) -> Run:
        return msgspec.structs.replace(
            run, schema=SCHEMA, id=uuid.uuid4().hex[:12], command=list(self.command), seed=self.seed,
            launches=self.launches,
        )  # fmt: skip

    def close(self, ending: Ending) -> None:
        """The end line of each run; a file without any launch is none."""
        with self.writer, _undisturbed():
            if not self._runs:
                self.path.unlink(missing_ok=True)
                return
            records = {result.run.id: result.records for result in self.results()}
            for run in self._runs.values():
                wrong = sum(record.check.status == "wrong" for record in records[run.id])
                self.writer.write(run)
                self.writer.write(
                    End(finished=now(), records=len(records[run.id]), wrong=wrong, status=ending)
                )  # fmt: skip


def _refuse_changed(side: str, first: Run, this: Run) -> None:
    """A side is one configuration from its first launch to its last.  Raises NotMeasuredError."""
    before, after = ({**run.software, "fabricbench": run.fabricbench} for run in (first, this))
    changed = [name for name in before | after if before.get(name) != after.get(name)]
    if changed:
        told = ", ".join(f"{name} {before.get(name)}, now {after.get(name)}" for name in changed)
        raise NotMeasuredError(
            f"The software of the {side} side changed during the series: {told}.", "Put it back, or begin anew."
        )


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Interruptions wait until a launch is written as a whole."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

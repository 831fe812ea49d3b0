"""Launch after launch into one file, whatever becomes of each: waves of pairs, and cases on all ranks.

A launch that dies or stalls is not the end: the waves that it left are measured by another, the one it died in pair by
pair, and a pair that ends a launch again is left out and called unknown. Cases that a launch left are not measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fabricbench import store
from fabricbench.engine import launch
from fabricbench.engine.listed import Listed
from fabricbench.engine.survey import Pair, Survey, Wave
from fabricbench.engine.worker import Announce, Task
from fabricbench.errors import FabricbenchError, UsageError
from fabricbench.judge.suspicion import Ordered
from fabricbench.model import Case, Record, Round

LONGEST_S = 60.0
"""A wave or a case that takes longer stands still."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked: sizes in bytes, `budget_s` of a wave or a case, `limit_s` that each is over in.

    groups: host names by rail, leaf or rack. inject: a fault of cases, so that it can be seen to be found.
    """

    nbytes: int = 4 << 20
    budget_s: float = 0.5
    limit_s: float = LONGEST_S
    seed: int = 1
    groups: Mapping[str, Sequence[str]] | None = None
    inject: str | None = None


@dataclass
class Measuring:
    """A series of launches into one file. `started`: the last one came so far as to say who takes part.

    `broken`: what ended launches of cases, a sentence each. `records`: of all cases so far.
    """

    question: Question
    words: list[str]
    output: Path
    announce: Announce
    ranks: int
    names: list[str] = field(default_factory=list)
    unknown: list[Ordered] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    launches: int = 0
    started: bool = False

    def listed(self, cases: Sequence[Case]) -> list[Record]:
        """The records of these cases, as many as the launch came to."""
        question = self.question
        task = Listed(
            cases=list(cases), ranks=self.ranks, budget_s=question.budget_s, limit_s=question.limit_s,
            output=str(self.output.absolute()), seed=question.seed, launch=self.launches,
            launches=self.launches + 1, inject=question.inject,
        )  # fmt: skip
        trouble = self._launched(task)
        if trouble is not None:
            if not self.names:
                raise trouble  # not even the first launch came so far as to say who takes part
            self.broken.append(_first_line(trouble.what))
            self._say(f"{trouble.what} Going on without that.")
        found = [line for line in store.load(self.output)[-1].records if line.launch == task.launch]
        self.records += found
        return found

    def measured(self, waves: Sequence[Wave]) -> list[Round]:
        """The lines of these waves; pairs that cannot be measured are noted as unknown."""
        found: list[Round] = []
        left = list(waves)
        while left:
            trouble = self._surveyed(left)
            written = self._written()
            finished = len(written)
            found += written
            if trouble is None or finished == len(left):
                break
            if not self.names:
                raise trouble  # not even the first launch came so far as to say who takes part
            if not self.started:
                self._say(f"{trouble.what} What is left is unknown.")
                self.unknown += ordered(left[finished:])
                break
            left = self._without(left[finished:], trouble)
        return found

    def _surveyed(self, waves: list[Wave]) -> FabricbenchError | None:
        return self._launched(
            Survey(
                waves=waves, nbytes=self.question.nbytes, budget_s=self.question.budget_s,
                limit_s=self.question.limit_s, output=str(self.output.absolute()), seed=self.question.seed,
                launch=self.launches, launches=self.launches + 1,
            )
        )  # fmt: skip

    def _launched(self, task: Task) -> FabricbenchError | None:
        """What ended the launch of a task, if it did not end well.  Raises UsageError."""
        self.launches += 1
        self.started = False
        try:
            launch.launch(task, self.words, self._hear)
        except UsageError:
            raise
        except FabricbenchError as error:
            return error
        return None

    def _hear(self, event: dict[str, Any]) -> None:
        if event["event"] == "nodes":
            self.names, self.started = event["names"], True
        elif event["event"] == "wave":
            self._say(event["text"])
        else:
            self.announce(event)

    def _say(self, text: str) -> None:
        self.announce({"event": "notice", "text": text.replace("\n", " ")})

    def _without(self, waves: list[Wave], trouble: FabricbenchError) -> list[Wave]:
        """What is left when the first of these waves ended the launch: its pairs one by one, or all but the last."""
        first, rest = waves[0], waves[1:]
        self._say(f"{trouble.what} Going on without that.")
        if len(first.pairs) > 1:
            return [*(Wave(round=first.round, direction=first.direction, pairs=[pair]) for pair in first.pairs), *rest]
        (pair,) = first.pairs
        self.unknown += [pair, pair[::-1]]
        return [kept for wave in rest if (kept := _kept(wave, pair)).pairs]

    def _written(self) -> list[Round]:
        """The rounds of the last launch."""
        return [line for line in store.load(self.output)[-1].rounds if line.launch == self.launches - 1]


def _first_line(what: str) -> str:
    """Without what the ranks of a launch printed, which was said when it ended."""
    return what.partition(" It said:\n")[0]


def _kept(wave: Wave, pair: Pair) -> Wave:
    return Wave(round=wave.round, direction=wave.direction, pairs=[one for one in wave.pairs if set(one) != set(pair)])


def ordered(waves: Sequence[Wave]) -> list[Ordered]:
    """The ordered pairs of waves, sender first."""
    found = []
    for wave in waves:
        for one, two in wave.pairs:
            found += [(one, two)] * (wave.direction != "backward") + [(two, one)] * (wave.direction != "forward")
    return found

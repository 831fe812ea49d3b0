"""Name the slow part: every pair in rounds, what stands out again, pairs alone against all at once.

A launch that dies or stalls is not the end: the waves that it left are measured by another, the one it died in pair by
pair, and a pair that ends a launch again is left out and called unknown.
"""

import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from fabricbench import mpi, store
from fabricbench.engine import launch, machine, start, worker
from fabricbench.engine.start import Order
from fabricbench.engine.survey import Pair, Survey, Wave
from fabricbench.engine.worker import Announce
from fabricbench.errors import FabricbenchError, NotMeasuredError, UsageError
from fabricbench.judge import rounds, suspicion
from fabricbench.judge.localise import Localised, bandwidths, localise, together
from fabricbench.judge.suspicion import Diagnosis, Ordered
from fabricbench.model import End, Ending, Round

LONGEST_S = 60.0
"""A wave that takes longer stands still."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked: sizes in bytes, `budget_s` of a wave. `groups`: host names by rail, leaf or rack."""

    nbytes: int = 4 << 20
    budget_s: float = 0.5
    limit_s: float = LONGEST_S
    seed: int = 1
    groups: Mapping[str, Sequence[str]] | None = None


@dataclass
class Measuring:
    """A series of launches into one file. `started`: the last one came so far as to say who takes part."""

    question: Question
    words: list[str]
    output: Path
    announce: Announce
    names: list[str] = field(default_factory=list)
    unknown: list[Ordered] = field(default_factory=list)
    launches: int = 0
    started: bool = False

    def measured(self, waves: Sequence[Wave]) -> list[Round]:
        """The lines of these waves; pairs that cannot be measured are noted as unknown."""
        found: list[Round] = []
        left = list(waves)
        while left:
            trouble = self._launched(left)
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

    def _launched(self, waves: list[Wave]) -> FabricbenchError | None:
        survey = Survey(
            waves=waves, nbytes=self.question.nbytes, budget_s=self.question.budget_s, limit_s=self.question.limit_s,
            output=str(self.output.absolute()), seed=self.question.seed, launch=self.launches,
        )  # fmt: skip
        self.launches += 1
        self.started = False
        try:
            launch.launch(survey, self.words, self._hear)
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


def _kept(wave: Wave, pair: Pair) -> Wave:
    return Wave(round=wave.round, direction=wave.direction, pairs=[one for one in wave.pairs if set(one) != set(pair)])


def ordered(waves: Sequence[Wave]) -> list[Ordered]:
    """The ordered pairs of waves, sender first."""
    found = []
    for wave in waves:
        for one, two in wave.pairs:
            found += [(one, two)] * (wave.direction != "backward") + [(two, one)] * (wave.direction != "forward")
    return found


def diagnose(question: Question, order: Order, announce: Announce) -> Diagnosis:
    """Measure, judge, measure the suspects again.  Raises FabricbenchError."""
    words, members = _ranks(order)
    output = _begun(question, order)
    measuring = Measuring(question, words, output, announce)
    ending: Ending = "failed"
    try:
        with launch.ended_by_signals():
            found = _found(measuring, members)
        ending = "complete"
        return found
    except KeyboardInterrupt:
        ending = "interrupted"
        raise
    finally:
        with store.Writer.create(output, append=True) as writer:
            writer.write(End(finished=worker.now(), records=0, wrong=0, status=ending))


def _ranks(order: Order) -> tuple[list[str], int]:
    promised, launcher = mpi.promise(os.environ)
    if promised:
        raise UsageError(
            f"diagnose cannot be had under {launcher}: it starts launches of its own.",
            f"Run it outside with --launcher '{launcher} ...'.",
        )
    if mpi.installed() is not None:
        raise NotMeasuredError(f"Pairs of ranks need MPI: {mpi.installed()}", mpi.INSTALL)
    if order.ranks is None:
        raise UsageError("How many ranks are to be paired is not known.", "Say it with -n, best one a host.")
    if order.ranks < 2:  # noqa: PLR2004 - a pair is two
        raise UsageError(f"{order.ranks} ranks make no pair.", "Ask for -n 4 or more.")
    return start.launcher_words(order), order.ranks


def _begun(question: Question, order: Order) -> Path:
    output = Path(order.output) if order.output else start.default_output("diagnose")
    software = machine.software(mpi.library_name())
    with store.Writer.create(output, append=order.append) as writer:
        writer.write(worker.run_line(uuid.uuid4().hex[:12], order.command, question.seed, 1, software))
    return output


def _found(measuring: Measuring, members: int) -> Diagnosis:
    question = measuring.question
    pairings = rounds.first(members, question.seed)
    lines = measuring.measured(list(_waves(pairings, ("forward", "backward", "both"))))
    if len(measuring.names) != members:
        raise NotMeasuredError(
            f"{members} ranks were asked for and {len(measuring.names)} were started.",
            "Let -n and --launcher say the same.",
        )
    apart = [line for line in lines if line.direction != "both"]
    both = [line for line in lines if line.direction == "both"]
    groups = _groups(question.groups, measuring.names)
    localised = localise(bandwidths(apart), members, groups, together(apart))
    more = rounds.targeted(members, pairings, localised.near, question.seed)
    if more:
        apart += measuring.measured(list(_waves(more, ("forward", "backward"), len(pairings))))
        localised = localise(bandwidths(apart), members, groups, together(apart))
    alone = measuring.measured([Wave(round=0, direction="forward", pairs=[pair]) for pair in rounds.crowded(apart)])
    usual = _usual(alone, localised)
    checks = {one: suspicion.again(one, range(members), localised.suspects) for one in localised.suspects}
    again = measuring.measured(
        [Wave(round=0, direction="forward", pairs=[pair]) for pairs in checks.values() for pair in pairs]
    )
    return Diagnosis(
        names=tuple(measuring.names), library=mpi.library_name(), nbytes=question.nbytes, file=str(measuring.output),
        rates=suspicion.medians(apart), localised=localised,
        found=tuple(suspicion.confirmed(one, _of(again, checks[one]), usual) for one in localised.suspects),
        together=suspicion.ratio(apart, alone),
        duplex=suspicion.ratio(both, apart),
        unknown=tuple(dict.fromkeys(measuring.unknown)),
        wrong=tuple(ordered([_wave(line) for line in (*apart, *both, *alone, *again) if line.check == "wrong"])),
    )  # fmt: skip


def _usual(alone: Sequence[Round], localised: Localised) -> float:
    """Bytes a second of a pair that is measured alone, best of those that no suspect is part of."""
    accused = {member for one in localised.suspects for member in one.members}
    rates = suspicion.medians(alone)
    free = [rate for pair, rate in rates.items() if not accused & set(pair)]
    return median(free or rates.values() or [localised.base or 0.0])


def _wave(line: Round) -> Wave:
    return Wave(round=line.round, direction=line.direction, pairs=[(one, two) for one, two in line.pairs])


def _of(lines: Sequence[Round], pairs: Sequence[Ordered]) -> list[Round]:
    """The lines of these pairs; one that could not be measured has none."""
    return [line for line in lines if line.pairs[0] in pairs]


def _waves(pairings: Sequence[list[Pair]], directions: Sequence[Any], start: int = 0) -> Iterator[Wave]:
    for number, pairs in enumerate(pairings, start):
        for direction in directions:
            yield Wave(round=number, direction=direction, pairs=pairs)


def _groups(named: Mapping[str, Sequence[str]] | None, names: Sequence[str]) -> list[str] | None:
    """The group of each rank.  Raises UsageError where the groups and the hosts disagree."""
    if named is None:
        return None
    of = {host: group for group, hosts in named.items() for host in hosts}
    hosts = [name.partition(":")[0] for name in names]
    missing = sorted({host for host in hosts if host not in of})
    surplus = sorted(of.keys() - set(hosts))
    if missing or surplus:
        what = [f"{', '.join(missing)} in no group"] * bool(missing) + [f"{', '.join(surplus)} took no part"] * bool(
            surplus
        )
        raise UsageError(f"The groups and the hosts disagree: {'; '.join(what)}.", "Correct the file of --groups.")
    return [of[host] for host in hosts]

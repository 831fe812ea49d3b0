"""Name the slow part: local tests, every pair in rounds, all-reduces of halves; what stands out is measured again."""

import os
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from fabricbench import mpi, store
from fabricbench.engine import inject, launch, machine, start, worker
from fabricbench.engine.start import Order
from fabricbench.engine.survey import Pair, Wave
from fabricbench.engine.worker import Announce
from fabricbench.errors import NotMeasuredError, UsageError
from fabricbench.judge import halves, peers, suspicion, topology
from fabricbench.judge.localise import bandwidths, localise, rounds
from fabricbench.judge.suspicion import Diagnosis, Ordered
from fabricbench.model import End, Ending, Round
from fabricbench.procedures import locally, searching
from fabricbench.procedures.locally import Examined
from fabricbench.procedures.measuring import Measuring, Question, ordered

MOST_MEMBERS = 256
"""Ranks above which every pair would take too long."""
SPARSE_ROUNDS = 16


def diagnose(question: Question, order: Order, announce: Announce) -> Diagnosis:
    """Measure, judge, measure the suspects again.  Raises FabricbenchError."""
    words, members = _ranks(order)
    start.refuse_seed(question.seed)
    _refuse_idle(question, members)
    output = _begun(question, order)
    measuring = Measuring(question, words, output, announce, members)
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
        _close(output, ending)


def _close(output: Path, ending: Ending) -> None:
    records = store.load(output)[-1].records
    wrong = sum(record.check.status == "wrong" for record in records)
    with store.Writer.create(output, append=True) as writer:
        writer.write(End(finished=worker.now(), records=len(records), wrong=wrong, status=ending))


def _refuse_idle(question: Question, members: int) -> None:
    """Raises UsageError for a fault that would hit nothing, or what could not be flagged."""
    fault = inject.parse(question.inject)
    if fault is None:
        return
    rows = [*locally.cases([name for name, _, _ in locally.TESTS], members), searching.case(question, (0, 1), members)]
    if not any(fault.hits(row) for row in rows):
        names = ", ".join(dict.fromkeys(f"{row.operation}/{row.variant}" for row in rows))
        raise UsageError(
            f"--inject {question.inject} hits nothing that diagnose flags.", f"Slow or flip one of {names}."
        )
    if fault.rank is not None and not 0 <= fault.rank < members:
        raise UsageError(f"There is no rank {fault.rank} of {members} for --inject {question.inject}.")


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
    """Local tests, then pairs; all-reduces of halves where both are clean."""
    examined = locally.examine(measuring)
    found = _paired(measuring, members, examined)
    if _whole(found, measuring).verdict == "clean":
        alike, why = halves.candidates(measuring.names)
        if why is None:
            found = replace(found, searched=searching.search(measuring, alike))
        else:
            found = replace(found, remarks=(*found.remarks, why))
    return _whole(found, measuring)


def _whole(found: Diagnosis, measuring: Measuring) -> Diagnosis:
    """With what became of all cases so far."""
    unfinished = (f"UNKNOWN, because a launch did not end well: {what}" for what in measuring.broken)
    return replace(found, miscomputed=peers.wrong(measuring.records), gaps=(*found.gaps, *unfinished))


def _paired(measuring: Measuring, members: int, examined: Examined) -> Diagnosis:
    question = measuring.question
    pairings = _pairings(members, question.seed)
    lines = measuring.measured(list(_waves(pairings, ("forward", "backward", "both"))))
    if len(measuring.names) != members:
        raise NotMeasuredError(
            f"{members} ranks were asked for and {len(measuring.names)} were started.",
            "Let -n and --launcher say the same.",
        )
    apart = [line for line in lines if line.direction != "both"]
    grouping = topology.grouping(question.groups, measuring.names)
    localised = localise(bandwidths(apart), members, grouping.groups)
    reference = suspicion.reference(pairings, localised.suspects)
    alone = measuring.measured([Wave(round=0, direction="forward", pairs=[pair]) for pair in reference])
    usual = suspicion.usual_alone(alone, localised.suspects) or localised.base or 0.0
    checks = {one: suspicion.again(one, range(members), localised.suspects) for one in localised.suspects}
    again = measuring.measured(
        [Wave(round=0, direction="forward", pairs=[pair]) for pairs in checks.values() for pair in pairs]
    )
    return Diagnosis(
        names=tuple(measuring.names), library=mpi.library_name(), nbytes=question.nbytes, file=str(measuring.output),
        rates=suspicion.medians(apart), localised=localised,
        found=tuple(suspicion.confirmed(one, _of(again, checks[one]), usual) for one in localised.suspects),
        together=suspicion.ratio(apart, alone),
        duplex=suspicion.ratio([line for line in lines if line.direction == "both"], apart),
        unknown=tuple(dict.fromkeys(measuring.unknown)),
        wrong=tuple(ordered([_wave(line) for line in (*lines, *alone, *again) if line.check == "wrong"])),
        compared=examined.compared, lagging=examined.lagging,
        gaps=(*examined.gaps, *grouping.gaps), remarks=(*grouping.remarks, *topology.remarks(measuring.names)),
    )  # fmt: skip


def _wave(line: Round) -> Wave:
    return Wave(round=line.round, direction=line.direction, pairs=[(one, two) for one, two in line.pairs])


def _of(lines: Sequence[Round], pairs: Sequence[Ordered]) -> list[Round]:
    """The lines of these pairs; one that could not be measured has none."""
    return [line for line in lines if line.pairs[0] in pairs]


def _pairings(members: int, seed: int) -> list[list[Pair]]:
    """Every pair in rounds, in seeded order; of many members some of the rounds."""
    found = rounds(members)
    Random(seed).shuffle(found)
    return found if members <= MOST_MEMBERS else found[:SPARSE_ROUNDS]


def _waves(pairings: Sequence[list[Pair]], directions: Sequence[Any]) -> Iterator[Wave]:
    for number, pairs in enumerate(pairings):
        for direction in directions:
            yield Wave(round=number, direction=direction, pairs=pairs)

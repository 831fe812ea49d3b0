"""The search for a member that slows down all-reduces and nothing else: halves, launch by launch, then again."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from fabricbench import traffic
from fabricbench.engine import catalogue
from fabricbench.engine.placement import ranks_named
from fabricbench.judge import halves
from fabricbench.judge.halves import AGAIN, TURNS, Members, Outcome, Searched, Times, Trial
from fabricbench.model import Case, Record
from fabricbench.procedures.measuring import Measuring, Question

OPERATION, DTYPE, WIDTH = "allreduce", "float32", 4


def search(measuring: Measuring, members: Members) -> Searched:
    """Compare halves until one of these members is left, and measure that one again."""
    trial: Trial | None = halves.first(members)
    found = Searched()
    while trial is not None:
        whole = members if found.trials == 0 else None
        records = measuring.listed(_cases(measuring, trial, TURNS, whole))
        times_s = _times(records, trial, TURNS)
        if times_s is None:
            return replace(found, blind="All-reduces of halves could not be measured.")
        outcome = halves.outcome(trial, times_s, len(members))
        found = _told(found, outcome, records, trial, members)
        trial = halves.following(outcome, members)
    return _again(measuring, found, members) if len(found.members) == 1 else found


def _told(found: Searched, outcome: Outcome, records: Sequence[Record], trial: Trial, members: Members) -> Searched:
    """What is known after one trial more: where it is alike, the members that were suspected before still are."""
    known = replace(found, trials=found.trials + 1)
    if found.sees is None:
        known = replace(known, sees=outcome.sees, whole=_whole(records, trial, members))
    return replace(known, members=outcome.slow, share=outcome.share) if outcome.slow else known


def _again(measuring: Measuring, found: Searched, members: Members) -> Searched:
    trial = halves.retrial(found.members[0], members)
    times_s = _times(measuring.listed(_cases(measuring, trial, AGAIN)), trial, AGAIN)
    if times_s is None or found.share is None:
        return found
    slow, again = halves.again(found.share, times_s)
    return replace(found, slow=slow, again=again)


def _cases(measuring: Measuring, trial: Trial, turns: int, whole: Members | None = None) -> list[Case]:
    """Both groups in every turn, in changing order, and all members between them where they are asked for."""
    first, second = trial.groups
    between = [whole] if whole else []
    return [
        case(measuring.question, group, measuring.ranks, turn)
        for turn in range(turns)
        for group in [first, *between, second][:: 1 if turn % 2 == 0 else -1]
    ]


def case(question: Question, group: Members, ranks: int, turn: int = 0) -> Case:
    """The all-reduce of a group of so many ranks."""
    return Case(
        operation=OPERATION, variant="mpi", memory="host", dtype=DTYPE,
        nbytes=max(1, question.nbytes // WIDTH) * WIDTH, ranks=ranks, cadence="isolated", mode="blocking",
        in_place=False,
        params={**catalogue.operation(OPERATION).params, "communicator": ranks_named(group), "turn": turn},
    )  # fmt: skip


def _times(records: Sequence[Record], trial: Trial, turns: int) -> Times | None:
    """Seconds of both groups turn by turn; None where one was not measured, or is wrong."""
    first, second = (_of(records, group) for group in trial.groups)
    return (first, second) if len(first) == len(second) == turns else None


def _of(records: Sequence[Record], group: Members) -> list[float]:
    """Medians of a group's turns, in order of the turns."""
    name = ranks_named(group)
    return [
        record.summary.median_s
        for record in sorted(records, key=lambda record: int(record.case.params["turn"]))
        if record.case.params["communicator"] == name and record.summary.median_s and record.check.status == "ok"
    ]


def _whole(records: Sequence[Record], trial: Trial, members: Members) -> float | None:
    """Bus bandwidth of all members over that of their halves."""
    apart = [seconds for group in trial.groups for seconds in _of(records, group)]
    together = _of(records, members)
    if not apart or not together:
        return None
    sizes = len(members), len(trial.groups[0])
    factor, half = (traffic.bus_factor(OPERATION, size) for size in sizes)
    return (factor / median(together)) / (half / median(apart))

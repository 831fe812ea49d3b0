"""Pairs of ranks measured round by round, and what every rank does for it: `python -m fabricbench.engine.survey TASK`.

In a wave all its pairs talk at once; ranks in no pair wait. A pair's time is that of its sender, from its first message
until the receiver has thanked for the last; where both send, of the slower. Waves are written one by one: what is left
when a rank dies can be measured by another launch.
"""

import os
import socket
import sys
from contextlib import ExitStack
from functools import partial
from typing import Any, ClassVar, Literal

import msgspec
import numpy as np

from fabricbench import mpi, native, store
from fabricbench.engine import catalogue, worker
from fabricbench.engine.placement import Placement, placement
from fabricbench.engine.preparing import Place, buffers
from fabricbench.engine.watchdog import Standing, Watchdog
from fabricbench.engine.worker import Announce, Task
from fabricbench.errors import NotMeasuredError
from fabricbench.measure import clock
from fabricbench.measure.loop import Loop, nothing
from fabricbench.measure.validate import Validator
from fabricbench.model import Case, Round, rank_names
from fabricbench.spec import Question, Step, block
from fabricbench.statistics import six_digits

Pair = tuple[int, int]
Direction = Literal["both", "forward", "backward"]

WINDOW = 4
"""Messages in flight between two ranks."""
FEWEST, MOST = 3, 50
"""Samples of a wave, each of a window."""


class Wave(msgspec.Struct, frozen=True, kw_only=True):
    """Pairs that talk at once. Forward: the first of each pair sends to the second; backward: the other way round."""

    round: int
    direction: Direction
    pairs: list[Pair]


class Survey(Task, frozen=True, kw_only=True):
    """Waves of one launch. `nbytes`: of a message. Of a wave: `budget_s` to measure in, `limit_s` to be over in."""

    module: ClassVar[str] = "fabricbench.engine.survey"
    waves: list[Wave]
    nbytes: int
    budget_s: float
    limit_s: float
    output: str
    seed: int = 1


def work(survey: Survey, announce: Announce) -> None:
    """Measure every wave; rank 0 appends a launch line and a line a wave.  Raises FabricbenchError on all ranks."""
    standing, group = Standing(), mpi.connect()
    if not isinstance(group, mpi.World):
        raise NotMeasuredError("Pairs of ranks need MPI.", mpi.INSTALL)

    def ended(ending: str, status: int) -> None:
        where = {"rank": group.rank, "host": socket.gethostname(), "text": standing.text()}
        announce({"event": "stood", "ending": ending, **where})
        os._exit(status)

    places = placement(group)
    native.threads(1)
    watchdog = Watchdog(None, ended)
    writer = store.Writer.create(survey.output, append=True) if group.rank == 0 else None
    try:
        report = clock.report(group)
        if writer is not None:
            announce({"event": "nodes", "names": names(places)})
            writer.write(worker.launch_line(survey.launch, group, places.binding, report))
        for wave in survey.waves:
            standing.at(said(wave, places))
            watchdog.limit(survey.limit_s)
            line = _measured(survey, wave, group, places, standing)
            if writer is not None:
                writer.write(line)
                announce({"event": "wave", "text": f"{said(wave, places)}: {line.check}"})
        watchdog.limit(None)
        mpi.finish(group)
    except Exception as error:
        # Others may be waiting inside MPI for this rank, which can no longer agree on anything with them.
        announce({"event": "error", "text": str(error) or type(error).__name__, "status": getattr(error, "status", 3)})
        group.abort(getattr(error, "status", 3))
    finally:
        watchdog.close()
        if writer is not None:
            writer.close()


def names(places: Placement) -> list[str]:
    """What every rank is called: its host, with its number there where it is not alone."""
    return rank_names(places.hosts)


def said(wave: Wave, places: Placement) -> str:
    """A wave in a phrase."""
    called = names(places)
    arrow = {"both": "<->", "forward": "->", "backward": "<-"}[wave.direction]
    return f"round {wave.round}: {', '.join(f'{called[a]} {arrow} {called[b]}' for a, b in wave.pairs)}"


def _measured(survey: Survey, wave: Wave, group: mpi.World, places: Placement, standing: Standing) -> Round:
    pair = next((pair for pair in wave.pairs if group.rank in pair), None)
    operation = catalogue.operation("bidirectional" if wave.direction == "both" else "bandwidth")
    case = Case(
        operation=operation.name, variant="mpi", memory="host", dtype="uint8", nbytes=survey.nbytes, ranks=group.ranks,
        cadence="streaming", mode=operation.mode, in_place=False,
        params={"distance": "pair", "partitions": 1, "window": WINDOW},
    )  # fmt: skip
    members = pair[::-1] if pair and wave.direction == "backward" else pair or ()
    question = Question(case, members.index(group.rank), 2, survey.seed + min(members)) if pair else None
    inputs, output = buffers(operation, question)
    with ExitStack() as stack:
        step = Step(call=nothing, block=block(unused=0))
        if question is not None:
            place = Place(question, inputs, output, 1, group, members)
            step = stack.enter_context(operation.variants["mpi"].prepare(place))
        loop = Loop(step=step, cell=standing.cell)
        verdict = Validator(operation, question, inputs, output, loop, group, group).check()
        own_s = _sampled(loop, group, survey.budget_s, taking_part=question is not None)
    sends = question is not None and (question.rank == 0 or wave.direction == "both")
    heard = group.gather(own_s if sends else None)
    return Round(
        launch=survey.launch, round=wave.round, direction=wave.direction, pairs=wave.pairs, nbytes=survey.nbytes,
        samples_s=[_slower([heard[rank] for rank in pair if heard[rank] is not None]) for pair in wave.pairs],
        check="wrong" if verdict.wrong else "ok",
    )  # fmt: skip


def _sampled(loop: Loop, group: mpi.World, budget_s: float, *, taking_part: bool) -> np.ndarray[Any, Any]:
    """Seconds of a message, (samples,): as many on every rank as the slowest has time for. The first is thrown away.

    A link that lets a burst pass before it holds back has let it pass by then.
    """
    group.barrier()
    pilot_s = _taken(loop, 1)[0] * WINDOW if taking_part else 0.0
    slowest_s = float(group.highest(np.array([pilot_s]))[0])
    samples = int(np.clip(budget_s / max(slowest_s, 1e-9), FEWEST, MOST))
    group.barrier()
    return _taken(loop, samples) if taking_part else np.zeros(samples)


def _taken(loop: Loop, samples: int) -> np.ndarray[Any, Any]:
    taken = loop.take(samples, 1)
    return (taken.left - taken.entered) * 1e-9 / WINDOW


def _slower(sides: list[np.ndarray[Any, Any]]) -> list[float]:
    return six_digits(np.max(sides, axis=0))


if __name__ == "__main__":
    sys.exit(worker.serve(partial(work, Survey.decode(sys.argv[1]))))

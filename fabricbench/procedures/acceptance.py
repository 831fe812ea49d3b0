"""A cluster on the day of its delivery: a suite, what was worst of it again, every pair, and an endurance run.

All of it goes into one file, a run each, for `verdict` to judge.
"""

import math
import os
import shlex
from dataclasses import replace

import msgspec

from fabricbench import mpi, store
from fabricbench.engine import preview, start, suite
from fabricbench.engine.start import Order
from fabricbench.engine.suite import Request
from fabricbench.engine.worker import Announce
from fabricbench.errors import UsageError
from fabricbench.judge import bisections, sides, soak
from fabricbench.procedures import diagnose
from fabricbench.quantity import parse_size, size_text

AGAIN_S = 5.0
"""Measuring time of the draws that are measured again."""
ENDURANCE = "soak"
"""The suite that an endurance run repeats."""


def run(request: Request, order: Order, announce: Announce, soak_s: float | None = None) -> tuple[str, int]:
    """The result file, and 1 where something in it is wrong, else 0.  Raises FabricbenchError.

    Ranks that somebody else started cannot be started again: they measure the suite alone.
    """
    promised, launcher = mpi.promise(os.environ)
    if promised:
        return _joined(request, order, announce, launcher, soak_s)
    if order.resume:
        _refuse_later(order)
    path, wrong = start.run(request, order, announce)
    launched = store.load(path)[-1].launches[-1]
    then = replace(order, ranks=launched.ranks, output=path, append=True, resume=False)
    wrong |= _worst_again(request, then, announce)
    size = None if request.only else suite.named(request.suite).pairs
    if size is not None:
        wrong |= _pairs(parse_size(size), request.seed, then, announce)
    if soak_s is not None:
        wrong |= _endured(request, then, announce, soak_s)
    announce({"event": "notice", "text": f"judge it with: fabricbench verdict {shlex.quote(path)}"})
    return path, wrong


def _joined(request: Request, order: Order, announce: Announce, launcher: str, soak_s: float | None) -> tuple[str, int]:
    outside = f"run it outside with --launcher '{launcher} ...'"
    if soak_s is not None:
        raise UsageError(
            f"--soak cannot be had under {launcher}, which starts the ranks once.", f"{outside.capitalize()}."
        )
    if mpi.rank_by_launcher(os.environ) == 0:
        announce({"event": "notice", "text": f"PAIRS ARE LEFT OUT UNDER {launcher}: {outside}."})
    return start.run(request, order, announce)


def _refuse_later(order: Order) -> None:
    """Only the suite can be resumed: what follows it is measured whole."""
    output = order.output or ""
    results = store.load(output)
    end = results[-1].end
    if len(results) > 1 or (end is not None and end.status == "complete"):
        raise UsageError(
            f"The suite in {output} is complete, and only a suite is resumed.",
            "Measure what followed into a file of its own, such as `diagnose -n N -o pairs.jsonl`, and judge both.",
        )


def _worst_again(request: Request, order: Order, announce: Announce) -> int:
    """The slowest bisections of the suite once more, beside usual ones: what passed by is gone then."""
    units, _ = sides.units(store.load(order.output or "")[-1:])
    wrong = 0
    for found in bisections.draws(units):
        if again := found.again():
            case = found.case
            asked = msgspec.structs.replace(
                request, only=[f"{case.operation}/{case.variant}"], sizes=size_text(case.nbytes),
                params={"draw": [*again]}, budget=AGAIN_S,
            )  # fmt: skip
            announce({"event": "notice", "text": f"bisections again: draws {', '.join(map(str, again))}"})
            wrong |= start.run(asked, replace(order, launches=1), announce)[1]
    return wrong


def _pairs(nbytes: int, seed: int, order: Order, announce: Announce) -> int:
    if order.ranks is None or order.ranks < 2:  # noqa: PLR2004 - a pair is two
        announce({"event": "notice", "text": "NO PAIRS: there is one rank."})
        return 0
    found = diagnose.diagnose(diagnose.Question(nbytes=nbytes, seed=seed), order, announce)
    return int(bool(found.wrong))


def _endured(request: Request, order: Order, announce: Announce, soak_s: float) -> int:
    """Launch after launch of a small suite, as many as the time allows, and as many as a slope needs."""
    asked = Request(suite=ENDURANCE, seed=request.seed, inject=request.inject)
    one_s = preview.expected_s(start.plan(asked, order)[0], 1)
    launches = max(soak.FEWEST, math.ceil(soak_s / one_s))
    text = f"endurance: {launches} launches, about {launches * one_s:.0f} s"
    announce({"event": "notice", "text": text})
    return start.run(asked, replace(order, launches=launches), announce)[1]

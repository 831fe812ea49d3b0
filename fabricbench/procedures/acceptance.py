"""A cluster on the day of its delivery: a suite, what is doubtful of it again, every pair, and an endurance run.

All of it goes into one file, a run each, for `verdict` to judge.
"""

import math
import os
import shlex
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from fabricbench import mpi, store
from fabricbench.engine import inject, preview, start, suite
from fabricbench.engine.start import Order
from fabricbench.engine.suite import Request
from fabricbench.engine.worker import Announce
from fabricbench.errors import UsageError
from fabricbench.judge import bisections, nodes, sides, soak, suspicion
from fabricbench.judge.sides import Unit
from fabricbench.model import Case, Scalar
from fabricbench.procedures import diagnose
from fabricbench.procedures.measuring import Question
from fabricbench.quantity import parse_size, size_text

AGAIN_S = 5.0
"""Measuring time of what is measured again."""
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
    measured = store.load(path)[-1]
    ranks = measured.launches[-1].ranks
    then = replace(order, ranks=ranks, output=path, append=True, resume=False, algorithms=())
    for asked in again(request, sides.units([measured])[0]):
        announce({"event": "notice", "text": f"again: {', '.join(asked.only)} {asked.sizes}"})
        wrong |= start.run(asked, replace(then, launches=1), announce)[1]
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
        raise UsageError(f"--soak cannot be had under {launcher}, which starts the ranks once.", f"R{outside[1:]}.")
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


def again(request: Request, units: Sequence[Unit]) -> list[Request]:
    """What is measured once more, because what was in the way is gone then.

    The slowest bisections beside usual ones; and every case in which a node was slow in the only launch there was.
    """
    found = [
        (draws.case, {"draw": list[Scalar](chosen)}) for draws in bisections.draws(units) if (chosen := draws.again())
    ]
    slow = [one for one in nodes.local(units) if one.slow] if len(units) == 1 else []
    cases: list[tuple[Case, dict[str, list[Scalar]]]] = [*found, *((one.case, {}) for one in slow)]
    return [
        msgspec.structs.replace(
            request, only=[f"{case.operation}/{case.variant}"], sizes=size_text(case.nbytes), dtypes=[case.dtype],
            params=params, budget=AGAIN_S, inject=_fault(request, [case]),
        )
        for case, params in cases
    ]  # fmt: skip


def _pairs(nbytes: int, seed: int, order: Order, announce: Announce) -> int:
    if order.ranks is None or order.ranks < 2:  # noqa: PLR2004 - a pair is two
        announce({"event": "notice", "text": "NO PAIRS: there is one rank."})
        return 0
    found = diagnose.diagnose(Question(nbytes=nbytes, seed=seed, pairs_only=True), order, announce)
    for text in suspicion.sentences(found):
        announce({"event": "notice", "text": text})
    return int(bool(found.wrong))


def _endured(request: Request, order: Order, announce: Announce, soak_s: float) -> int:
    """Launch after launch of a small suite, as many as the time allows, and as many as a slope needs."""
    asked = Request(suite=ENDURANCE, seed=request.seed)
    planned, _ = start.plan(asked, order)
    one_s = preview.expected_s(planned, 1)
    launches = max(soak.FEWEST, math.ceil(soak_s / one_s))
    announce({"event": "notice", "text": f"endurance: {launches} launches, about {launches * one_s:.0f} s"})
    asked = msgspec.structs.replace(asked, inject=_fault(request, planned.cases))
    return start.run(asked, replace(order, launches=launches), announce)[1]


def _fault(request: Request, cases: Sequence[Case]) -> str | None:
    """The fault that is to be put in, where it hits one of these cases."""
    fault = inject.parse(request.inject)
    return request.inject if fault is not None and any(map(fault.hits, cases)) else None

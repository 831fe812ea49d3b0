"""Ours beside the OSU micro-benchmarks, on this machine: launches of both in turn, then the ratios.

Every pair of launches changes the order, ABBA, so that a drift of the machine favours neither side. Both are started by
the same launcher words, so that ranks are bound alike.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from fabricbench import mpi, store
from fabricbench.engine import catalogue, launch, machine, start, suite, worker
from fabricbench.engine.start import Order
from fabricbench.engine.suite import Request
from fabricbench.engine.worker import Announce
from fabricbench.errors import NotMeasuredError, TimedOutError, UsageError
from fabricbench.judge import beside as judge
from fabricbench.judge.beside import Answer, Figures, Report
from fabricbench.procedures import osu
from fabricbench.procedures.osu import Peer, Printed

CASE_S = 0.15
"""Our measuring time of one size of one launch."""
VARIANT = "mpi"
SAID_LINES = 8


@dataclass
class Series:
    """All launches of one operation. `sizes`: ours by OSU's."""

    peer: Peer
    path: Path
    sizes: dict[int, int]
    ours: list[dict[int, float]] = field(default_factory=list)
    theirs: list[Printed] = field(default_factory=list)
    spent_s: list[float] = field(default_factory=lambda: [0.0, 0.0])
    first_s: list[float] = field(default_factory=list)
    measuring_s: list[float] = field(default_factory=list)


def examine(folder: Path, order: Order, announce: Announce) -> Report:
    """Measure both sides launch by launch and judge.  Raises FabricbenchError."""
    _refuse(order)
    programs = osu.programs(folder)
    ranks = start.plan(Request(only=["barrier/mpi"]), order)[1]
    words = start.launcher_words(order)
    series, left_out = _series(programs, ranks)
    started = worker.now()
    bare_s = _measure(series, replace(order, ranks=ranks, launches=1), words, order.launches, announce)
    rows = [judge.row(_figures(one)) for one in series]
    left_out += [f"{one.peer.program} prints 0" for one, row in zip(series, rows, strict=True) if row is None]
    return Report(
        peer=f"OSU micro-benchmarks {series[0].theirs[0].version}", library=mpi.library_name(), started=started,
        fabricbench=machine.software(mpi.library_name())["commit"],
        machine=f"{machine.machine()['cpu']}, {machine.usable_cores()} cores", ranks=ranks,
        launches=order.launches, rows=tuple(row for row in rows if row is not None),
        spent_s=(sum(one.spent_s[0] for one in series), sum(one.spent_s[1] for one in series)),
        answer=Answer(
            bare_s=median(bare_s), first_s=median(time_s for one in series for time_s in one.first_s),
            measuring_s=median(time_s for one in series for time_s in one.measuring_s),
        ),
        left_out=tuple(left_out),
    )  # fmt: skip


def _refuse(order: Order) -> None:
    promised, launcher = mpi.promise(os.environ)
    if promised:
        raise UsageError(f"--beside cannot be had under {launcher}: it starts launches of its own.", "Leave it out.")
    if order.launches < 1:
        raise UsageError(f"{order.launches} launches find nothing.", "Ask for --launches 1 or more.")
    if order.launcher and order.ranks is None:
        raise UsageError("How many ranks --launcher starts is not known here.", "Say it with -n as well.")


def _series(programs: dict[str, Path], ranks: int) -> tuple[list[Series], list[str]]:
    """What both sides have here, and why the rest is left out.  Raises UsageError for nothing at all."""
    series, left_out = [], []
    for peer in osu.PEERS:
        why = _missing(peer, programs, ranks)
        if why is None:
            series.append(Series(peer, programs[peer.program], _sizes(peer, ranks)))
        else:
            left_out.append(f"{peer.program}: {why}")
    if not series:
        raise UsageError(f"Nothing can be compared: {'; '.join(left_out)}.")
    return series, left_out


def _missing(peer: Peer, programs: dict[str, Path], ranks: int) -> str | None:
    operation = catalogue.operations().get(peer.operation)
    if operation is None or VARIANT not in operation.variants:
        return f"there is no {peer.operation}/{VARIANT} here"
    if peer.program not in programs:
        return "not in the folder"
    if operation.pair and ranks != 2:  # noqa: PLR2004 - a pair is two
        return "it takes exactly 2 ranks"
    return None if _sizes(peer, ranks) else "no size fits"


def _sizes(peer: Peer, ranks: int) -> dict[int, int]:
    """Our sizes by OSU's, those that both can have in full."""
    if not peer.sized:
        return {0: 0}
    operation, dtype = catalogue.operation(peer.operation), np.dtype(peer.dtype)
    found: dict[int, int] = {}
    nbytes = osu.SMALLEST
    while nbytes <= osu.LARGEST:
        ours = peer.size(nbytes, ranks)
        moves = not peer.whole or ours > ranks * dtype.itemsize
        if moves and suite.fit(operation, dtype, ours, ranks, strict=False) == ours:
            found[nbytes] = ours
        nbytes *= 2
    return found


def _measure(
    series: Sequence[Series], order: Order, words: list[str], launches: int, announce: Announce
) -> list[float]:
    """Launches of both sides in turn; before each round the time of ranks that only start MPI, returned."""
    heard, bare_s = _once(announce), []
    sides: list[Callable[[Series], None]] = [
        lambda one: one.ours.append(_ours(one, order, heard)),
        lambda one: one.theirs.append(_theirs(one, words, order.timeout_s)),
    ]
    with launch.ended_by_signals():
        for number in range(launches):
            bare_s.append(_bare(words, order.timeout_s))
            for one in series:
                announce(
                    {"event": "notice", "text": f"launch {number + 1} of {launches}: {one.peer.operation} and OSU"}
                )
                for side in (1, 0) if number % 2 == 0 else (0, 1):
                    begun = time.monotonic()
                    sides[side](one)
                    one.spent_s[side] += time.monotonic() - begun
    return bare_s


def _bare(words: list[str], timeout_s: float | None) -> float:
    begun = time.monotonic()
    subprocess.run(
        [*words, sys.executable, "-c", "from mpi4py import MPI"], stdin=subprocess.DEVNULL, capture_output=True,
        env=launch.environment(), timeout=timeout_s, check=False,
    )  # fmt: skip
    return time.monotonic() - begun


def _once(announce: Announce) -> Announce:
    """What a launch says before any number, such as too many ranks: the first time only, and no case by case."""
    said: set[str] = set()

    def hear(event: dict[str, Any]) -> None:
        if event["event"] == "case" or str(event) in said:
            return
        said.add(str(event))
        announce(event)

    return hear


def _ours(one: Series, order: Order, announce: Announce) -> dict[int, float]:
    """One launch of ours: by our size, the mean over ranks of each rank's mean, which is what OSU prints."""
    row = f"{one.peer.operation}/{VARIANT}"
    request = Request(
        only=[row], sizes=",".join(map(str, one.sizes.values())) if one.peer.sized else None,
        dtypes=[one.peer.dtype], cadence=one.peer.cadence, budget=CASE_S * len(one.sizes),
    )  # fmt: skip
    begun, ready, done = time.monotonic(), 0.0, 0.0

    def hear(event: dict[str, Any]) -> None:
        nonlocal ready, done
        done = time.monotonic()
        if event["event"] == "ready":
            ready = done
            one.first_s.append(ready - begun - float(event["ceilings_s"]))
        else:
            announce(event)

    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "launch.jsonl"
        _, status = start.run(request, replace(order, output=str(output), command=("doctor", "--beside")), hear)
        one.measuring_s.append(done - ready)
        records = store.load(output)[-1].records
    if status:
        raise NotMeasuredError(f"A result of {row} is wrong.", f"Look at it: fabricbench run --only {row}.")
    for record in records:
        if not record.ranks_s.mean:
            raise NotMeasuredError(f"{record.case.text()}: {'; '.join(doubt.text for doubt in record.doubts)}")
    return {record.case.nbytes: float(np.mean(record.ranks_s.mean)) for record in records}


def _theirs(one: Series, words: list[str], timeout_s: float | None) -> Printed:
    """One launch of OSU's program.  Raises NotMeasuredError naming it."""
    program = one.peer.program
    process = subprocess.Popen(
        [*words, *one.peer.command(one.path)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, errors="replace", env=launch.environment(), start_new_session=True,
    )  # fmt: skip
    try:
        text, trouble = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        launch.end(process)
        raise TimedOutError(f"{program} did not end within {timeout_s:g} s.", "Give it a longer --timeout.") from None
    except BaseException:
        launch.end(process)
        raise
    if process.returncode != 0:
        lines = launch.without_banner(line for line in (text + trouble).splitlines() if line.strip())
        said = "\n  ".join(lines[-SAID_LINES:])
        raise NotMeasuredError(
            f"{program} ended with status {process.returncode}.",
            f"It must be of version 7 and built with {mpi.library_name()}. It said:\n  {said}",
        )
    printed = osu.parse(text, one.peer)
    missing = [size for size in one.sizes if size not in printed.figures]
    if missing:
        raise NotMeasuredError(f"{program} printed no figure for {len(missing)} sizes, the first of {missing[0]} B.")
    return printed


def _figures(one: Series) -> Figures:
    """Both sides by our sizes."""
    steps = {size: max(printed.figures[size].step_s for printed in one.theirs) for size in one.sizes}
    return Figures(
        operation=one.peer.operation, program=one.peer.program,
        ours_s={ours: [launched[ours] for launched in one.ours] for ours in one.sizes.values()},
        theirs_s={
            ours: [printed.figures[size].time_s for printed in one.theirs] for size, ours in one.sizes.items()
        },
        step_s={ours: steps[size] for size, ours in one.sizes.items()},
    )  # fmt: skip

"""What `import fabricbench` offers and every verb calls; each call imports only what it needs."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fabricbench.errors import UsageError

if TYPE_CHECKING:
    from fabricbench.engine.start import Order
    from fabricbench.engine.suite import Request
    from fabricbench.engine.worker import Announce
    from fabricbench.judge.beside import Report as Besides
    from fabricbench.judge.calibration import Calibration
    from fabricbench.judge.compare import Comparison
    from fabricbench.judge.experiments import Experiments
    from fabricbench.judge.fitness import Report
    from fabricbench.judge.sequential import Report as Alternated
    from fabricbench.procedures.ab import Preview, Series
    from fabricbench.store import Result


def load(paths: Sequence[str]) -> "list[Result]":
    """Every run of the files, in their order; a file named twice is read once."""
    from fabricbench import store

    files = {Path(path).resolve(): path for path in reversed(paths)}
    return [result for path in reversed(files.values()) for result in store.load(path)]


def compare(
    base: Sequence[str],
    new: Sequence[str] = (),
    *,
    margin: float = 0.05,
    gate: str = "*",
) -> "Comparison":
    """Judge the runs of `new` against those of `base`.

    A file on both sides, or the base alone, is split by the sides that its launches were paired as.
    margin: relative difference that does not matter; doubled where the sides
    were not alternated. gate: pattern of the rows that set the exit status. Raises UsageError.
    """
    from fabricbench.judge.compare import compare as judge
    from fabricbench.judge.sides import split

    if not base:
        raise UsageError("There is no file to compare.", "Name the base's files first.")
    left, right = _files(base), _files(new or base)
    both = [left[path] for path in left if path in right]
    shared = split(load(both)) if both else ([], [])
    return judge(
        [*load([left[path] for path in left if path not in right]), *shared[0]],
        [*load([right[path] for path in right if path not in left]), *shared[1]],
        margin=margin,
        gate=gate,
    )


def _files(paths: Sequence[str]) -> dict[Path, str]:
    """Files by where they lie, so that two names of one file are one file."""
    return {Path(path).resolve(): path for path in paths}


def run(request: "Request", order: "Order", announce: "Announce") -> tuple[str, int]:
    """Measure; the result file and the exit status (1 where a result was wrong).

    Under mpirun or srun this process joins as one rank; alone it starts its ranks. Raises FabricbenchError.
    """
    from fabricbench.engine import start

    return start.run(request, order, announce)


def preview(request: "Request", order: "Order") -> "tuple[list[dict[str, Any]], float]":
    """The cases that `run` would measure, and the expected time in seconds; no rank is started."""
    from fabricbench.engine import preview as previewed
    from fabricbench.engine import start

    made, _ = start.plan(request, order)
    return previewed.cases(made), previewed.expected_s(made, order.launches)


def ab(series: "Series", announce: "Announce") -> "Alternated":
    """Alternate two configurations launch by launch until one of the fixed looks answers.

    Some minutes; the comparison is that of `compare` over the file. Raises FabricbenchError.
    """
    from fabricbench.procedures import ab as procedure

    return procedure.examine(series, announce)


def ab_preview(series: "Series") -> "Preview":
    """What `ab` would do; both sides are asked, and nothing is measured.  Raises FabricbenchError."""
    from fabricbench.procedures import ab as procedure

    return procedure.preview(series)


def doctor(order: "Order", announce: "Announce") -> "Report | None":
    """Findings about this instrument and this machine; None on ranks that do not speak.  Raises FabricbenchError."""
    from fabricbench.procedures import doctor as procedure

    return procedure.examine(order, announce)


def calibrate(
    fixture: str, announce: "Announce", *, read: bool = False, draws: int | None = None
) -> "tuple[Calibration, Experiments]":
    """False alarms and power of the comparison rule, and of `ab`, on this machine or on that of a stored fixture.

    Launches that the fixture lacks are measured first, some 90 minutes for all, unless it is only to be read.
    Raises FabricbenchError.
    """
    from fabricbench.judge import calibration, experiments
    from fabricbench.procedures import calibrate as procedure

    if not read:
        procedure.collect(Path(fixture), announce)
    launches = procedure.load(Path(fixture))
    drawn = experiments.DRAWS if draws is None else draws
    announce({"event": "notice", "text": f"{drawn} draws of each kind are judged, which takes minutes"})
    return calibration.judge(launches), experiments.perform(launches, drawn)


def beside(folder: str, order: "Order", announce: "Announce") -> "Besides":
    """Our times over those of the OSU micro-benchmarks installed in a folder, launches of both in turn.

    Some minutes for ten launches a side. Raises FabricbenchError.
    """
    from fabricbench.procedures import beside as procedure

    return procedure.examine(Path(folder), order, announce)


def listing(what: str) -> "list[dict[str, Any]]":
    """What there is here: "operations", "variants", "suites" or "devices"."""
    from fabricbench.engine import listing as listings

    made: list[dict[str, Any]] = getattr(listings, what)()
    return made


def speaks() -> bool:
    """Whether this process is the one rank that prints."""
    from fabricbench import mpi

    return mpi.rank_by_launcher(os.environ) == 0

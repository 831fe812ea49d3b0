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
    from fabricbench.judge.fitness import Report
    from fabricbench.show.export.points import Exported
    from fabricbench.show.imports.reading import Log
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


def export(
    form: str,
    files: Sequence[str],
    new: Sequence[str] = (),
    *,
    output: str | None = None,
    only: str = "*",
    margin: float | None = None,
    gate: str | None = None,
) -> "Exported":
    """Results in the format of another tool, as text; with `output` also as a file, replaced in one step.

    new: compare `files` with these, as `compare` does; files that hold both sides are compared without it.
    only: pattern of the rows. margin and gate: as for `compare`. Raises FabricbenchError.
    """
    from dataclasses import replace

    from fabricbench.show import export as exports
    from fabricbench.show.export import output as outputs
    from fabricbench.show.export import points as chosen

    asked = exports.chosen(form)
    if output is not None:
        outputs.refuse(output, [*files, *new])
    results = load([*files, *new])
    if exports.compares(form, results, asked=bool(new)) and asked.comparison is not None:
        judged = compare(files, new, margin=0.05 if margin is None else margin, gate="*" if gate is None else gate)
        rows = tuple(row for row in judged.rows if chosen.matches(only, row.name, row.case))
        chosen.refuse_nothing(results, len(rows), only)
        exported = asked.comparison(replace(judged, rows=rows), results)
    else:
        if margin is not None or gate is not None:
            raise UsageError("A margin or a gate is for a comparison.", "Name the other side's files after --with.")
        points = chosen.points_of(results, only, alike=asked.over == "files")
        chosen.refuse_nothing(results, len(points), only)
        exported = asked.result(results, points)
    if output is not None:
        outputs.write(output, exported.text)
    return exported


def import_(
    paths: Sequence[str],
    output: str,
    *,
    tool: str | None = None,
    ranks: int | None = None,
    partial: bool = False,
    command: Sequence[str] = ("import",),
) -> "list[Log]":
    """Write what other tools printed as a result file, a launch a log; what each log held, and what was not read.

    tool: who wrote the logs, else that is recognised. ranks: how many ranks, for logs that do not say. partial: leave
    out what cannot be read instead of refusing the log. Raises FabricbenchError; nothing is written then.
    """
    from fabricbench.show.imports import reading, writing

    if not paths:
        raise UsageError("There is no log to import.", "Name the files that the tool printed.")
    logs = [reading.read(path, named=tool, ranks=ranks, partial=partial) for path in _files(paths).values()]
    writing.write(logs, output, command)
    return logs


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


def doctor(order: "Order", announce: "Announce") -> "Report | None":
    """Findings about this instrument and this machine; None on ranks that do not speak.  Raises FabricbenchError."""
    from fabricbench.procedures import doctor as procedure

    return procedure.examine(order, announce)


def calibrate(fixture: str, announce: "Announce") -> "Calibration":
    """False alarms and power of the comparison rule on this machine, or on that of a stored fixture.

    Launches that the fixture lacks are measured first, some 40 minutes for all. Raises FabricbenchError.
    """
    from fabricbench.judge import calibration
    from fabricbench.procedures import calibrate as procedure

    procedure.collect(Path(fixture), announce)
    return calibration.judge(procedure.load(Path(fixture)))


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

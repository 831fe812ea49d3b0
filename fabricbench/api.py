"""What `import fabricbench` offers and every verb calls; each call imports only what it needs."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fabricbench.errors import UnreadableError, UsageError

if TYPE_CHECKING:
    from fabricbench.engine.start import Order
    from fabricbench.engine.suite import Request
    from fabricbench.engine.worker import Announce
    from fabricbench.judge.beside import Report as Besides
    from fabricbench.judge.calibration import Calibration
    from fabricbench.judge.columns import Columns
    from fabricbench.judge.compare import Comparison
    from fabricbench.judge.expect import Expected
    from fabricbench.judge.experiments import Experiments
    from fabricbench.judge.fitness import Report
    from fabricbench.judge.history import History
    from fabricbench.judge.learn import Lesson
    from fabricbench.judge.metric import Metric
    from fabricbench.judge.sequential import Report as Alternated
    from fabricbench.judge.suspicion import Diagnosis
    from fabricbench.procedures.ab import Preview, Series
    from fabricbench.procedures.measuring import Question as Asked
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
    gate: str | Sequence[str] = "*",
    tail_margin: float = 0.25,
    across: str | None = None,
) -> "Comparison":
    """Judge the runs of `new` against those of `base`.

    A file on both sides, or the base alone, is split by the sides that its launches were paired as.
    margin: relative difference that does not matter; doubled where the sides
    were not alternated; tail_margin: the same of p99. gate: patterns of the rows that set the exit status.
    across: the one thing in which the sides may differ, such as "library". Raises UsageError.
    """
    left = _runs(base)
    return _judged(left, _runs(new) if new else left, margin, gate, tail_margin, across)


def weigh(
    paths: Sequence[str],
    *,
    margin: float = 0.05,
    gate: str | Sequence[str] = "*",
    tail_margin: float = 0.25,
    across: str | None = None,
    metric: "Metric" = "time",
) -> "Comparison | Columns":
    """What results without a second side are good for.

    The two sides of a series that alternates them are judged as in `compare`. All others stand side by side, one
    column a file, or with `across` one column a level of that factor over all files; ratios of `metric` are over the
    first column, only where conditions are alike. Raises UsageError.
    """
    from fabricbench.judge import columns, sides

    runs = _runs(paths)
    if sides.both(run for found in runs.values() for run in found):
        return _judged(runs, runs, margin, gate, tail_margin, across)
    if across is None and len(runs) < 2:  # noqa: PLR2004 - one column is no comparison
        raise UsageError(
            f"{paths[0]} is named {len(paths)} times and is one file: there is nothing to compare it with."
            if len(paths) > 1
            else f"{paths[0]} is alone and does not hold launches of both sides, base and new.",
            "Name the other side's files after --with, or further files to see them side by side.",
        )
    return columns.side_by_side(list(runs.values()), metric=metric, across=across)


def history(
    paths: Sequence[str], *, margin: float = 0.05, metric: "Metric" = "time", gate: str | Sequence[str] = "*"
) -> "History":
    """Every metric over commits or dates: one series a machine and set of conditions, with the points of change.

    paths: folders, of which all results below count, and files. margin: as of `compare`; launches of a history are
    never alternated, so twice that. Raises UsageError.
    """
    from fabricbench.judge.history import history as judge

    results, left_out = _below(paths)
    found = judge(results, margin=margin, metric=metric, gate=gate)
    return replace(found, notes=(*left_out, *found.notes))


def expect(paths: Sequence[str], file: str, *, gate: str | Sequence[str] = "*") -> "Expected":
    """Hold results against the expectations of a TOML file. Raises UsageError, and UnreadableError naming its line."""
    from fabricbench.judge.expect import check
    from fabricbench.judge.expectations import parse

    expectations = parse(_text(file), file)
    return check([run for runs in _runs(paths).values() for run in runs], expectations, gate=gate)


def learn(paths: Sequence[str], *, metric: "Metric" = "time") -> "Lesson":
    """What results lead to expect: a tolerance interval of every row with 5 launches or more. Raises UsageError."""
    from fabricbench.judge.learn import learn as judge

    return judge([run for runs in _runs(paths).values() for run in runs], metric=metric)


def write_new(path: str, text: str) -> None:
    """Write a text to a file that does not exist yet. Raises UsageError."""
    try:
        with Path(path).open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError(f"{path} exists already.", "Choose another --output.") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.", "Choose another --output.") from error


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"{path} is no UTF-8 text.", "Give a TOML file as docs/comparing.md shows.") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnreadableError(f"{path} cannot be read: {reason}.", "Give the path of an expectation file.") from error


def _below(paths: Sequence[str]) -> "tuple[list[Result], list[str]]":
    """The runs of files and of all results below folders, and which files of folders are no results."""
    from fabricbench import store

    found: dict[Path, list[Result]] = {}
    left_out: list[str] = []
    for path in map(Path, paths):
        inside = sorted(one for one in path.rglob("*") if one.name.endswith((".jsonl", ".jsonl.gz")) and one.is_file())
        for one in inside if path.is_dir() else [path]:
            try:
                found[one.resolve()] = store.load(one)
            except UnreadableError as error:
                if not path.is_dir():
                    raise
                left_out.append(error.what)
    if not found:
        raise UsageError(
            f"There is no result in {', '.join(paths)}: {left_out[0] if left_out else 'no .jsonl or .jsonl.gz.'}",
            "Name a folder that holds results of fabricbench.",
        )
    return [run for runs in found.values() for run in runs], [f"LEFT OUT: {why}" for why in left_out]


def _judged(
    left: "Mapping[Path, list[Result]]",
    right: "Mapping[Path, list[Result]]",
    margin: float,
    gate: str | Sequence[str],
    tail_margin: float,
    across: str | None,
) -> "Comparison":
    """Two sides judged; a file on both is split by the sides that its launches were paired as."""
    from fabricbench.judge.compare import compare as judge
    from fabricbench.judge.sides import split

    both = [run for path, runs in left.items() if path in right for run in runs]
    shared = split(both) if both else ([], [])
    return judge(
        [*(run for path, runs in left.items() if path not in right for run in runs), *shared[0]],
        [*(run for path, runs in right.items() if path not in left for run in runs), *shared[1]],
        margin=margin,
        gate=gate,
        tail_margin=tail_margin,
        across=across,
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
        rows, tails = (
            tuple(row for row in side if chosen.matches(only, row.name, row.case))
            for side in (judged.rows, judged.tails)
        )
        chosen.refuse_nothing(results, len(rows), only)
        exported = asked.comparison(replace(judged, rows=rows, tails=tails), results)
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


def _runs(paths: Sequence[str]) -> "dict[Path, list[Result]]":
    """The runs of every file, by where it lies: two names of one file are one file."""
    if not paths:
        raise UsageError("There is no file to compare.", "Name the base's files first.")
    from fabricbench import store

    return {path: store.load(named) for path, named in _files(paths).items()}


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

    Launches that the fixture lacks are measured first, some two hours for all, unless it is only to be read.
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


def diagnose(question: "Asked", order: "Order", announce: "Announce") -> "Diagnosis":
    """Which host, direction, pair or group of hosts is slow; every round is in the file that it names.

    Raises FabricbenchError.
    """
    from fabricbench.procedures import diagnose as procedure

    return procedure.diagnose(question, order, announce)


def listing(what: str) -> "list[dict[str, Any]]":
    """What there is here: "operations", "variants", "suites" or "devices"."""
    from fabricbench.engine import listing as listings

    made: list[dict[str, Any]] = getattr(listings, what)()
    return made


def speaks() -> bool:
    """Whether this process is the one rank that prints."""
    from fabricbench import mpi

    return mpi.rank_by_launcher(os.environ) == 0

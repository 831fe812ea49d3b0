"""One order to measure, from the process the user started: join the ranks there are, or start launch after launch."""

import itertools
import os
import socket
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fabricbench import forced, mpi, store
from fabricbench.engine import inject, launch, machine, suite, worker
from fabricbench.engine.suite import Plan, Request
from fabricbench.engine.worker import Announce, Job
from fabricbench.errors import NotMeasuredError, TimedOutError, UsageError
from fabricbench.model import End, Ending, Pairing, Record, Scalar

DEFAULT_RANKS = 4
FEWEST_RANKS = 2


@dataclass(frozen=True, kw_only=True)
class Order:
    """How to measure: everything beside the cases themselves. None means the default.

    `algorithms`: operations and what the library is to use for them, such as "allreduce=ring".
    `pairing` marks the launches as one side of an alternated series.
    """

    ranks: int | None = None
    launches: int = 1
    launcher: str | None = None
    algorithms: tuple[str, ...] = ()
    timeout_s: float | None = None
    output: str | None = None
    append: bool = False
    resume: bool = False
    command: tuple[str, ...] = ()
    pairing: Pairing | None = None


def plan(request: Request, order: Order) -> tuple[Plan, int]:
    """What would be measured here, and on how many ranks, without starting any.  Raises UsageError."""
    fault = inject.parse(request.inject)
    _settings(order)
    refuse_seed(request.seed)
    # How many ranks a foreign launcher starts is not known yet; the ranks look again.
    ranks = FEWEST_RANKS if order.launcher and order.ranks is None else _ranks(order)
    distances = _distances(request, order, ranks)
    made = suite.plan(request, ranks=ranks, distances=distances, has_mpi=mpi.installed() is None)
    if order.launcher is None:
        suite.refuse_too_large(made.cases, machine.available_memory(), ranks)
    if fault is not None and fault.patterns and not any(fault.hits(case) for case in made.cases):
        raise UsageError(f"No row is hit by --inject {request.inject}.", "Name rows that are measured.")
    if fault is not None and fault.rank is not None and not (order.launcher or 0 <= fault.rank < ranks):
        raise UsageError(f"There is no rank {fault.rank} of {ranks} for --inject {request.inject}.")
    called = {case.operation for case in made.cases if case.variant in ("mpi", "mpi4py") and case.mode == "blocking"}
    for operation in forced.asked(order.algorithms):
        if operation not in called and any(case.operation == operation for case in made.cases):
            raise UsageError(
                "--algorithm reaches the library's blocking calls only.", f"Measure {operation}/mpi, --mode blocking."
            )
        if operation not in called:
            raise UsageError(
                f"No row calls the library's {operation}, for which --algorithm has a name.",
                f"Measure {operation}/mpi, or leave it out.",
            )
    return made, ranks


def refuse_seed(seed: int) -> None:
    """Raises UsageError for a seed that there is not."""
    if seed < 0:
        raise UsageError(f"The seed {seed} is below zero.", "Give a whole number from 0.")


def _distances(request: Request, order: Order, ranks: int) -> tuple[str, ...]:
    """Distances of two ranks: those of this host, or what is asked for of hosts that only a launcher knows."""
    if order.launcher and "distance" in request.params:
        return tuple(map(str, request.params["distance"]))
    return ("same-host",) if ranks > 1 else ()


def run(request: Request, order: Order, announce: Announce) -> tuple[str, int]:
    """The result file, and 1 where a result in it is wrong, else 0.  Raises FabricbenchError."""
    if order.launches < 1:
        raise UsageError(f"{order.launches} launches measure nothing.", "Ask for --launches 1 or more.")
    promised, launcher = mpi.promise(os.environ)
    if promised:
        return _join(request, order, announce, promised, launcher)
    plan(request, order)  # refuses what cannot be before anything is started
    words, settings = launcher_words(order), _settings(order)
    jobs, output = _resumed(request, order) if order.resume else _fresh(request, order)
    before = output.stat().st_size
    try:
        _launch_all(jobs, words, settings, output, announce)
    finally:
        written = output.stat().st_size
        if written == 0:
            output.unlink()
    if written == before:
        raise NotMeasuredError(
            f"The ranks ended well, but nothing was written to {output}.",
            "Rank 0 must see this folder: choose an --output on a file system that all hosts share.",
        )
    records = store.load(output)[-1].records
    _refuse_nothing(records, output)
    return str(output), 1 if _wrong(records) else 0


def _refuse_nothing(records: Sequence[Record], output: Path) -> None:
    """Raises NotMeasuredError with the reasons where a run has no figure at all."""
    if records and all(record.check.status == "skipped" for record in records):
        why = dict.fromkeys(doubt.text for record in records for doubt in record.doubts)
        raise NotMeasuredError(f"None of {len(records)} rows could be measured. {' '.join(why)}", f"See {output}.")


def _launch_all(
    jobs: list[Job], words: list[str], settings: dict[str, str], output: Path, announce: Announce
) -> None:  # fmt: skip
    """One launch after the other, and the end line of what they wrote, however they end."""
    before = output.stat().st_size
    ending: Ending = "failed"
    try:
        with launch.ended_by_signals():
            for job in jobs:
                launch.launch(job, words, announce, settings)
        ending = "complete"
    except KeyboardInterrupt:
        ending = "interrupted"
        text = f"What was measured is in {output}; go on with: fabricbench run --resume -o {output}"
        announce({"event": "notice", "text": text})
        raise
    except TimedOutError:
        ending = "timeout"
        raise
    finally:
        if output.stat().st_size > before or not jobs:
            _close(output, ending)


def launcher_words(order: Order) -> list[str]:
    """The words before `python` that start the ranks of this order.  Raises NotMeasuredError where nothing can."""
    if order.launcher is not None:
        return launch.split(order.launcher)
    return launch.prefix(_ranks(order), machine.usable_cores())


def _settings(order: Order) -> dict[str, str]:
    """Environment variables that force the algorithms of this order.  Raises UsageError for those there are not."""
    wanted = forced.asked(order.algorithms)
    if not wanted:
        return {}
    if mpi.installed() is not None:
        raise UsageError(f"--algorithm needs MPI: {mpi.installed()}", mpi.INSTALL)
    return forced.settings(wanted, mpi.library_name(), mpi.algorithms)


def refuse_unlike(order: Order, promised: int, launcher: str) -> None:
    """Raises UsageError where the ranks that somebody else started are not what the order asks for."""
    if order.resume:
        raise UsageError(f"--resume cannot be had under {launcher}.", "Run fabricbench outside of it with --launcher.")
    if order.launches > 1:
        raise UsageError(
            f"--launches {order.launches} cannot be had under {launcher}, which starts the ranks once.",
            f"Run fabricbench outside of it with --launcher '{launcher} ...', or repeat the command with --append.",
        )
    settings = " ".join(f"{name}={value}" for name, value in _settings(order).items())
    if settings:
        raise UsageError(f"--algorithm cannot be had under {launcher}.", f"Start it with {settings} instead.")
    if order.ranks not in (None, promised):
        raise UsageError(f"{launcher} started {promised} ranks, not {order.ranks}.", "Leave -n out.")


def _join(request: Request, order: Order, announce: Announce, promised: int, launcher: str) -> tuple[str, int]:
    """Be one rank of those that somebody else started."""
    refuse_unlike(order, promised, launcher)
    output = Path(order.output) if order.output else _default_output(request)
    job = _job(request, order, output, 0, uuid.uuid4().hex[:12], joined=True)
    return str(output), worker.work(job, announce)


def _fresh(request: Request, order: Order) -> tuple[list[Job], Path]:
    """Jobs of a new run, and its file: made now, so that one that cannot be written is found before measuring."""
    output = Path(order.output) if order.output else _default_output(request)
    store.Writer.create(output, append=order.append).close()
    run_id = uuid.uuid4().hex[:12]
    return [_job(request, order, output, number, run_id) for number in range(order.launches)], output


def _resumed(request: Request, order: Order) -> tuple[list[Job], Path]:
    """Jobs that an interrupted run still lacks: every case once a launch, in launches of new numbers."""
    output = Path(order.output or "")
    store.truncate_torn(output)
    result = store.load(output)[-1]
    if result.end is not None and result.end.status == "complete":
        raise UsageError(f"{output} is complete; there is nothing to resume.", "Measure again into another file.")
    measured = Counter(record.case.key() for record in result.records)
    wanted = plan(request, order)[0].cases
    number = max((launched.launch for launched in result.launches), default=-1) + 1
    jobs: list[Job] = []
    for turn in range(result.run.launches):
        done = [list(key) for key, times in measured.items() if times > turn]
        if len(done) < len(wanted):
            jobs.append(_job(request, order, output, number + len(jobs), result.run.id, done=done))
    return jobs, output


def _job(
    request: Request, order: Order, output: Path, number: int, run_id: str, *,
    joined: bool = False, done: list[list[Scalar]] | None = None,
) -> Job:  # fmt: skip
    return Job(
        request=request, run_id=run_id, launch=number, launches=order.launches, output=str(output.absolute()),
        command=list(order.command), ranks=order.ranks, timeout_s=order.timeout_s, pairing=order.pairing,
        algorithms=forced.asked(order.algorithms),
        append=order.append or not joined, first=number == 0 and not order.resume, last=joined, done=done or [],
    )  # fmt: skip


def _default_output(request: Request) -> Path:
    return default_output("only" if request.only else Path(request.suite).stem)


def default_output(name: str) -> Path:
    """A new file for results of that name."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    folder = Path("results") / "local"
    first = folder / f"{socket.gethostname()}-{name}-{stamp}.jsonl"
    others = (first.with_stem(f"{first.stem}-{number}") for number in itertools.count(2))
    return next(path for path in itertools.chain([first], others) if not path.exists())


def _close(output: Path, ending: Ending) -> None:
    """Write the end line, unless a torn line before it says that the run was cut off."""
    result = store.load(output)[-1]
    if result.lost is None:
        counts = {"records": len(result.records), "wrong": _wrong(result.records)}
        with store.Writer.create(output, append=True) as writer:
            writer.write(End(finished=worker.now(), status=ending, **counts))


def _wrong(records: Sequence[Record]) -> int:
    """How many rows are wrong."""
    return sum(record.check.status == "wrong" for record in records)


def _ranks(order: Order) -> int:
    if order.ranks is not None:
        if order.ranks < 1:
            raise UsageError(f"{order.ranks} ranks measure nothing.", "Ask for -n 1 or more.")
        return order.ranks
    if mpi.installed() is not None:
        return 1
    return max(FEWEST_RANKS, min(machine.usable_cores(), DEFAULT_RANKS))

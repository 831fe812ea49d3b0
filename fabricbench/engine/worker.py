"""What every rank does in one launch, whoever started it: `python -m fabricbench.engine.worker JOB`."""

import base64
import os
import random
import signal
import socket
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import Any, ClassVar, Self

import msgspec
from threadpoolctl import threadpool_limits

from fabricbench import __version__, forced, mpi, native, store
from fabricbench.device import probe
from fabricbench.engine import ceilings, compose, inject, inventory, machine, session, suite
from fabricbench.engine.placement import Placement, placement
from fabricbench.engine.setting import Setting
from fabricbench.engine.suite import Plan, Request
from fabricbench.engine.watchdog import Standing, Watchdog
from fabricbench.errors import FabricbenchError, NotMeasuredError, UnavailableError
from fabricbench.measure import clock
from fabricbench.model import SCHEMA, Case, ClockReport, End, Ending, Facts, Launch, Pairing, Record, Run

MARK = "\x1e"
"""Starts a line that is an event for the launching process, not text."""

CEILING_BUDGET_S = 0.2
Announce = Callable[[dict[str, Any]], None]


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What the ranks of one launch do, as it travels to them; each performs it as `python -m MODULE WORD`."""

    module: ClassVar[str]
    launch: int = 0
    launches: int = 1
    timeout_s: float | None = None

    def encode(self) -> str:
        """One word that survives every shell on its way."""
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode()

    @classmethod
    def decode(cls, word: str) -> Self:
        """The task of that word."""
        return msgspec.json.decode(base64.urlsafe_b64decode(word), type=cls)


class Job(Task, frozen=True, kw_only=True):
    """One launch of `run`.

    `first` writes the run line and `last` the end line; a process that launches several writes the end itself.
    `missing` limits the cases to those of an interrupted launch that were not reached.
    """

    module: ClassVar[str] = "fabricbench.engine.worker"
    request: Request
    run_id: str
    output: str
    command: list[str]
    ranks: int | None = None
    pairing: Pairing | None = None
    append: bool = True
    first: bool = True
    last: bool = True
    done: list[list[str | int | float | bool]] = []
    algorithms: dict[str, str] = {}


@dataclass
class Book:
    """What rank 0 writes; the other ranks have one without a file."""

    writer: store.Writer | None
    records: int = 0
    wrong: int = 0
    begun: bool = False
    closed: bool = False
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def write(self, line: Any) -> None:
        """Append one line, synced."""
        with self._turn:
            self._append(line)
        if isinstance(line, Record):
            self.records += 1
            self.wrong += line.check.status == "wrong"

    def close(self, ending: Ending) -> None:
        """Append the last line, once, and only to a run that was begun; the watchdog may be first to call."""
        with self._turn:
            if self.begun and not self.closed:
                self._append(End(finished=now(), records=self.records, wrong=self.wrong, status=ending))
            self.closed = True

    def _append(self, line: Any) -> None:
        if self.writer is not None and not self.closed:
            self.writer.write(line)
            self.begun = True


def now() -> str:
    """UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def work(job: Job, announce: Announce) -> int:
    """Measure all cases of one launch; the exit status, the same on every rank.

    Raises FabricbenchError, on every rank alike, for what cannot be measured; nothing is written then.
    """
    standing, book = Standing(), Book(None)
    group = mpi.connect(threaded=job.request.threaded)

    def ended(ending: Ending, status: int) -> None:
        where = {"rank": group.rank, "host": socket.gethostname(), "text": standing.text()}
        try:
            announce({"event": "stood", "ending": ending, **where})
            if job.last:
                book.close(ending)
        finally:
            os._exit(status)

    watchdog = Watchdog(job.timeout_s, ended)
    try:
        places, plan = _agreed(job, group, book, announce)
        try:
            _launch(job, group, places, plan, standing, book, announce)
        except Exception as error:
            # Others may be waiting inside MPI for this rank, which can no longer agree on anything with them.
            _give_up(error, job, book, announce)
            group.abort(getattr(error, "status", 3))
        if job.last:
            book.close("complete")
        mpi.finish(group)
        return 1 if book.wrong else 0
    finally:
        watchdog.close()


def _give_up(error: Exception, job: Job, book: Book, announce: Announce) -> None:
    if not isinstance(error, FabricbenchError):
        traceback.print_exc()
    text = str(error) if isinstance(error, FabricbenchError) else f"{type(error).__name__}: {error}"
    announce({"event": "error", "text": text, "status": getattr(error, "status", 3)})
    if job.last:
        book.close("failed")


def _agreed(job: Job, group: mpi.Group, book: Book, announce: Announce) -> tuple[Placement, Plan]:
    """What all ranks agree on before anything is written.  Raises FabricbenchError on every rank alike."""
    places = placement(group)
    memory = tuple(map(min, zip(*group.gather((machine.available_memory(), machine.free_memory())), strict=True)))
    no_gpu = dict(chain.from_iterable(absent.items() for absent in group.gather(probe.absences())))
    trouble, plan = None, None
    try:
        plan = _planned(job, group, places, memory, no_gpu)
    except FabricbenchError as error:
        trouble = error
    # A suite file may be there on one host and not on another: whoever has trouble has it for all.
    trouble = next((heard for heard in group.gather(trouble) if heard is not None), None)
    if trouble is None:
        trouble = _open(job, group, book)
    if trouble is not None or plan is None:
        mpi.finish(group)
        raise trouble or UnavailableError("There is no plan.")
    if group.rank == 0 and job.first:
        for text in notices(plan, places, group):
            announce({"event": "notice", "text": text})
    return places, plan


def _planned(job: Job, group: mpi.Group, places: Placement, memory: tuple[int, ...], no_gpu: dict[str, str]) -> Plan:
    """The cases, if they fit in the memory that a host, and that a machine has for its ranks."""
    if job.ranks not in (None, group.ranks):
        raise NotMeasuredError(
            f"{job.ranks} ranks were asked for and {group.ranks} were started.", "Let -n and --launcher say the same."
        )
    for operation, name in job.algorithms.items():
        taken = forced.forced(operation, "blocking", group.library, group.controls, len(set(group.hosts)))
        if taken != name:
            raise NotMeasuredError(
                f"{group.library} does not use --algorithm {operation}={name}.",
                "Unset variables and files of your own that choose its collectives.",
            )
    distances = tuple(places.pairs())
    plan = suite.plan(job.request, ranks=group.ranks, distances=distances, has_mpi=group.has_mpi, no_gpu=no_gpu)
    for available, ranks in zip(memory, (places.most_on_a_host, places.most_on_a_machine), strict=True):
        suite.refuse_too_large(plan.cases, available, ranks)
    return plan


def _open(job: Job, group: mpi.Group, book: Book) -> FabricbenchError | None:
    """Rank 0 opens the file; what goes wrong there, on every rank."""
    trouble: FabricbenchError | None = None
    if group.rank == 0:
        try:
            book.writer = store.Writer.create(job.output, append=job.append)
        except FabricbenchError as error:
            trouble = error
    heard: FabricbenchError | None = group.broadcast(trouble)
    return heard


def notices(plan: Plan, places: Placement, group: mpi.Group) -> list[str]:
    """What was asked for and cannot be had here, before any number."""
    found = []
    if any("aggressor" in case.params for case in plan.cases):
        found.append(
            "CONGESTION IS MADE ON PURPOSE: HALF OF THE RANKS SEND ALL THEY CAN. NOT FOR A PRODUCTION NETWORK "
            "(RFC 6815): OTHERS ON IT WOULD BE SLOWED DOWN."
        )
        if places.one_host:
            found.append(
                "ALL RANKS ARE ON ONE HOST: victims and aggressors share its memory and cores; nothing here is said of "
                "a network."
            )
    if plan.no_gpu is not None:
        found.append(f"NO GPU: ONLY THE CPU IS MEASURED. {plan.no_gpu}")
    if not group.has_mpi:
        found.append(f"NO MPI LIBRARY: ONLY COMPUTE AND MEMORY ARE MEASURED. {mpi.installed()} {mpi.INSTALL}")
    elif plan.left_out:
        found.append(f"LEFT OUT: {'; '.join(plan.left_out)}.")
    if native.cold():
        found.append(
            "FIRST RUN OF THIS VERSION WITH THIS LIBRARY HERE: step bodies are compiled, once, which adds some 2 to "
            f"20 s; they are kept in {native.cache_folder()}."
        )
    found.extend(
        f"{len(hosts)} HOSTS ARE ONE MACHINE: {', '.join(hosts)} share its cores and memory, and what passes between "
        "them passes through its kernel."
        for hosts in places.shared_machines
    )
    if places.oversubscribed:
        ranks, cores = places.tightest
        found.append(
            f"MORE RANKS THAN CORES: {ranks} ranks share {cores} cores; times include waiting for a core, and rows "
            "are flagged oversubscribed."
        )
    return found


def _launch(
    job: Job, group: mpi.Group, places: Placement, plan: Plan, standing: Standing, book: Book, announce: Announce
) -> None:  # fmt: skip
    threads = places.threads(group.rank)
    native.threads(threads)
    report = clock.report(group)
    software = machine.software(group.library)
    if job.first:
        book.write(run_line(job.run_id, job.command, job.request.seed, job.launches, software))
    every = inventory.taken(group, software)
    book.write(launch_line(job.launch, group, places.binding, report, pairing=job.pairing, every=every))
    setting = Setting(
        group=group, placement=places, clock=report, cache_bytes=machine.last_level_cache(), seed=job.request.seed,
        launch=job.launch, software=software, budget_s=CEILING_BUDGET_S, tail=job.request.tail,
        fault=inject.parse(job.request.inject), standing=standing,
    )  # fmt: skip
    with threadpool_limits(threads):
        begun = time.monotonic()
        for line in ceilings.measured(setting):
            book.write(line)
        if group.rank == 0:
            announce({"event": "ready", "ceilings_s": time.monotonic() - begun})
        share = plan.budget_s / len(plan.cases)
        _measure_all(replace(setting, budget_s=share), order(plan.cases, job), job, book, announce)


def _measure_all(setting: Setting, cases: list[Case], job: Job, book: Book, announce: Announce) -> None:
    groups = compose.linked(cases)
    records = chain.from_iterable(_in_turn(setting, groups))
    for index, record in enumerate(records):
        book.write(record)
        if setting.group.rank == 0:
            announce(
                {
                    "event": "case", "index": index, "of": len(cases), "case": record.case.text(),
                    "median_s": record.summary.median_s, "wrong": record.check.wrong, "status": record.check.status,
                    "launch": job.launch, "launches": job.launches,
                }
            )  # fmt: skip


def _in_turn(setting: Setting, groups: list[list[Case]]) -> Iterator[list[Record]]:
    for index, group in enumerate(groups):
        inject.strike(setting.fault, setting.group.rank, index, len(groups))
        yield session.measure_linked(setting, group)


def order(cases: tuple[Case, ...], job: Job) -> list[Case]:
    """Cases in the seeded random order of this launch, without those that are done; linked ones all or none."""
    done = {tuple(key) for key in job.done}
    groups = compose.linked(cases)
    left = [case for group in groups for case in group if not all(one.key() in done for one in group)]
    random.Random(f"{job.request.seed} {job.launch}").shuffle(left)
    return left


def run_line(run_id: str, command: Sequence[str], seed: int, launches: int, software: dict[str, str]) -> Run:
    """Who measures, where, with what."""
    return Run(
        schema=SCHEMA, id=run_id, fabricbench=__version__, started=now(), command=list(command), seed=seed,
        launches=launches, machine=machine.machine(), software=software,
    )  # fmt: skip


def launch_line(
    number: int, group: mpi.Group, binding: str, report: ClockReport, *,
    pairing: Pairing | None = None, every: dict[str, Facts] | None = None,
) -> Launch:  # fmt: skip
    """What is known of a launch when it begins. every: the inventory of its hosts."""
    numbers = {host: number for number, host in enumerate(dict.fromkeys(group.hosts))}
    return Launch(
        launch=number, id=uuid.uuid4().hex[:12], started=now(), ranks=group.ranks, hosts=list(numbers),
        binding=binding, clock=report, environment=inventory.environment(), pairing=pairing,
        placed=[numbers[host] for host in group.hosts], inventory=every,
    )  # fmt: skip


def serve(perform: Callable[[Announce], object]) -> int:
    """A rank that our own launcher started: events go to it, and the library's launcher sees success.

    A status other than 0 would make mpirun print its own banner over ours.
    """
    try:
        perform(_tell)
    except FabricbenchError as error:
        _tell({"event": "error", "text": str(error), "status": error.status})
    except BaseException:
        # One rank's own fault: the others would wait for it for ever. They are told by a signal, because MPICH's
        # launcher does not notice that a rank of another host exited, only that it was killed.
        traceback.print_exc()
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    return 0


def _tell(event: dict[str, Any]) -> None:
    # One write a line, below PIPE_BUF: lines of several ranks do not mix.
    os.write(1, (MARK + msgspec.json.encode(event).decode() + "\n").encode())


if __name__ == "__main__":
    sys.exit(serve(partial(work, Job.decode(sys.argv[1]))))

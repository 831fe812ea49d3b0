"""Starting the ranks: which launcher, with which flags, and what becomes of a launch that does not end well."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil

from fabricbench import mpi
from fabricbench.engine.worker import MARK, Announce, Task
from fabricbench.errors import FabricbenchError, NotMeasuredError, TimedOutError, UsageError

GRACE_S = 5.0
SAY_S = 1.5
"""How long ranks may take to say where they stood."""
START_S = 30.0
"""Added to --timeout for starting Python, MPI and Numba before the ranks watch the clock themselves."""


def prefix(ranks: int, cores: int) -> list[str]:
    """The words before `python` that start so many ranks here with the launcher of mpi4py's own library.

    Raises NotMeasuredError where that library has no launcher.
    """
    if mpi.installed() is not None:
        if ranks > 1:
            raise NotMeasuredError(f"{ranks} ranks need MPI: {mpi.installed()}", mpi.INSTALL)
        return []
    program = mpi.launcher_path()
    if program is None:
        raise NotMeasuredError(
            f"No mpirun stands beside {mpi.library_path()} ({mpi.library_name()}).",
            "Start the ranks yourself, mpirun -n 2 fabricbench run, or name a launcher with --launcher.",
        )
    each = cores // ranks
    if mpi.library_name().startswith("Open MPI"):
        place = (
            ["--map-by", f"slot:PE={each}", "--bind-to", "core"]
            if each
            else ["--map-by", ":OVERSUBSCRIBE", "--bind-to", "none"]
        )
        return [str(program), "-n", str(ranks), *place]
    return [str(program), "-n", str(ranks), "-bind-to", f"core:{each}" if each else "none"]


def split(launcher: str) -> list[str]:
    """`--launcher` as an argument list; no shell ever sees it.  Raises UsageError."""
    try:
        words = shlex.split(launcher)
    except ValueError:
        raise UsageError(f"--launcher {launcher} has a quotation mark that is not closed.") from None
    if not words:
        raise UsageError("--launcher is empty.", "Write the command, such as 'srun -N 2', or leave it out.")
    return words


@dataclass
class Launched:
    """One launch under way: its process, and what it said that was no event."""

    process: "subprocess.Popen[str]"
    said: deque[str]
    error: dict[str, object] | None = None
    timed_out: bool = False


def launch(task: Task, words: list[str], announce: Announce, settings: Mapping[str, str] | None = None) -> None:
    """Start the ranks of one task and wait for them, handing on their events.

    settings: environment variables that the ranks have besides ours.
    Raises FabricbenchError: with the ranks' own sentence and status, or when a rank died or hung.
    KeyboardInterrupt goes through after every rank has been ended.
    """
    command = [*words, sys.executable, "-m", task.module, task.encode()]
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", env=environment() | dict(settings or {}), start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise NotMeasuredError(
            f"The launcher {words[0]} cannot be started: {error.strerror}.", "Check --launcher."
        ) from error
    launched = Launched(process, deque(maxlen=40))
    listener = threading.Thread(target=_listen, args=(launched, announce), daemon=True)
    listener.start()
    limit = None if task.timeout_s is None else task.timeout_s + START_S
    try:
        status = process.wait(limit)
    except subprocess.TimeoutExpired:
        end(process)
        listener.join(GRACE_S)
        raise _timed_out(task) from None
    except KeyboardInterrupt:
        end(process)
        listener.join(GRACE_S)
        raise
    listener.join(GRACE_S)
    _judge(task, launched, status)


def _timed_out(task: Task) -> TimedOutError:
    # Without a limit of its own it was a step of it, which the ranks watch.
    late = "stood still too long" if task.timeout_s is None else f"did not end within its {task.timeout_s:g} s"
    return TimedOutError(
        f"Launch {task.launch + 1} of {task.launches} {late}.",
        "Look where the ranks stood, or give it a longer --timeout.",
    )


def _judge(task: Task, launched: Launched, status: int) -> None:
    if launched.error is not None:
        failure = FabricbenchError(str(launched.error["text"]))
        failure.status = int(str(launched.error["status"]))
        raise failure
    if launched.timed_out:
        raise _timed_out(task)
    if status != 0:
        said = "\n  ".join(without_banner(launched.said))
        raise NotMeasuredError(
            f"Launch {task.launch + 1} of {task.launches} ended with {_named(status)} before all cases were measured."
            + (f" It said:\n  {said}" if said else ""),
        )


def _named(status: int) -> str:
    """A status of a process in words; below zero a signal ended it."""
    return f"status {status}" if status >= 0 else f"signal {signal.Signals(-status).name}"


def _listen(launched: Launched, announce: Announce) -> None:
    assert launched.process.stdout is not None
    with launched.process.stdout as lines:
        for line in lines:
            _hear(launched, line.rstrip("\n"), announce)


def _hear(launched: Launched, line: str, announce: Announce) -> None:
    text, mark, event = line.partition(MARK)
    if text.strip():
        launched.said.append(text)
    if not mark:
        return
    decoded = msgspec.json.decode(event)
    if decoded["event"] == "error":
        launched.error = launched.error or decoded
    else:
        launched.timed_out |= decoded.get("ending") == "timeout"
        announce(decoded)


def without_banner(said: Iterable[str]) -> list[str]:
    """What ranks said, without the frame that mpirun prints around every non-zero exit; where nothing else is, that."""
    frames: dict[bool, list[str]] = {False: [], True: []}
    inside = False
    for line in said:
        shown = "".join(letter for letter in line if letter.isprintable()).strip()
        if set(shown) <= {"-", "="} and len(shown) > 20:  # noqa: PLR2004 - a ruled line
            inside = not inside
        elif shown:
            frames[inside].append(shown)
    return frames[False] or frames[True]


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """A terminated launching process ends its ranks as Ctrl-C does; they live in a session of their own."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.default_int_handler) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def end(process: "subprocess.Popen[str]") -> None:
    """End a launch: ask, so that every rank can say where it stood; then insist, whatever else is pressed."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _end(process)
    finally:
        signal.signal(signal.SIGINT, before)


def _end(process: "subprocess.Popen[str]") -> None:
    family = _family(process.pid)
    # Ranks of this host first: a launcher that is asked to end stops handing on what its ranks have to say.
    ranks = [member for member in family if _runs_python(member)]
    for rank in ranks:
        with contextlib.suppress(psutil.NoSuchProcess):
            rank.terminate()
    psutil.wait_procs(ranks, timeout=SAY_S)
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_S)
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait()


def _runs_python(member: psutil.Process) -> bool:
    try:
        return bool(member.cmdline()[:1] == [sys.executable])
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _family(pid: int) -> list[psutil.Process]:
    try:
        top = psutil.Process(pid)
        return [*top.children(recursive=True), top]
    except psutil.NoSuchProcess:
        return []


def environment() -> dict[str, str]:
    """This process's environment, with what a launcher needs to start as root, and this package found."""
    ours = dict(os.environ)
    if os.geteuid() == 0:
        ours |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    home = str(Path(__file__).parents[2])
    ours["PYTHONPATH"] = os.pathsep.join(filter(None, (home, ours.get("PYTHONPATH", ""))))
    return ours

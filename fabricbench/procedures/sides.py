"""The two sides of `ab`: a command line each, and one launch of it as a process of its own.

A side is what `fabricbench run` is given, behind the variables and the installation that it is run with. So a side may
differ in anything that a user can type, and neither side can disturb the other: each loads its own MPI library.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from fabricbench import store
from fabricbench.engine import launch
from fabricbench.engine.worker import Announce
from fabricbench.errors import FabricbenchError, NotMeasuredError, UsageError
from fabricbench.store import Result

SAID_LINES = 12
OURS = ("--launches", "--append", "--resume", "--dry-run", "--format", "--output", "-o", "--seed")
"""What belongs to the series and not to a side."""

_ASSIGNED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_ERROR = re.compile(r"Error: |fabricbench[a-z ]*: error: ")
"""How an error begins: one of ours, or of the flags."""
_CASE = re.compile(r"\[\d+/\d+\]|launch \d")


@dataclass(frozen=True, kw_only=True)
class Side:
    """One configuration. `program` is empty for this installation; `words` are those of `run`, both sides' first."""

    name: str
    environment: Mapping[str, str]
    program: tuple[str, ...]
    words: tuple[str, ...]

    def text(self) -> str:
        """As a user would type it."""
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        return shlex.join([*variables, *(self.program or ("fabricbench",)), "run", *self.words])


def side(name: str, text: str, common: Sequence[str]) -> Side:
    """The side that `--base` or `--new` describes: NAME=VALUE ..., a program, flags of `run`.  Raises UsageError."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"--{name} '{text}' cannot be read: {error}.", "Close its quotes.") from error
    environment: dict[str, str] = {}
    while words and _ASSIGNED.match(words[0]):
        variable, _, value = words.pop(0).partition("=")
        environment[variable] = value
    program: tuple[str, ...] = ()
    if words and "/" in words[0] and not words[0].startswith("-") and not words[0].endswith(".toml"):
        program = _program(name, os.path.expanduser(words.pop(0)))
    for word in words:
        if word.partition("=")[0] in OURS:
            raise UsageError(f"{word} belongs to both sides, not to --{name}.", "Give it to `ab` itself.")
    return Side(name=name, environment=environment, program=program, words=(*common, *words))


def _program(name: str, path: str) -> tuple[str, ...]:
    """The words that start another installation: its `fabricbench`, or its `python`."""
    if not os.access(path, os.X_OK) or Path(path).is_dir():
        raise UsageError(
            f"--{name}: {path} is no program that can be started.",
            "Name the `fabricbench` or the `python` of an installation, such as /opt/other/bin/python.",
        )
    return (path, "-P", "-m", "fabricbench") if Path(path).name.startswith("python") else (path,)


def planned(one: Side) -> dict[str, Any] | None:
    """What a launch of this side would measure, by its own word; None where its version cannot say.

    Nothing is measured. Raises FabricbenchError where the side refuses, UsageError where it is no fabricbench.
    """
    status, text, said = _performed(one, ("--dry-run", "--format", "json"), lambda line: None)
    if status and _complaint(said) is None:
        raise UsageError(
            f"--{one.name}: `{one.text()}` is no run of fabricbench: it ended with status {status}.{_told(said)}"
        )
    if status:
        raise _refused(one, status, said, f"--{one.name}")
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
    return found if isinstance(found, dict) and "cases" in found else None


def measured(one: Side, output: Path, seed: int, which: str, announce: Announce) -> Result:
    """One launch of this side, read from a file of its own.

    which: the launch for people. Raises FabricbenchError with what the side said; a wrong result is none.
    """

    def hear(line: str) -> None:
        if not _CASE.match(line) and not _ERROR.match(line):
            announce({"event": "notice", "text": line})

    words = ("--launches", "1", "--seed", str(seed), "--output", str(output), "--format", "json")
    status, _, lines = _performed(one, words, hear)
    if status not in (0, 1) or not output.exists():
        raise _refused(one, status, lines, which)
    return store.load(output)[0]  # further parts of a suite, such as pairs, follow it


def _performed(one: Side, words: tuple[str, ...], hear: Callable[[str], None]) -> tuple[int, str, list[str]]:
    """Exit status, standard output, and lines of standard error, each of which is handed on at once."""
    program = one.program or (sys.executable, "-P", "-m", "fabricbench")
    surroundings = dict(os.environ) if one.program else launch.environment()
    # Not a pipe: one that nobody reads while its errors are read would fill.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        try:
            process = subprocess.Popen(
                [*program, "run", *one.words, *words], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE,
                text=True, errors="replace", env=surroundings | dict(one.environment), start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise UsageError(f"--{one.name}: {program[0]} cannot be started: {error.strerror}.") from error
        lines = []
        try:
            assert process.stderr is not None
            with process.stderr:
                for line in process.stderr:
                    lines.append(line.rstrip("\n"))
                    hear(lines[-1])
            status = process.wait()
        except BaseException:
            launch.end(process)
            raise
        output.seek(0)
        return status, output.read(), lines


def _refused(one: Side, status: int, said: Sequence[str], which: str) -> FabricbenchError:
    """What the side said, with its status; as an error of ours."""
    complaint = _complaint(said)
    if complaint is None:
        return NotMeasuredError(f"{which}: `{one.text()}` ended with status {status} and no result.{_told(said)}")
    error = FabricbenchError(f"{which}: {complaint}")
    error.status = status
    return error


def _complaint(said: Sequence[str]) -> str | None:
    """The error that a fabricbench ended with, in its own words; None where none speaks."""
    for index in reversed(range(len(said))):
        if found := _ERROR.match(said[index]):
            return "\n".join([said[index][found.end() :], *said[index + 1 :]])
    return None


def _told(said: Sequence[str]) -> str:
    return "\n  ".join([" It said:", *said[-SAID_LINES:]]) if said else ""

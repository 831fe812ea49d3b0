"""A finished export -> a file that its reader sees whole or not at all."""

import os
from collections.abc import Sequence
from pathlib import Path

from fabricbench.errors import UsageError


def encoded(text: str) -> bytes:
    """UTF-8; what a file name holds beyond it is written as an escape."""
    return text.encode("utf-8", "backslashreplace")


def refuse(output: str, inputs: Sequence[str]) -> None:
    """Raise UsageError where a file cannot be written, before anything is computed for it."""
    path = Path(output)
    if path.is_dir():
        raise UsageError(f"{output} is a folder.", "Name a file in it: --output FOLDER/FILE.")
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent} for {output}.", "Make it first, or name another --output.")
    if path.resolve() in {Path(name).resolve() for name in inputs}:
        raise UsageError(f"{output} is one of the results, which are never overwritten.", "Name another --output.")


def write(output: str, text: str) -> None:
    """Replace a file in one step: whoever reads it meanwhile sees the old one. Raises UsageError."""
    path = Path(output)
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(encoded(text))  # a pipe or a device is written to, never replaced
        else:
            _replace(path.resolve(), encoded(text))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"{output} cannot be written: {reason}.", "Name another --output.") from error


def _replace(path: Path, data: bytes) -> None:
    # A name of its own, without the suffix that the textfile collector of Prometheus looks for.
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        # Not tempfile: the collector runs as another user, who could not read a file of mode 0600.
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)

"""Logs that were read -> one result file: a launch for each log and tool."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from fabricbench import __version__, store
from fabricbench.errors import UsageError
from fabricbench.model import SCHEMA, ClockReport, End, Launch, Line, Run
from fabricbench.show.imports.reading import Found, Log

_ID = 16
_AT_ONCE = 512
"""Lines that are written before the disk is waited for."""
UNKNOWN = "unknown"


def write(logs: Sequence[Log], output: str, command: Sequence[str]) -> None:
    """A result file with all rows. Raises UsageError for a file that exists or a log that is given twice."""
    if Path(output).exists():
        raise UsageError(f"{output} exists already.", "Choose another --output.")
    parts = _parts(logs)
    with store.Writer.create(output) as writer:
        lines = iter(_lines(parts, command))
        while chunk := list(islice(lines, _AT_ONCE)):
            writer.write(*chunk)


def _parts(logs: Sequence[Log]) -> dict[str, tuple[Log, list[Found]]]:
    """Rows by the name of the launch that they become, which follows from what was printed.

    So a copy of a log is known to be one, wherever it is imported again.
    """
    parts: dict[str, tuple[Log, list[Found]]] = {}
    for log in logs:
        for tool in log.tools():
            found = [one for one in log.found if one.tool == tool]
            name = _name(repr((tool, one.version, one.row)) for one in found)
            if name in parts:
                raise UsageError(
                    f"{log.path} holds the figures that {parts[name][0].path} holds.",
                    "Name a log once: a copy is no second measurement.",
                )
            parts[name] = (log, found)
    return parts


def _lines(parts: dict[str, tuple[Log, list[Found]]], command: Sequence[str]) -> Iterator[Line]:
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    everything = [one for _, found in parts.values() for one in found]
    yield Run(
        schema=SCHEMA, id=_name(parts), fabricbench=__version__, started=now, command=list(command), seed=0,
        launches=len(parts), machine={}, software=_software(everything),
    )  # fmt: skip
    for number, (name, (log, found)) in enumerate(parts.items()):
        ranks = {one.row.ranks for one in found}
        yield _launch(number, name, ranks.pop() if len(ranks) == 1 else None)
        yield from (one.row.record(number, one.tool, one.version, log.path) for one in found)
    wrong = sum(one.row.check == "wrong" for one in everything)
    yield End(finished=now, records=len(everything), wrong=wrong, status="complete")


def _launch(number: int, name: str, ranks: int | None) -> Launch:
    clock = ClockReport(source=UNKNOWN, verified=False, read_s=None, offset_s=[], bound_s=None)
    return Launch(
        launch=number, id=name, started=UNKNOWN, ranks=ranks, hosts=[], binding=UNKNOWN, clock=clock, environment={},
        pairing=None,
    )  # fmt: skip


def _software(found: Iterable[Found]) -> dict[str, str]:
    """Versions of the tools, where they say them."""
    versions: dict[str, dict[str, None]] = {}
    for one in found:
        versions.setdefault(one.tool, {})[one.version or UNKNOWN] = None
    return {tool: " and ".join(said) for tool, said in versions.items()}


def _name(texts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(f"{text}\n".encode())
    return digest.hexdigest()[:_ID]

"""`python -m mpi4py.bench pingpong` and `ringtest`.

Format: src/mpi4py/bench.py. Times are of one message, by rank 0's clock; MB are 10^6 bytes.
"""

import re
from collections.abc import Sequence

from fabricbench.model import RateKey
from fabricbench.show.imports.lines import Line
from fabricbench.show.imports.printed import Printed, count, figure, scaled
from fabricbench.show.imports.tool import Tool

MEGABYTE = 1e6

_TITLE = re.compile(r"# MPI PingPong Test$")
_HEAD = re.compile(r"# Size \[B\]  Bandwidth \[MB/s\]")
_ROW = re.compile(r"\s*(?P<size>\d{1,18})\s+(?P<rate>\S+)(?: \| (?P<mean>\S+) \S (?P<sd>\S+)\s+(?P<loops>\d{1,9}))?$")
_RING = re.compile(
    r"time for (?P<loops>\d{1,9}) loops = (?P<time>\S+) seconds"
    r" \((?P<ranks>\d{1,9}) processes, (?P<size>\d{1,18}) bytes\)$"
)


class Reader:
    """Rows of the text."""

    tool = "mpi4py.bench"

    def __init__(self, named: str | None, ranks: int | None) -> None:
        self.version: str | None = None
        self._in_table = False

    def take(self, line: Line) -> Sequence[Printed] | None:
        """The figure of a line."""
        if _TITLE.match(line.text) or _HEAD.match(line.text):
            self._in_table = True
            return ()
        if match := _RING.match(line.text):
            return [self._ring(line, match)]
        match = _ROW.match(line.text) if self._in_table else None
        return None if match is None else [self._pingpong(line, match)]

    def _pingpong(self, line: Line, match: re.Match[str]) -> Printed:
        nbytes, rate = int(match["size"]), scaled(match["rate"], MEGABYTE)
        mean = None if match["mean"] is None else figure(match["mean"])
        rates: dict[RateKey, float] = {"bandwidth": rate} if rate and nbytes else {}
        return Printed(
            line=line.number, operation="latency", variant="mpi4py", nbytes=nbytes, ranks=2, memory="unknown",
            dtype="uint8", time_s=mean if mean is not None else nbytes / rate if rate and nbytes else None, rates=rates,
            samples=count(match["loops"]) if match["loops"] else None, repeats=1, statistic="mean", over_ranks="rank 0",
        )  # fmt: skip

    def _ring(self, line: Line, match: re.Match[str]) -> Printed:
        loops, total = max(1, int(match["loops"])), figure(match["time"])
        return Printed(
            line=line.number, operation="ring", variant="mpi4py", nbytes=int(match["size"]),
            ranks=int(match["ranks"]) or None, dtype="uint8", time_s=None if total is None else total / loops,
            samples=1, repeats=loops, statistic="mean", over_ranks="rank 0",
        )  # fmt: skip


MPI4PY_BENCH = Tool(
    names=("mpi4py.bench",),
    sign=re.compile(r"# MPI PingPong Test$|# Size \[B\]  Bandwidth \[MB/s\]|time for \d+ loops = "),
    reader=Reader,
)

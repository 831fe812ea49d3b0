"""nixlbench: its table of transfers.

Format: benchmark/nixlbench/src/utils/utils.cpp (printStatsHeader, printStats, printOption). GB are 10^9 bytes. The
figure is the average latency of one block.
"""

import re
from collections.abc import Sequence

from fabricbench.model import Memory, RateKey, Scalar
from fabricbench.show.imports.lines import Line
from fabricbench.show.imports.printed import Printed, count, is_figures, name, scaled
from fabricbench.show.imports.tool import Tool

MICROSECOND, GIGABYTE = 1e-6, 1e9

_COLUMN = re.compile(
    r"Block Size \(B\)|Batch Size|Aggregate B/W \(\w+/Sec\)|B/W \((?:GB|MiB|GiB)/Sec\)|Network Util \(%\)"
    r"|(?:Avg|P99) (?:Lat\.|Prep|Post|Tx) \(us\)"
)
_OPTION = re.compile(
    r"(?P<what>Op type|Backend|Initiator seg type|Target seg type|Scheme|Mode) ?\([^)]{0,100}\)\s*: (?P<said>\w+)"
)
_SETTING = re.compile(
    r"[A-Za-z][\w ()=,./\[\]|-]{0,120}: |NIXLBench Configuration|Connecting to|All processes are ready"
)
_OPERATIONS = {"READ": "get-bandwidth", "WRITE": "put-bandwidth"}
_MEMORY: dict[str, Memory] = {"VRAM": "device", "DRAM": "host"}
_UNITS = {"GB": 1e9, "GiB": float(1 << 30), "MiB": float(1 << 20)}


class Reader:
    """Rows of the text."""

    tool = "nixlbench"

    def __init__(self, named: str | None, ranks: int | None) -> None:
        self.version: str | None = None
        self._ranks = ranks
        self._options: dict[str, str] = {}
        self._columns: list[str] = []

    def take(self, line: Line) -> Sequence[Printed] | None:
        """The figure of a line."""
        text = line.text
        columns = _COLUMN.findall(text)
        if columns and not _COLUMN.sub("", text).strip():
            self._columns = columns
            return ()
        fields = text.split()
        if self._columns and len(fields) == len(self._columns) and is_figures(fields):
            return [self._row(line, dict(zip(self._columns, fields, strict=True)))]
        if match := _OPTION.match(text):
            self._options[match["what"]] = match["said"]
            return ()
        return () if _SETTING.match(text) else None

    def _row(self, line: Line, cells: dict[str, str]) -> Printed:
        rates: dict[RateKey, float] = {}
        for head, text in cells.items():
            if head.startswith("B/W") and (rate := scaled(text, _UNITS[head[5:].partition("/")[0]])) is not None:
                rates["bandwidth"] = rate
        said = {what: self._options.get(what, "unknown") for what in ("Op type", "Backend", "Scheme")}
        params: dict[str, Scalar] = {
            "batch": count(cells.get("Batch Size", "")) or 0,
            **({"scheme": name(said["Scheme"])} if said["Scheme"] != "unknown" else {}),
        }
        return Printed(
            line=line.number, operation=_OPERATIONS.get(said["Op type"], "transfer"), variant=name(said["Backend"]),
            nbytes=count(cells["Block Size (B)"]) or 0, ranks=self._ranks, memory=self._memory(), dtype="uint8",
            time_s=scaled(cells.get("Avg Lat. (us)", "N/A"), MICROSECOND), params=params, rates=rates,
            statistic="mean", over_ranks=None,
        )  # fmt: skip

    def _memory(self) -> Memory:
        """That of both sides where they agree."""
        said = {self._options.get(f"{side} seg type", "unknown") for side in ("Initiator", "Target")}
        return _MEMORY.get(said.pop(), "unknown") if len(said) == 1 else "unknown"


NIXLBENCH = Tool(
    names=("nixlbench",), sign=re.compile(r"NIXLBench Configuration|Block Size \(B\)\s+Batch Size\s"), reader=Reader
)

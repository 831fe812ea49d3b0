"""nvbandwidth: matrices of copies and latencies, as text and as JSON.

Format: inline_common.h (operator<<), output.cpp and json_output.cpp. GB are 10^9 bytes. Every cell is a row; the sums
below a matrix, and the minimum that counts N/A as 0, are left out. The size of a copy is not printed.
"""

import re
from collections.abc import Iterator, Sequence
from functools import partial

from fabricbench.errors import UnreadableError
from fabricbench.model import RateKey, Scalar
from fabricbench.show.imports.documents import Part, decoded, lines_of
from fabricbench.show.imports.lines import Document, Line
from fabricbench.show.imports.printed import Printed, figure, is_figures, name, scaled
from fabricbench.show.imports.tool import Parsed, Tool

NANOSECOND, GIGABYTE = 1e-9, 1e9
SIZE: dict[str, Scalar] = {"size": "unknown"}

_VERSION = re.compile(r"nvbandwidth Version: (\S+)")
_RUNNING = re.compile(r"Running (\w+)\.$")
_DESCRIPTION = re.compile(r".*\((?P<unit>GB/s|ns)\)$")
_PART = re.compile(r"\b(Read1|Read2|Write1|Write2|Total)\b")
_FOOTER = re.compile(
    r"(?:SUM|MIN|MAX|AVG|&&&& PERF) \w+ |(?:Waived|Error|Not Found|Passed)\b|NOTE: The reported results"
    r"|(?:CUDA (?:Runtime|Driver)|Driver|MPI|Built from Git) [Vv]ersion|Device \d+: |Process \d+ |Performance can vary"
)
_CORNER = "  "
"""The heads of columns stand right of an empty corner."""
_NAME = re.compile(rb'"bandwidth_matrix"\s*:')
_OPERATIONS = (
    ("host_to_device_bidirectional", "both"), ("device_to_host_bidirectional", "both"), ("host_to_device", "h2d"),
    ("device_to_host", "d2h"), ("device_to_device", "peer"), ("device_local", "d2d"),
)  # fmt: skip


class Reader:
    """Rows of the text."""

    tool = "nvbandwidth"

    def __init__(self, named: str | None, ranks: int | None) -> None:
        self.version: str | None = None
        self._test = "unknown"
        self._unit = ""
        self._part = ""
        self._heads: list[str] | None = None

    def take(self, line: Line) -> Sequence[Printed] | None:
        """The cells of a line of a matrix."""
        text = line.text
        if match := _VERSION.match(text):
            self.version = match[1]
        elif match := _RUNNING.match(text):
            self._test, self._unit, self._heads = match[1], "", None
        elif match := _DESCRIPTION.match(text):
            part = _PART.search(text)
            self._unit, self._heads, self._part = match["unit"], None, part[1].lower() if part else ""
        elif _FOOTER.match(text):
            self._unit = ""
        elif self._unit:
            return self._matrix(line)
        else:
            return None
        return ()

    def _matrix(self, line: Line) -> list[Printed] | None:
        fields = line.text.split()
        if self._heads is None and line.text.startswith(_CORNER) and fields:
            self._heads = fields
            return []
        if self._heads is None or len(fields) != len(self._heads) + 1 or not is_figures(fields[1:]):
            return None
        return [
            _printed(line.number, self._test, self._unit, self._part, fields[0], head, cell)
            for head, cell in zip(self._heads, fields[1:], strict=True)
            if cell != "N/A"
        ]


def _printed(line: int, test: str, unit: str, part: str, row: str, column: str, cell: str) -> Printed:
    operation = next((ours for theirs, ours in _OPERATIONS if test.startswith(theirs)), name(test))
    latency = unit == "ns"
    bandwidth = None if latency else scaled(cell, GIGABYTE)
    if figure(cell) is None:
        raise UnreadableError(f"'{cell}' is no figure.")
    rates: dict[RateKey, float] = {} if bandwidth is None else {"bandwidth": bandwidth}
    places: dict[str, Scalar] = {"row": row, "column": column, "test": test}
    return Printed(
        line=line, operation=f"{operation}-latency" if latency else operation, ranks=1, memory="device",
        variant="sm" if "_sm" in test or latency else "ce" if "_ce" in test else "unknown", dtype="uint8",
        time_s=scaled(cell, NANOSECOND) if latency else None, rates=rates,
        params={**places, **({} if latency else SIZE), **({"part": part} if part else {})},
        samples=None, repeats=None, statistic=None, over_ranks=None,
    )  # fmt: skip


class _Testcase(Part, frozen=True):
    name: str
    status: str = ""
    bandwidth_description: str = ""
    bandwidth_matrix: list[list[str | None]] | None = None


class _Body(Part, frozen=True):
    testcases: tuple[_Testcase, ...] = ()
    version: str | None = None


class _Root(Part, frozen=True):
    nvbandwidth: _Body


def document(found: Document, named: str | None, ranks: int | None) -> Parsed:
    """All cells of a JSON report. A test that was waived or failed has none."""
    body = decoded(found, _Root, "nvbandwidth", depth=3).nvbandwidth
    tests = [test for test in body.testcases if test.bandwidth_matrix is not None]
    numbers = lines_of(found, _NAME, len(tests))

    def rows() -> Iterator[partial[list[Printed]]]:
        for number, test in zip(numbers, tests, strict=True):
            unit = _DESCRIPTION.match(test.bandwidth_description)
            part = _PART.search(test.bandwidth_description)
            for row, cells in enumerate(test.bandwidth_matrix or []):
                yield partial(
                    _json_row, number, test.name, unit["unit"] if unit else "", part[1].lower() if part else "",
                    row, cells,
                )  # fmt: skip

    return Parsed(tool="nvbandwidth", version=body.version, rows=rows())


def _json_row(line: int, test: str, unit: str, part: str, row: int, cells: list[str | None]) -> list[Printed]:
    if not unit:
        raise UnreadableError(f"the unit of {test} is not said.")
    return [
        _printed(line, test, unit, part, str(row), str(column), cell)
        for column, cell in enumerate(cells)
        if cell is not None and cell != "N/A"
    ]


NVBANDWIDTH = Tool(
    names=("nvbandwidth",),
    sign=re.compile(r"nvbandwidth Version: |Running (?:host|device|all|one|multinode)_\w+\.$"),
    reader=Reader,
    mark=re.compile(rb'"nvbandwidth"\s*:'),
    document=document,
)

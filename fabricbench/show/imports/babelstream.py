"""BabelStream: text and --csv, in every unit that it prints.

Format: src/main.cpp (fmt_cli, fmt_csv). The figure is the shortest run, which is what its rate is made of; the first
run is not counted. Our size is one array.
"""

import re
from collections.abc import Sequence

from fabricbench.errors import UnreadableError
from fabricbench.model import Memory, Status
from fabricbench.show.imports.lines import Line
from fabricbench.show.imports.printed import Printed, count, name, scaled
from fabricbench.show.imports.tool import Tool

UNITS = {
    "mb": 1e6, "gb": 1e9, "tb": 1e12, "mib": float(1 << 20), "gib": float(1 << 30), "tib": float(1 << 40),
    "mbytes": 1e6, "mibytes": float(1 << 20),
}  # fmt: skip
"""Bytes behind 1 of each unit; the last two are those of old versions."""

_SETTING = re.compile(r"(Version|Implementation|Number of elements|Precision|Array size|Total size): (.+)$")
_RUNNING = re.compile(r"Running\s.*?\b(\d{1,9}) times\b|Running kernels (\d{1,9}) times")
_HEAD = re.compile(r"Function\s+(?P<unit>[MGT]i?B(?:ytes)?)/s(?:ec)?\s+Min \(sec\)\s+Max\s+Average\s*$")
_CSV_HEAD = re.compile(
    r"function,num_times,n_elements,sizeof,max_(?P<unit>[A-Za-z]+?)_per_sec,min_runtime,", re.IGNORECASE
)
_KERNEL = re.compile(r"(?:Copy|Mul|Add|Triad|Dot|Nstream)\b", re.IGNORECASE)
_FAILED = re.compile(r"FAILED validation of|Validation failed on")
_OPERATIONS = {"mul": "scale"}
_ON_DEVICE = re.compile(r"cuda|hip|opencl|sycl|acc\b|openacc|target", re.IGNORECASE)
_ON_HOST = re.compile(r"openmp|tbb|std|serial|thread|omp", re.IGNORECASE)
_FIELDS, _CSV_FIELDS = 5, 8
_WIDTHS = {"float": (4, "float32"), "double": (8, "float64")}
_DTYPES = {4: "float32", 8: "float64"}


class Reader:
    """Rows of text or CSV."""

    tool = "babelstream"

    def __init__(self, named: str | None, ranks: int | None) -> None:
        self.version: str | None = None
        self._variant = "unknown"
        self._memory: Memory = "unknown"
        self._elements: int | None = None
        self._width, self._dtype = 0, "unknown"
        self._times: int | None = None
        self._unit: float | None = None
        self._check: Status = "unchecked"

    def take(self, line: Line) -> Sequence[Printed] | None:
        """The figure of a line."""
        text = line.text
        if match := _SETTING.match(text):
            self._setting(match[1], match[2].strip())
        elif match := _RUNNING.match(text):
            self._times = int(match[1] or match[2])
        elif match := _HEAD.match(text) or _CSV_HEAD.match(text):
            self._unit = UNITS.get(match["unit"].lower())
        elif _FAILED.match(text):
            self._check = "wrong"
        elif text.strip() == "BabelStream":
            self._check = "unchecked"
        elif self._unit is not None and _KERNEL.match(text):
            return self._row(line)
        else:
            return None
        return ()

    def _setting(self, what: str, said: str) -> None:
        if what == "Version":
            self.version = said
        elif what == "Implementation":
            self._variant = name(said)
            self._memory = "device" if _ON_DEVICE.search(said) else "host" if _ON_HOST.search(said) else "unknown"
        elif what == "Number of elements":
            self._elements = count(said)
        elif what == "Precision":
            self._width, self._dtype = _WIDTHS.get(said, (0, "unknown"))

    def _row(self, line: Line) -> list[Printed] | None:
        fields = line.text.split(",") if "," in line.text else line.text.split()
        if len(fields) == _CSV_FIELDS:
            kernel, times, elements, width, rate, shortest, *_ = fields
            self._times, self._elements, self._width = count(times), count(elements), count(width) or 0
            self._dtype = _DTYPES.get(self._width, "unknown")
        elif len(fields) == _FIELDS:
            kernel, rate, shortest, *_ = fields
        else:
            return None
        bandwidth = scaled(rate, self._unit or 0.0)
        if not self._elements or not self._width:
            raise UnreadableError("neither the number of elements nor their precision is said above this row.")
        operation = _OPERATIONS.get(kernel.lower(), name(kernel))
        return [
            Printed(
                line=line.number, operation=operation, variant=self._variant, time_s=scaled(shortest, 1.0),
                nbytes=self._elements * self._width, ranks=1, memory=self._memory, dtype=self._dtype,
                cadence="isolated", rates={} if bandwidth is None else {"bandwidth": bandwidth},
                samples=self._times - 1 if self._times else None, repeats=1, statistic="minimum", over_ranks="one rank",
                check=self._check, wrong=int(self._check == "wrong"),
            )
        ]  # fmt: skip


BABELSTREAM = Tool(
    names=("babelstream",),
    sign=re.compile(r"BabelStream\s*$|Function\s+\w{2,7}/s(?:ec)?\s+Min \(sec\)|function,num_times,n_elements,sizeof,"),
    reader=Reader,
)

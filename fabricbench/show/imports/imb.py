"""Intel MPI Benchmarks: tables of all parts (MPI-1, NBC, RMA, EXT, P2P, MPI-4 ...), single and -multi.

Format: src_c/IMB_output.c. t_max, the slowest rank's mean, is read, which is also what Mbytes/sec is made of; rates are
computed anew, because Sendrecv counts its bytes twice, Exchange four times, and Mbytes were 2^20 bytes before they were
10^6.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from fabricbench.errors import UnreadableError
from fabricbench.model import Doubt, Mode, RateKey, Scalar, Status
from fabricbench.show.imports.lines import Line
from fabricbench.show.imports.printed import Printed, count, figure, is_figures, name, scaled, whole
from fabricbench.show.imports.tool import Tool

MICROSECOND, MEGABYTE = 1e-6, 1e6

_SUITE = re.compile(r"#\s+Intel ?\(R\) MPI Benchmark(?:s| Suite) (?P<version>V?[\d.]+\d)")
_BENCHMARK = re.compile(r"# Benchmarking (?P<multi>Multi-)?(?P<name>\w+)")
_PROCESSES = re.compile(r"# #processes = (\d{1,9})")
_GROUPS = re.compile(r"# \( ?(\d{1,9}) groups of (\d{1,9}) processes each")
_SETTING = re.compile(r"# (MPI_Datatype(?: for reductions)?|MPI_Op)\s*:\s*MPI_(\w+)")
_MODE = re.compile(r"#\s+MODE: (NON-)?AGGREGATE")
_COLUMN = re.compile(r"Group|#bytes|#repetitions|t(?:_\w+)?\[usec\]|Mbytes/sec|Msg/sec|overlap\[%\]|defects")
_FAILED = re.compile(r"\s*(?:\d{1,9}\s+)?(?P<size>\d{1,18}) (?P<why>out-of-mem|int-overflow|time-out)")

_NAMES = {
    "pingpong": "latency", "pingping": "bidirectional", "uniband": "bandwidth", "biband": "bidirectional",
    "bcast": "broadcast", "unidir_put": "put", "unidir_get": "get", "pingpongspecificsource": "latency",
    "pingponganysource": "latency",
}  # fmt: skip
_PER_RANK = frozenset(
    {"allgather", "allgatherv", "alltoall", "alltoallv", "alltoallw", "gather", "gatherv", "scatter", "scatterv",
     "reduce_scatter_block"}
)  # fmt: skip
"""Benchmarks whose size is one rank's part of our array; reduce_scatter_block counts what a rank receives."""
_REDUCING = frozenset({"allreduce", "reduce", "reduce_scatter", "reduce_scatter_block", "accumulate", "reduce_local"})
_ROOTED = frozenset({"broadcast", "reduce", "gather", "gatherv", "scatter", "scatterv"})
_DTYPES = {"BYTE": "uint8", "CHAR": "int8", "INT": "int32", "FLOAT": "float32", "DOUBLE": "float64"}


class Reader:
    """Rows of IMB's tables."""

    tool = "imb"

    def __init__(self, named: str | None, ranks: int | None) -> None:
        self.version: str | None = None
        self._said = ranks
        self._ranks = ranks
        self._benchmark = ""
        self._params: dict[str, Scalar] = {}
        self._settings: dict[str, str] = {}
        self._columns: list[str] = []

    def take(self, line: Line) -> Sequence[Printed] | None:
        """The figures of a line: three of a table with overlap, one of any other."""
        text = line.text
        if _heading(text):
            self._columns = _COLUMN.findall(text)
            return ()
        if text.startswith("#"):
            self._comment(text)
            return ()
        if self._columns and (match := _FAILED.match(text)):
            return [self._failed(line, int(match["size"]), match["why"])]
        fields = text.split()
        if not self._columns or len(fields) != len(self._columns) or not is_figures(fields):
            return None
        return self._rows(line, dict(zip(self._columns, fields, strict=True)))

    def _comment(self, text: str) -> None:
        if match := _SUITE.match(text):
            self.version = match["version"]
        elif match := _BENCHMARK.match(text):
            self._begin(match["name"], multi=match["multi"] is not None)
        elif match := _PROCESSES.match(text):
            self._ranks = int(match[1]) or None
        elif match := _GROUPS.match(text):
            self._ranks, self._params = int(match[2]) or None, {**self._params, "groups": int(match[1])}
        elif match := _SETTING.match(text):
            self._settings[match[1]] = match[2]
        elif match := _MODE.match(text):
            self._params = {**self._params, "aggregate": match[1] is None}
        elif text.startswith("# ") and "-root_shift" in text:
            self._settings["root_shift"] = "said"

    def _begin(self, benchmark: str, *, multi: bool) -> None:
        self._benchmark, self._columns, self._ranks = benchmark, [], self._said
        said = {"multi": multi, "pure": benchmark.lower().endswith("_pure")}
        self._params = {name: True for name, is_so in said.items() if is_so}

    def _rows(self, line: Line, cells: Mapping[str, str]) -> list[Printed]:
        if "t_pure[usec]" in cells and "t_ovrl[usec]" in cells:
            parts = {"": "t_pure[usec]", "both": "t_ovrl[usec]", "computation": "t_CPU[usec]"}
            return [self._row(line, cells, cells[head], part) for part, head in parts.items() if head in cells]
        shown = next((cells[head] for head in ("t[usec]", "t_max[usec]") if head in cells), None)
        return [self._row(line, cells, shown, "")]

    def _row(self, line: Line, cells: Mapping[str, str], shown: str | None, part: str) -> Printed:
        operation, mode = _operation(self._benchmark, self._ranks)
        size = count(cells.get("#bytes", "0"))
        if size is None:
            raise UnreadableError(f"'{cells['#bytes']}' is no size.")
        nbytes, sized = whole(size, operation in _PER_RANK, self._ranks)
        params = {**self._params, **sized, **self._usual(operation), **({"part": part} if part else {})}
        if "Group" in cells:
            params["group"] = count(cells["Group"]) or 0
        if self._benchmark.lower() == "pingping":
            params["window"] = 1
        time_s, rates = _streamed(cells, operation, nbytes) if shown is None else (scaled(shown, MICROSECOND), {})
        check = _check(cells)
        return Printed(
            line=line.number, operation=operation, variant="mpi",
            time_s=time_s,
            nbytes=nbytes, ranks=self._ranks, dtype=self._dtype(operation), mode=mode, params=params, rates=rates,
            samples=1, repeats=count(cells.get("#repetitions", "")), statistic="mean", over_ranks="maximum",
            check=check, wrong=int(check == "wrong"),
        )  # fmt: skip

    def _failed(self, line: Line, size: int, why: str) -> Printed:
        """A size that IMB gave up, and why."""
        cells = {"#bytes": str(size), **({"Group": "0"} if "Group" in self._columns else {})}
        doubt = Doubt(code="skipped", text=f"IMB did not measure it: {why}.", remedy="Give it more -time or -mem.")
        row = self._row(line, cells, "N/A", "")
        return replace(row, check="skipped", samples=None, repeats=None, doubts=(doubt,))

    def _usual(self, operation: str) -> dict[str, Scalar]:
        """Operator and root; the calling sequence is printed, so that a shifted root would have been said."""
        op = self._settings.get("MPI_Op", "").lower()
        fixed = operation in _ROOTED and op and "root_shift" not in self._settings
        root: dict[str, Scalar] = {"root": 0} if fixed else {}
        return {**root, **({"op": op} if op and operation in _REDUCING else {})}

    def _dtype(self, operation: str) -> str:
        reduced = "MPI_Datatype for reductions" if operation in _REDUCING else "MPI_Datatype"
        said = self._settings.get(reduced)
        if operation == "barrier":
            return "unknown"
        return _DTYPES.get(said, name(said)) if said else "unknown"


def _heading(text: str) -> bool:
    """Whether a line holds the heads of columns, and nothing else."""
    return "#repetitions" in text and not _COLUMN.sub("", text).strip()


def _operation(benchmark: str, ranks: int | None) -> tuple[str, Mode]:
    """Our name of a benchmark, and its mode. Bandwidths of several pairs are totals, which ours between two are not."""
    plain = benchmark.lower()
    mode: Mode = "blocking"
    plain = plain.removesuffix("_pure")
    if plain.startswith("i"):
        plain, mode = plain[1:], "non-blocking"
    elif plain.endswith("_persist"):
        plain, mode = plain.removesuffix("_persist"), "persistent"
    if plain in ("uniband", "biband") and ranks != 2:  # noqa: PLR2004 - a pair is two
        return ("message-rate" if plain == "uniband" else "biband"), mode
    return _NAMES.get(plain) or name(plain), mode


def _streamed(cells: Mapping[str, str], operation: str, nbytes: int) -> tuple[float | None, dict[RateKey, float]]:
    """Seconds of one message of a pair, or of one each way, and its rates.

    All follow from messages, of which both ways are counted: what Mbytes are changed between versions.
    """
    moves = 2 if operation in ("bidirectional", "biband") else 1
    messages = figure(cells.get("Msg/sec", "N/A"))
    if messages:
        return moves / messages, {"bandwidth": messages * nbytes, "messages": messages / moves} if nbytes else {}
    rate = scaled(cells.get("Mbytes/sec", "N/A"), MEGABYTE)
    if not rate or not nbytes:
        return None, {}
    return nbytes * moves / rate, {"bandwidth": rate}


def _check(cells: Mapping[str, str]) -> Status:
    if "defects" not in cells:
        return "unchecked"
    return "wrong" if figure(cells["defects"]) else "ok"


IMB = Tool(names=("imb",), sign=re.compile(r"#\s+Intel ?\(R\) MPI Benchmark|# Benchmarking \w"), reader=Reader)

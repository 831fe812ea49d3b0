"""nccl-tests and rccl-tests: text of all ages, and JSON up to version 3.

Format: src/util.cu (writeBenchmarkLinePreamble, writeBenchmarkLineBody, writePerIterReport, writeResultHeader). GB are
10^9 bytes; sizes are ours. Columns are found by their heads, because their number changed several times.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from fabricbench.errors import UnreadableError
from fabricbench.model import RateKey, Scalar
from fabricbench.show.imports.documents import Part, decoded
from fabricbench.show.imports.lines import Document, Line
from fabricbench.show.imports.printed import Printed, count, figure, is_figures, name, scaled
from fabricbench.show.imports.tool import Parsed, Tool

MICROSECOND, GIGABYTE = 1e-6, 1e9
NEWEST = 3
"""Version of the JSON format."""

_VERSION = re.compile(r"# nccl-tests version (\S+)|.*\brccl-tests: Version (\S+)")
_RCCL = re.compile(r"\brccl\b|\brccl-tests\b|RCCL version", re.IGNORECASE)
_PROGRAM = re.compile(
    r"\b(all_reduce|all_gather|all_to_all|alltoall|alltoallv|reduce_scatter|broadcast|reduce|gather|scatter|sendrecv"
    r"|hypercube)_perf\b"
)
_RANK = re.compile(r"#\s+Rank\s+(\d{1,9})(?:\s+Group\s+(\d{1,9}))?\s+Pid\s+(\d{1,9})\s+on\s+(\S+)")
_EACH = re.compile(r"# nThread:? (\d{1,6}) nGpus:? (\d{1,6}) ")
_REPEATS = re.compile(r"\biters: (\d{1,9}) agg iters: (\d{1,9})\b")
_LIBRARY = re.compile(r"\bNCCL version (\S+)|\bRCCL version\s*:?\s*(\S+)")
_FRONT = ["size", "count", "type"]
_NUMERIC = frozenset({"size", "count", "root", "time", "cputime", "algbw", "busbw", "#wrong", "error", "i_p99"})

_OPERATIONS = {
    "all_reduce": "allreduce", "all_gather": "allgather", "reduce_scatter": "reduce_scatter_block",
    "all_to_all": "alltoall",
}  # fmt: skip
_DTYPES = {
    "float": "float32", "half": "float16", "double": "float64", "bfloat16": "bfloat16", "f8e4m3": "float8_e4m3",
    "f8e5m2": "float8_e5m2", "fp8_e4m3": "float8_e4m3", "fp8_e5m2": "float8_e5m2", "char": "int8",
}  # fmt: skip
_OVER_RANKS = {"0": "rank 0", "1": "mean", "2": "minimum", "3": "maximum"}


class Reader:
    """Rows of the text."""

    def __init__(self, named: str | None, ranks: int | None) -> None:
        self.tool = named or "nccl-tests"
        self.version: str | None = None
        self._said = ranks
        self._program = "unknown"
        self._library = "unknown"
        self._members: set[tuple[str, str]] = set()
        self._processes: set[tuple[str, str]] = set()
        self._each: int | None = None
        self._repeats: int | None = None
        self._columns: list[str] = []

    def take(self, line: Line) -> Sequence[Printed] | None:
        """Out of place and in place of one row; either where only it was measured."""
        text = line.text
        if text.startswith("#"):
            self._comment(text)
            return ()
        fields = text.split()
        if self._columns and (cells := self._cells(fields)) is not None:
            return self._rows(line, cells)
        if match := _PROGRAM.search(text):
            self._program = match[1]
        if _RCCL.search(text):
            self.tool = "rccl-tests"
        if match := _LIBRARY.search(text):
            self._library = f"NCCL {match[1]}" if match[1] else f"RCCL {match[2]}"
            return ()
        return None

    def _comment(self, text: str) -> None:
        fields = text.lstrip("#").split()
        if fields[:3] == _FRONT:
            self._columns = fields
        elif match := _VERSION.match(text):
            self.version = match[1] or match[2]
        elif match := _PROGRAM.search(text):
            self._program, self._columns = match[1], []
        elif "nThread" in text and "minBytes" in text:
            found = _REPEATS.search(text)
            self._repeats = int(found[1]) * max(1, int(found[2])) if found else None
            each = _EACH.match(text)
            self._each = int(each[1]) * int(each[2]) if each else None
            self._members, self._processes = set(), set()
        elif match := _RANK.match(text):
            self._members.add((match[2] or "0", match[1]))
            self._processes.add((match[3], match[4]))
        if _RCCL.search(text):
            self.tool = "rccl-tests"

    def _cells(self, fields: list[str]) -> list[str] | None:
        """The fields of a row under the columns; a time stamp is two of them."""
        columns = [head for head in self._columns if head != "timestamp"]
        surplus = (1, 2) if "timestamp" in self._columns else (0,)
        if len(fields) - len(columns) not in surplus:
            return None
        numbers = [
            field for head, field in zip(columns, fields, strict=False) if head in _NUMERIC
        ]  # fmt: skip
        return fields[: len(columns)] if is_figures(numbers) and fields[0].lstrip("-").isdecimal() else None

    def _rows(self, line: Line, fields: list[str]) -> list[Printed]:
        columns = [head for head in self._columns if head != "timestamp"]
        starts = [index for index, head in enumerate(columns) if head in ("time", "cputime")]
        front = dict(zip(columns[: starts[0]] if starts else columns, fields, strict=False))
        rows = []
        for side, start in enumerate(starts):
            end = starts[side + 1] if side + 1 < len(starts) else len(columns)
            cells = dict(zip(columns[start:end], fields[start:end], strict=True))
            rows.append(self._row(line, front, cells, in_place=side > 0))
        return rows

    def _row(self, line: Line, front: Mapping[str, str], cells: Mapping[str, str], *, in_place: bool) -> Printed:
        ranks = self._ranks() or self._said
        shown = cells.get("time") or cells.get("cputime") or "N/A"
        wrong = figure(cells.get("#wrong") or cells.get("error") or "N/A")
        return _printed(
            line.number, self._program, self.tool, ranks, nbytes=_size(front["size"]), dtype=front["type"],
            redop=front.get("redop"), root=front.get("root"), time_s=scaled(shown, MICROSECOND),
            rates={key: scaled(cells.get(key, "N/A"), GIGABYTE) for key in _RATES}, wrong=wrong,
            p99_s=scaled(cells.get("i_p99", "N/A"), MICROSECOND), repeats=self._repeats, in_place=in_place,
            over_ranks=None, library=self._library,
        )  # fmt: skip

    def _ranks(self) -> int | None:
        """Devices of one group; groups are communicators that work at the same time.

        The list of a process with many devices is cut off, so that of one group its processes are counted.
        """
        groups = [group for group, _ in self._members]
        if len(set(groups)) == 1 and self._each:
            return len(self._processes) * self._each
        return groups.count(min(groups, default="")) or None


_RATES: tuple[RateKey, ...] = ("algbw", "busbw")


def _printed(  # noqa: PLR0913 - what both forms say of a row
    line: int, program: str, tool: str, ranks: int | None, *, nbytes: int, dtype: str, redop: str | None,
    root: str | None, time_s: float | None, rates: Mapping[RateKey, float | None], wrong: float | None,
    p99_s: float | None, repeats: int | None, in_place: bool, over_ranks: str | None, library: str,
) -> Printed:  # fmt: skip
    params: dict[str, Scalar] = {}
    if redop is not None and redop != "none":
        params["op"] = redop
    if root is not None and (number := count(root.strip())) is not None:
        params["root"] = number
    if wrong is not None and wrong < 0:
        raise UnreadableError(f"{wrong:g} elements cannot be wrong.")
    return Printed(
        line=line, operation=_OPERATIONS.get(program, name(program)),
        variant="rccl" if tool == "rccl-tests" else "nccl", time_s=time_s, nbytes=nbytes, ranks=ranks, memory="device",
        dtype=_DTYPES.get(dtype, name(dtype)), params=params, in_place=in_place, p99_s=p99_s,
        rates={key: value for key, value in rates.items() if value is not None and nbytes and time_s},
        samples=1, repeats=repeats, statistic="mean", over_ranks=over_ranks,
        check="unchecked" if wrong is None else "wrong" if wrong else "ok", wrong=int(wrong or 0), library=library,
    )  # fmt: skip


def _size(text: str) -> int:
    nbytes = count(text)
    if nbytes is None:
        raise UnreadableError(f"'{text}' is no size.")
    return nbytes


class _Side(Part, frozen=True):
    alg_bw: float | str | None
    bus_bw: float | str | None
    time: float | str | None = None
    cpu_time: float | str | None = None
    nwrong: float | str | None = None


class _Iterations(Part, frozen=True):
    p99_us: float | str | None = None


class _Result(Part, frozen=True):
    size: int
    type: str
    redop: str | None = None
    root: str | int | None = None
    out_of_place: _Side | None = None
    in_place: _Side | None = None
    out_of_place_per_iter: _Iterations | None = None
    in_place_per_iter: _Iterations | None = None


class _Device(Part, frozen=True):
    rank: int
    group: int = 0


class _Config(Part, frozen=True):
    iterations: int | None = None
    aggregated_iterations: int | None = None
    devices: tuple[_Device, ...] = ()


class _Root(Part, frozen=True):
    results: list[_Result]
    version: int = 0
    args: tuple[str, ...] = ()
    nccl_version: int | None = None
    config: _Config = _Config()


def document(found: Document, named: str | None, ranks: int | None) -> Parsed:
    """All rows of a JSON report. Raises UnreadableError for a newer version of its format."""
    root = decoded(found, _Root, "nccl-tests", depth=2)
    if root.version > NEWEST:
        raise UnreadableError(
            f"this is version {root.version} of the JSON of nccl-tests; up to {NEWEST} is read.",
            "Import the text that it prints.",
        )
    program = _PROGRAM.search(" ".join(root.args[:1]))
    tool = named or ("rccl-tests" if _RCCL.search(" ".join(root.args[:1])) else "nccl-tests")
    config = root.config
    groups = [device.group for device in config.devices]
    made = partial(
        _json_row, found.number, program[1] if program else "unknown", tool,
        groups.count(min(groups, default=0)) or ranks, root,
    )  # fmt: skip

    def rows() -> Iterator[partial[list[Printed]]]:
        for result in root.results:
            yield partial(made, result)

    return Parsed(tool=tool, version=None, rows=rows())


def _json_row(
    line: int, program: str, tool: str, ranks: int | None, root: _Root, result: _Result
) -> list[Printed]:  # fmt: skip
    sides = ((result.out_of_place, result.out_of_place_per_iter), (result.in_place, result.in_place_per_iter))
    config = root.config
    repeats = config.iterations and config.iterations * max(1, config.aggregated_iterations or 1)
    return [
        _printed(
            line, program, tool, ranks, nbytes=result.size, dtype=result.type, redop=result.redop,
            root=None if result.root is None else str(result.root), repeats=repeats,
            time_s=_json_scaled(side.time if side.time is not None else side.cpu_time, MICROSECOND),
            rates={"algbw": _json_scaled(side.alg_bw, GIGABYTE), "busbw": _json_scaled(side.bus_bw, GIGABYTE)},
            wrong=_json_scaled(side.nwrong, 1.0), p99_s=_json_scaled(each.p99_us if each else None, MICROSECOND),
            in_place=number > 0, over_ranks=_averaged(root.args), library=_library(root.nccl_version),
        )
        for number, (side, each) in enumerate(sides)
        if side is not None
    ]  # fmt: skip


def _json_scaled(value: float | str | None, scale: float) -> float | None:
    if value is None or isinstance(value, str):
        return None if value is None else scaled(value, scale)
    return float(f"{value * scale:.12g}")


def _averaged(arguments: Sequence[str]) -> str | None:
    """How ranks are joined: `-a`, whose default is the mean; all arguments are in the report."""
    words = iter(arguments)
    for word in words:
        flag, equals, value = word.partition("=")
        if flag in ("-a", "--average"):
            return _OVER_RANKS.get(value if equals else next(words, ""))
        if re.fullmatch(r"-a[0-3]", word):
            return _OVER_RANKS[word[2]]
    return "mean" if arguments else None


def _library(version: int | None) -> str:
    """22707 is NCCL 2.27.7."""
    if not version or version < 0:
        return "unknown"
    return f"NCCL {version // 10000}.{version // 100 % 100}.{version % 100}"


NCCL = Tool(
    names=("nccl-tests", "rccl-tests"),
    sign=re.compile(
        r"# (?:nccl|rccl)-tests version|rccl-tests: |# nThread:? \d+ nGpus|# Collective test starting"
        r"|#\s+size\s+count\s+type\s"
    ),
    reader=Reader,
    mark=re.compile(rb'"(?:out_of_place|average_bus_bandwidth|aggregated_iterations)"\s*:'),
    document=document,
)

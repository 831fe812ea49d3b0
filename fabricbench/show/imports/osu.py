"""OSU micro-benchmarks, in C and in Python (OMB-Py): tables of every program since version 5.

Formats: c/util/osu_util_mpi.c (print_only_header, print_header_one_sided, print_only_header_nbc, print_stats*) and
python/util/osu_util_mpi.py. MB are 10^6 bytes. `Tables` is also how `doctor --beside` reads programs that it starts.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fabricbench.errors import UnreadableError
from fabricbench.model import Cadence, Memory, Mode, RateKey, Scalar, Status
from fabricbench.show.imports.lines import Line
from fabricbench.show.imports.printed import Printed, count, is_figures, name, scaled, whole
from fabricbench.show.imports.tool import Tool

MICROSECOND, MILLISECOND, MEGABYTE = 1e-6, 1e-3, 1e6

_TITLE = re.compile(
    r"# (?P<tool>OSU|OMB Python|OMB-Py) (?P<layer>MPI|NCCL|RCCL)(?P<dashed>-[A-Z ]{1,20}?|)(?P<what>[_ ][^#]{0,80}?)"
    r" [Tt]est(?: (?P<version>v\d\S{0,20}))?$"
)
_COLUMN = re.compile(
    r"Size(?: \(B\))?|(?:(?:Avg|Min|Max) )?Latency ?\(us\)|Bandwidth \(MB/s\)|MB/s|Messages/s|Iterations|Validation"
    r"|P\d{1,3} Tail (?:Lat\(us\)|BW\(MB/s\))|Transmit Size|Overall\(us\)|Compute\(us\)|Coll\. Init\(us\)"
    r"|MPI_(?:Test|Wait)\(us\)|(?:Pure|Min|Max) Comm\.\(us\)|Overlap\(%\)|(?:Wait|Init) avg\(us\)"
)
_DATATYPE = re.compile(r"# Datatype: MPI_(\w+)\.?$")
_PAIRS = re.compile(r"# \[ pairs: (\d{1,9}) \] \[ window size: (\w+) \]$")
_WINDOW = re.compile(r"# (?P<what>Window creation|Synchronization): MPI_Win_(?P<how>\w+)")
_INIT = re.compile(r"nprocs: (\d{1,9}), min: (\d+) ms, max: (\d+) ms, avg: (\d+) ms$")

_PER_RANK = frozenset(
    {"allgather", "allgatherv", "alltoall", "alltoallv", "alltoallw", "gather", "gatherv", "scatter", "scatterv"}
)
"""Programs whose size is one rank's part of our array."""
_REDUCING = frozenset({"allreduce", "reduce", "reduce_scatter", "reduce_scatter_block", "accumulate"})
_ONE_SIDED = frozenset({"put", "get", "accumulate", "get_accumulate", "fetch_and_op", "compare_and_swap"})
_PAIR = frozenset({"latency", "bandwidth", "bidirectional"})
_NAMES = {
    "bcast": "broadcast",
    "bi-directional bandwidth": "bidirectional",
    "multiple bandwidth / message rate": "message-rate",
}
_MEMORY: dict[str, Memory] = {"": "host", "-CUDA": "device", "-ROCM": "device", "-OPENACC": "device"}
_WORDS = re.compile(r"\b(?:non-blocking|persistent|personalized exchange|latency)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Title:
    """What the first line of a table says, and the lines up to its columns."""

    python: bool
    layer: str
    operation: str
    mode: Mode
    memory: Memory
    version: str | None
    dtype: str = "unknown"
    pairs: int | None = None
    params: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class Cells:
    """A row: OSU's size, 0 for a program without sizes, and its fields by the head of their column."""

    title: Title
    size: int
    fields: Mapping[str, str]

    def value(self, *heads: str) -> str | None:
        """The field of the first of these columns that there is."""
        return next((self.fields[head] for head in heads if head in self.fields), None)


class Tables:
    """Reads OSU's tables line by line."""

    def __init__(self) -> None:
        self.title: Title | None = None
        self._columns: list[str] = []

    def take(self, text: str) -> Cells | bool:
        """A row; else whether OSU prints such a line."""
        if match := _TITLE.match(text):
            self.title, self._columns = _title(match), []
            return True
        if text.startswith("#"):
            self._comment(text)
            return True
        return self._row(text) if self.title is not None and self._columns else False

    def _comment(self, text: str) -> None:
        columns, title = _COLUMN.findall(text), self.title
        if columns and not _COLUMN.sub("", text).strip("# \t"):
            self._columns = columns
        elif title is None:
            return
        elif match := _DATATYPE.match(text):
            self._columns = []
            self.title = replace(title, dtype=_dtype(match[1], title.operation))
        elif match := _PAIRS.match(text):
            window = count(match[2])
            params = {**title.params, "window": window} if window else title.params
            self.title = replace(title, pairs=int(match[1]), params=params)
        elif match := _WINDOW.match(text):
            self.title = replace(title, params={**title.params, **_one_sided(match["what"], match["how"])})

    def _row(self, text: str) -> Cells | bool:
        fields = text.split()
        if self.title is None or len(fields) != len(self._columns) or not is_figures(fields):
            return False
        found = dict(zip(self._columns, fields, strict=True))
        size = found.get("Size") or found.get("Size (B)") or "0"
        nbytes = count(size)
        if nbytes is None:
            raise UnreadableError(f"'{size}' is no size.")
        return Cells(self.title, nbytes, found)


class Reader:
    """Rows of ours from OSU's tables."""

    def __init__(self, named: str | None, ranks: int | None) -> None:
        self.tool = named or "osu"
        self.version: str | None = None
        self._ranks = ranks
        self._tables = Tables()

    def take(self, line: Line) -> Sequence[Printed] | None:
        """The figures of a line: three of a table with overlap, one of any other."""
        if match := _INIT.match(line.text):
            return [self._init(line, match)]
        if line.text.startswith("DATA VALIDATION ERROR"):
            return ()
        found = self._tables.take(line.text)
        if self._tables.title is not None:
            self.tool = "omb-py" if self._tables.title.python else "osu"
            self.version = self._tables.title.version
        if isinstance(found, bool):
            return () if found else None
        parts = {"": ("Pure Comm.(us)",), "both": ("Overall(us)",), "computation": ("Compute(us)",)}
        if found.value("Pure Comm.(us)") is not None:
            return [self._printed(line, found, heads, part) for part, heads in parts.items()]
        return [self._printed(line, found, ("Avg Latency(us)", "Latency (us)", "Latency(us)"), "")]

    def _printed(self, line: Line, cells: Cells, heads: tuple[str, ...], part: str) -> Printed:
        title = cells.title
        ranks = self._ranks_of(title)
        nbytes, sized = whole(cells.size, title.operation in _PER_RANK, ranks)
        shown = cells.value(*heads)
        rates = _rates(cells)
        time_s = scaled(shown, MICROSECOND) if shown is not None else _time_of(title, nbytes, rates)
        samples = count(cells.value("Iterations") or "")
        isolated = _cadence(title) == "isolated"
        tail = cells.value("P99 Tail Lat(us)")
        return Printed(
            line=line.number, operation=title.operation, variant="mpi4py" if title.python else title.layer,
            time_s=time_s, nbytes=nbytes, ranks=ranks, memory=title.memory, dtype=title.dtype, cadence=_cadence(title),
            mode=title.mode, params={**title.params, **sized, **({"part": part} if part else {})},
            p99_s=scaled(tail, MICROSECOND) if tail and not part else None, rates=rates if nbytes else {},
            samples=samples if isolated else 1, repeats=1 if isolated else samples,
            statistic="mean", over_ranks=_over_ranks(title), check=_check(cells), wrong=int(_check(cells) == "wrong"),
        )  # fmt: skip

    def _ranks_of(self, title: Title) -> int | None:
        """A pair is two; else only `osu_mbw_mr` says, as pairs."""
        if title.operation in _PAIR or title.operation.split("-")[0] in _ONE_SIDED:
            return 2
        return 2 * title.pairs if title.pairs else self._ranks

    def _init(self, line: Line, match: re.Match[str]) -> Printed:
        return Printed(
            line=line.number, operation="init", variant="mpi", time_s=scaled(match[4], MILLISECOND),
            ranks=int(match[1]) or None, cadence="isolated", samples=1, repeats=1, statistic="mean", over_ranks="mean",
        )  # fmt: skip


def _title(match: re.Match[str]) -> Title:
    python = match["tool"] != "OSU"
    dashed, what = match["dashed"], match["what"]
    for accelerator in ("-CUDA MANAGED", "-CUDA", "-ROCM", "-OPENACC", "-MANAGED", "-CXL"):
        # One-sided programs name it behind the function: "OSU MPI_Put-CUDA Latency Test".
        if accelerator in what:
            dashed, what = accelerator, what.replace(accelerator, "")
            break
    if what.startswith(" MANAGED "):
        dashed, what = "-MANAGED", what.removeprefix(" MANAGED")
    lowered = what.lower()
    mode: Mode = (
        "non-blocking" if "non-blocking" in lowered else "persistent" if "persistent" in lowered else "blocking"
    )
    operation = _operation(lowered)
    return Title(
        python=python, layer=match["layer"].lower(), operation=operation, mode=mode, version=match["version"],
        memory="device" if match["layer"] != "MPI" else _MEMORY.get(dashed, "unknown"), dtype="unknown",
        params={"op": "sum"} if operation in _REDUCING else {},
    )  # fmt: skip


def _operation(what: str) -> str:
    """Our name of what a title names, in small letters."""
    one_sided = what.startswith("_")
    plain = " ".join(_WORDS.sub(" ", what.strip("_ ")).replace("all-to-all", "alltoall").split())
    if not plain:
        return "latency"
    if one_sided:
        plain = plain.replace("bandwidth bandwidth", "bandwidth").replace("bi-directional bandwidth", "bidirectional")
    if plain.split()[0] in ("multi", "multi-threaded", "multi-process"):
        plain = f"{plain} latency"
    if plain.startswith("neighborhood "):
        plain = plain.replace("neighborhood ", "neighbor_")
    return _NAMES.get(plain) or name(plain)


def _dtype(mpi: str, operation: str) -> str:
    """NumPy's name; characters that are only moved are bytes, as they are here."""
    known = {"CHAR": "int8" if operation.removeprefix("neighbor_") in _REDUCING else "uint8", "INT": "int32",
             "FLOAT": "float32", "DOUBLE": "float64", "BYTE": "uint8"}  # fmt: skip
    return known.get(mpi, name(mpi))


def _one_sided(what: str, how: str) -> dict[str, Scalar]:
    """Parameters of a window; those that we have too by our names."""
    if what == "Window creation":
        return {"win": how.lower()}
    return {} if how == "flush" else {"sync": how.lower()}


def _cadence(title: Title) -> Cadence:
    """Collectives are timed call by call with a barrier between them, all others back to back."""
    apart = title.operation in _PAIR or title.operation.split("-")[0] in {*_ONE_SIDED, "multi", "message"}
    return "streaming" if apart or title.python else "isolated"


def _over_ranks(title: Title) -> str:
    return "rank 0" if title.operation in _PAIR or title.operation.split("-")[0] in _ONE_SIDED else "mean"


def _rates(cells: Cells) -> dict[RateKey, float]:
    shown = {"bandwidth": cells.value("Bandwidth (MB/s)", "MB/s"), "messages": cells.value("Messages/s")}
    found: dict[RateKey, float] = {}
    for key, text in shown.items():
        value = None if text is None else scaled(text, MEGABYTE if key == "bandwidth" else 1.0)
        if value is not None:
            found["bandwidth" if key == "bandwidth" else "messages"] = value
    return found


def _time_of(title: Title, nbytes: int, rates: Mapping[RateKey, float]) -> float | None:
    """Seconds of one of our operations at a printed rate."""
    rate = rates.get("bandwidth")
    moves = 2 if title.operation.endswith("bidirectional") else 1
    return nbytes * moves / rate if rate and nbytes else None


def _check(cells: Cells) -> Status:
    said = {"Pass": "ok", "Fail": "wrong"}.get(cells.fields.get("Validation", ""))
    return "ok" if said == "ok" else "wrong" if said == "wrong" else "unchecked"


OSU = Tool(
    names=("osu", "omb-py"),
    sign=re.compile(r"# (?:OSU|OMB Python|OMB-Py) (?:MPI|NCCL|RCCL)|# HOST(?:/\w{1,40})?: allocated "),
    reader=Reader,
)

"""perftest (ib_send_bw, ib_write_lat ...): text, and the JSON of --out_json, some of which is not quite JSON.

Format: src/perftest_parameters.h (RESULT_FMT*, REPORT_FMT*). What old versions call MB is 2^20 bytes as well; with
--report_gbits rates are 10^9 bits. The JSON has one field a line and is read line by line, because versions of it lack
quotes; its unit is not printed, but follows from the message rate.
"""

import math
import re
from collections.abc import Mapping, Sequence

from fabricbench.errors import UnreadableError
from fabricbench.model import Memory, RateKey, Scalar
from fabricbench.show.imports.lines import Line
from fabricbench.show.imports.printed import Printed, count, figure, is_figures, name, scaled
from fabricbench.show.imports.tool import Tool

MICROSECOND, MILLION = 1e-6, 1e6
UNITS = {"MiB": float(1 << 20), "MB": float(1 << 20), "Gb": 1e9 / 8}
"""Bytes a second behind 1 of each unit."""

_TITLE = re.compile(
    r"\s*(?P<verb>Send|Send_imm|RDMA_Write|RDMA_Write_imm|RDMA_Read|Atomic)(?P<more>(?: \w{1,40}){0,4}?) "
    r"(?P<kind>BW|Latency)(?: \w{1,40}){0,3} Test$"
)
_JSON_TITLE = re.compile(
    r'\s*"test"\s*:\s*"(?P<verb>\w{1,40}?)_(?P<more>(?:\w{1,40}_)??)(?P<kind>BW|Latency)_\w{0,40}Test"'
)
_JSON_FIELD = re.compile(
    r'[ \t]{0,20}"?(?P<key>\w[\w. ]{0,60}?)"?[ \t]{0,20}:[ \t]{0,20}"?(?P<value>[^",]{0,200})"?,?[ \t]{0,20}$'
)
_JSON_SETTING = re.compile(r'[ \t]{0,20}(?:"\w[^"]{0,60}"\s?:|[{}],?\s*$)')
_JSON_RESULTS = re.compile(r'\s*"results"\s*:')
_COLUMN = re.compile(
    r"#bytes|#sl|#iterations|BW (?:peak|average|Port\d)\[(?P<unit>MiB|MB|Gb)/sec\]|MsgRate(?: Port\d)?\[Mpps\]"
    r"|t_(?:min|max|typical|avg|stdev)\[(?:usec|cycles|nsec)\]|99(?:\.9+)?% percentile\[(?:usec|cycles|nsec)\]"
    r"|tps average|CPU_Util\[%%?\]"
)
_SETTING = re.compile(r" [A-Za-z][\w* .]{0,40}:\s|\s*(?:local|remote) address:|\s*GID:|-{20,}|\* Waiting|Using mmap")
_OPERATIONS = {
    ("Send", "BW"): "bandwidth", ("Send", "Latency"): "latency", ("RDMA_Write", "BW"): "put-bandwidth",
    ("RDMA_Write", "Latency"): "put-latency", ("RDMA_Read", "BW"): "get-bandwidth", ("RDMA_Read", "Latency"): "get",
}  # fmt: skip


class Reader:
    """Rows of text or of JSON."""

    tool = "perftest"

    def __init__(self, named: str | None, ranks: int | None) -> None:
        self.version: str | None = None
        self._operation = "unknown"
        self._both_ways = False
        self._memory: Memory = "unknown"
        self._columns: list[str] = []
        self._unit: float | None = None
        self._results: dict[str, str] | None = None

    def take(self, line: Line) -> Sequence[Printed] | None:
        """The figure of a line, or of the JSON results that end in it."""
        text = line.text
        if match := _TITLE.match(text) or _JSON_TITLE.match(text):
            self._begin(match["verb"], match["more"], match["kind"])
            return ()
        if self._results is not None or _JSON_RESULTS.match(text):
            return self._json(line)
        heads = [match[0] for match in _COLUMN.finditer(text)]
        if heads and heads[0] == "#bytes" and not _COLUMN.sub("", text).strip():
            unit = next((match["unit"] for match in _COLUMN.finditer(text) if match["unit"]), None)
            self._columns, self._unit = heads, UNITS[unit] if unit else None
            return ()
        fields = text.split()
        if self._columns and len(fields) == len(self._columns) and is_figures(fields):
            return [self._row(line, dict(zip(self._columns, fields, strict=True)))]
        if self._device(text):
            return ()
        return () if _SETTING.match(text) or _JSON_SETTING.match(text) else None

    def _begin(self, verb: str, more: str, kind: str) -> None:
        plain = verb.removesuffix("_imm")
        self._operation = _OPERATIONS.get((plain, kind), name(f"{verb} {kind}"))
        self._both_ways = "Bidirectional" in more or "Bidirectional" in verb
        if self._both_ways:
            self._operation = self._operation.replace("bandwidth", "bidirectional")
        self._columns, self._unit, self._results, self._memory = [], None, None, "unknown"

    def _device(self, text: str) -> bool:
        """Whether a line says whose memory it is."""
        if re.match(r'\s*"?cuda_device|.*\b(?:CUDA|ROCm) (?:device|context|memory)|"Use_ROCm_memory": "ON"', text):
            self._memory = "device"
            return True
        return False

    def _json(self, line: Line) -> Sequence[Printed] | None:
        if self._results is None:
            self._results = {}
            return ()
        if line.text.strip().startswith("}"):
            found, self._results = self._results, None
            return [self._row(line, _columns(found))]
        match = _JSON_FIELD.match(line.text)
        if match is None:
            return None
        self._results[match["key"].strip()] = match["value"].strip()
        return ()

    def _row(self, line: Line, cells: Mapping[str, str]) -> Printed:
        nbytes = count(cells.get("#bytes", ""))
        if nbytes is None:
            raise UnreadableError(f"'{cells.get('#bytes', '')[:40]}' is no size.")
        rates = self._rates(cells, nbytes)
        times = {head: _seconds(head, text) for head, text in cells.items() if "[" in head and "BW" not in head}
        typical = next((head for head in cells if head.startswith("t_typical")), None)
        mean = next((head for head in cells if head.startswith("t_avg")), None)
        latency = typical or mean
        rate = rates.get("bandwidth")
        moves = 2 if self._both_ways else 1
        iterations = count(cells.get("#iterations", ""))
        params: dict[str, Scalar] = {"sl": count(cells["#sl"]) or 0} if "#sl" in cells else {}
        return Printed(
            line=line.number, operation=self._operation, variant="verbs", nbytes=nbytes, ranks=2, dtype="uint8",
            memory=self._memory, params=params, rates=rates if nbytes else {},
            time_s=times[latency] if latency else nbytes * moves / rate if rate and nbytes else None,
            p99_s=next((value for head, value in times.items() if head.startswith("99% ")), None),
            samples=iterations if latency else 1, repeats=1 if latency else iterations,
            statistic="median" if typical else "mean", over_ranks="one rank",
        )  # fmt: skip

    def _rates(self, cells: Mapping[str, str], nbytes: int) -> dict[RateKey, float]:
        found: dict[RateKey, float] = {}
        messages = scaled(cells.get("MsgRate[Mpps]", "N/A"), MILLION)
        if messages is not None:
            found["messages"] = messages
        shown = next((text for head, text in cells.items() if head.startswith("BW average")), None)
        if shown is not None and (value := figure(shown)) is not None:
            unit = self._unit if self._unit is not None else _unit(value, messages, nbytes)
            found["bandwidth"] = value * unit
        return found


def _columns(found: Mapping[str, str]) -> dict[str, str]:
    """Fields of JSON by the heads that the text has."""
    heads = {
        "MsgSize": "#bytes", "sl": "#sl", "n_iterations": "#iterations", "BW_average": "BW average",
        "BW_peak": "BW peak", "MsgRate": "MsgRate[Mpps]", "t_typical": "t_typical[usec]", "t_avg": "t_avg[usec]",
        "percentile_99": "99% percentile[usec]", "t_99_perc": "99% percentile[usec]",
    }  # fmt: skip
    return {heads[key]: value for key, value in found.items() if key in heads}


def _unit(value: float, messages: float | None, nbytes: int) -> float:
    """The unit in which a rate is what its messages carry. Raises UnreadableError where that does not tell."""
    if not value:
        return 1.0
    for unit in (UNITS["MiB"], UNITS["Gb"]):
        if messages is not None and math.isclose(value * unit, messages * nbytes, rel_tol=0.05):
            return unit
    raise UnreadableError(f"the unit of the rate {value:g} is not printed, and the message rate does not tell it.")


def _seconds(head: str, text: str) -> float | None:
    """Raises UnreadableError for a time in cycles, which no log says the length of."""
    unit = head.partition("[")[2].rstrip("]")
    if unit == "cycles":
        raise UnreadableError(f"{head} is in cycles, not in time.", "Run it without --report-cycles.")
    scale = {"usec": MICROSECOND, "nsec": 1e-9}.get(unit)
    return None if scale is None else scaled(text, scale)


PERFTEST = Tool(
    names=("perftest",),
    sign=re.compile(
        r"\s*(?:Send|RDMA_Write|RDMA_Read|Atomic)(?:_imm)?(?: \w{1,40}){0,6} Test$"
        r'|\s*"test_info"\s*:|\s*#bytes\s+(?:#sl\s+)?#iterations\s'
    ),
    reader=Reader,
    fixed=False,
)

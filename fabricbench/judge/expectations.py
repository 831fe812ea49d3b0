"""An expectation file: TOML text -> what rows are expected to reach, with the line that says so.

[[expect]]
case = "allreduce/mpi float32 1MiB"      # pattern over the names of rows, * stands for any text
metric = "busbw"                         # time, p99, algbw, busbw, bandwidth, flops, messages or share
low = 5.5                                # one bound or both, in `unit`
unit = "GB/s"
source = "acceptance of 2026-01-15, median of 8 launches"
like = { library = "Open MPI 5.0.11" }   # optional: machine and conditions for which it holds

[[peak]]                                 # optional: what 100 % is
resource = "link"
scope = "rank"
value = 12.5
unit = "GB/s"
source = "data sheet, 100 Gbit/s"
"""

import math
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from fabricbench.errors import FabricbenchError, UnreadableError, unknown
from fabricbench.judge.factor import CONDITIONS
from fabricbench.judge.metric import METRICS, Metric
from fabricbench.judge.sides import FINGERPRINT
from fabricbench.model import Ceiling
from fabricbench.quantity import unit_scale

SHARE = "share"
"""The metric that is the percentage of the nearest ceiling."""
QUANTITY: Mapping[str, str] = {
    **dict.fromkeys(("time", "p99"), "s"),
    **dict.fromkeys(("algbw", "busbw", "bandwidth"), "B/s"),
    "flops": "FLOP/s",
    "messages": "1/s",
    SHARE: "%",
}
LIKE = (*FINGERPRINT, *CONDITIONS, "flags")
"""What `like` may name."""

_TABLES = ("expect", "peak")
_EXPECT = ("case", "metric", "low", "high", "unit", "source", "like")
_PEAK = ("resource", "scope", "value", "unit", "source")
_HEADER = re.compile(r"\s*\[\[?\s*(?P<name>[A-Za-z0-9_.-]+)\s*\]\]?\s*(#.*)?")
_KEY = re.compile(r"\s*(?P<name>[A-Za-z0-9_-]+)\s*[=.]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """Rows whose name matches `pattern` shall have a metric within bounds, which are in `unit`."""

    pattern: str
    metric: Metric | Literal["share"]
    low: float | None
    high: float | None
    unit: str
    source: str
    like: Mapping[str, str]
    """Machine and conditions for which it holds; of what is not named any will do."""
    line: int

    @property
    def scale(self) -> float:
        """Plain units in one of `unit`."""
        return unit_scale(self.unit, QUANTITY[self.metric])


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """All that one file expects. `peaks` belong to no launch: they hold for each."""

    path: str
    expected: tuple[Expectation, ...]
    peaks: tuple[Ceiling, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """One [[table]] with the lines of the file that it stands on."""

    path: str
    name: str
    line: int
    lines: Mapping[str, int]
    values: Mapping[str, Any]

    def refuse(self, key: str, what: str, remedy: str = "") -> NoReturn:
        """Raise the error of one key."""
        line = self.lines.get(key, self.line)
        raise UnreadableError(f"{self.path}, line {line}: {self.name}.{key} {what}", remedy)

    def refuse_unknown(self, known: Sequence[str]) -> None:
        """Raise where a key is none of these."""
        for key in self.values:
            if key not in known:
                error = unknown("key", key, known)
                where = f"{self.path}, line {self.lines.get(key, self.line)}"
                raise UnreadableError(f"{where}: [[{self.name}]] has no key '{key}'.", error.remedy)

    def text(self, key: str) -> str:
        """A text that has to be there."""
        value = self.values.get(key)
        if key not in self.values:
            self.refuse(key, "is missing.", f'Add {key} = "...".')
        if not isinstance(value, str) or not value.strip():
            self.refuse(key, f"is {value!r}, which is no text.", f'Write {key} = "...".')
        return str(value)

    def number(self, key: str) -> float | None:
        """A number, none where it is not there."""
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            self.refuse(key, f"is {value!r}, which is no finite number from 0 on.")
        return float(value)

    def said(self, key: str, made: Callable[[], Any]) -> Any:
        """What `made` gives; its error with the place of the key."""
        try:
            return made()
        except FabricbenchError as error:
            raise UnreadableError(
                f"{self.path}, line {self.lines.get(key, self.line)}: {error.what}", error.remedy
            ) from error


def parse(text: str, path: str) -> Expectations:
    """The expectations of a file's text. Raises UnreadableError naming file, line and key."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UnreadableError(f"{path} is no TOML: {error}.", "Give a file as docs/comparing.md shows.") from error
    tables = _tables(text, path, content)
    expected = tuple(_expectation(table) for table in tables if table.name == "expect")
    if not expected:
        raise UnreadableError(f"{path} expects nothing.", "Add an [[expect]] table, as docs/comparing.md shows.")
    return Expectations(
        path=path, expected=expected, peaks=tuple(_peak(table) for table in tables if table.name == "peak")
    )


def _tables(text: str, path: str, content: Mapping[str, Any]) -> list[_Table]:
    """Every table with its lines, which the parser of the standard library does not tell."""
    places = list(_places(text))
    for name, line in ((name, line) for name, line, _ in places if name.split(".")[0] not in _TABLES):
        raise UnreadableError(f"{path}, line {line}: there is no table '{name}'.", "Write [[expect]] or [[peak]].")
    tables = []
    for name, values in content.items():
        found = [(line, lines) for table, line, lines in places if table == name]
        if not isinstance(values, list) or len(found) != len(values):
            raise UnreadableError(
                f"{path}: '{name}' cannot be read.", f"Write each as a [[{_TABLES[0]}]] or [[{_TABLES[1]}]] of its own."
            )
        tables += [
            _Table(path=path, name=name, line=line, lines=lines, values=one)
            for (line, lines), one in zip(found, values, strict=True)
        ]
    return tables


def _places(text: str) -> Iterable[tuple[str, int, dict[str, int]]]:
    """Name, line and lines of the keys of every table; what stands above the first is a table without name."""
    name, begun, keys = "", 1, dict[str, int]()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.fullmatch(line):
            if name or keys:
                yield name or next(iter(keys)), begun, keys
            name, begun, keys = header["name"], number, {}
        elif key := _KEY.match(line):
            keys.setdefault(key["name"], number)
            begun = begun if name else number
    if name or keys:
        yield name or next(iter(keys)), begun, keys


def _expectation(table: _Table) -> Expectation:
    table.refuse_unknown(_EXPECT)
    metric = table.text("metric")
    if metric not in (*METRICS, SHARE):
        table.said("metric", lambda: _refuse_metric(metric))
    unit = table.text("unit")
    table.said("unit", lambda: unit_scale(unit, QUANTITY[metric]))
    low, high = table.number("low"), table.number("high")
    if low is None and high is None:
        table.refuse("low", "and high are both missing.", "Add one bound or both.")
    if low is not None and high is not None and low > high:
        table.refuse("low", f"is {low:g}, above high, {high:g}.", "Swap them.")
    return Expectation(
        pattern=table.text("case"),
        metric=metric,  # type: ignore[arg-type]
        low=low,
        high=high,
        unit=unit,
        source=table.text("source"),
        like=_like(table),
        line=table.line,
    )


def _refuse_metric(metric: str) -> NoReturn:
    raise unknown("metric", metric, (*METRICS, SHARE))


def _like(table: _Table) -> Mapping[str, str]:
    found = table.values.get("like", {})
    if not isinstance(found, dict):
        table.refuse("like", f"is {found!r}, which is no table.", 'Write like = { library = "..." }.')
    for name in found:
        if name not in LIKE:
            table.said("like", lambda name=name: _refuse_like(name))  # type: ignore[misc]
    return {name: str(value) for name, value in found.items()}


def _refuse_like(name: str) -> NoReturn:
    raise unknown("condition", name, LIKE)


def _peak(table: _Table) -> Ceiling:
    table.refuse_unknown(_PEAK)
    unit, scope = table.text("unit"), table.text("scope")
    if scope not in ("rank", "host"):
        table.refuse("scope", f"is '{scope}'.", "Write rank, or host for what all its ranks share.")
    value = table.number("value")
    if not value:
        table.refuse("value", "is missing or 0.", "Write the peak, in unit.")
    quantity = next((one for one in ("B/s", "FLOP/s", "s") if unit.endswith(one)), "B/s")
    scale = float(table.said("unit", lambda: unit_scale(unit, quantity)))
    return Ceiling(
        launch=0, resource=table.text("resource"), scope=scope, value=value * scale, unit=quantity, nature="declared",
        source=f"{table.text('source')}, line {table.line} of {table.path}",
    )  # fmt: skip

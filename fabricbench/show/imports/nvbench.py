"""nvbench: the JSON of --json.

Format: nvbench/json_printer.cu, summaries by their tags (nvbench/detail/measure_cold.cu, measure_hot.cu,
measure_cpu_only.cu). The figure is the median of cold GPU times where there is one, else a mean; values are texts.
"""

import re
from collections.abc import Iterator, Mapping
from functools import partial

from fabricbench.errors import UnreadableError
from fabricbench.model import Doubt, RateKey, Scalar
from fabricbench.show.imports.documents import Part, decoded, lines_of
from fabricbench.show.imports.lines import Document
from fabricbench.show.imports.printed import Printed, figure, name
from fabricbench.show.imports.tool import Parsed, Tool

NEWEST = 1
"""Major version of its JSON."""

_ROW = re.compile(rb'"summaries"\s*:')
_TIMES = (
    ("nv/cold/time/gpu/median", "median"), ("nv/cold/time/gpu/mean", "mean"), ("nv/batch/time/gpu/mean", "mean"),
    ("nv/cpu_only/time/cpu/median", "median"), ("nv/cpu_only/time/cpu/mean", "mean"),
    ("nv/cold/time/cpu/mean", "mean"),
)  # fmt: skip


class _Value(Part, frozen=True):
    name: str = ""
    value: str | float | None = None


class _Summary(Part, frozen=True):
    tag: str = ""
    data: list[_Value] | None = None


class _State(Part, frozen=True):
    axis_values: list[_Value] | None = None
    summaries: list[_Summary] | None = None
    device: int | None = None
    is_skipped: bool = False
    skip_reason: str = ""


class _Benchmark(Part, frozen=True):
    name: str
    states: list[_State] | None = None


class _Version(Part, frozen=True):
    major: int = NEWEST
    string: str | None = None


class _Versions(Part, frozen=True):
    json: _Version = _Version()
    nvbench: _Version = _Version()


class _Meta(Part, frozen=True):
    version: _Versions = _Versions()


class _Root(Part, frozen=True):
    benchmarks: list[_Benchmark]
    meta: _Meta = _Meta()


def document(found: Document, named: str | None, ranks: int | None) -> Parsed:
    """All states of all benchmarks. Raises UnreadableError for a newer format."""
    root = decoded(found, _Root, "nvbench", depth=4)
    if root.meta.version.json.major > NEWEST:
        raise UnreadableError(
            f"this is version {root.meta.version.json.major} of nvbench's JSON; up to {NEWEST} is read."
        )
    states = [(one.name, state) for one in root.benchmarks for state in one.states or []]
    numbers = lines_of(found, _ROW, len(states))

    def rows() -> Iterator[partial[list[Printed]]]:
        for number, (benchmark, state) in zip(numbers, states, strict=True):
            yield partial(_row, number, benchmark, state)

    return Parsed(tool="nvbench", version=root.meta.version.nvbench.string, rows=rows())


def _row(line: int, benchmark: str, state: _State) -> list[Printed]:
    values = {
        summary.tag: value.value
        for summary in state.summaries or []
        for value in summary.data or []
        if value.name == "value"
    }
    tag, statistic = next(((tag, said) for tag, said in _TIMES if tag in values), ("", None))
    samples = _number(values, "nv/cpu_only/sample_size" if "cpu_only" in tag else "nv/cold/sample_size")
    rate = _number(values, "nv/cold/bw/global/bytes_per_second")
    rates: dict[RateKey, float] = {} if rate is None else {"bandwidth": rate}
    params: dict[str, Scalar] = {name(axis.name): str(axis.value) for axis in state.axis_values or []}
    if state.device is not None:
        params["device"] = state.device
    batch = tag.startswith("nv/batch")
    skipped = (Doubt(code="skipped", text=state.skip_reason or "It was skipped.", remedy=""),)
    return [
        Printed(
            line=line, operation=name(benchmark), variant="unknown", time_s=_number(values, tag) if tag else None,
            ranks=1, memory="host" if "cpu_only" in tag else "device", params=params, rates=rates,
            cadence="streaming" if batch else "isolated", samples=1 if batch or samples is None else int(samples),
            repeats=None if batch else 1, statistic=statistic, over_ranks="one rank",
            check="skipped" if state.is_skipped else "unchecked", doubts=skipped if state.is_skipped else (),
        )
    ]  # fmt: skip


def _number(values: Mapping[str, str | float | None], tag: str) -> float | None:
    value = values.get(tag)
    return figure(value) if isinstance(value, str) else value


NVBENCH = Tool(
    names=("nvbench",),
    mark=re.compile(rb'"(?:skip_reason|axis_values|cold_warmup_runs|sm_version)"\s*:|"nv/cold/'),
    document=document,
)

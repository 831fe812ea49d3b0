"""google-benchmark: the JSON of --benchmark_format=json or --benchmark_out.

Format: src/json_reporter.cc. The figure is the real time of one iteration; spreads (stddev, cv) are left out.
"""

import re
from collections.abc import Iterator
from functools import partial

from fabricbench.errors import UnreadableError
from fabricbench.model import Doubt, RateKey, Scalar
from fabricbench.show.imports.documents import Part, decoded, lines_of
from fabricbench.show.imports.lines import Document
from fabricbench.show.imports.printed import Printed, name
from fabricbench.show.imports.tool import Parsed, Tool

NEWEST = 1
"""`json_schema_version`, which old versions lack."""

_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
_ROW = re.compile(rb'"name"\s*:')
_FIGURES = ("mean", "median", "min", "max")


class _Context(Part, frozen=True):
    json_schema_version: int = NEWEST
    library_version: str | None = None


class _Benchmark(Part, frozen=True):
    name: str
    run_name: str | None = None
    run_type: str = "iteration"
    aggregate_name: str | None = None
    aggregate_unit: str = "time"
    repetition_index: int | None = None
    repetitions: int | None = None
    iterations: int | None = None
    threads: int | None = None
    real_time: float | None = None
    time_unit: str = "ns"
    bytes_per_second: float | None = None
    error_occurred: bool = False
    error_message: str = ""


class _Root(Part, frozen=True):
    benchmarks: list[_Benchmark]
    context: _Context = _Context()


def document(found: Document, named: str | None, ranks: int | None) -> Parsed:
    """All rows. Raises UnreadableError for a newer format."""
    root = decoded(found, _Root, "google-benchmark", depth=2)
    if root.context.json_schema_version > NEWEST:
        raise UnreadableError(
            f"this is version {root.context.json_schema_version} of google-benchmark's JSON; up to {NEWEST} is read."
        )
    kept = [(one.aggregate_name or "mean") in _FIGURES and one.aggregate_unit == "time" for one in root.benchmarks]
    numbers = lines_of(found, _ROW, len(root.benchmarks))

    def rows() -> Iterator[partial[list[Printed]]]:
        for number, wanted, one in zip(numbers, kept, root.benchmarks, strict=True):
            if wanted:
                yield partial(_row, number, one)

    return Parsed(tool="google-benchmark", version=root.context.library_version, rows=rows())


def _row(line: int, one: _Benchmark) -> list[Printed]:
    if one.time_unit not in _UNITS:
        raise UnreadableError(f"'{one.time_unit}' is no unit of time.")
    whole = one.run_name or one.name
    function, _, rest = whole.partition("/")
    params: dict[str, Scalar] = {"args": rest} if rest else {}
    if one.run_type == "aggregate":
        params["aggregate"] = one.aggregate_name or "unknown"
    elif (one.repetitions or 1) > 1:
        params["repetition"] = one.repetition_index or 0
    if (one.threads or 1) > 1:
        params["threads"] = one.threads or 1
    rates: dict[RateKey, float] = {} if one.bytes_per_second is None else {"bandwidth": one.bytes_per_second}
    time_s = None if one.real_time is None or one.error_occurred else one.real_time * _UNITS[one.time_unit]
    aggregate = one.run_type == "aggregate"
    doubts = (Doubt(code="error", text=one.error_message or "It ended with an error.", remedy=""),)
    return [
        Printed(
            line=line, operation=name(function), variant="unknown", time_s=time_s, ranks=1, memory="unknown",
            params=params, rates={} if one.error_occurred else rates,
            samples=one.repetitions if aggregate else 1, repeats=None if aggregate else one.iterations,
            statistic=one.aggregate_name if aggregate else "mean", over_ranks="one rank",
            check="skipped" if one.error_occurred else "unchecked", doubts=doubts if one.error_occurred else (),
        )
    ]  # fmt: skip


GOOGLE = Tool(
    names=("google-benchmark",),
    mark=re.compile(rb'"(?:library_build_type|json_schema_version|num_cpus|repetition_index)"\s*:'),
    document=document,
)

"""Results and comparisons -> the formats of other tools, one a file; `FORMATS` lists them.

A format turns the rows of results into text, and where it has a place for verdicts also a comparison.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from fabricbench.errors import UsageError, unknown
from fabricbench.judge.compare import Comparison
from fabricbench.judge.sides import BASE, NEW
from fabricbench.show.export import (
    bencher,
    csv,
    ctrf,
    github_action_benchmark,
    json,
    junit,
    markdown,
    prometheus,
    reframe,
)
from fabricbench.show.export.points import Exported, Point, paths_of
from fabricbench.store import Result


class Format(NamedTuple):
    """What it is for, and how it is written; `comparison` is None where it has no place for verdicts."""

    about: str
    result: Callable[[Sequence[Result], Sequence[Point]], Exported]
    comparison: Callable[[Comparison, Sequence[Result]], Exported] | None = None
    over: Literal["files", "run", "launch"] = "files"
    """What a figure is the median over: what stays apart need not have been measured alike."""


FORMATS = {
    "bencher": Format("Bencher Metric Format", bencher.result),
    "csv": Format("a row a case and launch; Apache Otava reads one case of it", csv.result, over="launch"),
    "ctrf": Format("Common Test Report Format", ctrf.result, ctrf.comparison),
    "github-action-benchmark": Format("times for customSmallerIsBetter", github_action_benchmark.times),
    "github-action-benchmark-rates": Format("rates for customBiggerIsBetter", github_action_benchmark.rates),
    "json": Format("one document", json.result, json.comparison),
    "junit": Format("JUnit XML", junit.result, junit.comparison),
    "markdown": Format("a comment for a pull request", markdown.result, markdown.comparison),
    "prometheus": Format("for the textfile collector of node_exporter", prometheus.result),
    "reframe": Format("performance log of ReFrame", reframe.result, over="run"),
}


def chosen(form: str) -> Format:
    """The format of that name. Raises UsageError with the nearest names."""
    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    return FORMATS[form]


def compares(form: str, results: Sequence[Result], *, asked: bool) -> bool:
    """Whether an export is a comparison: it was asked for, or the launches are of both sides.

    Raises UsageError where the format has no place for verdicts, or would mix the sides into one figure.
    """
    sides = {launch.pairing.side for result in results for launch in result.launches if launch.pairing}
    wanted = asked or {BASE, NEW} <= sides
    if not wanted or FORMATS[form].comparison:
        return wanted
    remedy = f"Export {', '.join(name for name, one in FORMATS.items() if one.comparison)}."
    if asked:
        raise UsageError(f"{form} has no place for verdicts, so there is nothing to do --with.", remedy)
    if FORMATS[form].over != "launch":
        raise UsageError(f"{paths_of(results)} holds launches of two sides, which {form} would mix.", remedy)
    return False

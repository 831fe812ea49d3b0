"""What the user expects of single links: expectations whose pattern says `distance=pair`, held against every pair.

A pair is named as the row that it would be, such as "bandwidth/mpi uint8 4MiB streaming distance=pair", and has the
metrics `bandwidth`, of one way in bytes a second, and `time`, of one message; the slower way decides.
"""

from collections.abc import Sequence
from dataclasses import replace

from fabricbench.errors import UnreadableError
from fabricbench.judge.evidence import Evidence
from fabricbench.judge.expectations import Expectation, Expectations
from fabricbench.judge.gates import matches
from fabricbench.model import Case

MARK = "distance=pair"
_METRICS = ("bandwidth", "time")


def split(expectations: Expectations | None) -> tuple[Expectations | None, tuple[Expectation, ...]]:
    """What is expected of rows, None where that is nothing; and of pairs.

    Raises UnreadableError for what pairs do not have.
    """
    if expectations is None:
        return None, ()
    pairs = tuple(one for one in expectations.expected if MARK in one.pattern)
    for one in pairs:
        if one.metric not in _METRICS or one.like:
            what = f"metric '{one.metric}'" if one.metric not in _METRICS else "conditions to be like"
            raise UnreadableError(
                f"{expectations.path}, line {one.line}: a pair has no {what}.",
                f"Expect {' or '.join(_METRICS)} of a pair, without like.",
            )
    rows = tuple(one for one in expectations.expected if one not in pairs)
    return replace(expectations, expected=rows) if rows else None, pairs


def wanted(pairs: Sequence[Expectation], nbytes: int, ranks: int) -> list[Expectation]:
    """Those that are about messages of this size."""
    case = Case(
        operation="bandwidth", variant="mpi", memory="host", dtype="uint8", nbytes=nbytes, ranks=ranks,
        cadence="streaming", mode="blocking", in_place=False, params={"distance": "pair"},
    )  # fmt: skip
    return [one for one in pairs if matches(one.pattern, case)]


def held(test: str, rate: float, nbytes: int, one: Expectation) -> Evidence:
    """A link against one expectation. rate: bytes a second of its slower way."""
    figure = (rate if one.metric == "bandwidth" else nbytes / rate) / one.scale
    return Evidence(
        test=test, verdict="PASS" if reached(figure, one.low, one.high) else "FAIL",
        found=f"{one.metric} {figure:.4g} {one.unit} the slower way",
        threshold=bounds_text(one), source=line_source(one),
    )  # fmt: skip


def reached(figure: float, low: float | None, high: float | None) -> bool:
    """Whether a figure is within its bounds."""
    return (low is None or figure >= low) and (high is None or figure <= high)


def bounds_text(one: Expectation) -> str:
    """The user's bounds for people."""
    bounds = (("at least", one.low), ("at most", one.high))
    return " and ".join(f"{word} {bound:g} {one.unit}" for word, bound in bounds if bound is not None)


def line_source(one: Expectation) -> str:
    """Who says so: the line of the user's file, and where the user has it from."""
    return f"line {one.line} of the expectations: {one.source}"

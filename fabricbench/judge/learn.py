"""What results lead to expect: a tolerance interval of every row's launches, with its coverage and provenance.

The interval holds 99 % of all launches with 95 % confidence if their medians are log-normal: k standard deviations of
the logarithms to both sides of their mean. Source: Howe, Two-sided tolerance limits for normal populations, JASA 64
(1969); NIST/SEMATECH e-Handbook, 7.2.6.3. It is never narrower than the margin of a comparison.
"""

import glob
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from fabricbench.errors import UsageError
from fabricbench.judge.expectations import LIKE
from fabricbench.judge.gates import ranked
from fabricbench.judge.metric import Metric, value
from fabricbench.judge.pairs import keys, wrong
from fabricbench.judge.rule import FEWEST, MARGIN
from fabricbench.judge.sides import FINGERPRINT, Key, Unit, held_as, refuse_injected, units
from fabricbench.model import Record, Run
from fabricbench.quantity import percent_text
from fabricbench.store import Result

COVERAGE, CONFIDENCE = 0.99, 0.95
WIDEST = 4.0
"""High over low of an interval beyond which it expects nothing: twice as slow would pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """What one row leads to expect, in seconds or per second."""

    pattern: str
    metric: Metric
    low: float
    high: float
    source: str
    like: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """All rows that could be learnt from, and why others could not."""

    rows: tuple[Learnt, ...]
    notes: tuple[str, ...]


def learn(results: Sequence[Result], *, metric: Metric = "time") -> Lesson:
    """A tolerance interval of every row with 5 launches under the same conditions. Raises UsageError if none has."""
    read, copies = units(results)
    refuse_injected(read)
    found: list[Learnt] = []
    notes: list[str] = []
    for key in keys(read):
        holding = [unit for unit in read if value(unit, key, metric)]
        if not holding:
            continue
        figures = [figure for unit in holding if (figure := value(unit, key, metric))]
        why = _why_not([unit.rows[key] for unit in holding], [unit.run for unit in holding]) or _too_wide(figures)
        if why:
            notes.append(f"{ranked(holding[0].rows[key].case)} is left out: {why}.")
        else:
            found.append(_learnt(key, holding, metric, figures))
    if not found:
        raise UsageError(
            f"Nothing can be learnt: {notes[0] if notes else f'no row has {metric}.'}",
            f"Measure at least {FEWEST} launches of each row under the same conditions, on a quiet machine.",
        )
    return Lesson(rows=tuple(found), notes=(*notes, *copies))


def _why_not(records: Sequence[Record], runs: Sequence[Run]) -> str:
    if bad := wrong(records):
        return f"results are wrong: {bad}"
    if len(records) < FEWEST:
        return f"it has {len(records)} launches, and {FEWEST} are the least"
    for name in LIKE:
        held = {held_as(name, record, run) for record, run in zip(records, runs, strict=True)}
        if len(held) > 1:
            return f"{name} varies: {' and '.join(sorted(held))}"
    return ""


def _too_wide(figures: Sequence[float]) -> str:
    low, high = tolerance(figures)
    if high <= WIDEST * low:
        return ""
    return f"its {len(figures)} launches scatter so much that the interval would span a factor of {high / low:.3g}"


def _learnt(key: Key, holding: Sequence[Unit], metric: Metric, figures: Sequence[float]) -> Learnt:
    low, high = tolerance(figures)
    record, run = holding[0].rows[key], holding[0].run
    return Learnt(
        # The name is a text, not a pattern, whatever characters a parameter holds.
        pattern=glob.escape(ranked(record.case)),
        metric=metric,
        low=low,
        high=high,
        source=_source(holding, len(figures)),
        like={
            name: text for name in LIKE if (text := held_as(name, record, run)) != "unknown" or name not in FINGERPRINT
        },
    )


def tolerance(figures: Sequence[float]) -> tuple[float, float]:
    """The interval of launches. figures: (n,), n >= 2, above zero."""
    logs = np.log(figures)
    reach = max(_factor(len(figures)) * float(logs.std(ddof=1)), math.log1p(MARGIN))
    return math.exp(float(logs.mean()) - reach), math.exp(float(logs.mean()) + reach)


@cache
def _factor(n: int) -> float:
    """Standard deviations to each side; 6.6 for 5 launches, 3.4 for 30."""
    from scipy.stats import chi2, norm

    spread = float(chi2.ppf(1 - CONFIDENCE, n - 1))
    return float(norm.ppf((1 + COVERAGE) / 2)) * math.sqrt((n - 1) * (1 + 1 / n) / spread)


def _source(holding: Sequence[Unit], n: int) -> str:
    """Where it was learnt, for people: files, commits, dates, launches, and what the interval covers."""
    files = ", ".join(dict.fromkeys(unit.path for unit in holding))
    commits = ", ".join(dict.fromkeys(unit.run.software.get("commit", "unknown") for unit in holding))
    days = sorted(unit.launch.started[: len("2026-01-02")] for unit in holding)
    return (
        f"learnt from {n} launches: {percent_text(COVERAGE)} of launches with {percent_text(CONFIDENCE)} confidence if "
        f"log-normal, at least +-{percent_text(MARGIN)}; {files}; commit {commits}; {days[0]} to {days[-1]}"
    )

"""The one comparison, for every verb: worse, better, same, unclear, missing or unlike, by case.

A result that is wrong on the new side is `worse` however fast it came; one that is wrong on the
base side is no baseline, so its row is `unlike`. Times are judged by `fabricbench.judge.rule`: the medians of
launches, and apart from them their p99, by the same rule with a wider margin of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fabricbench.judge import configured
from fabricbench.judge.factor import Factor
from fabricbench.judge.gates import P99, Gates
from fabricbench.judge.joining import joined
from fabricbench.judge.pairs import Pair, Settled, Sides, pairs, row_names
from fabricbench.judge.rule import MARGIN, Decision, Times, Verdict, decide_table
from fabricbench.judge.sides import alternated, machine_differences, refuse_injected, shown_flags, source, units
from fabricbench.model import Case
from fabricbench.quantity import percent_text
from fabricbench.store import Result

BAD, UNANSWERED = 1, 4

TAIL_MARGIN = 5 * MARGIN
"""Relative difference of p99 that does not matter, between alternated sides.

A hundredth of the samples decides a p99. Over the 23 isolated rows of results/2-core-vm with 299 samples or more, half
the 95 % interval of the p99 within one launch is 15 % of it at the middle row and 25 % at the upper quartile, where
that of the median is 0.2 % and 0.3 %.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One case on both sides. Times are medians over launches in seconds; larger is worse."""

    case: Case
    name: str
    metric: Literal["time", "p99"]
    """What of each launch is judged: the median of its samples, or their 99th percentile."""
    verdict: Verdict
    reason: str
    gated: bool
    base_s: float | None
    new_s: float | None
    ratio: float | None
    """new / base."""
    low: float | None
    high: float | None
    """95 % interval of the ratio over launches."""
    margin: float
    detectable: float | None
    """Smallest slowdown of the new side that would be called worse, as a share; none if no such."""
    base_launches: int
    new_launches: int
    base_spread: float | None
    new_spread: float | None
    """Slowest launch over fastest, less 1."""
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All rows of two sides, and what has to be known before reading them."""

    base: str
    new: str
    """Where the launches of each side came from, for people."""
    across: str | None
    """The factor in which the sides were declared to differ, with its level on each side."""
    rows: tuple[Row, ...]
    tails: tuple[Row, ...]
    """Rows judged by their p99: those that have one on both sides and may be compared."""
    notes: tuple[str, ...]
    alternated: bool

    @property
    def every(self) -> tuple[Row, ...]:
        """Rows by median, then those by p99."""
        return (*self.rows, *self.tails)

    def status(self, *, strict: bool) -> int:
        """Exit status: 1 where a gated row is worse; when strict, 4 where one has no answer.

        A p99 that is unclear is no lack of an answer: few launches seldom decide it, and its row has a verdict.
        """
        if any(row.verdict == "worse" for row in self.every if row.gated):
            return BAD
        unanswered = any(row.verdict in ("unclear", "missing", "unlike") for row in self.rows if row.gated)
        return UNANSWERED if strict and unanswered else 0


def compare(
    base: Sequence[Result],
    new: Sequence[Result],
    *,
    margin: float,
    gate: str | Sequence[str] = "*",
    tail_margin: float = TAIL_MARGIN,
    across: str | None = None,
) -> Comparison:
    """Judge every case of both sides. Raises UsageError where no row can be compared.

    margin: relative difference that does not matter; doubled where the sides were not alternated. tail_margin: the
    same of p99. gate: patterns of the rows that set the exit status, over their names and `operation/variant`.
    across: the one thing in which the sides may differ. What alternated sides were configured to differ in bars no
    ratio, and is said.
    """
    factor = None if across is None else Factor.named(across, (*base, *new))
    (base_units, base_copies), (new_units, new_copies) = units(base, factor), units(new, factor)
    base_units, new_units = joined(base_units, new_units), joined(new_units, base_units)
    refuse_injected(base_units)
    paired = alternated(base_units, new_units)
    barred, said = machine_differences(base_units, new_units, factor)
    wider = 1 if paired else 2
    made: list[str] = []
    if paired and factor is None:
        base_units, new_units, made = configured.joined(base_units, new_units)
    sides = Sides(
        base=base_units, new=new_units, barred=barred, factor=factor,
        margin=wider * margin, tail_margin=wider * tail_margin, configured=configured.CONDITIONS if paired else (),
    )  # fmt: skip
    found = pairs(sides)
    rows, tails = _rows(found, Gates.of(gate))
    made += configured.differences([(pair.base, pair.new) for pair in found]) if paired else []
    notes = [f"The sides differ in {one}." for one in (*made, *barred, *said)]
    if not paired:
        notes.append(
            "The launches of the two sides were not alternated, and drift of the machine looks "
            f"like a difference: the margin is {percent_text(sides.margin)}, not {percent_text(margin)}."
        )
    return Comparison(
        base=source(base_units),
        new=source(new_units),
        across=None if factor is None else _across(factor, base, new),
        rows=rows,
        tails=tails,
        notes=(*notes, *base_copies, *new_copies),
        alternated=paired,
    )


def _across(factor: Factor, *sides: Sequence[Result]) -> str:
    """The declared factor with its levels on both sides."""
    base, new = (" and ".join(factor.levels(side)) for side in sides)
    brought = f" (which may bring another {', '.join(factor.brings)} with it)" if factor.brings else ""
    return f"{factor.name}{brought}: base {base}, new {new}"


def _rows(found: Sequence[Pair], gates: Gates) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Rows by median and rows by p99, each table decided on its own."""
    names = row_names([pair.case for pair in found])
    tailed = [
        (pair, pair.tails, name)
        for pair, name in zip(found, names, strict=True)
        if pair.tails is not None and pair.settled is None
    ]
    gates.refuse_idle([*((pair.case, "") for pair in found), *((pair.case, P99) for pair, _, _ in tailed)])
    decisions = iter(decide_table([pair.times for pair in found if pair.settled is None]))
    rows = tuple(
        _row(
            pair, name, "time", pair.times, next(decisions) if pair.settled is None else _no_ratio(pair.settled), gates
        )
        for pair, name in zip(found, names, strict=True)
    )
    decided = decide_table([tails for _, tails, _ in tailed])
    by_tail = tuple(
        _row(pair, f"{name} {P99}", "p99", tails, decision, gates)
        for (pair, tails, name), decision in zip(tailed, decided, strict=True)
    )
    return rows, by_tail


def _no_ratio(settled: Settled) -> Decision:
    return Decision(
        verdict=settled.verdict,
        reason=settled.reason,
        ratio=None,
        low=None,
        high=None,
        detectable=None,
    )


def _row(pair: Pair, name: str, metric: Literal["time", "p99"], times: Times, decision: Decision, gates: Gates) -> Row:
    base, new = (sorted(side.values()) for side in (times.base, times.new))
    return Row(
        case=pair.case,
        name=name,
        metric=metric,
        verdict=decision.verdict,
        reason=decision.reason,
        gated=gates.hold(pair.case, P99 if metric == P99 else ""),
        base_s=middle(base),
        new_s=middle(new),
        ratio=decision.ratio,
        low=decision.low,
        high=decision.high,
        margin=times.margin,
        detectable=decision.detectable,
        base_launches=len(base),
        new_launches=len(new),
        base_spread=spread(base),
        new_spread=spread(new),
        flags=shown_flags(pair.base, pair.new),
    )


def middle(ordered: Sequence[float]) -> float | None:
    """Median of sorted values; none of nothing."""
    if not ordered:
        return None
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def spread(ordered: Sequence[float]) -> float | None:
    """Slowest over fastest, less 1; none where there is nothing to compare."""
    return ordered[-1] / ordered[0] - 1 if len(ordered) > 1 and ordered[0] > 0 else None

"""The one comparison, for every verb: worse, better, same, unclear, missing or unlike, by case.

A result that is wrong on the new side is `worse` however fast it came; one that is wrong on the
base side is no baseline, so its row is `unlike`. Times are judged by `fabricbench.judge.rule`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NamedTuple

from fabricbench.errors import UsageError
from fabricbench.judge import configured
from fabricbench.judge.rule import Decision, Times, Verdict, decide_table
from fabricbench.judge.sides import (
    Key,
    Unit,
    alternated,
    machine_differences,
    refuse_injected,
    shown_flags,
    source,
    units,
    unlike,
)
from fabricbench.model import Case, Record
from fabricbench.quantity import percent_text
from fabricbench.store import Result

BAD, UNANSWERED = 1, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One case on both sides. Times are medians of launch medians in seconds; larger is worse."""

    case: Case
    name: str
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
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    alternated: bool

    def status(self, *, strict: bool) -> int:
        """Exit status: 1 where a gated row is worse; when strict, 4 where one has no answer."""
        verdicts = {row.verdict for row in self.rows if row.gated}
        if "worse" in verdicts:
            return BAD
        return UNANSWERED if strict and verdicts & {"unclear", "missing", "unlike"} else 0


class _Settled(NamedTuple):
    """A verdict that needs no times."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """One case on both sides; `settled` where its times are not to be judged."""

    case: Case
    base: tuple[Record, ...]
    new: tuple[Record, ...]
    times: Times
    settled: _Settled | None


def compare(
    base: Sequence[Result],
    new: Sequence[Result],
    *,
    margin: float,
    gate: str = "*",
) -> Comparison:
    """Judge every case of both sides. Raises UsageError where no row can be compared.

    margin: relative difference that does not matter; doubled where the sides were not alternated.
    What alternated sides were configured to differ in bars no ratio, and is said.
    gate: pattern of the rows that set the exit status, over their names and `operation/variant`.
    """
    (base_units, base_copies), (new_units, new_copies) = units(base), units(new)
    refuse_injected(base_units)
    paired = alternated(base_units, new_units)
    barred, said = machine_differences(base_units, new_units)
    limit = margin if paired else 2 * margin
    made: list[str] = []
    if paired:
        base_units, new_units, made = configured.joined(base_units, new_units)
    free = configured.CONDITIONS if paired else ()
    pairs = [_pair(key, base_units, new_units, limit, barred, free) for key in _keys(base_units, new_units)]
    _refuse_incomparable(pairs)
    rows = _rows(pairs, gate)
    made += configured.differences([(pair.base, pair.new) for pair in pairs]) if paired else []
    notes = [f"The sides differ in {one}." for one in (*made, *barred, *said)]
    if not paired:
        notes.append(
            "The launches of the two sides were not alternated, and drift of the machine looks "
            f"like a difference: the margin is {percent_text(limit)}, not {percent_text(margin)}."
        )
    return Comparison(
        base=source(base_units),
        new=source(new_units),
        rows=rows,
        notes=(*notes, *base_copies, *new_copies),
        alternated=paired,
    )


def _keys(base: Sequence[Unit], new: Sequence[Unit]) -> list[Key]:
    """Every case of either side, by operation and variant, then by growing size."""
    cases = {key: record.case for unit in (*base, *new) for key, record in unit.rows.items()}
    return sorted(cases, key=lambda key: _place(cases[key]))


def _place(case: Case) -> tuple[object, ...]:
    asked = (case.operation, case.variant, case.memory, case.dtype, case.ranks, case.cadence)
    return (*asked, case.mode, case.in_place, str(sorted(case.params.items())), case.nbytes)


def _pair(
    key: Key, base: Sequence[Unit], new: Sequence[Unit], margin: float, barred: Sequence[str], free: Sequence[str]
) -> _Pair:  # fmt: skip
    left, right = (tuple(unit.rows[key] for unit in side if key in unit.rows) for side in (base, new))
    times = Times(base=_medians(key, base), new=_medians(key, new), margin=margin)
    return _Pair(
        case=(left or right)[0].case,
        base=left,
        new=right,
        times=times,
        settled=_settled(left, right, times, barred, free),
    )


def _medians(key: Key, side: Sequence[Unit]) -> dict[tuple[str, str, int], float]:
    return {unit.identity: unit.medians_s[key] for unit in side if key in unit.medians_s}


def _settled(
    base: Sequence[Record], new: Sequence[Record], times: Times, barred: Sequence[str], free: Sequence[str]
) -> _Settled | None:  # fmt: skip
    """The verdict on a row whose times cannot or need not be judged."""
    if wrong := _wrong(new):
        return _Settled("worse", f"results of the new side are wrong: {wrong}.")
    for side, records, values in (("base", base, times.base), ("new", new, times.new)):
        if not values:
            return _Settled("missing", f"not measured on the {side} side: {_why_missing(records)}.")
    if wrong := _wrong(base):
        return _Settled("unlike", f"results of the base are wrong, so it is no baseline: {wrong}.")
    if reasons := [*barred, *unlike(_timed(base), _timed(new), free)]:
        return _Settled("unlike", f"{'; '.join(reasons)}.")
    return None


def _wrong(records: Sequence[Record]) -> str:
    wrong = [record for record in records if record.check.status == "wrong"]
    if not wrong:
        return ""
    elements = sum(record.check.wrong for record in wrong)
    return f"{elements} elements in {len(wrong)} of {len(records)} launches"


def _timed(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if record.samples_s]


def _why_missing(records: Sequence[Record]) -> str:
    doubts = [doubt.text.rstrip(".") for record in records for doubt in record.doubts]
    if doubts:
        return doubts[0]
    return "it was skipped or has no samples" if records else "no such case in its files"


def _refuse_incomparable(pairs: Sequence[_Pair]) -> None:
    """Raise UsageError where every row is missing or unlike, which is no comparison."""
    closed = [pair for pair in pairs if pair.settled and pair.settled.verdict != "worse"]
    if len(closed) < len(pairs):
        return
    reasons = [
        f"{name} is {pair.settled.verdict}: {pair.settled.reason}"
        for name, pair in zip(_names(pairs), pairs, strict=True)
        if pair.settled
    ]
    first = next(iter(reasons), "The files hold no rows.")
    raise UsageError(
        f"None of {len(pairs)} rows can be compared. {first}",
        "Measure both sides with the same suite under the same conditions.",
    )


def _names(pairs: Sequence[_Pair]) -> list[str]:
    """Names of rows; the number of ranks is said where they differ in it."""
    differ = len({pair.case.ranks for pair in pairs}) > 1
    return [
        f"{pair.case.text()} {pair.case.ranks} rank{'s' if pair.case.ranks > 1 else ''}" if differ else pair.case.text()
        for pair in pairs
    ]


def _rows(pairs: Sequence[_Pair], gate: str) -> tuple[Row, ...]:
    open_pairs = [pair for pair in pairs if pair.settled is None]
    decisions = iter(decide_table([pair.times for pair in open_pairs]))
    rows = tuple(
        _row(pair, name, next(decisions) if pair.settled is None else _no_ratio(pair.settled), gate)
        for name, pair in zip(_names(pairs), pairs, strict=True)
    )
    if not any(row.gated for row in rows):
        raise UsageError(
            f"No row matches the gate '{gate}'.",
            f"Rows are named like '{rows[0].name}'; * stands for any text.",
        )
    return rows


def _no_ratio(settled: _Settled) -> Decision:
    return Decision(
        verdict=settled.verdict,
        reason=settled.reason,
        ratio=None,
        low=None,
        high=None,
        detectable=None,
    )


def _row(pair: _Pair, name: str, decision: Decision, gate: str) -> Row:
    base, new = (sorted(side.values()) for side in (pair.times.base, pair.times.new))
    return Row(
        case=pair.case,
        name=name,
        verdict=decision.verdict,
        reason=decision.reason,
        gated=any(
            fnmatchcase(text, gate)
            for text in (name, f"{pair.case.operation}/{pair.case.variant}", pair.case.operation)
        ),
        base_s=_median(base),
        new_s=_median(new),
        ratio=decision.ratio,
        low=decision.low,
        high=decision.high,
        margin=pair.times.margin,
        detectable=decision.detectable,
        base_launches=len(base),
        new_launches=len(new),
        base_spread=_spread(base),
        new_spread=_spread(new),
        flags=shown_flags(pair.base, pair.new),
    )


def _median(ordered: Sequence[float]) -> float | None:
    if not ordered:
        return None
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def _spread(ordered: Sequence[float]) -> float | None:
    """Slowest over fastest, less 1; none where there is nothing to compare."""
    return ordered[-1] / ordered[0] - 1 if len(ordered) > 1 and ordered[0] > 0 else None

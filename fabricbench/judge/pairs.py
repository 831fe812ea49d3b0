"""Rows of two sides joined by case, and those verdicts that need no times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fabricbench.errors import UsageError
from fabricbench.judge.factor import Factor
from fabricbench.judge.gates import ranked
from fabricbench.judge.rule import Times, Verdict
from fabricbench.judge.sides import Identity, Key, Unit, launch_median, unlike
from fabricbench.model import Case, Record


class Settled(NamedTuple):
    """A verdict that needs no times."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One case on both sides; `settled` where its times are not to be judged.

    `tails`: p99 of the launches that have one, none where a side has none.
    """

    case: Case
    base: tuple[Record, ...]
    new: tuple[Record, ...]
    times: Times
    tails: Times | None
    settled: Settled | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Both sides with what is known of them as a whole."""

    base: Sequence[Unit]
    new: Sequence[Unit]
    barred: Sequence[str]
    """What differs between the machines and bars every ratio."""
    factor: Factor | None
    margin: float
    tail_margin: float
    configured: Sequence[str] = ()
    """Conditions that the sides were made to differ in."""


def pairs(sides: Sides) -> list[Pair]:
    """Every case of either side. Raises UsageError where all rows are missing or unlike, which is no comparison."""
    found = [_pair(key, sides) for key in keys([*sides.base, *sides.new])]
    _refuse_incomparable(found)
    return found


def keys(units: Sequence[Unit]) -> list[Key]:
    """Every case of some launches, by operation and variant, then by growing size."""
    cases = {key: record.case for unit in units for key, record in unit.rows.items()}
    return sorted(cases, key=lambda key: _place(cases[key]))


def _place(case: Case) -> tuple[object, ...]:
    asked = (case.operation, case.variant, case.memory, case.dtype, case.ranks or 0, case.cadence)
    return (*asked, case.mode, case.in_place, str(sorted(case.params.items())), case.nbytes)


def _pair(key: Key, sides: Sides) -> Pair:
    base, new = (tuple(unit.rows[key] for unit in side if key in unit.rows) for side in (sides.base, sides.new))
    times = Times(base=medians(key, sides.base), new=medians(key, sides.new), margin=sides.margin)
    tails = Times(base=_tails(key, sides.base), new=_tails(key, sides.new), margin=sides.tail_margin)
    case = (base or new)[0].case
    return Pair(
        case=case if sides.factor is None else sides.factor.without(case),
        base=base,
        new=new,
        times=times,
        tails=tails if tails.base and tails.new else None,
        settled=_settled(base, new, times, sides),
    )


def medians(key: Key, side: Sequence[Unit]) -> Mapping[Identity, float]:
    """Launch medians of a row in seconds."""
    return {unit.identity: unit.medians_s[key] for unit in side if key in unit.medians_s}


def _tails(key: Key, side: Sequence[Unit]) -> Mapping[Identity, float]:
    return {unit.identity: unit.tails_s[key] for unit in side if key in unit.tails_s}


def _settled(base: Sequence[Record], new: Sequence[Record], times: Times, sides: Sides) -> Settled | None:
    """The verdict on a row whose times cannot or need not be judged."""
    if bad := wrong(new):
        return Settled("worse", f"results of the new side are wrong: {bad}.")
    for side, records, values in (("base", base, times.base), ("new", new, times.new)):
        if not values:
            return Settled("missing", f"not measured on the {side} side: {why_missing(records)}.")
    if bad := wrong(base):
        return Settled("unlike", f"results of the base are wrong, so it is no baseline: {bad}.")
    if reasons := [*sides.barred, *unlike(timed(base), timed(new), sides.factor, configured=sides.configured)]:
        return Settled("unlike", f"{'; '.join(reasons)}.")
    return None


def wrong(records: Sequence[Record]) -> str:
    """How many results were wrong; empty where none was."""
    found = [record for record in records if record.check.status == "wrong"]
    if not found:
        return ""
    elements = sum(record.check.wrong for record in found)
    return f"{elements} elements in {len(found)} of {len(records)} launches"


def timed(records: Sequence[Record]) -> list[Record]:
    """Those that were measured."""
    return [record for record in records if launch_median(record) is not None]


def why_missing(records: Sequence[Record]) -> str:
    """Why a row has no times."""
    doubts = [doubt.text.rstrip(".") for record in records for doubt in record.doubts]
    if doubts:
        return doubts[0]
    if any(record.origin is not None for record in records):
        return "its tool printed no time, nor a size to make one of"
    return "it was skipped or has no samples" if records else "no such case in its files"


def _refuse_incomparable(pairs: Sequence[Pair]) -> None:
    """Figures of another tool are shown beside ours all the same: that is what they were imported for."""
    if any(_beside(pair) for pair in pairs):
        return
    closed = [pair for pair in pairs if pair.settled and pair.settled.verdict != "worse"]
    if len(closed) < len(pairs):
        return
    reasons = [
        f"{name} is {pair.settled.verdict}: {pair.settled.reason}"
        for name, pair in zip(row_names([pair.case for pair in pairs]), pairs, strict=True)
        if pair.settled
    ]
    first = next(iter(reasons), "The files hold no rows.")
    raise UsageError(
        f"None of {len(pairs)} rows can be compared. {first}",
        "Measure both sides with the same suite under the same conditions; leave --with out to see them side by "
        "side, or declare with --across the one thing that is meant to differ.",
    )


def _beside(pair: Pair) -> bool:
    """Whether a row has figures on both sides, of which one side's are imported."""
    imported = any(record.origin is not None for record in (*pair.base, *pair.new))
    return imported and bool(pair.times.base) and bool(pair.times.new)


def row_names(cases: Sequence[Case]) -> list[str]:
    """Names of rows; the number of ranks is said where they differ in it."""
    differ = len({case.ranks for case in cases}) > 1
    return [ranked(case) if differ else case.text() for case in cases]

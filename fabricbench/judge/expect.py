"""Is this normal? Rows of a result held against an expectation file: PASS or FAIL, with the line that says so."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

import msgspec

from fabricbench.errors import UsageError
from fabricbench.judge.bounds import Bound, tightest
from fabricbench.judge.expectations import SHARE, Expectation, Expectations
from fabricbench.judge.gates import Gates, matches
from fabricbench.judge.metric import value
from fabricbench.judge.pairs import keys, row_names, timed, why_missing, wrong
from fabricbench.judge.sides import FINGERPRINT, Key, Unit, held_as, source, units, unlike
from fabricbench.model import Case, Ceiling, Record, Run
from fabricbench.store import Result

BAD, UNANSWERED = 1, 4

Verdict = Literal["PASS", "FAIL", "UNLIKE", "MISSING"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One expectation of one case. `value` is the median over launches, in the unit of the expectation."""

    case: Case
    name: str
    expectation: Expectation
    verdict: Verdict
    reason: str
    gated: bool
    value: float | None
    launches: int
    share: float | None
    """Of the nearest ceiling, median over launches."""
    ceiling: Ceiling | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """All rows that something is expected of."""

    path: str
    result: str
    rows: tuple[Row, ...]
    idle: tuple[Expectation, ...]
    """Expectations that no row answers to."""
    unexpected: int
    """Rows of which nothing is expected."""
    notes: tuple[str, ...]

    def status(self, *, strict: bool) -> int:
        """Exit status: 1 where a gated row fails; when strict, 4 where one is unlike or missing, or none answers."""
        verdicts = {row.verdict for row in self.rows if row.gated}
        if "FAIL" in verdicts:
            return BAD
        return UNANSWERED if strict and (self.idle or verdicts & {"UNLIKE", "MISSING"}) else 0


def check(results: Sequence[Result], expectations: Expectations, *, gate: str | Sequence[str] = "*") -> Expected:
    """Hold all launches of the results, as one, against a file. Raises UsageError where it names none of their rows.

    gate: patterns of the rows that set the exit status.
    """
    read, copies = units(results)
    ceilings = _ceilings(results, expectations.peaks)
    found = keys(read)
    cases = {key: record.case for unit in read for key, record in unit.rows.items()}
    names = dict(zip(found, row_names([cases[key] for key in found]), strict=True))
    matching = {key: [one for one in expectations.expected if matches(one.pattern, cases[key])] for key in found}
    gates = Gates.of(gate)
    gates.refuse_idle([(cases[key], "") for key in found if matching[key]] or [(cases[key], "") for key in found])
    rows = [
        row
        for key in found
        for one in matching[key]
        if (row := _row(key, names[key], cases[key], read, one, ceilings, gates)) is not None
    ]
    answered = {row.expectation.line for row in rows}
    if not rows:
        first = expectations.expected[0]
        raise UsageError(
            f"{expectations.path}, line {first.line}: no row matches '{first.pattern}' and has {first.metric}, nor any "
            f"other of {len(expectations.expected)} expectations.",
            f"Rows are named like '{next(iter(names.values()), 'none')}'; * stands for any text.",
        )
    return Expected(
        path=expectations.path,
        result=source(read),
        rows=tuple(rows),
        idle=tuple(one for one in expectations.expected if one.line not in answered),
        unexpected=len(found) - len({row.case.key() for row in rows}),
        notes=tuple(copies),
    )


def _ceilings(results: Sequence[Result], peaks: Sequence[Ceiling]) -> Mapping[tuple[str, str, int], list[Ceiling]]:
    """Ceilings of every launch: those that it has, and all that are declared."""
    found: dict[tuple[str, str, int], list[Ceiling]] = {}
    for result in results:
        for launch in result.launches:
            number = launch.launch
            own = [one for one in result.ceilings if one.launch == number]
            declared = [msgspec.structs.replace(one, launch=number) for one in peaks]
            found[result.path, result.run.id, number] = [*own, *declared]
    return found


def _row(
    key: Key, name: str, case: Case, read: Sequence[Unit], one: Expectation,
    ceilings: Mapping[tuple[str, str, int], list[Ceiling]], gates: Gates,
) -> Row | None:  # fmt: skip
    """The verdict on one row; none where it has no such metric."""
    holding = [unit for unit in read if key in unit.rows]
    records = [unit.rows[key] for unit in holding]
    bounds = [bound for unit in holding if (bound := tightest(unit.rows[key], ceilings[unit.identity])) is not None]
    figures = [bound.ratio for bound in bounds] if one.metric == SHARE else _figures(key, holding, one)
    if timed(records) and not figures:
        return None
    found = median(figures) / one.scale if figures else None
    verdict, reason = _verdict(one, found, records, holding)
    if impossible := next((bound.doubt.text for bound in bounds if bound.invalid and bound.doubt), ""):
        verdict, reason = "FAIL", impossible.rstrip(".")
    share, ceiling = _share(bounds)
    return Row(
        case=case, name=name, expectation=one, verdict=verdict, reason=reason, gated=gates.hold(case), value=found,
        launches=len(figures), share=share, ceiling=ceiling,
    )  # fmt: skip


def _figures(key: Key, holding: Iterable[Unit], one: Expectation) -> list[float]:
    if one.metric == "share":
        return []
    found = (value(unit, key, one.metric) for unit in holding)
    return [figure for figure in found if figure is not None]


def _share(bounds: Sequence[Bound]) -> tuple[float | None, Ceiling | None]:
    """Share of the ceiling, and the ceiling of the launch in the middle."""
    ordered = sorted(bounds, key=lambda bound: bound.ratio)
    if not ordered:
        return None, None
    return median(bound.ratio for bound in ordered), ordered[len(ordered) // 2].ceiling


def _verdict(
    one: Expectation, found: float | None, records: Sequence[Record], holding: Sequence[Unit]
) -> tuple[Verdict, str]:
    if bad := wrong(records):
        return "FAIL", f"results are wrong: {bad}"
    if found is None:
        return "MISSING", why_missing(records)
    pairs = [(record, unit.run) for record, unit in zip(records, holding, strict=True) if record.samples_s]
    if reasons := _unlike(one, pairs):
        return "UNLIKE", "; ".join(reasons)
    if one.low is not None and found < one.low:
        return "FAIL", "below low"
    if one.high is not None and found > one.high:
        return "FAIL", "above high"
    return "PASS", ""


def _unlike(one: Expectation, pairs: Sequence[tuple[Record, Run]]) -> list[str]:
    """Why an expectation does not speak of these launches: they differ among themselves, or from what it is for."""
    reasons = unlike([record for record, _ in pairs], (), names=("the result", ""))
    for name, text in one.like.items():
        held = {held_as(name, record, run) for record, run in pairs}
        # What nobody could read of a machine is no difference; a condition that is "unknown" is one.
        if held != {text} and not (name in FINGERPRINT and held & {"unknown"}):
            reasons.append(f"{name}: expected {text}, found {' and '.join(sorted(held))}")
    return reasons

"""What is to be said of a cluster as a whole: results, collectives, bisections, what the user expects of its rows."""

from collections.abc import Sequence
from statistics import median

from msgspec import structs

from fabricbench.judge import peers, soak
from fabricbench.judge.expect import Expected, Row
from fabricbench.judge.guidelines import findings
from fabricbench.judge.nodes import bounds_text, row_source
from fabricbench.judge.sides import Key, Unit
from fabricbench.judge.tested import Tested, Verdict, undecided, unknown
from fabricbench.model import Record
from fabricbench.quantity import size_text
from fabricbench.store import Result

COLLECTIVES = (
    *("allreduce", "alltoall", "alltoallv", "alltoallw", "allgather", "allgatherv", "reduce_scatter"),
    *("reduce_scatter_block", "broadcast", "reduce", "gather", "gatherv", "scatter", "scatterv", "scan", "exscan"),
    "barrier",
)
_ONE_BISECTION = 2
"""Ranks that can be halved in one way only."""
_MISSED: dict[str, Verdict] = {"PASS": "PASS", "FAIL": "FAIL", "UNLIKE": "UNKNOWN", "MISSING": "UNKNOWN"}


def tests(results: Sequence[Result], units: Sequence[Unit], expected: Expected | None) -> list[Tested]:
    """All tests of the cluster that are not those of its nodes and links."""
    records = [record for unit in units for record in unit.rows.values()]
    return [
        *_finished(results),
        *_data(results, records),
        *_flags(records),
        _collectives(results),
        *_bisections(units),
        *(soak.tested(slope) for slope in soak.slopes(units)),
        *([] if expected is None else _expected(expected)),
    ]


def _finished(results: Sequence[Result]) -> list[Tested]:
    """Runs that did not come to their end lack evidence."""
    broken = [
        f"{result.path}: {'interrupted' if result.end is None else result.end.status}"
        for result in results
        if result.end is None or result.end.status != "complete"
    ]
    return [unknown("measured to its end", "; ".join(broken))] if broken else []


def _data(results: Sequence[Result], records: Sequence[Record]) -> list[Tested]:
    """Whether everything that arrived or was computed was right."""
    checks = [record.check.status for record in records]
    checks += [line.check for result in results for line in result.rounds]
    judged = [status for status in checks if status in ("ok", "wrong")]
    wrong = judged.count("wrong")
    if not judged:
        return [unknown("data", "nothing was measured and checked")]
    return [
        Tested(
            test="data", verdict="FAIL" if wrong else "PASS", found=f"wrong in {wrong} of {len(judged)} measurements",
            threshold="none wrong", source="reference values, and what was sent",
        )
    ]  # fmt: skip


def _flags(records: Sequence[Record]) -> list[Tested]:
    """What was measured under conditions in which nothing can be accepted."""
    count = sum("injected" in record.conditions.flags for record in records)
    found = [undecided("without a fault put in", f"a fault was put into {count} rows on purpose")] if count else []
    crowded = sum("oversubscribed" in record.conditions.flags for record in records)
    if crowded:
        found.append(
            Tested(
                test="a core for every rank", verdict="WARN", found=f"{crowded} rows had more ranks than cores",
                threshold="none", source="cores that ranks may use",
            )
        )  # fmt: skip
    return found


def _collectives(results: Sequence[Result]) -> Tested:
    """Whether collectives ran, and whether the library's calls contradict each other."""
    cases = {
        record.case.key() for result in results for record in result.records
        if record.case.operation in COLLECTIVES and record.check.status != "skipped"
    }  # fmt: skip
    if not cases:
        return unknown("collectives", "no row of a collective")
    odd = [
        finding for result in results
        for finding in findings(record for record in result.records if record.case.operation in COLLECTIVES)
    ]  # fmt: skip
    found = f"{len(cases)} rows, none slower than other calls that do the same"
    if odd:
        worst = max(odd, key=lambda one: one.factor)
        parts = " and ".join(part.text() for part in worst.parts)
        more = f", and {len(odd) - 1} more" if len(odd) > 1 else ""
        found = f"{worst.case.text()} takes {worst.factor:.2f} times as long as {worst.times} x {parts}{more}"
    return Tested(
        test="collectives", verdict="WARN" if odd else "PASS", found=found, threshold="no such contradiction",
        source="performance guidelines, rows of the same launch",
    )  # fmt: skip


def _bisections(units: Sequence[Unit]) -> list[Tested]:
    """Random halves of the ranks against each other: those that have less than the others share something."""
    sizes: dict[Key, int] = {}
    launches: dict[Key, list[dict[int, float]]] = {}
    for unit in units:
        here: dict[Key, dict[int, float]] = {}
        for key, seconds in unit.medians_s.items():
            case = unit.rows[key].case
            if case.operation == "bisection" and (case.ranks or 0) > _ONE_BISECTION and seconds > 0:
                any_draw = structs.replace(case, params={**case.params, "draw": 0}).key()
                sizes[any_draw] = case.nbytes
                here.setdefault(any_draw, {})[int(case.params["draw"])] = seconds
        for any_draw, seconds_by_draw in here.items():
            launches.setdefault(any_draw, []).append(seconds_by_draw)
    return [_bisection(size_text(sizes[key]), found, len(launches)) for key, found in launches.items()]


def _bisection(size: str, launches: Sequence[dict[int, float]], tests: int) -> Tested:
    compared, test = peers.compare(launches, tests), f"bisections of {size}"
    shares = {draw: median(found) for draw, found in compared.shares.items()}
    lowest = min(shares, key=shares.__getitem__)
    said = f"{len(shares)} random ones, lowest {shares[lowest]:.2f} of the median (draw {lowest})"
    if compared.blind is not None:
        return undecided(test, f"{said}; {compared.blind}", "the other bisections")
    verdicts = {compared.verdict(draw) for draw in shares}
    # Nobody can be blamed for a bisection, so that it is never more than a warning.
    verdict: Verdict = (
        "WARN" if verdicts & {"FAIL", "WARN"} else "INCONCLUSIVE" if "INCONCLUSIVE" in verdicts else "PASS"
    )
    return Tested(
        test=test, verdict=verdict, found=said, threshold=f"at least {compared.limit:.2f}",
        source="the other bisections and their spread",
    )  # fmt: skip


def _expected(expected: Expected) -> list[Tested]:
    """The user's expectations, and those that no row answers to."""
    return [
        *map(_row, expected.rows),
        *(
            unknown(one.pattern, f"no row matches line {one.line} of the expectations and has {one.metric}")
            for one in expected.idle
        ),
    ]


def _row(row: Row) -> Tested:
    wanted = row.expectation
    figure = "no figure" if row.value is None else f"{row.value:.4g} {wanted.unit} {wanted.metric}"
    return Tested(
        test=row.name, verdict=_MISSED[row.verdict], found=f"{figure}{f': {row.reason}' if row.reason else ''}",
        threshold=bounds_text(wanted.low, wanted.high, wanted.unit), source=row_source(row),
    )  # fmt: skip

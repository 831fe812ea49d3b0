"""What is to be said of a cluster as a whole: results, collectives, bisections, what the user expects of its rows."""

from collections.abc import Sequence

from fabricbench.judge import bisections, soak
from fabricbench.judge.demanded import bounds_text
from fabricbench.judge.evidence import Evidence, Verdict, undecided, unknown
from fabricbench.judge.expect import Expected, Row
from fabricbench.judge.guidelines import findings
from fabricbench.judge.nodes import row_source
from fabricbench.judge.sides import Unit
from fabricbench.model import Record
from fabricbench.store import Result

COLLECTIVES = (
    *("allreduce", "alltoall", "alltoallv", "alltoallw", "allgather", "allgatherv", "reduce_scatter"),
    *("reduce_scatter_block", "broadcast", "reduce", "gather", "gatherv", "scatter", "scatterv", "scan", "exscan"),
    "barrier",
)
_MISSED: dict[str, Verdict] = {"PASS": "PASS", "FAIL": "FAIL", "UNLIKE": "UNKNOWN", "MISSING": "UNKNOWN"}


def tests(results: Sequence[Result], units: Sequence[Unit], expected: Expected | None) -> list[Evidence]:
    """All tests of the cluster that are not those of its nodes and links."""
    records = [record for unit in units for record in unit.rows.values()]
    return [
        *_finished(results),
        *_data(results, records),
        *_flags(records),
        _collectives(results),
        *bisections.tested(units),
        *(soak.tested(slope) for slope in soak.slopes(units)),
        *([] if expected is None else _expected(expected)),
    ]


def _finished(results: Sequence[Result]) -> list[Evidence]:
    """Runs that did not come to their end lack evidence."""
    broken = [
        f"{result.path}: {'interrupted' if result.end is None else result.end.status}"
        for result in results
        if result.end is None or result.end.status != "complete"
    ]
    return [unknown("measured to its end", "; ".join(broken))] if broken else []


def _data(results: Sequence[Result], records: Sequence[Record]) -> list[Evidence]:
    """Whether everything that arrived or was computed was right."""
    checks = [record.check.status for record in records]
    checks += [line.check for result in results for line in result.rounds]
    judged = [status for status in checks if status in ("ok", "wrong")]
    wrong = judged.count("wrong")
    if not judged:
        return [unknown("data", "nothing was measured and checked")]
    return [
        Evidence(
            test="data", verdict="FAIL" if wrong else "PASS", found=f"wrong in {wrong} of {len(judged)} measurements",
            threshold="none wrong", source="reference values, and what was sent",
        )
    ]  # fmt: skip


def _flags(records: Sequence[Record]) -> list[Evidence]:
    """What was measured under conditions in which nothing can be accepted."""
    count = sum("injected" in record.conditions.flags for record in records)
    found = [undecided("without a fault put in", f"a fault was put into {count} rows on purpose")] if count else []
    crowded = sum("oversubscribed" in record.conditions.flags for record in records)
    if crowded:
        found.append(
            Evidence(
                test="a core for every rank", verdict="WARN", found=f"{crowded} rows had more ranks than cores",
                threshold="none", source="cores that ranks may use",
            )
        )  # fmt: skip
    return found


def _collectives(results: Sequence[Result]) -> Evidence:
    """Whether collectives ran, and whether the library's calls contradict each other."""
    cases = {
        record.case.key()
        for result in results
        for record in result.records
        if _collective(record) and record.check.status != "skipped"
    }
    if not cases:
        return unknown("collectives", "no row of a collective")
    odd = [
        finding for result in results
        for finding in findings(filter(_collective, result.records))
    ]  # fmt: skip
    found = f"{len(cases)} rows, none slower than other calls that do the same"
    if odd:
        worst = max(odd, key=lambda one: one.factor)
        parts = " and ".join(part.text() for part in worst.parts)
        more = f", and {len(odd) - 1} more" if len(odd) > 1 else ""
        found = f"{worst.case.text()} takes {worst.factor:.2f} times as long as {worst.times} x {parts}{more}"
    return Evidence(
        test="collectives", verdict="WARN" if odd else "PASS", found=found, threshold="no such contradiction",
        source="performance guidelines, rows of the same launch",
    )  # fmt: skip


def _collective(record: Record) -> bool:
    """Whether a row is a collective of all ranks; a diagnosis leaves rows of parts of them."""
    return record.case.operation in COLLECTIVES and "communicator" not in record.case.params


def _expected(expected: Expected) -> list[Evidence]:
    """The user's expectations, and those that no row answers to."""
    return [
        *map(_row, expected.rows),
        *(
            unknown(one.pattern, f"no row matches line {one.line} of the expectations and has {one.metric}")
            for one in expected.idle
        ),
    ]


def _row(row: Row) -> Evidence:
    wanted = row.expectation
    figure = "no figure" if row.value is None else f"{wanted.metric} {row.value:.4g} {wanted.unit}"
    return Evidence(
        test=row.name, verdict=_MISSED[row.verdict], found=f"{figure}{f': {row.reason}' if row.reason else ''}",
        threshold=bounds_text(wanted), source=row_source(row),
    )  # fmt: skip

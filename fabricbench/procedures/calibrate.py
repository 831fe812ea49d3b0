"""What the comparison rule sees and what it invents, on real launches of this machine.

Unchanged launches, in one alternated series, are cut into disjoint tables of 5 + 5: every `worse` in them is false. Then
tables are measured in which one row of compute and one of communication is slowed on one side, each row in its turn.
"""

import gzip
import statistics as middle
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fabricbench import store
from fabricbench.engine import catalogue, launch, machine, suite
from fabricbench.engine.suite import Request
from fabricbench.engine.worker import Announce, Job
from fabricbench.errors import UnreadableError
from fabricbench.judge.rule import MARGIN, Decision, Times, decide_table
from fabricbench.judge.sides import launch_median
from fabricbench.model import Record
from fabricbench.statistics import clopper_pearson

SUITE = "calibration"
UNCHANGED = 400
TABLES = 20
PER_SIDE = 5
SIDES = ("base", "new", "new", "base") * 2 + ("base", "new")
FACTOR = 1.25
SAMPLES_KEPT = 32
ROWS_WITH_SAMPLES = 3


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """One launch of the fixture: medians in seconds by row, and for a few rows some samples, evenly spaced in time.

    `table` counts within unchanged or slowed launches; `slowed` names the rows that were slowed in this launch.
    """

    started: str
    series: str
    table: int
    side: str
    slowed: list[str]
    medians_s: dict[str, float]
    samples_s: dict[str, list[float]]


@dataclass(frozen=True, kw_only=True)
class RowResult:
    """One row of the plan over all tables. `detectable`: median minimum detectable effect over unchanged tables."""

    row: str
    spread: float
    detectable: float | None
    false: int
    found: int
    slowed: int


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The table of false alarms and power; the intervals are exact (Clopper & Pearson), 95 %."""

    tables: int
    alarmed: int
    alarmed_interval: tuple[float, float]
    eligible: int
    found: int
    slowed: int
    found_interval: tuple[float, float]
    rows: tuple[RowResult, ...]


def collect(output: Path, announce: Announce, *, unchanged: int = UNCHANGED, tables: int = TABLES) -> None:
    """Measure every launch and write the fixture: some 40 minutes for the full plan.

    Raises FabricbenchError. What was measured before an interruption is in the file and is not measured again.
    """
    have = len(load(output)) if output.exists() else 0
    words = launch.prefix(2, machine.usable_cores())
    for number, (series, table, side, slowed) in enumerate(_plan(unchanged, tables)):
        if number < have:
            continue
        noted = _launched(words, series, table, side, slowed)
        with gzip.open(output, "ab") as file:
            file.write(msgspec.json.encode(noted) + b"\n")
        announce({"event": "notice", "text": f"launch {number + 1} of {unchanged + 10 * tables}: {series} {side}"})


def _plan(unchanged: int, tables: int) -> Iterator[tuple[str, int, str, list[str]]]:
    for number in range(unchanged):
        yield "unchanged", number // len(SIDES), SIDES[number % len(SIDES)], []
    compute, communication = _families()
    for table in range(tables):
        pair = [compute[table % len(compute)], communication[table % len(communication)]]
        for side in SIDES:
            yield "slowed", table, side, pair if side == "new" else []


def _families() -> tuple[list[str], list[str]]:
    """Rows of the plan by family: compute and memory, communication."""
    plan = suite.plan(Request(suite=SUITE), ranks=2, distances=("same-host",), has_mpi=True)
    rows: tuple[list[str], list[str]] = ([], [])
    for case in plan.cases:
        communicates = catalogue.operation(case.operation).family in ("point-to-point", "collective")
        rows[communicates].append(f"{case.operation}/{case.variant}")
    return rows


def _launched(words: list[str], series: str, table: int, side: str, slowed: list[str]) -> Noted:
    """One launch into a file of its own, of which the medians are kept."""
    inject = f"slow:{','.join(slowed)}:{FACTOR}" if slowed else None
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "launch.jsonl"
        job = Job(
            request=Request(suite=SUITE, inject=inject), run_id=uuid.uuid4().hex[:12], launch=0, launches=1,
            output=str(output), command=["run", SUITE], last=True,
        )  # fmt: skip
        launch.launch(job, words, lambda event: None)
        result = store.load(output)[-1]
    records = {f"{record.case.operation}/{record.case.variant}": record for record in result.records}
    medians = {row: launch_median(record) for row, record in records.items()}
    return Noted(
        started=result.launches[0].started, series=series, table=table, side=side, slowed=slowed,
        medians_s={row: median for row, median in sorted(medians.items()) if median is not None},
        samples_s={row: _some(records[row]) for row in sorted(records)[:ROWS_WITH_SAMPLES]},
    )  # fmt: skip


def _some(record: Record) -> list[float]:
    return record.samples_s[:: max(1, len(record.samples_s) // SAMPLES_KEPT)][:SAMPLES_KEPT]


def load(path: Path) -> list[Noted]:
    """The launches of a fixture.  Raises UnreadableError."""
    try:
        with gzip.open(path) as lines:
            return [msgspec.json.decode(line, type=Noted) for line in lines]
    except (OSError, EOFError, msgspec.DecodeError) as error:
        raise UnreadableError(
            f"{path} is no calibration: {error}.", "Make a new one with `make calibration`."
        ) from error


def judge(launches: Sequence[Noted]) -> Calibration:
    """Judge every table of the fixture with the one comparison rule."""
    unchanged = [decide(table) for table in _tables(launches, "unchanged")]
    slowed = [(table[0], _slowed_rows(table), decide(table)) for table in _tables(launches, "slowed")]
    rows = tuple(
        _row(row, launches, unchanged, [(hit, made) for _, hit, made in slowed]) for row in launches[0].medians_s
    )
    eligible = [row for row in rows if row.detectable is not None and row.detectable < FACTOR - 1]
    alarmed = sum(any(decision.verdict == "worse" for decision in table.values()) for table in unchanged)
    found, tried = sum(row.found for row in eligible), sum(row.slowed for row in eligible)
    return Calibration(
        tables=len(unchanged), alarmed=alarmed, alarmed_interval=clopper_pearson(alarmed, len(unchanged)),
        eligible=len(eligible), found=found, slowed=tried,
        found_interval=clopper_pearson(found, tried) if tried else (0.0, 1.0), rows=rows,
    )  # fmt: skip


def _tables(launches: Iterable[Noted], series: str) -> list[list[Noted]]:
    """Complete tables of one series; one that was cut short is left out."""
    tables: dict[int, list[Noted]] = {}
    for noted in launches:
        if noted.series == series:
            tables.setdefault(noted.table, []).append(noted)
    return [table for table in tables.values() if len(table) == len(SIDES)]


def decide(table: Sequence[Noted]) -> dict[str, Decision]:
    """The verdict on every row of one alternated table."""
    rows = list(table[0].medians_s)
    times = [Times(base=_side(table, row, "base"), new=_side(table, row, "new"), margin=MARGIN) for row in rows]
    return dict(zip(rows, decide_table(times), strict=True))


def _side(table: Sequence[Noted], row: str, side: str) -> dict[tuple[str, str, int], float]:
    return {
        ("calibration", side, number): noted.medians_s[row] for number, noted in enumerate(table) if noted.side == side
    }


def _slowed_rows(table: Sequence[Noted]) -> set[str]:
    return {row for noted in table for row in noted.slowed}


def _row(
    row: str, launches: Sequence[Noted], unchanged: Sequence[dict[str, Decision]],
    slowed: Sequence[tuple[set[str], dict[str, Decision]]],
) -> RowResult:  # fmt: skip
    medians = sorted(noted.medians_s[row] for noted in launches if noted.series == "unchanged")
    seen = [table[row].detectable for table in unchanged]
    known = [effect for effect in seen if effect is not None]
    hit = [made[row] for rows, made in slowed if row in rows]
    return RowResult(
        row=row,
        spread=medians[int(0.95 * (len(medians) - 1))] / medians[int(0.05 * (len(medians) - 1))] - 1,
        detectable=middle.median(known) if known else None,
        false=sum(table[row].verdict == "worse" for table in unchanged),
        found=sum(decision.verdict == "worse" for decision in hit),
        slowed=len(hit),
    )

"""What the comparison rule sees and what it invents, on real launches of this machine.

Unchanged launches, in one alternated series, are cut into disjoint tables of 5 + 5: every `worse` in them is false.
Then tables are measured in which one row of compute and one of communication is slowed on one side, in turn.
"""

import gzip
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec

from fabricbench import mpi, store
from fabricbench.engine import catalogue, launch, machine, suite
from fabricbench.engine.suite import Request
from fabricbench.engine.worker import Announce, Job
from fabricbench.errors import UnreadableError, UsageError
from fabricbench.judge.calibration import FACTOR, SIDES, Noted
from fabricbench.judge.sides import launch_median
from fabricbench.model import Record

SUITE = "calibration"
UNCHANGED = 1000
TABLES = 20
SAMPLES_KEPT = 200
ROWS_WITH_SAMPLES = 3


def collect(output: Path, announce: Announce, *, unchanged: int = UNCHANGED, tables: int = TABLES) -> None:
    """Measure every launch and write the fixture: some two hours for the full plan.

    Raises FabricbenchError. What was measured before an interruption is in the file and is not measured again.
    """
    stored = load(output) if output.exists() else []
    for noted, (series, table, side, slowed) in zip(stored, _plan(unchanged, tables), strict=False):
        if (noted.series, noted.table, noted.side, noted.slowed) != (series, table, side, slowed):
            raise UsageError(
                f"{output} was not measured by this plan of {unchanged} unchanged launches and {tables} slowed tables.",
                "Judge it as it is with --read, or choose another file.",
            )
    if len(stored) == unchanged + len(SIDES) * tables:
        return
    if stored and stored[0].machine != _here():
        raise UsageError(f"{output} was begun on {stored[0].machine}, and this is {_here()}.", "Choose another file.")
    words = launch.prefix(2, machine.usable_cores())
    output.parent.mkdir(parents=True, exist_ok=True)
    for number, (series, table, side, slowed) in enumerate(_plan(unchanged, tables)):
        if number < len(stored):
            continue
        noted = _launched(words, series, table, side, slowed)
        with gzip.open(output, "ab") as file:
            file.write(msgspec.json.encode(noted) + b"\n")
        announce(
            {"event": "notice", "text": f"launch {number + 1} of {unchanged + len(SIDES) * tables}: {series} {side}"}
        )


def _here() -> str:
    return f"{machine.machine()['cpu']}, {machine.usable_cores()} cores, {mpi.library_name()}"


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
        started=result.launches[0].started, machine=_here(), series=series, table=table, side=side, slowed=slowed,
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

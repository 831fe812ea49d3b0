"""Results made of launch medians, for tests of whatever reads results."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from fabricbench import statistics, store, traffic
from fabricbench.model import (
    Case,
    Ceiling,
    Check,
    ClockReport,
    Conditions,
    End,
    Launch,
    Pairing,
    RankTimes,
    Record,
    Run,
    Traffic,
)
from fabricbench.store import Result

ALLREDUCE = Case(
    operation="allreduce",
    variant="mpi",
    memory="host",
    dtype="float32",
    nbytes=1 << 20,
    ranks=2,
    cadence="isolated",
    mode="blocking",
    in_place=False,
    params={"op": "sum"},
)
CONDITIONS = Conditions(
    step="compiled",
    sync="round-time",
    placement="1x2",
    threads=1,
    library="Open MPI 5.0.11",
    algorithm="unknown",
    flags=[],
)
PATTERN = (0.99, 1.0, 1.01, 0.995, 1.005, 1.0, 1.0)
"""Samples of one launch, relative to their median."""


def changed(value: Any, **fields: Any) -> Any:
    """A copy of a record or a part of one with other fields."""
    return msgspec.structs.replace(value, **fields)


def make_case(nbytes: int = 1 << 20, **fields: Any) -> Case:
    return changed(ALLREDUCE, nbytes=nbytes, **fields)


def make_record(
    case: Case = ALLREDUCE,
    median_s: float = 1e-4,
    *,
    launch: int = 0,
    pattern: Sequence[float] = PATTERN,
    conditions: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Record:
    """A record whose samples have this median. fields: whatever else shall differ."""
    samples = statistics.six_digits([median_s * one for one in pattern])
    moved = Traffic(sent=float(case.nbytes), received=float(case.nbytes), flops=0.0, resource="link")
    moved = fields.get("traffic", moved)
    keys = fields.pop("rate_keys", ("algbw", "busbw"))
    summary = statistics.summarise(samples, fields.get("excluded", []), case.cadence, fields.pop("stop", "converged"))
    record = Record(
        launch=launch,
        case=case,
        conditions=changed(CONDITIONS, **(conditions or {})),
        time="global",
        repeats=1,
        samples_s=samples,
        skew_s=[0.0 for _ in samples],
        ranks_s=RankTimes(median=[median_s] * 2, mean=[median_s] * 2, last=[0.5, 0.5]),
        excluded=[],
        device_s=None,
        traffic=moved,
        check=Check(status="ok", wrong=0, worst=0.0, bound=0.0, reference="numpy float64"),
        summary=summary,
        rates=traffic.rates(keys, case, moved, summary.median_s or 0.0),
        doubts=[],
        telemetry=None,
        origin=None,
    )
    return changed(record, **fields)


def skipped(case: Case = ALLREDUCE, *, launch: int = 0, **fields: Any) -> Record:
    """A record of a case that was not measured."""
    check = Check(status="skipped", wrong=0, worst=0.0, bound=0.0, reference="none")
    return make_record(case, launch=launch, pattern=(), check=check, rates={}, **fields)


def make_launch(number: int, *, pairing: Pairing | None = None, **fields: Any) -> Launch:
    launch = Launch(
        launch=number,
        id=f"launch-{number}",
        started="2026-01-02T03:04:05Z",
        ranks=2,
        hosts=["a"],
        binding="core",
        clock=ClockReport(source="monotonic", verified=True, read_s=2.5e-8, offset_s=[0.0, 1e-8], bound_s=5e-8),
        environment={},
        pairing=pairing,
    )
    return changed(launch, **fields)


def make_ceiling(value: float = 2e10, *, launch: int = 0, **fields: Any) -> Ceiling:
    ceiling = Ceiling(
        launch=launch,
        resource="link",
        scope="rank",
        value=value,
        unit="B/s",
        nature="measured",
        source="ping-pong, 4 MiB",
    )
    return changed(ceiling, **fields)


def make_result(
    name: str,
    records: Sequence[Record],
    *,
    launches: Sequence[Launch] = (),
    ceilings: Sequence[Ceiling] = (),
    machine: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Result:
    """A complete run; without `launches`, one for every launch number in the records."""
    numbers = sorted({record.launch for record in records})
    launches = tuple(launches) or tuple(make_launch(number) for number in numbers)
    run = Run(
        schema=1,
        id=f"run-{name}",
        fabricbench="0.1.0",
        started="2026-01-02T03:04:05Z",
        command=["run", "quick"],
        seed=1,
        launches=max(1, len(launches)),
        machine={"hostname": "a", "cpu": "Model 1", "cores": 2, **(machine or {})},
        software={"mpi": "Open MPI 5.0.11", "numpy": "2.4.6"},
    )
    parts: dict[str, Any] = {
        "path": f"{name}.jsonl",
        "run": run,
        "launches": launches,
        "ceilings": tuple(ceilings),
        "records": tuple(records),
        "rounds": (),
        "end": End(finished="2026-01-02T03:05:05Z", records=len(records), wrong=0, status="complete"),
        "lost": None,
    }
    return Result(**{**parts, **fields})


def make_side(
    name: str,
    medians_s: Sequence[float] | Mapping[int, Sequence[float]],
    *,
    positions: Sequence[int] | None = None,
    side: str = "base",
    **fields: Any,
) -> Result:
    """One launch a median; several rows where medians are given by size.

    positions: places in one alternated series, else the launches are paired with nothing.
    """
    by_size = medians_s if isinstance(medians_s, Mapping) else {1 << 20: medians_s}
    records = [
        make_record(make_case(nbytes), value, launch=number, **fields)
        for nbytes, values in by_size.items()
        for number, value in enumerate(values)
    ]
    count = len(next(iter(by_size.values())))
    launches = [
        make_launch(
            number,
            pairing=Pairing(id="series", side=side, position=positions[number]) if positions else None,
        )
        for number in range(count)
    ]
    return make_result(name, records, launches=launches)


def write(result: Result, path: Any, *, append: bool = False) -> str:
    """The result as a file; its path as text."""
    with store.Writer.create(path, append=append) as writer:
        writer.write(result.run)
        for line in (*result.launches, *result.ceilings, *result.records, *result.rounds):
            writer.write(line)
        if result.end is not None:
            writer.write(result.end)
    return str(path)

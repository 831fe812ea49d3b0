"""One valid line of every kind, with the optional parts filled in, and files made of them."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from fabricbench import statistics, store, traffic
from fabricbench.model import (
    Case,
    Ceiling,
    Check,
    ClockReport,
    Conditions,
    Doubt,
    End,
    Launch,
    Line,
    Origin,
    Pairing,
    RankTimes,
    Record,
    Round,
    Run,
    Telemetry,
    Traffic,
)

SAMPLES = (1.21e-4, 1.19e-4, 1.24e-4, 1.2e-4, 1.23e-4, 1.22e-4, 1.18e-4)


def run(schema: int = 1) -> Run:
    return Run(
        schema=schema,
        id="7f3a",
        fabricbench="0.1.0",
        started="2026-11-22T14:00:00Z",
        command=["run", "quick"],
        seed=1,
        launches=2,
        machine={"hostname": "a", "cores": 2, "memory": 8.5e9, "smt": False, "nics": ["eth0"]},
        software={"mpi": "Open MPI 5.0.11", "numpy": "2.4.6"},
    )


def launch(number: int = 0) -> Launch:
    return Launch(
        launch=number,
        id=f"7f3a-{number}",
        started="2026-11-22T14:00:01Z",
        ranks=2,
        hosts=["a"],
        binding="core",
        clock=ClockReport(source="monotonic", verified=True, read_s=2e-8, offset_s=[0.0, 1e-8], bound_s=5e-8),
        environment={"OMPI_MCA_btl": "self,sm"},
        pairing=Pairing(id="p1", side=("base", "new")[number % 2], position=number),
    )


def full_launch() -> Launch:
    """With the fields that older files lack."""
    return msgspec.structs.replace(
        launch(), hosts=["host-a", "host-b"], placed=[0, 1],
        inventory={"host-a": {}, "host-b": {"kernel": "6.1", "memory": 8.4e9, "nics": ["eth1"]}},
    )  # fmt: skip


def ceiling() -> Ceiling:
    return Ceiling(
        launch=0,
        resource="memory",
        scope="rank",
        value=2.1e10,
        unit="B/s",
        nature="measured",
        source="copy, 1 GiB",
    )


def record(
    *,
    number: int = 0,
    nbytes: int = 1 << 20,
    samples: Sequence[float] = SAMPLES,
    excluded: Sequence[tuple[int, int, str]] = (),
) -> Record:
    case = Case(
        operation="allreduce",
        variant="mpi",
        memory="host",
        dtype="float32",
        nbytes=nbytes,
        ranks=2,
        cadence="isolated",
        mode="blocking",
        in_place=False,
        params={"op": "sum"},
    )
    moved = Traffic(sent=float(nbytes), received=float(nbytes), flops=nbytes / 4, resource="memory")
    summary = statistics.summarise(samples, excluded, case.cadence, "converged")
    return Record(
        launch=number,
        case=case,
        conditions=Conditions(
            step="compiled",
            sync="round-time",
            placement="1x2",
            threads=1,
            library="Open MPI 5.0.11",
            algorithm="unknown",
            flags=["oversubscribed"],
        ),
        time="global",
        repeats=1,
        samples_s=list(samples),
        skew_s=[1.1e-8 for _ in samples],
        ranks_s=RankTimes(median=[1.2e-4, 1.21e-4], mean=[1.2e-4, 1.21e-4], last=[0.25, 0.75]),
        excluded=list(excluded),
        device_s=None,
        traffic=moved,
        check=Check(status="ok", wrong=0, worst=0.0, bound=0.0, reference="numpy float64"),
        summary=summary,
        rates=traffic.rates(("algbw", "busbw"), case, moved, summary.median_s or 0.0),
        doubts=[Doubt(code="few-samples", text="Only 7 samples.", remedy="Raise --budget.")],
        telemetry=None,
        origin=None,
    )


def full_record() -> Record:
    """A record in which no optional part is null."""
    return msgspec.structs.replace(
        record(excluded=[(0, 0, "first touch")]),
        device_s=[1e-4],
        telemetry=Telemetry(interval_s=0.1, load=[0.5], mhz=[2400.0], memory_bytes=180_000_000),
        origin=Origin(
            tool="nccl-tests",
            version="2.19.6",
            statistic="mean",
            over_ranks="mean",
            file="all_reduce.txt",
            line=12,
        ),
    )


def round_() -> Round:
    return Round(
        launch=0,
        round=17,
        direction="both",
        pairs=[(3, 9)],
        nbytes=4 << 20,
        samples_s=[[1e-3, 1.1e-3]],
        check="ok",
    )


def end(records: int = 1) -> End:
    return End(finished="2026-11-22T14:01:00Z", records=records, wrong=0, status="complete")


def whole() -> list[Line]:
    """The lines of one complete run."""
    return [run(), launch(), ceiling(), record(), round_(), end()]


def write(path: Path, lines: Sequence[Line]) -> Path:
    path.write_bytes(b"".join(store.encode(line) for line in lines))
    return path

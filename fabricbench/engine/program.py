"""What this program itself costs: the start of a verb that only reads, and the comparison of two large files."""

import os
import statistics as middle
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from fabricbench import __version__, statistics, traffic
from fabricbench.engine.launch import environment
from fabricbench.errors import NotMeasuredError
from fabricbench.model import (
    SCHEMA,
    Case,
    Check,
    ClockReport,
    Conditions,
    End,
    Launch,
    RankTimes,
    Record,
    Run,
    Traffic,
)  # fmt: skip

STARTS = 5
SIZES, LAUNCHES, SAMPLES = 20, 10, 500
"""Rows of a file, launches and samples a record: 100,000 samples a file."""

STAMP = "2026-01-01T00:00:00Z"


class Cost(NamedTuple):
    """Of one process: seconds from start to end, and the most memory it held, in bytes."""

    seconds: float
    peak: int


def start_up_s() -> float:
    """Seconds that `list` takes longer than a bare import of NumPy; medians of alternated runs."""
    listing, bare = ["-m", "fabricbench", "list"], ["-c", "import numpy"]
    pairs = [(_cost(listing).seconds, _cost(bare).seconds) for _ in range(STARTS)]
    whole, numpy = zip(*pairs, strict=True)
    return float(middle.median(whole) - middle.median(numpy))


def comparison() -> Cost:
    """`compare` of two files of 100,000 samples each."""
    with tempfile.TemporaryDirectory() as folder:
        base, new = (_result(Path(folder) / f"{side}.jsonl", seed) for seed, side in enumerate(("base", "new")))
        return _cost(["-m", "fabricbench", "compare", str(base), "--with", str(new)])


def _cost(words: list[str]) -> Cost:
    """Run one Python command.  Raises NotMeasuredError where it fails."""
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment()
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):  # 1: a row of the comparison is worse
        raise NotMeasuredError(f"`python {' '.join(words)}` ended with status {process.returncode}.")
    return Cost(seconds, usage.ru_maxrss * 1024)


def _result(path: Path, seed: int) -> Path:
    """A result of made-up times, with a noise of 2 %."""
    noise = np.random.default_rng(seed)
    run = Run(
        schema=SCHEMA, id=path.stem, fabricbench=__version__, started=STAMP, command=["run"], seed=seed,
        launches=LAUNCHES, machine={}, software={},
    )  # fmt: skip
    records = [
        _record(launch, 8 << size, 1e-6 * 2.0**size * np.exp(noise.normal(0, 0.02, SAMPLES)))
        for launch in range(LAUNCHES)
        for size in range(SIZES)
    ]
    end = End(finished=STAMP, records=len(records), wrong=0, status="complete")
    # One write: the store waits for the disk after each line.
    lines = [run, *(_launch(number) for number in range(LAUNCHES)), *records, end]
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    return path


def _launch(number: int) -> Launch:
    clock = ClockReport(source="none", verified=True, read_s=2e-8, offset_s=[0.0, 0.0], bound_s=0.0)
    return Launch(
        launch=number, id=f"launch-{number}", started=STAMP, ranks=2, hosts=["host"], binding="core", clock=clock,
        environment={}, pairing=None,
    )  # fmt: skip


def _record(launch: int, nbytes: int, samples: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Record:
    case = Case(
        operation="allreduce", variant="mpi", memory="host", dtype="float32", nbytes=nbytes, ranks=2,
        cadence="isolated", mode="blocking", in_place=False, params={"op": "sum"},
    )  # fmt: skip
    conditions = Conditions(
        step="compiled", sync="round-time", placement="1x2", threads=1, library="none", algorithm="unknown", flags=[]
    )
    written = statistics.six_digits(samples)
    moved = Traffic(sent=float(nbytes), received=float(nbytes), flops=0.0, resource="memory")
    summary = statistics.summarise(written, [], case.cadence, "budget")
    return Record(
        launch=launch, case=case, conditions=conditions, time="global", repeats=1, samples_s=written,
        skew_s=[0.0] * len(written), ranks_s=RankTimes(median=[0.0, 0.0], mean=[0.0, 0.0], last=[0.5, 0.5]),
        excluded=[], device_s=None, traffic=moved,
        check=Check(status="ok", wrong=0, worst=0.0, bound=0.0, reference="none"), summary=summary,
        rates=traffic.rates(("algbw", "busbw"), case, moved, summary.median_s or 0.0), doubts=[], telemetry=None,
        origin=None,
    )  # fmt: skip

"""`make calibration-hosts`: a link at half its rate is named wherever it is, and nobody where none is slow.

Fabrics of seeded rates, 50 to 200 Mbit/s, with a fault at a seeded place, diagnosed by the command that a user types:

    clean       4 hosts, no fault
    transmit    4 hosts, one sends at half the rate
    receive     4 hosts, one receives at half the rate
    link        4 hosts, one has half the rate both ways
    leaves      6 hosts on two leaves whose uplink carries half of what the hosts could send: nobody is to be blamed
    wide        8 hosts, no fault: what `make detection` takes its noise from

Pairs only, because all hosts share the cores of one machine. Every run is a line of the output; runs that are there are
not made again. Results of wide runs are kept beside it. Exit status 1 where a run was wrong, 3 where there can be no
fabric.
"""

import argparse
import gzip
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from hosts.fabric import Direction, Fabric, fabric, why_not

from fabricbench import mpi
from fabricbench.judge.placements import CASES, Case, Placement, counted
from fabricbench.show import detections, screen
from fabricbench.show.table import Page

OUTPUT = Path("results/local/placements.jsonl")
RUNS = 20
HOSTS: dict[Case, int] = {"leaves": 6, "wide": 8}
DIRECTIONS: dict[Case, tuple[Direction, ...]] = {
    "transmit": ("transmit",), "receive": ("receive",), "link": ("transmit", "receive"),
}  # fmt: skip
SHARE = 0.5
SLOWEST_MBIT, FASTEST_MBIT = 50, 200
OVER = 2
"""What the hosts of a leaf can send over what its uplink carries."""
SIZE, BUDGET_S = "256KiB", "0.3"
"""Of a message: four of them take 40 to 170 ms, longer than a rank waits for one of few cores."""
LIMIT_S = 300.0


def place(case: Case, seed: int) -> tuple[int, int, int | None]:
    """Hosts, Mbit/s of their links, and which of them is slow."""
    random = Random(f"{case} {seed}")
    hosts = HOSTS.get(case, 4)
    fastest = FASTEST_MBIT if hosts == 4 else FASTEST_MBIT // 2  # so that few cores can carry all pairs at once
    rate = random.randint(SLOWEST_MBIT, fastest)
    return hosts, rate, random.randrange(hosts) if case in DIRECTIONS else None


def diagnosed(case: Case, seed: int, keep: Path | None = None, size: str = SIZE) -> Placement:
    """Build the fabric, diagnose it, and say what was said. keep: a file for the result. size: of a message."""
    hosts, rate, host = place(case, seed)
    leaves = {"leaves": 2, "uplink": f"{rate * hosts // 2 / OVER:g}mbit"} if case == "leaves" else {}
    begun = time.monotonic()
    with fabric(hosts, f"{rate}mbit", **leaves) as made:  # type: ignore[arg-type]
        for direction in DIRECTIONS.get(case, ()):
            assert host is not None
            made.shape(made.hosts[host], direction, f"{rate * SHARE:g}mbit")
        status, said = _asked(made, ["--seed", str(seed), "--size", size], keep)
    return Placement(
        case=case, seed=seed, library=mpi.library_name(), hosts=hosts, rate_mbit=rate, share=SHARE, host=host,
        status=status, confirmed=_named(said, confirmed=True), suspected=_named(said, confirmed=False),
        together=said.get("together"), noise=said.get("localised", {}).get("noise"),
        sees=said.get("localised", {}).get("sees", {}), seconds=round(time.monotonic() - begun, 1),
    )  # fmt: skip


def _asked(made: Fabric, words: Sequence[str], keep: Path | None) -> tuple[int, dict[str, Any]]:
    output = made.folder / "diagnosis.jsonl"
    asked = ["--pairs-only", "--budget", BUDGET_S, "--format", "json", "-o", str(output), *words]
    done = subprocess.run(
        [sys.executable, "-m", "fabricbench", "diagnose", "-n", str(len(made.hosts)), "--launcher", made.launcher(),
         *asked],
        capture_output=True, text=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    if not done.stdout:
        print(done.stderr.strip(), file=sys.stderr)
        return done.returncode, {}
    if keep is not None:
        keep.parent.mkdir(parents=True, exist_ok=True)
        keep.write_bytes(gzip.compress(output.read_bytes(), mtime=0))
    return done.returncode, json.loads(done.stdout)


def _named(said: dict[str, Any], *, confirmed: bool) -> list[tuple[str, list[int]]]:
    return [
        (one["suspect"]["kind"], one["suspect"]["members"])
        for one in said.get("found", ())
        if (one["again"] > 0 and one["slow"] == one["again"]) == confirmed
    ]


def wanted(cases: Sequence[Case], runs: int, there: Sequence[Placement]) -> Iterator[tuple[Case, int]]:
    """What is not there yet; all cases of a seed before the next one."""
    known = {(one.case, one.seed) for one in there if one.library == mpi.library_name()}
    for seed in range(1, runs + 1):
        yield from ((case, seed) for case in cases if (case, seed) not in known)


def read(file: Path) -> list[Placement]:
    """The runs of a file that was written here."""
    lines = file.read_bytes().splitlines() if file.exists() else []
    return [msgspec.json.decode(line, type=Placement) for line in lines]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hosts.placements", description="Seeded faults, diagnosed.")
    parser.add_argument("--runs", type=int, default=RUNS, help="of each case (%(default)s)")
    parser.add_argument("--only", nargs="+", choices=CASES, default=CASES, help="cases (all)")
    parser.add_argument("-o", "--output", type=Path, default=OUTPUT, help="a line a run (%(default)s)")
    asked = parser.parse_args()
    if (reason := why_not()) is not None:
        print(f"Error: {reason}.", file=sys.stderr)
        return 3
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    for case, seed in wanted(asked.only, asked.runs, read(asked.output)):
        short = mpi.library_name().rpartition(" ")[0].replace(" ", "").lower()
        keep = asked.output.parent / "hosts" / f"{short}-{case}-{seed}.jsonl.gz"
        one = diagnosed(case, seed, keep if case == "wide" else None)
        with asked.output.open("ab") as file:
            file.write(msgspec.json.encode(one) + b"\n")
        print(f"{case} {seed}: {'right' if one.right else f'WRONG: {one}'}, {one.seconds:.0f} s", flush=True)
    placements = read(asked.output)
    screen.draw(Page(alarms=(), facts=(), tables=(detections.live(counted(placements)),)))
    return 0 if all(one.right for one in placements) else 1


if __name__ == "__main__":
    sys.exit(main())

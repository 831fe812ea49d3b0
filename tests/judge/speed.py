"""How long a comparison of many rows takes, and how much memory: `make comparing`.

Makes two sides of five launches that hold so many samples, compares them with the program as users start it, three
times, and prints each time, how much of it was work of a processor (the rest is waiting, for other programs on a busy
machine), and the most memory that it held.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from builders import make_case, make_record, make_result

LAUNCHES = 5
SIDES = {"base": 1.0, "new": 1.2}
PROGRAM = """
import resource, sys
from fabricbench.cli import main
status = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, file=sys.stderr)
sys.exit(status)
"""


def write(path: Path, factor: float, cases: int, samples: int) -> None:
    """One side: every case in five launches, each with so many samples."""
    noise = np.random.default_rng(1)
    pattern = np.exp(noise.normal(0, 0.02, (LAUNCHES * cases, samples)))
    records = [
        make_record(
            make_case(8 * (1 + case % 100), variant=f"v{case // 100}"), 1e-6 * (1 + case % 100) * factor,
            launch=launch, pattern=pattern[launch * cases + case],
        )
        for launch in range(LAUNCHES)
        for case in range(cases)
    ]  # fmt: skip
    result = make_result(path.stem, records)
    lines = [result.run, *result.launches, *result.records, result.end]
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000, help="records of both sides together (%(default)s)")
    parser.add_argument("--samples", type=int, default=1_000_000, help="samples of all of them (%(default)s)")
    parser.add_argument("--times", type=int, default=3, help="how often it is compared (%(default)s)")
    asked = parser.parse_args()
    cases = asked.records // (LAUNCHES * len(SIDES))
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{side}.jsonl" for side in SIDES]
        for path, factor in zip(paths, SIDES.values(), strict=True):
            write(path, factor, cases, asked.samples // asked.records)
        print(f"{asked.samples} samples in {asked.records} records of {cases} rows, {LAUNCHES} launches a side")
        for _ in range(asked.times):
            words = [sys.executable, "-c", PROGRAM, "compare", str(paths[0]), "--with", str(paths[1])]
            begun, worked = time.perf_counter(), _worked_s()
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            spent, work = time.perf_counter() - begun, _worked_s() - worked
            if done.returncode != 1:
                sys.exit(f"exit {done.returncode} where rows are slower: {done.stderr}")
            held = int(done.stderr.splitlines()[-1])
            print(f"{spent:.2f} s, {work:.2f} s of them work, at most {held / 1e6:.0f} MB")


def _worked_s() -> float:
    """Processor time of the programs that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()

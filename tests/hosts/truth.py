"""`make truth`: links of known rate, read by fabricbench, by a C program over the same library and by iperf3, in turn.

A table of each rate with medians and, in brackets, the extremes of the turns. Payload cannot exceed 95.6 % of a rate:
of 1514 bytes that the bucket counts of a full packet, 1448 are payload. Exit status 1 where fabricbench reads more than
the rate, which cannot be.
"""

import argparse
import itertools
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from hosts import reading
from hosts.fabric import Fabric, fabric, why_not
from hosts.rate import bits_per_s

from fabricbench import mpi

PAYLOAD = 1448 / 1514
TARGET_S = 3.0
"""A window lasts about so long: between two of them the link stands still."""
MOST = 32
WINDOWS = 3

Reader = Callable[[], float]


def window(rate: str) -> int:
    """Messages in flight, of 4 MiB."""
    return max(2, min(MOST, round(bits_per_s(rate) / 8 * TARGET_S / reading.MESSAGE)))


def readers(made: Fabric, folder: Path, program: Path | None, rate: str) -> dict[str, Reader]:
    """Who reads, by the head of the column."""
    found: dict[str, Reader] = {}
    files = (folder / f"{rate}-{number}.jsonl" for number in itertools.count())
    found["fabricbench"] = lambda: reading.ours(made, next(files), window(rate))
    if program is not None:
        found["C"] = lambda: reading.in_c(made, program, window(rate), WINDOWS)
    if shutil.which("iperf3"):
        found["iperf3"] = lambda: reading.by_iperf3(made, "a", "b", 3)
    return found


def measured(rate: str, turns: int, program: Path | None, folder: Path) -> dict[str, list[float]]:
    """Bits a second of each reader, in turn."""
    with fabric(2, rate) as made:
        by = readers(made, folder, program, rate)
        taken: dict[str, list[float]] = {name: [] for name in by}
        for _ in range(turns):
            for name, read in by.items():
                taken[name].append(read())
    return taken


def cell(values: Sequence[float]) -> str:
    """Mbit/s with the extremes, or a ratio with them."""
    scale = 1e6 if max(values) > 1e3 else 1
    numbers = [value / scale for value in (reading.middle(values), min(values), max(values))]
    digits = 1 if scale > 1 else 3
    return "{:.{d}f} ({:.{d}f} to {:.{d}f})".format(*numbers, d=digits)


def row(rate: str, taken: dict[str, list[float]]) -> list[str]:
    """Cells of one rate: every reader, and ours over the others turn by turn."""
    mine = taken["fabricbench"]
    found = [rate, f"{bits_per_s(rate) * PAYLOAD / 1e6:.1f}", *map(cell, taken.values())]
    others = [values for name, values in taken.items() if name != "fabricbench"]
    return [*found, *(cell([a / b for a, b in zip(mine, values, strict=True)]) for values in others)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hosts.truth", description="Links of known rate, read back.")
    parser.add_argument("--turns", type=int, default=3, help="(3)")
    parser.add_argument("--rates", default="100mbit,400mbit,1gbit", help="(100mbit,400mbit,1gbit)")
    asked = parser.parse_args()
    if (reason := why_not()) is not None:
        print(f"Error: {reason}.", file=sys.stderr)
        return 3
    above = []
    with tempfile.TemporaryDirectory() as name:
        program = reading.compiled(Path(name))
        print(f"Mbit/s of payload, 4 MiB messages, {mpi.library_name()}: median (extremes) of {asked.turns} turns")
        for number, rate in enumerate(asked.rates.split(",")):
            taken = measured(rate, asked.turns, program, Path(name))
            if number == 0:
                told(head(list(taken)))
                told(["---"] * len(head(list(taken))))
            told(row(rate, taken))
            if max(taken["fabricbench"]) > bits_per_s(rate):
                above.append(rate)
    print(f"{reading.load():.1f} processes wanted a core, for each core, in the last minute.")
    if above:
        print(f"More than the rate was read at {', '.join(above)}.", file=sys.stderr)
    return 1 if above else 0


def head(names: list[str]) -> list[str]:
    """Heads of the columns."""
    return ["rate", "payload at most", *names, *(f"fabricbench / {name}" for name in names if name != "fabricbench")]


def told(cells: list[str]) -> None:
    """One line of the table, at once."""
    print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    sys.exit(main())

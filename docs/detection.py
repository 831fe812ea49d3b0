"""Writes docs/detection.md from clean runs of `diagnose` in results/hosts: `make detection`, some minutes.

With files of clean runs of your own fabric, 8 hosts or more each, it prints the tables for its noise instead.
"""

import sys
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec
import numpy as np

from fabricbench import store
from fabricbench.errors import FabricbenchError
from fabricbench.judge import detection, localise, rounds
from fabricbench.judge.detection import Outcome
from fabricbench.judge.faults import TWOFOLD
from fabricbench.judge.localise import FEWEST_REPEATS
from fabricbench.judge.placements import Placement, counted
from fabricbench.judge.polish import Floats, Layout
from fabricbench.judge.resampled import FEWEST, Source, layout_of, made, source
from fabricbench.judge.slowness import LEAST, SURE
from fabricbench.model import Round
from fabricbench.quantity import percent_text
from fabricbench.show import detections, screen
from fabricbench.show.table import Page, Table
from fabricbench.statistics import clopper_pearson

CHECKOUT = Path(__file__).parents[1]
RESULTS = CHECKOUT / "results" / "hosts"
SIZES = ((4, 1000), (16, 1000), (64, 100))
"""Hosts of which every pair is measured, and runs."""
FIFTH = 0.2
WORKERS = 8
MANY, MANY_RUNS = 1024, 20
"""Hosts of which some rounds are measured, and runs."""

TEXT = """# How often what is slow is named

This page is written by `make detection` from clean runs of `fabricbench diagnose` in `results/hosts/`. With the files
of clean runs of your own fabric, `python docs/detection.py FILE...` prints the same tables for its noise: at least
{fewest} hosts each, `diagnose -o FILE`.

## What is counted

- *found*: every part of the fault was named by kind and member, was slow again in all of three measurements, and
  nothing else was. 95 % intervals are exact (Clopper & Pearson).
- *others suspected*, *others blamed*: runs in which a host, pair or group was named of which not every pair was slow;
  and in which it was slow again, too, so that the verdict was wrong. A group is not measured again.
- *transmit*, *receive*: one host; *node*: one host both ways; *link*: one pair both ways; *one way*: one pair one way;
  *rail*: all pairs within a group; *uplink*: all pairs between two groups, both ways. Rails and uplinks are looked for
  with `--groups`, as many groups as each has hosts.
- *two nodes*, *node and link*: two faults at once. Of four hosts two are half, and which half is slow cannot be said.
- *it sees*: what a run prints as the least fault that it sees, the median over runs. *just above*: runs that named a
  fault of exactly the depth that each printed; {sure} are promised. *just below*: a fault as much less deep than the
  limit as that is deeper; 10 % are allowed.

A fault of less than {least} is never named, so that one of 5 % is close to the limit, however quiet the fabric is.
"""

LIVE = """
## Live

`make calibration-hosts` (root): four hosts in network namespaces, links held to a seeded rate between 50 and 200
Mbit/s, a link at half of it at a seeded place, diagnosed by the command that a user types. Right is a run that named
the slow host with its direction, measured again, and nobody else; with the uplink, that noticed it and named nobody.
"""

SIMULATED = """
## Simulated, with measured noise

Runs of more hosts than one machine has are made of live ones: each takes a clean run; each of its hosts what one of
that run's hosts sent and received less or more; each wave (a round one way) what one of its waves had in common; each
pair the residual and the repeats of a pair, as many neighbours together as a wave had (`judge/resampled.py`). Nothing
is drawn from a normal distribution. What a fault takes is taken from the pairs that it concerns; their noise stays.

**What this noise is.** Network namespaces on one 2-core virtual machine, links held to a rate by the kernel, ranks that
outnumber cores: it has bursts in which a wave is slow, and no switch, no congestion control of a real fabric, no other
tenant. Your fabric has other noise. Its tables are one command away.
"""

MANY_TEXT = """
Of {many} hosts, {first} of {all} rounds are measured, and {targeted} more in which each host that is nearly slow meets
partners that it has not met. A link is one that was measured: {share} of all are, and a slow one among the others stays
unseen.
"""


def read(files: Sequence[Path]) -> list[tuple[str, Source]]:
    """Sources of the files, by name.  Raises FabricbenchError for one that cannot be read or has too few hosts."""
    found = []
    for file in files:
        one = source(store.load(file)[-1].rounds)
        if one is None:
            raise FabricbenchError(
                f"{file} has no rounds of {FEWEST} hosts or more with 3 repeats of each pair.",
                "Give files of `fabricbench diagnose -o FILE` on a fabric where nothing is slow.",
            )
        found.append((file.name, one))
    return found


def tables(found: Sequence[tuple[str, Source]]) -> Iterator[Table | str]:
    """All tables, as they are counted by a process each, with what they come to."""
    sources = [one for _, one in found]
    yield detections.sources(found)
    with ProcessPoolExecutor(WORKERS) as pool:
        some = [pool.submit(detection.sparse, sources, MANY, [seed]) for seed in range(MANY_RUNS)]
        every = [(hosts, runs, pool.submit(detection.outcomes, sources, hosts, runs)) for hosts, runs in SIZES]
        edges = [pool.submit(detection.edges, sources, hosts, runs) for hosts, runs in SIZES]
        for hosts, runs, counting in every:
            yield from _counted(counting.result(), f"{hosts} hosts, every pair, {runs:,} runs each")
        yield MANY_TEXT.format(
            many=f"{MANY:,}", first=rounds.SPARSE_ROUNDS, all=f"{MANY - 1:,}", targeted=rounds.TARGETED_ROUNDS,
            share=percent_text(rounds.SPARSE_ROUNDS / (MANY - 1)),
        )  # fmt: skip
        sparse = detection.added(one for counting in some for one in counting.result())
        yield from _counted(sparse, f"{MANY:,} hosts, some rounds, {MANY_RUNS} runs each")
        yield detections.edges([one for counting in edges for one in counting.result()])


def _counted(outcomes: Sequence[Outcome], title: str) -> Iterator[Table | str]:
    """The table, and a sentence on what was promised: single faults of a fifth are found, and nobody is blamed."""
    yield detections.outcomes(outcomes, title)
    single = [one for one in outcomes if one.severity == FIFTH and one.fault not in TWOFOLD]
    least = min(single, key=lambda one: one.found)
    clean = [one for one in outcomes if one.fault is None]
    blamed, runs = sum(one.blamed for one in clean), sum(one.runs for one in clean)
    low, high = clopper_pearson(blamed, runs)
    yield (
        f"\nOf single faults of 20 %, {100 * least.found / least.runs:.1f} % were found or more; the least of "
        f"*{least.fault}*. Without a fault,\n{blamed} of {runs:,} runs blamed somebody (95 %: "
        f"{100 * low:.1f} to {100 * high:.1f} %).\n"
    )


def text(one: Table | str) -> str:
    """A table or a paragraph of the page."""
    if isinstance(one, str):
        return one
    return f"\n```\n{screen.page_text(Page(alarms=(), facts=(), tables=(one,))).strip()}\n```\n"


def head() -> str:
    """What the page begins with."""
    return TEXT.format(fewest=FEWEST, sure=f"{100 * SURE:.0f} %", least=f"{100 * LEAST:.0f} %")


def live() -> str:
    """What was diagnosed live, if it is there."""
    lines = [line for file in sorted(RESULTS.glob("placements*.jsonl")) for line in file.read_bytes().splitlines()]
    if not lines:
        return ""
    return LIVE + text(detections.live(counted(msgspec.json.decode(line, type=Placement) for line in lines)))


def cost(sources: Sequence[Source]) -> Iterator[str]:
    """How long the rounds of many hosts are judged for, and the memory that takes."""
    random = np.random.default_rng(1)
    for how_many, pairings in (("some", rounds.first(MANY, 1)), ("all", localise.rounds(MANY))):
        layout = layout_of(pairings, [""] * MANY)
        medians = made(sources, layout, 1, random).measured.medians[0]
        lines = [_line(wave, layout, medians) for wave in range(2 * len(pairings))]
        begun = time.process_time()
        judge(lines)
        took = time.process_time() - begun
        tracemalloc.start()
        judge(lines)
        memory = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        said = f"{took:.1f} s of a core and {memory / 1e6:.0f} MB"
        yield f"{MANY:,} hosts, {how_many} {len(pairings):,} rounds: judged with {said}."


def judge(lines: Sequence[Round]) -> localise.Localised:
    """What `diagnose` does with its rounds."""
    return localise.localise(localise.bandwidths(lines), MANY, None, localise.together(lines))


def _line(wave: int, layout: Layout, medians: Floats) -> Round:
    first, last = np.searchsorted(layout.waves, [wave, wave + 1])
    pairs = zip(layout.senders[first:last].tolist(), layout.receivers[first:last].tolist(), strict=True)
    seconds = np.exp(-medians[first:last]).tolist()
    return Round(
        launch=0, round=wave // 2, direction="forward", pairs=list(pairs), nbytes=1,
        samples_s=[[second] * FEWEST_REPEATS for second in seconds], check="ok",
    )  # fmt: skip


def main() -> int:
    """Print the tables; write the page where no files were given. The exit status."""
    files = [Path(name) for name in sys.argv[1:]]
    try:
        found = read(files or sorted(RESULTS.glob("*.jsonl.gz")))
    except FabricbenchError as error:
        print(f"Error: {error.what} {error.remedy}", file=sys.stderr)
        return 2
    if not found:
        print(f"Error: {RESULTS} has no runs. `make calibration-hosts` makes some.", file=sys.stderr)
        return 2
    parts = []
    for one in tables(found):
        parts.append(text(one))
        print(parts[-1], flush=True)
    for line in cost([one for _, one in found]):
        print(line)
    if not files:
        (CHECKOUT / "docs" / "detection.md").write_text(head() + live() + SIMULATED + "".join(parts))
    return 0


if __name__ == "__main__":
    sys.exit(main())

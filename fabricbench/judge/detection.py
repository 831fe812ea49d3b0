"""How often what is slow is named, and what is not: faults (`judge/faults.py`) put into runs (`judge/resampled.py`).

Found is a fault when all of it is named by kind and member, and nothing else.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from fabricbench.judge import localise, rounds
from fabricbench.judge.faults import FAULTS, GROUPED, Fault, Placed, place
from fabricbench.judge.polish import Floats, Layout
from fabricbench.judge.resampled import Source, hosts_of, layout_of, made, one_run
from fabricbench.judge.slowness import Flags, Judged, Kind, Measured, judged
from fabricbench.statistics import clopper_pearson

SEVERITIES = (0.05, 0.10, 0.20, 0.50)
SEED = 1

PROMISED: dict[Fault, Kind] = {
    "transmit": "transmit", "receive": "receive", "node": "host", "one way": "pair", "rail": "group",
}  # fmt: skip
"""Faults of which a run says how small ones it sees, and the kind for which it says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Runs of so many hosts with a fault, or without (`fault` None).

    found: all of it named, and nothing else. innocent: runs in which something was named that was not slow.
    """

    hosts: int
    grouped: bool
    fault: Fault | None
    severity: float
    runs: int
    found: int
    innocent: int

    def with_more(self, other: "Outcome") -> "Outcome":
        """Both together, of the same fault."""
        found, innocent = self.found + other.found, self.innocent + other.innocent
        return replace(self, runs=self.runs + other.runs, found=found, innocent=innocent)

    @property
    def found_interval(self) -> tuple[float, float]:
        """Exact, 95 %, of the share found."""
        return clopper_pearson(self.found, self.runs)

    @property
    def innocent_interval(self) -> tuple[float, float]:
        """The same of runs in which something innocent was named."""
        return clopper_pearson(self.innocent, self.runs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Runs with a fault just above what each said that it sees, and just below.

    Above: as deep as it said. Below: less deep than the limit by as much as that is deeper. severity: the median of
    what was said.
    """

    hosts: int
    fault: Fault
    runs: int
    severity: float
    above: int
    below: int


def group_names(hosts: int, *, grouped: bool) -> list[str]:
    """As many groups as each has hosts, about; all in one where they are not known."""
    size = math.isqrt(hosts) if grouped else hosts
    return [f"g{host // size}" for host in range(hosts)]


def outcomes(sources: Sequence[Source], hosts: int, runs: int) -> list[Outcome]:
    """Every pair of so many hosts measured; the same runs for all faults and severities."""
    found = []
    for grouped in (False, True):
        layout, clean, random = _clean(sources, hosts, runs, grouped=grouped)
        found.append(_outcome(judged(clean, layout), layout, Placed(), None, 0.0))
        for fault in (one for one in FAULTS if (one in GROUPED) == grouped):
            placed = place(fault, layout, runs, random)
            for severity in SEVERITIES:
                seen = judged(placed.harmed(clean, layout, 1 - severity), layout)
                found.append(_outcome(seen, layout, placed, fault, severity))
    return found


def edges(sources: Sequence[Source], hosts: int, runs: int) -> list[Edge]:
    """Whether runs see what they say that they see, and no more."""
    found = []
    for fault, kind in PROMISED.items():
        layout, clean, random = _clean(sources, hosts, runs, grouped=fault in GROUPED)
        placed = place(fault, layout, runs, random)
        said = judged(clean, layout)

        def named(share: Floats, placed: Placed = placed, layout: Layout = layout, clean: Measured = clean) -> int:
            seen = judged(placed.harmed(clean, layout, share), layout)
            return int(_counted(seen, layout, placed)[0].sum())

        sees, misses = said.sees(kind), said.misses(kind)
        found.append(
            Edge(
                hosts=hosts, fault=fault, runs=runs, severity=float(1 - np.median(sees)), above=named(sees),
                below=named(misses),
            )
        )  # fmt: skip
    return found


def sparse(sources: Sequence[Source], hosts: int, runs: int) -> list[Outcome]:
    """Of so many hosts the rounds that `diagnose` measures: some at random, more for hosts that these bring near."""
    found: dict[tuple[bool, Fault | None, float], Outcome] = {}
    for run, grouped in product(range(runs), (False, True)):
        random = np.random.default_rng([SEED, hosts, grouped, run])
        one = sources[int(random.integers(len(sources)))]
        survey = _Survey(one, hosts_of(one, hosts, random), tuple(group_names(hosts, grouped=grouped)), run, random)
        for fault in (None, *(one for one in FAULTS if (one in GROUPED) == grouped)):
            placed = Placed() if fault is None else place(fault, survey.layout, 1, random)
            for severity in SEVERITIES if fault else (0.0,):
                seen, layout = survey.judged(placed, 1 - severity)
                outcome = _outcome(seen, layout, placed, fault, severity)
                before = found.get(key := (grouped, fault, severity))
                found[key] = outcome if before is None else before.with_more(outcome)
    return list(found.values())


class _Survey:
    """One run of many hosts without a fault, to be measured with faults in it."""

    def __init__(
        self, one: Source, effects: Floats, groups: tuple[str, ...], seed: int, random: np.random.Generator
    ) -> None:
        self.one, self.effects, self.groups, self.seed, self.random = one, effects, groups, seed, random
        self.pairings = rounds.first(len(groups), seed)
        self.layout = layout_of(self.pairings, groups)
        self.clean = one_run(one, self.layout, effects, random)

    def judged(self, placed: Placed, share: float) -> tuple[Judged, Layout]:
        """After the first rounds, and after the targeted ones where there are any."""
        measured, layout = placed.harmed(self.clean, self.layout, share), self.layout
        seen = judged(measured, layout)
        pairings = rounds.targeted(len(self.groups), self.pairings, localise.near(seen), self.seed)
        if not pairings:
            return seen, layout
        more = layout_of(pairings, self.groups)
        again = placed.harmed(one_run(self.one, more, self.effects, self.random), more, share)
        both = layout.joined(more)
        return judged(measured.joined(again), both), both


def _clean(
    sources: Sequence[Source], hosts: int, runs: int, *, grouped: bool
) -> tuple[Layout, Measured, np.random.Generator]:
    """Every pair of so many hosts, measured in so many runs without a fault."""
    random = np.random.default_rng([SEED, hosts, grouped])
    layout = layout_of(localise.rounds(hosts), group_names(hosts, grouped=grouped))
    return layout, made(sources, layout, runs, random), random


def _outcome(seen: Judged, layout: Layout, placed: Placed, fault: Fault | None, severity: float) -> Outcome:
    found, innocent = _counted(seen, layout, placed)
    return Outcome(
        hosts=layout.hosts, grouped=len(layout.names) > 1, fault=fault, severity=severity, runs=found.size,
        found=int(found.sum()), innocent=int(innocent.sum()),
    )  # fmt: skip


def _counted(seen: Judged, layout: Layout, placed: Placed) -> tuple[Flags, Flags]:
    """Of each run, (runs,): whether what was named is what is slow, and whether something else was."""
    right, innocent = np.array([True]), np.array([False])
    for kind, truth in placed.named(layout).items():
        if kind in seen.kinds:
            named = np.atleast_2d(seen.slow(kind))
            right = right & (named == truth).all(axis=-1)
            innocent = innocent | (named & ~truth).any(axis=-1)
    return right, innocent

"""How often what is slow is named, and what is not: faults (`judge/faults.py`) put into runs (`judge/resampled.py`).

Found is a fault when all of it is named by kind and member, slow again in all of three measurements afresh, and nothing
else is.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from fabricbench.judge import localise, rounds, suspicion
from fabricbench.judge.faults import FAULTS, GROUPED, Fault, Name, Placed, faults, guilty, place
from fabricbench.judge.localise import Suspect
from fabricbench.judge.polish import Floats, Layout
from fabricbench.judge.resampled import Pair, Runs, Source, layout_of, made
from fabricbench.judge.slowness import Judged, Kind, judged
from fabricbench.model import Round
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

    found: all of it and nothing else was confirmed. suspected, blamed: something that was not slow was named, and was
    confirmed.
    """

    hosts: int
    grouped: bool
    fault: Fault | None
    severity: float
    runs: int
    found: int
    suspected: int
    blamed: int

    def with_more(self, other: "Outcome") -> "Outcome":
        """Both together, of the same fault."""
        return replace(
            self, runs=self.runs + other.runs, found=self.found + other.found,
            suspected=self.suspected + other.suspected, blamed=self.blamed + other.blamed,
        )  # fmt: skip

    def interval(self, count: int) -> tuple[float, float]:
        """Exact, 95 %, of a share of the runs."""
        return clopper_pearson(count, self.runs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Runs with a fault just above what each said that it sees, and just below; how many named it.

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
        clean, random = _clean(sources, hosts, runs, grouped=grouped)
        for fault, severity, placed in _cases(clean.layout, runs, random, grouped=grouped):
            seen = judged(placed.harmed(clean.measured, clean.layout, 1 - severity), clean.layout)
            found.append(_outcome(seen, clean, placed, fault, severity, random))
    return found


def edges(sources: Sequence[Source], hosts: int, runs: int) -> list[Edge]:
    """Whether runs see what they say that they see, and no more."""
    found = []
    for fault, kind in PROMISED.items():
        clean, random = _clean(sources, hosts, runs, grouped=fault in GROUPED)
        placed = place(fault, clean.layout, runs, random)
        said = judged(clean.measured, clean.layout)
        sees, misses = said.sees(kind), said.misses(kind)
        above, below = (_named(clean, placed, share) for share in (sees, misses))
        severity = float(1 - np.median(sees))
        found.append(Edge(hosts=hosts, fault=fault, runs=runs, severity=severity, above=above, below=below))
    return found


def sparse(sources: Sequence[Source], hosts: int, seeds: Sequence[int]) -> list[Outcome]:
    """Of so many hosts the rounds that `diagnose` measures: some at random, more for hosts that these bring near."""
    found = []
    for run, grouped in product(seeds, (False, True)):
        random = np.random.default_rng([SEED, hosts, grouped, run])
        pairings = rounds.first(hosts, run)
        clean = made(sources, layout_of(pairings, group_names(hosts, grouped=grouped)), 1, random)
        for fault, severity, placed in _cases(clean.layout, 1, random, grouped=grouped):
            seen, layout = _surveyed(clean, placed, 1 - severity, pairings, random)
            found.append(_outcome(seen, replace(clean, layout=layout), placed, fault, severity, random))
    return added(found)


def added(some: Iterable[Outcome]) -> list[Outcome]:
    """Those of the same fault together."""
    found: dict[tuple[bool, Fault | None, float], Outcome] = {}
    for one in some:
        before = found.get(key := (one.grouped, one.fault, one.severity))
        found[key] = one if before is None else before.with_more(one)
    return list(found.values())


def _cases(
    layout: Layout, runs: int, random: np.random.Generator, *, grouped: bool
) -> Iterator[tuple[Fault | None, float, Placed]]:
    """No fault, then every fault with every severity."""
    yield None, 0.0, Placed()
    for fault in FAULTS:
        if (fault in GROUPED) == grouped:
            placed = place(fault, layout, runs, random)
            for severity in SEVERITIES:
                yield fault, severity, placed


def _surveyed(
    clean: Runs, placed: Placed, share: float, pairings: Sequence[Sequence[Pair]], random: np.random.Generator
) -> tuple[Judged, Layout]:
    """A run judged after the first rounds, and after the targeted ones where there are any."""
    layout, measured = clean.layout, placed.harmed(clean.measured, clean.layout, share)
    seen = judged(measured, layout)
    targeted = rounds.targeted(layout.hosts, pairings, localise.near(seen), SEED)
    if not targeted:
        return seen, layout
    more = Runs.of(layout_of(targeted, layout.groups), clean.sources, clean.hosts, random)
    both = layout.joined(more.layout)
    return judged(measured.joined(placed.harmed(more.measured, more.layout, share)), both), both


def _clean(sources: Sequence[Source], hosts: int, runs: int, *, grouped: bool) -> tuple[Runs, np.random.Generator]:
    """Every pair of so many hosts, measured in so many runs without a fault."""
    random = np.random.default_rng([SEED, hosts, grouped])
    return made(sources, layout_of(localise.rounds(hosts), group_names(hosts, grouped=grouped)), runs, random), random


def _named(clean: Runs, placed: Placed, share: Floats) -> int:
    """Runs in which the fault is named, and nothing else."""
    seen = judged(placed.harmed(clean.measured, clean.layout, share), clean.layout)
    named = _suspects(seen, clean.layout, len(clean.sources))
    return sum(_names(some) == placed.named(run, clean.layout) for run, some in named)


def _names(some: Iterable[Suspect]) -> set[Name]:
    return {(one.kind, one.members) for one in some}


def _suspects(seen: Judged, layout: Layout, runs: int) -> Iterator[tuple[int, list[Suspect]]]:
    """What each run names."""
    slow = {kind: np.atleast_2d(seen.slow(kind)) for kind in seen.effects}
    effects = {kind: np.atleast_2d(values) for kind, values in seen.effects.items()}
    for run in range(runs):
        flags = {kind: found[run] for kind, found in slow.items()}
        anything = any(found.any() for found in flags.values())
        shares = {kind: values[run] for kind, values in effects.items()}
        yield run, localise.suspects(flags, shares, layout) if anything else []


def _outcome(
    seen: Judged, clean: Runs, placed: Placed, fault: Fault | None, severity: float, random: np.random.Generator
) -> Outcome:
    layout, runs = clean.layout, len(clean.sources)
    found = suspected = blamed = 0
    for run, named in _suspects(seen, layout, runs):
        truth = placed.named(run, layout)
        harm = truth, 1 - severity
        confirmed = _names(one for one in named if _again(one, named, clean, run, harm, random))
        found += confirmed == truth
        innocent = {name for name in _names(named) - truth if not guilty(name, truth, layout.groups)}
        suspected += bool(innocent)
        blamed += bool(innocent & confirmed)
    return Outcome(
        hosts=layout.hosts, grouped=len(layout.names) > 1, fault=fault, severity=severity, runs=runs, found=found,
        suspected=suspected, blamed=blamed,
    )  # fmt: skip


def _again(
    one: Suspect, named: Sequence[Suspect], clean: Runs, run: int, harm: tuple[set[Name], float],
    random: np.random.Generator,
) -> bool:  # fmt: skip
    """Whether a suspect is slow again; a group is not measured again."""
    pairs = suspicion.again(one, range(clean.layout.hosts), named)
    if not pairs:
        return one.kind == "group"
    truth, share = harm
    faulty = [faults(truth, sender, receiver, clean.layout.groups) for sender, receiver in pairs]
    rates = np.exp(clean.again(run, pairs, random)) * share ** np.array(faulty)
    lines = [
        Round(launch=0, round=0, direction="forward", pairs=[pair], nbytes=1, samples_s=[[float(1 / rate)]], check="ok")
        for pair, rate in zip(pairs, rates, strict=True)
    ]
    return suspicion.confirmed(one, lines, 1.0).confirmed

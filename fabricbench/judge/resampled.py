"""Runs of many hosts without a fault, made of what was measured in runs of a few: noise as it comes.

A source is one clean run. Its logarithms are taken apart by least squares into what each host sends and receives less
or more, and residuals. A run that is made takes one source. Each of its hosts takes the two effects of one of the
source's hosts together, and each of its waves (a round in one direction) takes one of the source's waves: its pairs
have residuals of that wave's pairs, each with how far its repeats lay apart. So what a host, a wave or a run has in
common stays together. Effects and residuals are scaled to the spread that they have without what the fit took from the
one and gave to the other (Carpenter, Goldstein & Rasbash, Journal of the Royal Statistical Society C 52, 2003).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fabricbench.judge.localise import FEWEST, FEWEST_REPEATS
from fabricbench.judge.polish import Floats, Layout, Whole
from fabricbench.judge.slowness import Measured
from fabricbench.model import Round

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """What a clean run's bandwidths differed by, as logarithms.

    hosts: (hosts, 2), of what is sent and what is received. Of each pair, wave by wave, (pairs,): residual, apart and
    counts as in `Measured`. starts, sizes: of each wave its first pair and how many it has.
    """

    hosts: Floats
    residual: Floats
    apart: Floats
    counts: Whole
    starts: Whole
    sizes: Whole

    @property
    def noise(self) -> float:
        """Standard deviation of a pair's logarithm."""
        return float(np.sqrt(np.mean(self.residual**2)))

    @property
    def spread(self) -> float:
        """Standard deviation of what a host sends or receives, as a logarithm."""
        return float(np.sqrt(np.mean(self.hosts**2)))


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Ordered pairs of rounds that are measured forward and backward. wave: of each pair, (pairs,)."""

    layout: Layout
    wave: Whole

    @classmethod
    def of(cls, pairings: Sequence[Sequence[Pair]], groups: Sequence[str]) -> "Plan":
        """groups: of each host; all the same where none are known."""
        forward = np.array([pair for pairs in pairings for pair in pairs], np.int64)
        number = np.repeat(np.arange(len(pairings)), [len(pairs) for pairs in pairings])
        ordered = np.concatenate([forward, forward[:, ::-1]])
        return cls(
            Layout(ordered[:, 0], ordered[:, 1], tuple(groups)), np.concatenate([number, number + len(pairings)])
        )


def source(lines: Sequence[Round]) -> Source | None:
    """What a run is worth as a source; None with fewer than `FEWEST` hosts, or where a pair has too few repeats.

    lines: its rounds. Used are those of several pairs at once, one way.
    """
    waves = [line for line in lines if line.direction != "both" and len(line.pairs) > 1 and line.check != "wrong"]
    cells = [
        (pair if line.direction == "forward" else pair[::-1], np.log(line.nbytes / np.asarray(seconds)))
        for line in waves
        for pair, seconds in zip(line.pairs, line.samples_s, strict=True)
    ]
    hosts = sorted({host for pair, _ in cells for host in pair})
    if len(hosts) < FEWEST or min(values.size for _, values in cells) < FEWEST_REPEATS:
        return None
    medians = np.array([np.median(values) for _, values in cells])
    ordered = np.array([[hosts.index(host) for host in pair] for pair, _ in cells])
    sizes = np.array([len(line.pairs) for line in waves])
    effects, residual = _apart(ordered, medians, len(hosts))
    return Source(
        hosts=effects, residual=residual,
        apart=np.array([np.abs(values - np.median(values)).sum() / (values.size - 1) for _, values in cells]),
        counts=np.array([values.size for _, values in cells]), starts=np.cumsum(sizes) - sizes, sizes=sizes,
    )  # fmt: skip


def _apart(ordered: Whole, medians: Floats, hosts: int) -> tuple[Floats, Floats]:
    """Effects of hosts, (hosts, 2), and residuals, (pairs,), by least squares, each with the spread of its own."""
    design = np.zeros((len(medians), 2 * hosts))
    rows = np.arange(len(medians))
    design[rows, ordered[:, 0]] = design[rows, hosts + ordered[:, 1]] = 1
    # Effects are differences from the average host, so that the run's level is in none of them.
    among = np.kron(np.eye(2), np.eye(hosts) - 1 / hosts)
    columns = np.column_stack([np.ones(len(medians)), design @ among])
    inverse = np.linalg.pinv(columns)
    residual = medians - columns @ (inverse @ medians)
    free = max(1, len(medians) - 2 * hosts + 1)
    variance = float(residual @ residual) / free
    weights = among @ inverse[1:]
    effects = (weights @ medians).reshape(2, hosts).T
    # What the effects would scatter by if hosts did not differ at all.
    chance = variance * np.square(weights).sum(axis=1).reshape(2, hosts).mean(axis=1)
    found = np.square(effects).mean(axis=0)
    kept = np.sqrt(np.clip(1 - chance / np.maximum(found, np.finfo(float).tiny), 0, None))
    return effects * kept, residual * np.sqrt(len(medians) / free)


def made(sources: Sequence[Source], plan: Plan, runs: int, random: np.random.Generator) -> Measured:
    """So many runs without a fault, (runs, pairs); their level is 0."""
    drawn = [
        one_run(one, plan, hosts_of(one, plan.layout.hosts, random), random)
        for one in (sources[number] for number in random.integers(len(sources), size=runs))
    ]
    return Measured(
        medians=np.array([one.medians for one in drawn]), apart=np.array([one.apart for one in drawn]),
        counts=np.array([one.counts for one in drawn]),
    )  # fmt: skip


def hosts_of(one: Source, hosts: int, random: np.random.Generator) -> Floats:
    """Effects of so many hosts, (hosts, 2)."""
    return one.hosts[random.integers(len(one.hosts), size=hosts)]


def one_run(one: Source, plan: Plan, hosts: Floats, random: np.random.Generator) -> Measured:
    """One run without a fault, (pairs,), of hosts with these effects."""
    wave = random.integers(len(one.starts), size=int(plan.wave.max()) + 1)[plan.wave]
    pair = one.starts[wave] + (random.random(wave.size) * one.sizes[wave]).astype(np.int64)
    level = hosts[plan.layout.senders, 0] + hosts[plan.layout.receivers, 1]
    return Measured(medians=level + one.residual[pair], apart=one.apart[pair], counts=one.counts[pair])

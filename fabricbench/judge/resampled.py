"""Runs of many hosts without a fault, made of what was measured in runs of a few: noise as it comes.

A source is one clean run, taken apart as `judge/polish.py` does. A run that is made takes one source. Each of its
hosts takes the two effects of one of the source's hosts together, and each of its waves (a round in one direction) one
of the source's waves: its pairs have residuals of that wave's pairs, with what the wave has in common, and each with
how far its repeats lay apart. So what a run, a host or a wave has in common stays together. Effects and residuals are
scaled to the spread that they have without what the fit took from the one and gave to the other (after Carpenter,
Goldstein & Rasbash, Journal of the Royal Statistical Society C 52, 2003).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fabricbench.judge.localise import FEWEST_REPEATS
from fabricbench.judge.polish import Floats, Layout, Whole, polish
from fabricbench.judge.slowness import Measured
from fabricbench.model import Round

Pair = tuple[int, int]

FEWEST = 8
"""Hosts of a source: of fewer, what a wave has in common cannot be told from what its hosts add."""


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


def layout_of(pairings: Sequence[Sequence[Pair]], groups: Sequence[str]) -> Layout:
    """Ordered pairs of rounds that are measured forward and backward. groups: of each host; one name if not known."""
    forward = np.array([pair for pairs in pairings for pair in pairs], np.int64)
    number = np.repeat(np.arange(len(pairings)), [len(pairs) for pairs in pairings])
    ordered = np.concatenate([forward, forward[:, ::-1]])
    waves = np.concatenate([number, number + len(pairings)])
    return Layout(ordered[:, 0], ordered[:, 1], tuple(groups), waves)


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
    senders, receivers = np.array([[hosts.index(host) for host in pair] for pair, _ in cells]).T
    sizes = np.array([len(line.pairs) for line in waves])
    layout = Layout(senders, receivers, ("",) * len(hosts), np.repeat(np.arange(sizes.size), sizes))
    effects, residual = _apart(medians, layout)
    return Source(
        hosts=effects, residual=residual,
        apart=np.array([np.abs(values - np.median(values)).sum() / (values.size - 1) for _, values in cells]),
        counts=np.array([values.size for _, values in cells]), starts=np.cumsum(sizes) - sizes, sizes=sizes,
    )  # fmt: skip


def _apart(medians: Floats, layout: Layout) -> tuple[Floats, Floats]:
    """Effects of hosts, (hosts, 2), and residuals with those of waves, (pairs,), each with the spread of its own."""
    fit = polish(medians, layout)
    free = max(1, medians.size - layout.effects)
    scale = medians.size / free
    effects = np.stack([fit.transmit, fit.receive], axis=1)
    # What the effects would scatter by if hosts did not differ at all: medians of as many pairs as a host has.
    chance = np.mean(np.square(fit.residual)) * scale * np.pi / 2 / np.median(layout.sends.counts)
    spread = np.square(effects).mean(axis=0)
    kept = np.sqrt(np.clip(1 - chance / np.maximum(spread, np.finfo(float).tiny), 0, None))
    return effects * kept, fit.residual * np.sqrt(scale) + fit.wave[layout.wave]


def made(sources: Sequence[Source], layout: Layout, runs: int, random: np.random.Generator) -> Measured:
    """So many runs without a fault, (runs, pairs); their level is 0."""
    drawn = [
        one_run(one, layout, hosts_of(one, layout.hosts, random), random)
        for one in (sources[number] for number in random.integers(len(sources), size=runs))
    ]
    return Measured(
        medians=np.array([one.medians for one in drawn]), apart=np.array([one.apart for one in drawn]),
        counts=np.array([one.counts for one in drawn]),
    )  # fmt: skip


def hosts_of(one: Source, hosts: int, random: np.random.Generator) -> Floats:
    """Effects of so many hosts, (hosts, 2)."""
    return one.hosts[random.integers(len(one.hosts), size=hosts)]


def one_run(one: Source, layout: Layout, hosts: Floats, random: np.random.Generator) -> Measured:
    """One run without a fault, (pairs,), of hosts with these effects."""
    wave = random.integers(len(one.starts), size=int(layout.waves.max()) + 1)[layout.waves]
    pair = one.starts[wave] + (random.random(wave.size) * one.sizes[wave]).astype(np.int64)
    level = hosts[layout.senders, 0] + hosts[layout.receivers, 1]
    return Measured(medians=level + one.residual[pair], apart=one.apart[pair], counts=one.counts[pair])

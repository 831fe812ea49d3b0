"""Runs of many hosts without a fault, made of what was measured in runs of a few: noise as it comes.

A source is one clean run, taken apart as `judge/polish.py` does. A run that is made takes one source. Each of its
hosts takes the two effects of one of the source's hosts together; each of its waves (a round in one direction) takes
what one of the source's waves had in common; and its pairs, as many at a time as a wave of the source has, take the
residuals of one of these waves, each with how far its repeats lay apart. So what a run, a host or a wave has in common
stays together. Effects and residuals are scaled to the spread that they have without what the fit took from the one and
gave to the other (after Carpenter, Goldstein & Rasbash, Journal of the Royal Statistical Society C 52, 2003).
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fabricbench.judge.localise import FEWEST_REPEATS
from fabricbench.judge.polish import Floats, Layout, Whole, polish
from fabricbench.judge.slowness import Measured, measured
from fabricbench.model import Round

Pair = tuple[int, int]

FEWEST = 8
"""Hosts of a source: of fewer, what a wave has in common cannot be told from what its hosts add."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """What a clean run's bandwidths differed by, as logarithms.

    hosts: (hosts, 2), of what is sent and what is received. common: of each wave, (waves,). Of each pair of a wave,
    (waves, pairs): residual, apart and counts as in `Measured`.
    """

    hosts: Floats
    common: Floats
    residual: Floats
    apart: Floats
    counts: Whole

    @property
    def noise(self) -> float:
        """Standard deviation of a pair's logarithm without what its wave has in common."""
        return float(np.sqrt(np.mean(self.residual**2)))

    @property
    def waves(self) -> float:
        """Standard deviation of what waves have in common."""
        return float(np.sqrt(np.mean(self.common**2)))

    @property
    def spread(self) -> float:
        """Standard deviation of what a host sends or receives."""
        return float(np.sqrt(np.mean(self.hosts**2)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Runs:
    """Runs that were made. sources: of each, (runs,). hosts: effects, (runs, hosts, 2). measured: (runs, pairs)."""

    layout: Layout
    sources: tuple[Source, ...]
    hosts: Floats
    measured: Measured

    @classmethod
    def of(cls, layout: Layout, sources: tuple[Source, ...], hosts: Floats, random: np.random.Generator) -> "Runs":
        """Pairs of these hosts, drawn from these sources."""
        drawn = [_drawn(one, layout, effects, random) for one, effects in zip(sources, hosts, strict=True)]
        measured = Measured(
            medians=np.array([one.medians for one in drawn]), apart=np.array([one.apart for one in drawn]),
            counts=np.array([one.counts for one in drawn]),
        )  # fmt: skip
        return cls(layout=layout, sources=sources, hosts=hosts, measured=measured)

    def again(self, run: int, pairs: Sequence[Pair], random: np.random.Generator) -> Floats:
        """Logarithms of bandwidths of some pairs of a run measured again one by one, (pairs,)."""
        one, (senders, receivers) = self.sources[run], np.array(pairs).T
        wave = random.integers(len(one.common), size=len(pairs))
        noise = one.common[wave] + one.residual[wave, random.integers(one.residual.shape[1], size=len(pairs))]
        return np.asarray(self.hosts[run, senders, 0] + self.hosts[run, receivers, 1] + noise)


def layout_of(pairings: Sequence[Sequence[Pair]], groups: Sequence[str]) -> Layout:
    """Ordered pairs of rounds that are measured forward and backward. groups: of each host; one name if not known."""
    forward = np.array([pair for pairs in pairings for pair in pairs], np.int64)
    number = np.repeat(np.arange(len(pairings)), [len(pairs) for pairs in pairings])
    ordered = np.concatenate([forward, forward[:, ::-1]])
    waves = np.concatenate([number, number + len(pairings)])
    return Layout(ordered[:, 0], ordered[:, 1], tuple(groups), waves)


def source(lines: Sequence[Round]) -> Source | None:
    """What a run is worth as a source; None with fewer than `FEWEST` hosts, or where a pair has too few repeats.

    lines: its rounds. Used are those of several pairs at once, one way, that have as many as most have.
    """
    waves = [line for line in lines if line.direction != "both" and len(line.pairs) > 1 and line.check != "wrong"]
    width = max((len(line.pairs) for line in waves), default=0)
    waves = [line for line in waves if len(line.pairs) == width]
    cells = [
        (pair if line.direction == "forward" else pair[::-1], np.log(line.nbytes / np.array([seconds])))
        for line in waves
        for pair, seconds in zip(line.pairs, line.samples_s, strict=True)
    ]
    hosts = sorted({host for pair, _ in cells for host in pair})
    if len(hosts) < FEWEST or min(values.size for _, values in cells) < FEWEST_REPEATS:
        return None
    known = functools.reduce(Measured.joined, (measured(values) for _, values in cells))
    senders, receivers = np.array([[hosts.index(host) for host in pair] for pair, _ in cells]).T
    layout = Layout(senders, receivers, ("",) * len(hosts), np.repeat(np.arange(len(waves)), width))
    effects, common, residual = _apart(known.medians, layout)
    shape = len(waves), width
    return Source(
        hosts=effects, common=common, residual=residual.reshape(shape), apart=known.apart.reshape(shape),
        counts=known.counts.reshape(shape),
    )  # fmt: skip


def _apart(medians: Floats, layout: Layout) -> tuple[Floats, Floats, Floats]:
    """Effects of hosts (hosts, 2) and of waves (waves,), and residuals (pairs,), with the spread that is their own."""
    fit = polish(medians, layout)
    scale = medians.size / max(1, medians.size - layout.effects)
    variance = float(np.mean(np.square(fit.residual))) * scale
    effects = np.stack([fit.transmit, fit.receive], axis=1)
    hosts = _own(effects, variance, float(np.median(layout.sends.counts)))
    return hosts, _own(fit.wave[:-1], variance, medians.size / layout.large.size), fit.residual * np.sqrt(scale)


def _own(effects: Floats, variance: float, pairs: float) -> Floats:
    """Effects without what medians of so many pairs differ by anyway."""
    chance = variance * np.pi / 2 / pairs
    spread = float(np.mean(np.square(effects)))
    return effects * np.sqrt(max(0.0, 1 - chance / spread)) if spread > 0 else effects


def made(sources: Sequence[Source], layout: Layout, runs: int, random: np.random.Generator) -> Runs:
    """So many runs without a fault; their level is 0."""
    taken = tuple(sources[number] for number in random.integers(len(sources), size=runs))
    hosts = np.array([one.hosts[random.integers(len(one.hosts), size=layout.hosts)] for one in taken])
    return Runs.of(layout, taken, hosts, random)


def _drawn(one: Source, layout: Layout, hosts: Floats, random: np.random.Generator) -> Measured:
    """One run of hosts with these effects, (pairs,); the pairs of a wave stand together."""
    waves, width = one.residual.shape
    starts = np.searchsorted(layout.waves, layout.waves)
    place = np.arange(layout.waves.size) - starts
    # Blocks of neighbours, each from one wave of the source, turned by a random number of places.
    block = starts + place // width * width
    wave = random.integers(waves, size=block.size)[block]
    pair = (place + random.integers(width, size=block.size)[block]) % width
    common = one.common[random.integers(waves, size=int(layout.waves.max()) + 1)][layout.waves]
    level = hosts[layout.senders, 0] + hosts[layout.receivers, 1] + common
    return Measured(
        medians=level + one.residual[wave, pair], apart=one.apart[wave, pair], counts=one.counts[wave, pair]
    )

"""Logarithms of bandwidths of ordered pairs taken apart by medians: what hosts, groups, waves and pairs add.

Tukey's median polish (Exploratory Data Analysis, 1977, 10 and 11) of the pairs there are, which may be all or a few of
each host. Values have pairs on their last axis; leading axes are runs of one layout, polished at once. A wave is a
round in one direction: what passes by while it is measured slows all its pairs, and is nobody's fault.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

_TURNS = 30
_SETTLED = 1e-4
"""Of a logarithm: a hundredth of a percent, less than anybody reads."""
_TOGETHER = 4
"""Pairs that a wave needs for what they have in common: of fewer, one slow pair is too large a part."""


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Which pairs stand in which line, (lines, most), filled up with one past the last pair; how many, (lines,)."""

    places: Whole
    counts: Whole

    @classmethod
    def of(cls, numbers: Whole, lines: int) -> "Lines":
        """numbers: of each pair the line in which it stands."""
        counts = np.bincount(numbers, minlength=lines)
        order = np.argsort(numbers, kind="stable")
        column = np.arange(numbers.size) - np.repeat(np.cumsum(counts) - counts, counts)
        places = np.full((lines, max(1, int(counts.max(initial=0)))), numbers.size)
        places[numbers[order], column] = order
        return cls(places, counts)

    def medians(self, values: Floats) -> Floats:
        """Of each line, (..., lines); 0 where nothing stands in it."""
        if self.counts.min() == self.places.shape[1]:
            return np.asarray(np.median(values[..., self.places], axis=-1))
        known = np.concatenate([values, np.full((*values.shape[:-1], 1), np.nan)], axis=-1)
        ranked = np.sort(known[..., self.places], axis=-1)  # NaN comes last
        line = np.arange(self.counts.size)
        low, high = np.maximum(self.counts - 1, 0) // 2, self.counts // 2
        middle = ranked[..., line, low] + ranked[..., line, np.minimum(high, ranked.shape[-1] - 1)]
        return np.asarray(np.nan_to_num(middle / 2))


@dataclass(frozen=True, eq=False)
class Layout:
    """What was measured. senders, receivers: of each pair the host, (pairs,). groups: of each host its name.

    waves: of each pair the number of the wave in which it was measured, (pairs,).
    """

    senders: Whole
    receivers: Whole
    groups: tuple[str, ...]
    waves: Whole

    @property
    def hosts(self) -> int:
        """How many there are."""
        return len(self.groups)

    def joined(self, more: "Layout") -> "Layout":
        """The pairs of this one, then more of the same hosts."""
        return Layout(
            np.concatenate([self.senders, more.senders]), np.concatenate([self.receivers, more.receivers]),
            self.groups, np.concatenate([self.waves, more.waves + self.waves.max(initial=-1) + 1]),
        )  # fmt: skip

    @cached_property
    def names(self) -> list[str]:
        """Of the groups, in order of appearance."""
        return list(dict.fromkeys(self.groups))

    @cached_property
    def group(self) -> Whole:
        """Number of the group of each host, (hosts,)."""
        return np.array([self.names.index(name) for name in self.groups], np.int64)

    @cached_property
    def blocks(self) -> list[tuple[int, int]]:
        """Ordered pairs of groups between which something was measured."""
        known = np.unique(self._cells)
        return [(int(cell) // len(self.names), int(cell) % len(self.names)) for cell in known]

    @cached_property
    def block(self) -> Whole:
        """Number of the block of each pair, (pairs,)."""
        return np.searchsorted(np.unique(self._cells), self._cells)

    @property
    def _cells(self) -> Whole:
        return self.group[self.senders] * len(self.names) + self.group[self.receivers]

    @cached_property
    def sends(self) -> Lines:
        """Pairs by sender."""
        return Lines.of(self.senders, self.hosts)

    @cached_property
    def receives(self) -> Lines:
        """Pairs by receiver."""
        return Lines.of(self.receivers, self.hosts)

    @cached_property
    def within(self) -> Lines:
        """Pairs by block."""
        return Lines.of(self.block, len(self.blocks))

    @cached_property
    def large(self) -> Whole:
        """Numbers of the waves of `_TOGETHER` pairs or more."""
        return np.flatnonzero(np.bincount(self.waves) >= _TOGETHER)

    @cached_property
    def wave(self) -> Whole:
        """Place of each pair's wave among the large ones, (pairs,); one past them for all others."""
        places = np.full(int(self.waves.max(initial=0)) + 1, self.large.size)
        places[self.large] = np.arange(self.large.size)
        return places[self.waves]

    @cached_property
    def together(self) -> Lines:
        """Pairs by large wave, and all others."""
        return Lines.of(self.wave, self.large.size + 1)

    @property
    def effects(self) -> int:
        """How many numbers a polish chooses freely."""
        return 2 * (self.hosts - len(self.names)) + len(self.blocks) + max(0, self.large.size - 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """Natural logarithms: base (...), transmit and receive (..., hosts), group (..., blocks), residual (..., pairs).

    wave: (..., large waves + 1); the last is that of all others and 0.
    """

    base: Floats
    transmit: Floats
    receive: Floats
    group: Floats
    wave: Floats
    residual: Floats


def polish(values: Floats, layout: Layout) -> Fit:
    """Effects of hosts are relative to the median host of their group, those of blocks to the usual own block."""
    runs = values.reshape(-1, values.shape[-1])
    widths = (len(layout.blocks), layout.hosts, layout.hosts, layout.large.size + 1)
    parts = [np.zeros((len(runs), width)) for width in widths]
    moving = np.arange(len(runs))
    for _ in range(_TURNS):
        before = [part[moving] for part in parts]
        after = _swept(runs[moving], layout, *before[1:])
        moved = np.max([np.abs(new - old).max(axis=-1) for new, old in zip(after, before, strict=True)], axis=0)
        for part, new in zip(parts, after, strict=True):
            part[moving] = new
        moving = moving[moved >= _SETTLED]
        if not moving.size:
            break
    level, transmit, receive, wave = (part.reshape(*values.shape[:-1], part.shape[-1]) for part in parts)
    base = _usual(level, layout)
    fitted = level[..., layout.block] + transmit[..., layout.senders] + receive[..., layout.receivers]
    return Fit(
        base=base, transmit=transmit, receive=receive, group=level - base[..., None], wave=wave,
        residual=values - fitted - wave[..., layout.wave],
    )  # fmt: skip


def _swept(
    values: Floats, layout: Layout, transmit: Floats, receive: Floats, wave: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Levels of blocks, and better effects of senders, receivers and waves."""
    calm = values - wave[..., layout.wave]
    level = layout.within.medians(calm - transmit[..., layout.senders] - receive[..., layout.receivers])
    above = calm - level[..., layout.block]
    transmit = _centred(layout.sends.medians(above - receive[..., layout.receivers]), layout)
    above -= transmit[..., layout.senders]
    receive = _centred(layout.receives.medians(above), layout)
    above += wave[..., layout.wave] - receive[..., layout.receivers]
    return level, transmit, receive, _common(layout.together.medians(above))


def _common(effects: Floats) -> Floats:
    """Of large waves relative to the median one; none of the others, which stand last."""
    found = effects.copy()
    found[..., :-1] -= np.median(effects[..., :-1], axis=-1, keepdims=True) if effects.shape[-1] > 1 else 0.0
    found[..., -1] = 0.0
    return found


def _centred(effects: Floats, layout: Layout) -> Floats:
    """Relative to the median host of each group: what all hosts of a group have in common is the group's."""
    found = effects.copy()
    for number in range(len(layout.names)):
        mine = layout.group == number
        found[..., mine] -= np.median(effects[..., mine], axis=-1, keepdims=True)
    return found


def _usual(level: Floats, layout: Layout) -> Floats:
    """The median of the groups' own blocks, of two the faster: uplinks between groups may all be slower than these.

    The fastest block where no group has pairs of its own.
    """
    own = [number for number, (one, two) in enumerate(layout.blocks) if one == two]
    if not own:
        return np.asarray(level.max(axis=-1))
    return np.asarray(np.sort(level[..., own], axis=-1)[..., len(own) // 2])

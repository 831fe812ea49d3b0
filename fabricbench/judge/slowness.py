"""Which hosts, directions, pairs and blocks of groups are slower than the run's own noise explains.

The noise of one pair is the larger of two: how far its repeats lie from their median, and the residuals of all pairs,
which contain that pairs differ for no reason; a few faults move neither. An effect over n pairs is known to 1.25 noise
/ sqrt(n), the error of a median, but never better than hosts differ from each other anyway. What is slow lacks more
than `LEAST` and more than the quantile of Student's t at which all looks of its kind together give `FALSE_ALARMS` in a
run; of no more than 8 degrees of freedom, because the noise of a network has long tails.

Arrays may have leading axes: runs of one layout, judged at once, as `judge/detection.py` does by the thousand.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fabricbench.judge.polish import Fit, Floats, Layout, Whole, polish

Flags = NDArray[np.bool_]
Kind = Literal["transmit", "receive", "host", "pair", "group"]

LEAST = 0.04
"""Share of the usual bandwidth that must be missing before anything is named, however quiet the run: below the 5 % that
count as a fault, so that a fault of 5 % is found where noise allows it."""
FALSE_ALARMS = 0.01
"""Of runs without a fault, the share in which something is named."""
SURE = 0.9
"""Of runs with a fault as deep as is said to be seen, the share at least in which it is named."""

_NORMAL = 1.4826
"""From the median of absolute deviations to the standard deviation of normal noise."""
_MEAN = math.sqrt(math.pi / 2)
"""The same from their mean."""
_MEDIAN = math.sqrt(math.pi / 2)
"""Error of a median over that of a mean."""
_EFFICIENCY = 0.37
"""Of a median of absolute deviations: as good as a standard deviation of so many of its values."""
_MOST_FREEDOM = 8.0
"""However many pairs there are."""
_FLOOR = -math.log1p(-LEAST)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """Of each pair, (..., pairs): the median of the logarithms of its bandwidths, and of how many.

    apart: sum of their absolute distances from it, over one less than their number.
    """

    medians: Floats
    apart: Floats
    counts: Whole

    def joined(self, more: "Measured") -> "Measured":
        """The pairs of this one, then others."""
        return Measured(
            medians=np.concatenate([self.medians, more.medians], axis=-1),
            apart=np.concatenate([self.apart, more.apart], axis=-1),
            counts=np.concatenate([self.counts, more.counts], axis=-1),
        )


def measured(logs: Floats) -> Measured:
    """Of logarithms of bandwidths, (pairs, repeats)."""
    medians, repeats = np.median(logs, axis=1), logs.shape[1]
    apart = np.abs(logs - medians[:, None]).sum(axis=1) / (repeats - 1)
    return Measured(medians=medians, apart=apart, counts=np.full(len(logs), repeats))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """What is known of the effects of each kind: transmit, receive (..., hosts), pair (..., 1), group (..., blocks).

    noise: of a pair, (...). masked: what it would be of a pair that is slow both ways. hosts: which are judged,
    (hosts,). errors: standard deviations. quantiles: of Student's t, (...), beyond which errors do not lead. sure:
    quantiles beyond which one error, or either of two, leads in 1 - `SURE` of cases at most.
    """

    fit: Fit
    noise: Floats
    masked: Floats
    hosts: Flags
    errors: Mapping[Kind, Floats]
    quantiles: Mapping[Kind, Floats]
    sure: tuple[float, float]

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What can be named: groups only where there are several."""
        return ("transmit", "receive", "host", "pair", *(("group",) if "group" in self.errors else ()))

    @property
    def effects(self) -> dict[Kind, Floats]:
        """Logarithms of shares, below 0 where slow: those of hosts by direction, of pairs, and of groups if several."""
        fit = self.fit
        found: dict[Kind, Floats] = {"transmit": fit.transmit, "receive": fit.receive, "pair": fit.residual}
        return found | ({"group": fit.group} if "group" in self.errors else {})

    def limits(self, kind: Kind) -> Floats:
        """How deep an effect is that is named, as a logarithm above 0; infinite for hosts that are not judged."""
        limits = np.maximum(_FLOOR, self.quantiles[kind][..., None] * self.errors[kind])
        return np.where(self.hosts, limits, np.inf) if kind in ("transmit", "receive") else limits

    def slow(self, kind: Kind) -> Flags:
        """Where an effect is named."""
        return np.asarray(self.effects[kind] < -self.limits(kind))

    def sees(self, kind: Kind) -> Floats:
        """Share of the usual bandwidth, (...), at which a fault is named with `SURE`, wherever it is."""
        one, two = self.sure
        if kind == "host":
            return np.minimum(self._seen("transmit", two), self._seen("receive", two))
        return self._seen(kind, one)

    def misses(self, kind: Kind) -> Floats:
        """Share, (...), at which a fault is not named with `SURE`: as far above the limit as `sees` is below it."""
        ways: tuple[Kind, ...] = ("transmit", "receive") if kind == "host" else (kind,)
        one, _ = self.sure
        depths = [(self.limits(way) - one * self.errors[way]).min(axis=-1) for way in ways]
        return np.asarray(np.exp(-np.maximum(np.min(depths, axis=0), 0.0)))

    def _seen(self, kind: Kind, sure: float) -> Floats:
        # What is slow is itself among that from which the noise is read, which tells where that is little.
        more = np.divide(self.masked, self.noise, out=np.ones_like(self.masked), where=self.noise > 0)
        errors = self.errors[kind] * more[..., None]
        depths = np.maximum(_FLOOR, self.quantiles[kind][..., None] * errors) + sure * errors
        judged = self.hosts if kind in ("transmit", "receive") else slice(None)
        return np.asarray(np.exp(-depths[..., judged].max(axis=-1)))


def half_way(share: float) -> float:
    """Share below which what had `share` is slow again: closer to the fault than to its absence."""
    return min(1 - LEAST, (1 + share) / 2)


@cache
def limit(error: float, freedom: float, looks: int) -> float:
    """How deep, as a logarithm above 0, one of so many looks must be that is named.

    error: its standard error, known with so many degrees of `freedom`. Chance reaches it in `FALSE_ALARMS` of runs.
    """
    from scipy.stats import t

    return max(_FLOOR, float(t.isf(FALSE_ALARMS / looks, freedom)) * error)


def judged(measured: Measured, layout: Layout, hosts: Flags | None = None) -> Judged:
    """What is slow. hosts: which of them are to be judged, (hosts,); all unless given."""
    from scipy.stats import t

    fit = polish(measured.medians, layout)
    noise, masked, freedom, known = _noise(fit, measured, layout)
    hosts = np.ones(layout.hosts, bool) if hosts is None else hosts
    looks: dict[Kind, int] = {"transmit": 2 * int(hosts.sum()), "pair": layout.senders.size}
    errors: dict[Kind, Floats] = {
        "transmit": _error(noise, layout.sends.counts, fit.transmit),
        "receive": _error(noise, layout.receives.counts, fit.receive),
        "pair": noise[..., None],
    }
    if len(layout.blocks) > 1:
        looks["group"] = len(layout.blocks)
        errors["group"] = _group_error(noise, fit, layout)
    quantiles = {kind: np.asarray(t.isf(FALSE_ALARMS / len(looks) / count, freedom)) for kind, count in looks.items()}
    return Judged(
        fit=fit,
        noise=noise,
        masked=masked,
        hosts=hosts,
        errors=errors,
        quantiles={**quantiles, "receive": quantiles["transmit"]},
        # Half for the effect's own error, half for that of the noise.
        sure=(float(t.isf((1 - SURE) / 2, known)), float(t.isf((1 - SURE) / 4, known))),
    )


def _error(noise: Floats, counts: Whole, effects: Floats) -> Floats:
    """Of medians of so many pairs each; not less than how far such effects lie apart anyway."""
    return np.maximum(noise[..., None] * _of_median(counts), _spread(effects)[..., None])


def _group_error(noise: Floats, fit: Fit, layout: Layout) -> Floats:
    """Of the median pair of each block, whose ends are those of two groups' median hosts, to that of another block."""
    sizes = np.bincount(layout.group)
    one, two = np.array(layout.blocks).T
    parts = [
        noise[..., None] * _of_median(layout.within.counts),
        _spread(fit.transmit)[..., None] * _of_median(sizes[one]),
        _spread(fit.receive)[..., None] * _of_median(sizes[two]),
    ]
    return np.asarray(np.sqrt(2 * sum(np.square(part) for part in parts)))


def _of_median(counts: Whole) -> Floats:
    """Error of a median of so many over that of one."""
    return np.asarray(np.where(counts > 1, _MEDIAN, 1.0) / np.sqrt(np.maximum(counts, 1)))


def _spread(effects: Floats) -> Floats:
    return np.asarray(_NORMAL * np.median(np.abs(effects), axis=-1))


def _noise(fit: Fit, measured: Measured, layout: Layout) -> tuple[Floats, Floats, Floats, float]:
    """Standard deviation of one pair's logarithm, (...), and of one that is slow both ways; degrees of freedom.

    These of all that is known of it, (...), and of what pairs differ by.
    """
    free = max(1, layout.senders.size - layout.effects)
    # A polish by medians makes some residuals 0, as many as it has effects: the scale of the others counts.
    among = _NORMAL * np.sort(np.abs(fit.residual), axis=-1)[..., -free:]
    # Mean absolute deviations, so that wild repeats count, each pair's from its own median, so that faults do not.
    repeats = np.median(measured.counts, axis=-1)
    within = _MEAN * measured.apart.mean(axis=-1) * _MEDIAN / np.sqrt(repeats)
    noise = np.maximum(np.median(among, axis=-1), within)
    masked = np.maximum(np.median(among[..., min(2, free - 1) :], axis=-1), noise)
    masked *= math.sqrt(1 + layout.effects / layout.senders.size)  # the effects around it are not exact either
    freedom = _EFFICIENCY * (free + (measured.counts - 1).sum(axis=-1))
    known = min(max(1.0, _EFFICIENCY * free), _MOST_FREEDOM)
    return noise, masked, np.minimum(freedom, _MOST_FREEDOM), known

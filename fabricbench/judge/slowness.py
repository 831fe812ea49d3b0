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
SURE = 0.95
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """Of each pair, (..., pairs): the median of the logarithms of its bandwidths, and of how many.

    apart: sum of their absolute distances from it, over one less than their number.
    """

    medians: Floats
    apart: Floats
    counts: Whole


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """How deep an effect has to be, as a logarithm above 0, and the error to which it is known, by kind.

    noise: of a pair, (...). limits, errors: of transmit and receive (..., hosts), infinite for hosts that are not
    judged; of pair (..., 1); of group (..., blocks), where there are several. sure: quantiles of Student's t, (...),
    beyond which an error leads in 1 - `SURE` of cases, for one look and for two.
    """

    fit: Fit
    noise: Floats
    limits: Mapping[Kind, Floats]
    errors: Mapping[Kind, Floats]
    sure: tuple[Floats, Floats]

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What can be named: groups only where there are several."""
        return ("transmit", "receive", "host", "pair", *(("group",) if "group" in self.limits else ()))

    @property
    def effects(self) -> Mapping[Kind, Floats]:
        """Logarithms of shares: below 0 where slow."""
        fit = self.fit
        return {"transmit": fit.transmit, "receive": fit.receive, "pair": fit.residual, "group": fit.group}

    def slow(self, kind: Kind) -> Flags:
        """Where an effect of this kind is deep enough to be named."""
        return np.asarray(self.effects[kind] < -self.limits[kind])

    def sees(self, kind: Kind) -> Floats:
        """Share of the usual bandwidth, (...), at which a fault is named with `SURE`, wherever it is."""
        one, two = self.sure
        if kind == "host":
            return np.minimum(self._seen("transmit", two), self._seen("receive", two))
        return self._seen(kind, one)

    def _seen(self, kind: Kind, sure: Floats) -> Floats:
        limits = self.limits[kind]
        deepest = np.where(np.isfinite(limits), limits + sure[..., None] * self.errors[kind], 0.0).max(axis=-1)
        return np.asarray(np.exp(-deepest))


def judged(measured: Measured, layout: Layout, hosts: Flags | None = None) -> Judged:
    """What is slow. hosts: which of them are to be judged, (hosts,); all unless given."""
    from scipy.stats import t

    fit = polish(measured.medians, layout)
    noise, freedom = _noise(fit, measured, layout)
    hosts = np.ones(layout.hosts, bool) if hosts is None else hosts
    looks: dict[Kind, int] = {"transmit": 2 * int(hosts.sum()), "pair": layout.senders.size}
    errors: dict[Kind, Floats] = {
        "transmit": _error(noise, layout.sends.counts, fit.transmit),
        "receive": _error(noise, layout.receives.counts, fit.receive),
        "pair": noise[..., None],
    }
    if len(layout.blocks) > 1:
        looks["group"] = len(layout.blocks)
        errors["group"] = _error(noise, layout.within.counts)
    quantiles = {kind: t.isf(FALSE_ALARMS / len(looks) / count, freedom) for kind, count in looks.items()}
    quantiles["receive"] = quantiles["transmit"]
    limits = {kind: np.maximum(-math.log1p(-LEAST), quantiles[kind][..., None] * errors[kind]) for kind in errors}
    for kind in ("transmit", "receive"):
        limits[kind] = np.where(hosts, limits[kind], np.inf)
    sure = t.isf(1 - SURE, freedom), t.isf((1 - SURE) / 2, freedom)
    return Judged(fit=fit, noise=noise, limits=limits, errors=errors, sure=sure)


def _error(noise: Floats, counts: Whole, effects: Floats | None = None) -> Floats:
    """Of medians of so many pairs each; not less than how far such effects lie apart anyway."""
    error = noise[..., None] * np.where(counts > 1, _MEDIAN, 1.0) / np.sqrt(np.maximum(counts, 1))
    if effects is None:
        return np.asarray(error)
    return np.maximum(error, _NORMAL * np.median(np.abs(effects), axis=-1)[..., None])


def _noise(fit: Fit, measured: Measured, layout: Layout) -> tuple[Floats, Floats]:
    """Standard deviation of one pair's logarithm, and the degrees of freedom of what is known of it, (...)."""
    size = layout.senders.size
    free = max(1, size - 2 * layout.hosts - len(layout.blocks) + 2)
    # A polish by medians makes some residuals 0, as many as it has effects.
    among = _NORMAL * np.median(np.abs(fit.residual), axis=-1) * size / free
    # Mean absolute deviations, so that wild repeats count, each pair's from its own median, so that faults do not.
    repeats = np.median(measured.counts, axis=-1)
    within = _MEAN * measured.apart.mean(axis=-1) * _MEDIAN / np.sqrt(repeats)
    freedom = _EFFICIENCY * (free + (measured.counts - 1).sum(axis=-1))
    return np.maximum(among, within), np.minimum(freedom, _MOST_FREEDOM)

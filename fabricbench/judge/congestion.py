"""How much longer a victim takes beside aggressors, from linked rows, as GPCNeT asks it.

A ratio is a quantile of the victim's time at one load over that at load 0 of the same launch, from the samples as they
are written; over several launches, the median of their ratios. Its 95 % interval is drawn by a bootstrap of two levels:
launches, and within each the rounds, of which every one holds a block of each load (samples of a block are not
independent, and what drifts from round to round is in both). Source: Davison & Hinkley, Bootstrap Methods and their
Application (1997), 3.8.

The null ratio is that of load 0 measured twice. Where its interval does not hold 1, the run's own noise passes for
congestion, and nothing is said.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fabricbench.model import Case, Flag, Record
from fabricbench.statistics import median_interval, percentile, samples_needed

Floats = NDArray[np.float64]

QUANTILES: Mapping[str, float] = {"median": 0.5, "p99": 0.99, "p99.9": 0.999}
DRAWS = 1000
SEED = 20260101
FEWEST_ROUNDS = 6
"""Rounds of a launch from which they are drawn; fewer would not even hold the median of their own."""


class Ratio(NamedTuple):
    """Times as long, and its 95 % interval; None where too few rounds could be drawn from."""

    value: float
    low: float | None
    high: float | None


class TooFew(NamedTuple):
    """Samples of the side that has fewer of them in a launch, and how many the quantile needs."""

    n: int
    needed: int


Figure = Ratio | TooFew


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One load: `aggressors` at work, rounds that count over all launches and how many there were, ratios by quantile.

    `fairness`: Jain's index of the share of its unloaded speed that each victim keeps, 1 where all keep the same.
    """

    load: float
    aggressors: int
    rounds: int
    of_rounds: int
    ratios: Mapping[str, Figure]
    fairness: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Congestion:
    """One victim beside one kind of aggressor: the null test, and every load in rising order.

    `beside`: what the aggressors did at the highest load.
    """

    case: Case
    beside: Case
    launches: int
    null: Step
    steps: tuple[Step, ...]
    flags: tuple[Flag, ...]
    one_host: bool

    @property
    def aggressor(self) -> str:
        """Name of what the aggressors did."""
        return str(self.case.params["aggressor"])

    def quiet(self, quantile: str) -> bool | None:
        """Whether the null test holds; None where it cannot be made."""
        found = self.null.ratios[quantile]
        if isinstance(found, TooFew) or found.low is None or found.high is None:
            return None
        return found.low <= 1 <= found.high

    def knee(self, quantile: str) -> Step | None:
        """The lowest load from which on every ratio lies above the null band; None where there is none such."""
        found = None
        for step in reversed(self.steps):
            if not self._leaves(step.ratios[quantile], quantile):
                break
            found = step
        return found

    def _leaves(self, ratio: Figure, quantile: str) -> bool:
        band = self.null.ratios[quantile]
        if isinstance(ratio, TooFew) or isinstance(band, TooFew) or not self.quiet(quantile):
            return False
        return ratio.low is not None and band.high is not None and ratio.low > band.high


def congestions(records: Iterable[Record]) -> list[Congestion]:
    """Every victim that was measured at load 0 twice and at a load, in the order of the records.

    None of which a row, the aggressors' included, was wrong or came from elsewhere.
    """
    linked: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if "aggressor" in record.case.params and record.origin is None:
            linked.setdefault((record.case.victim, str(record.case.params["aggressor"])), []).append(record)
    found = (_congestion(rows) for rows in linked.values())
    return [one for one in found if one is not None]


def jain(values: Sequence[float]) -> float:
    """(sum x)^2 / (n sum x^2): 1 where all are equal, 1/n where one has everything. Jain, Chiu & Hawe, 1984."""
    x = np.asarray(values, dtype=np.float64)
    return float(x.sum() ** 2 / (x.size * (x * x).sum()))


class _Samples(NamedTuple):
    """One row's samples that count, sorted, with the round of each; `rounds` that have any."""

    values: Floats
    of: NDArray[np.int64]
    rounds: frozenset[int]

    def only(self, rounds: frozenset[int]) -> "_Samples":
        """Those of some rounds."""
        chosen = np.isin(self.of, list(rounds))
        return _Samples(self.values[chosen], self.of[chosen], rounds)


Rows = dict[tuple[str, float], dict[int, Record]]
"""By part and load, then by launch."""


def _congestion(records: Sequence[Record]) -> Congestion | None:
    rows: Rows = {}
    for record in records:
        if record.check.status == "wrong":
            return None
        if record.summary.n:
            place = str(record.case.params["role"]), float(record.case.params["load"])
            rows.setdefault(place, {})[record.launch] = record
    loads = sorted(load for part, load in rows if part == "victim" and load > 0 and ("aggressor", load) in rows)
    null = _step(rows, "null", 0.0)
    steps = [step for step in (_step(rows, "victim", load) for load in loads) if step is not None]
    if null is None or not steps:
        return None
    case = next(iter(rows["victim", 0.0].values())).case
    return Congestion(
        case=case,
        beside=next(iter(rows["aggressor", steps[-1].load].values())).case,
        launches=len(rows["victim", 0.0]),
        null=null,
        steps=tuple(steps),
        flags=tuple(sorted({flag for record in records for flag in record.conditions.flags})),
        one_host=all(record.conditions.placement.startswith("1x") for record in records),
    )


def _step(rows: Rows, part: str, load: float) -> Step | None:
    """One load against load 0, over the launches that have both."""
    base, other = rows.get(("victim", 0.0), {}), rows.get((part, load), {})
    pairs = [(base[launch], other[launch]) for launch in sorted(base.keys() & other.keys())]
    both = [tuple(map(_samples, pair)) for pair in pairs]
    shared = [(quiet, loaded, quiet.rounds & loaded.rounds) for quiet, loaded in both]
    # A time of 0 is below what the clock can tell, and has no ratio.
    usable = [
        (quiet.only(rounds), loaded.only(rounds), rounds)
        for quiet, loaded, rounds in shared
        if rounds and quiet.values[0] > 0
    ]
    if not usable:
        return None
    at_work = next(iter(rows["aggressor", load].values())).ranks_s.median if load else []
    return Step(
        load=load,
        aggressors=len(at_work),
        rounds=sum(len(rounds) for _, _, rounds in usable),
        of_rounds=sum(int(record.case.params["blocks"]) for record, _ in pairs),
        ratios=_ratios([(quiet, loaded) for quiet, loaded, _ in usable]),
        fairness=median(_fairness(*pair) for pair in pairs),
    )


def _fairness(quiet: Record, loaded: Record) -> float:
    kept = zip(quiet.ranks_s.median, loaded.ranks_s.median, strict=True)
    return jain([before / beside if beside > 0 else 1.0 for before, beside in kept])


def _samples(record: Record) -> _Samples:
    """Blocks are of one length, and sampled one after the other."""
    values, blocks = np.asarray(record.samples_s), int(record.case.params["blocks"])
    of = np.arange(values.size) * blocks // values.size
    counts = np.ones(values.size, np.bool_)
    for first, last, _ in record.excluded:
        counts[first : last + 1] = False
    order = np.argsort(values[counts], kind="stable")
    of = of[counts][order]
    return _Samples(values[counts][order], of, frozenset(map(int, np.unique(of))))


def _ratios(launches: Sequence[tuple[_Samples, _Samples]]) -> dict[str, Figure]:
    """By quantile; launches: at load 0 and at another, of the same rounds."""
    fewest = min(side.values.size for pair in launches for side in pair)
    told = {name: q for name, q in QUANTILES.items() if fewest >= samples_needed(q)}
    drawn = [_drawn(*pair, list(told.values()), seed) for seed, pair in enumerate(launches)]
    found: dict[str, Figure] = {name: TooFew(fewest, samples_needed(q)) for name, q in QUANTILES.items()}
    for place, (name, q) in enumerate(told.items()):
        values = np.array([_quantile(loaded.values, q) / _quantile(quiet.values, q) for quiet, loaded in launches])
        found[name] = _interval(values, [one[place] for one in drawn if one is not None])
    return found


def _quantile(values: Floats, q: float) -> float:
    """As everywhere: of a median the middle of two, of a tail an order statistic. There must be enough of them."""
    tail = percentile(values, q) if q > QUANTILES["median"] else None
    return median_interval(values).value if tail is None else tail


def _drawn(quiet: _Samples, loaded: _Samples, quantiles: Sequence[float], seed: int) -> Floats | None:
    """Ratios of rounds drawn with replacement, the same ones on both sides: (quantiles, DRAWS)."""
    if len(quiet.rounds) < FEWEST_ROUNDS:
        return None
    rounds = sorted(quiet.rounds)
    draw = np.random.default_rng([SEED, seed])
    times = draw.multinomial(len(rounds), [1 / len(rounds)] * len(rounds), size=DRAWS)
    before, beside = (_weighted(side, rounds, times, quantiles) for side in (quiet, loaded))
    return np.asarray(beside / before)


def _weighted(side: _Samples, rounds: Sequence[int], times: NDArray[np.int64], quantiles: Sequence[float]) -> Floats:
    """Quantiles where every round occurs so many times: (quantiles, draws). times: (draws, rounds).

    By bisection over the sorted samples, of which `below` knows how many each round has up to there.
    """
    below = np.cumsum(side.of == np.array(rounds)[:, None], axis=1)
    wanted = np.ceil(np.outer(quantiles, times @ below[:, -1]))
    low, high = np.zeros(wanted.shape, np.int64), np.full(wanted.shape, side.values.size - 1)
    for _ in range(side.values.size.bit_length()):
        middle = (low + high) // 2
        reached = np.einsum("dr,rqd->qd", times, below[:, middle]) >= wanted
        low, high = np.where(reached, low, middle + 1), np.where(reached, middle, high)
    return np.asarray(side.values[high])


def _interval(values: Floats, drawn: Sequence[Floats]) -> Ratio:
    """The median of launches, and what it is of launches drawn with replacement, each with rounds of its own."""
    value = float(np.median(values))
    if len(drawn) < len(values):
        return Ratio(value, None, None)
    draw = np.random.default_rng([SEED, len(drawn)])
    launches = draw.integers(len(drawn), size=(DRAWS, len(drawn)))
    chosen = np.stack(drawn)[launches, draw.integers(DRAWS, size=launches.shape)]
    low, high = np.quantile(np.median(chosen, axis=1), [0.025, 0.975])
    return Ratio(value, min(float(low), value), max(float(high), value))

"""Which host, direction of a host, pair or group of hosts is slow, from bandwidths between all of them.

Measured in rounds of disjoint pairs (the circle method: N - 1 rounds for N hosts), so that no two transfers share a
host. The logarithm of a bandwidth is a sum of causes,

    log bandwidth(i to j) = base + transmit(i) + receive(j) + group(i to j) + residual(i to j),

fitted by median polish (Tukey, Exploratory Data Analysis, 1977, 10 and 11) on the pairs there are. Medians let fewer
than half of a host's partners be slow without blaming the host: one slow pair stays in its residual, while a host that
sends slowly to everybody is a low transmit(i). Effects are relative to the median host, so that what is slow must be
the minority. Groups (rails, leaves) are fitted only where the caller names them; an uplink between two groups is no
host's fault, and is read first, relative to the fastest ordered pair of groups.

What is named must be slower than `LEAST` and than the run's own noise allows. The noise of one pair is the larger of
two: how far its repeats lie from their median, and the residuals of all pairs, which contain that pairs differ for no
reason; a few faults move neither. An effect over n pairs is known to 1.25 noise / sqrt(n), the error of a median. Its
threshold is the quantile of Student's t at which all looks together give one false alarm in a hundred runs, of no more
than 8 degrees of freedom. The threshold is reported: it is the smallest fault that would have been named.

Simulated, 4, 6 and 12 hosts with 3 and 5 repeats of noise of 1 and 4 %, normal, double exponential and Student's t with
3 degrees of freedom, 60 runs each: no false alarm. At 1 % noise a host or pair at 0.9 of its bandwidth was named in
every run; at 4 % a host at 0.8 in every run, a pair at 0.8 in 11 to 15 of 15, both at 0.5 in every run.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fabricbench.model import Round

Kind = Literal["transmit", "receive", "host", "pair", "group"]
Pairs = Mapping[tuple[int, int], Sequence[float]]
Matrix = NDArray[np.float64]

FEWEST = 4
"""Hosts that a median needs: with three, one slow pair is half of what its host sends."""
FEWEST_PARTNERS = 3
FEWEST_REPEATS = 3
"""Of a pair: with fewer, one disturbed transfer would be a slow link."""
LEAST = 0.05
"""Share of the usual bandwidth that must be missing before anything is named, however quiet the run."""
FALSE_ALARMS = 0.01
"""Of runs without a fault, the share in which something is named."""

_NORMAL = 1.4826
"""From the median of absolute deviations to the standard deviation of normal noise."""
_MEAN = math.sqrt(math.pi / 2)
"""The same from their mean."""
_MEDIAN = math.sqrt(math.pi / 2)
"""Error of a median over that of a mean."""
_EFFICIENCY = 0.37
"""Of a median of absolute deviations: as good as a standard deviation of so many of its values."""
_MOST_FREEDOM = 8.0
"""However many pairs there are, the noise of a network has longer tails than the normal distribution."""
_TURNS = 100
_SETTLED = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """What is slow. `share`: its bandwidth over what it would be without the fault.

    Members: the host; sender and receiver of a pair; names of the sending and the receiving group.
    """

    kind: Kind
    members: tuple[int | str, ...]
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Localised:
    """Suspects, slowest first; where there are none, no link is slower than the rest by more than what could be seen.

    base: bytes a second between hosts without a fault. noise: of one pair, a share of its bandwidth. sees: by kind, the
    share of the usual bandwidth from which downwards a fault is named; 0 where nothing can be. unjudged: hosts with too
    few partners to be told from their pairs. blind: why nothing could be said at all.
    """

    suspects: tuple[Suspect, ...]
    base: float | None
    noise: float | None
    sees: Mapping[Kind, float]
    unjudged: tuple[int, ...]
    blind: str | None = None


def rounds(members: int) -> list[list[tuple[int, int]]]:
    """Rounds of disjoint pairs in which everybody meets everybody once: N - 1, or N of an odd number.

    The circle method (Kirkman 1847): one stays, the others move on by one. Of an odd number one rests in every round.
    """
    seats: list[int | None] = [*range(members), *([None] if members % 2 else [])]
    found = []
    for _ in range(len(seats) - 1):
        across = zip(seats[: len(seats) // 2], reversed(seats), strict=False)
        found.append([(min(one, two), max(one, two)) for one, two in across if one is not None and two is not None])
        seats = [seats[0], seats[-1], *seats[1:-1]]
    return found


def bandwidths(lines: Iterable[Round]) -> dict[tuple[int, int], list[float]]:
    """Bytes a second of every ordered pair, (sender, receiver), from the rounds of a result that were right.

    Where both directions ran at once, each had the time of both.
    """
    found: dict[tuple[int, int], list[float]] = defaultdict(list)
    for line in lines:
        if line.check == "wrong":
            continue
        for (one, two), samples_s in zip(line.pairs, line.samples_s, strict=True):
            rates = [line.nbytes / seconds for seconds in samples_s]
            if line.direction != "backward":
                found[one, two] += rates
            if line.direction != "forward":
                found[two, one] += rates
    return dict(found)


def localise(pairs: Pairs, members: int, groups: Sequence[str] | None = None) -> Localised:
    """Name what is slow.

    pairs: bytes a second of each ordered pair, (sender, receiver), all repeats; pairs may be missing, and those with
    fewer than `FEWEST_REPEATS` are as good as missing. members: how many hosts.
    groups: of each host the rail or leaf that it is on, where that is known.  Raises ValueError for bandwidths that are
    not above 0, pairs of hosts that there are not, and groups of other hosts.
    """
    _refuse(pairs, members, groups)
    measured = {
        pair: np.log(np.asarray(values, np.float64)) for pair, values in pairs.items() if len(values) >= FEWEST_REPEATS
    }
    if members < FEWEST:
        return _blind(f"{members} hosts are too few to tell a slow host from a slow pair; {FEWEST} are enough.")
    logs = np.full((members, members), np.nan)
    for pair, values in measured.items():
        logs[pair] = np.median(values)
    judged = [min(_known(row), _known(column)) >= FEWEST_PARTNERS for row, column in zip(logs, logs.T, strict=True)]
    if sum(judged) < FEWEST:
        return _blind(
            f"Fewer than {FEWEST} hosts were measured with {FEWEST_PARTNERS} partners each, both ways, "
            f"{FEWEST_REPEATS} times."
        )
    return _judged(logs, list(measured.values()), judged, list(groups or [""] * members))


def _refuse(pairs: Pairs, members: int, groups: Sequence[str] | None) -> None:
    for (one, two), values in pairs.items():
        if one == two or not (0 <= one < members and 0 <= two < members):
            raise ValueError(f"({one}, {two}) is no pair of {members} hosts.")
        if not all(0 < value < math.inf for value in values):
            raise ValueError(f"The bandwidths of ({one}, {two}) are not all above 0 and finite.")
    if groups is not None and len(groups) != members:
        raise ValueError(f"{len(groups)} groups for {members} hosts.")


def _blind(why: str) -> Localised:
    return Localised(suspects=(), base=None, noise=None, sees={}, unjudged=(), blind=why)


def _known(row: Matrix) -> int:
    return int(np.count_nonzero(~np.isnan(row)))


def _judged(logs: Matrix, repeats: list[Matrix], judged: list[bool], groups: list[str]) -> Localised:
    fit = polish(logs, groups)
    hosts = [host for host, known in enumerate(judged) if known]
    sends, receives = (np.array([_known(line) for line in side]) for side in (logs, logs.T))
    noise, freedom = _noise(fit, repeats)
    crossing = len(fit.group) > 1
    looks = 2 * len(hosts) + _known(logs.ravel()) + crossing * len(fit.group)
    quantile = _quantile(freedom, looks)

    def least(pairs: float) -> float:
        """Depth, in logarithms, from which an effect seen in so many pairs is one."""
        error = noise * (_MEDIAN / math.sqrt(pairs) if pairs > 1 else 1.0)
        return max(-math.log1p(-LEAST), quantile * error)

    suspects = [
        *_hosts(fit, hosts, [least(count) for count in sends], [least(count) for count in receives]),
        *(
            Suspect(kind="pair", members=(int(one), int(two)), share=math.exp(fit.residual[one, two]))
            for one, two in np.argwhere(fit.residual < -least(1))
        ),
        *(
            Suspect(kind="group", members=names, share=math.exp(effect))
            for names, (effect, count) in fit.group.items()
            if crossing and effect < -least(count)
        ),
    ]
    partners = float(min(min(sends[host], receives[host]) for host in hosts))
    sees: dict[Kind, float] = {kind: math.exp(-least(partners)) for kind in ("transmit", "receive", "host")}
    sees["pair"] = math.exp(-least(1))
    if crossing:
        sees["group"] = math.exp(-least(min(count for _, count in fit.group.values())))
    return Localised(
        suspects=tuple(sorted(suspects, key=lambda suspect: suspect.share)), base=math.exp(fit.base),
        noise=math.expm1(noise), sees=sees, unjudged=tuple(host for host, known in enumerate(judged) if not known),
    )  # fmt: skip


def _hosts(fit: "Fit", hosts: list[int], transmits: list[float], receives: list[float]) -> list[Suspect]:
    """Hosts that are slow one way, or both."""
    found = []
    for host in hosts:
        slow: dict[Kind, float] = {}
        if fit.transmit[host] < -transmits[host]:
            slow["transmit"] = math.exp(fit.transmit[host])
        if fit.receive[host] < -receives[host]:
            slow["receive"] = math.exp(fit.receive[host])
        if len(slow) > 1:
            slow = {"host": min(slow.values())}
        found += [Suspect(kind=kind, members=(host,), share=share) for kind, share in slow.items()]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Natural logarithms. group: effect and number of pairs by names of the sending and the receiving group."""

    base: float
    transmit: Matrix
    receive: Matrix
    group: Mapping[tuple[str, str], tuple[float, int]]
    residual: Matrix


def polish(logs: Matrix, groups: Sequence[str]) -> Fit:
    """Median polish of logarithms of bandwidths, (senders, receivers), NaN where nothing was measured."""
    transmit, receive = np.zeros(len(groups)), np.zeros(len(groups))
    names = list(dict.fromkeys(groups))
    blocks = {
        (one, two): np.outer(np.array(groups) == one, np.array(groups) == two) & ~np.isnan(logs)
        for one, two in product(names, names)
    }
    blocks = {pair: block for pair, block in blocks.items() if block.any()}
    level = np.full(logs.shape, np.nan)
    values: dict[tuple[str, str], float] = {}
    for _ in range(_TURNS):
        left = logs - transmit[:, None] - receive[None, :]
        for pair, block in blocks.items():
            values[pair] = float(np.median(left[block]))
            level[block] = values[pair]
        before = transmit, receive
        transmit = _centred(_medians(logs - level - receive[None, :]), groups)
        receive = _centred(_medians((logs - level - transmit[:, None]).T), groups)
        if max(np.abs(transmit - before[0]).max(), np.abs(receive - before[1]).max()) < _SETTLED:
            break
    base = max(values.values())
    return Fit(
        base=base, transmit=transmit, receive=receive,
        group={pair: (value - base, int(blocks[pair].sum())) for pair, value in values.items()},
        residual=logs - level - transmit[:, None] - receive[None, :],
    )  # fmt: skip


def _medians(left: Matrix) -> Matrix:
    """Of each row what is known; 0 where nothing is."""
    return np.array([np.median(row[~np.isnan(row)]) if _known(row) else 0.0 for row in left])


def _centred(effects: Matrix, groups: Sequence[str]) -> Matrix:
    """Relative to the median host of each group: what all hosts of a group have in common is the group's."""
    found = effects.copy()
    for name in set(groups):
        mine = np.array(groups) == name
        found[mine] -= np.median(effects[mine])
    return found


def _noise(fit: Fit, repeats: list[Matrix]) -> tuple[float, float]:
    """Standard deviation of one pair's logarithm, and the degrees of freedom of what is known of it."""
    left = fit.residual[~np.isnan(fit.residual)]
    free = max(1, left.size - 2 * len(fit.transmit) - len(fit.group) + 2)
    # A polish by medians makes some residuals 0, as many as it has effects.
    among = _NORMAL * float(np.median(np.abs(left))) * left.size / free
    counts = np.array([values.size for values in repeats])
    # Mean absolute deviations, so that wild repeats count, each pair's from its own median, so that faults do not.
    apart = [float(np.abs(values - np.median(values)).sum()) / (values.size - 1) for values in repeats]
    within = _MEAN * float(np.mean(apart)) * _MEDIAN / math.sqrt(float(np.median(counts)))
    freedom = _EFFICIENCY * (free + int((counts - 1).sum()))
    return max(among, within), min(freedom, _MOST_FREEDOM)


def _quantile(freedom: float, looks: int) -> float:
    """Depth in standard errors that one of so many looks reaches by chance in `FALSE_ALARMS` of runs."""
    from scipy.stats import t

    return float(t.isf(FALSE_ALARMS / looks, freedom))

"""Which host, direction of a host, pair or group of hosts is slow, from bandwidths between all of them.

Measured in rounds of disjoint pairs (the circle method: N - 1 rounds for N hosts), so that no two transfers share a
host. The logarithm of a bandwidth is a sum of causes,

    log bandwidth(i to j) = base + transmit(i) + receive(j) + group(i to j) + residual(i to j),

fitted by median polish (`judge/polish.py`) on the pairs there are. Medians let fewer than half of a host's partners be
slow without blaming the host: one slow pair stays in its residual, while a host that sends slowly to everybody is a
low transmit(i). Effects are relative to the median host, so that what is slow must be the minority. Groups (rails,
leaves) are fitted only where the caller names them; an uplink between two groups is no host's fault, and is read first,
relative to what groups have among themselves.

What is named must be slower than the run's own noise allows (`judge/slowness.py`). `make detection` counts how often
that names what is slow, and what is not.
"""

import functools
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fabricbench.judge.polish import Floats, Layout
from fabricbench.judge.slowness import LEAST, Flags, Judged, Kind, Measured, judged, measured
from fabricbench.model import Round

__all__ = ["LEAST", "Kind", "Localised", "Suspect", "bandwidths", "localise", "rounds", "together"]

Pairs = Mapping[tuple[int, int], Sequence[float]]

FEWEST = 4
"""Hosts that a median needs: with three, one slow pair is half of what its host sends."""
FEWEST_PARTNERS = 3
FEWEST_REPEATS = 3
"""Of a pair: with fewer, one disturbed transfer would be a slow link."""
WAYS: tuple[Kind, Kind] = ("transmit", "receive")
NEAR = 0.5
"""Of the depth at which a host is named: from here on more rounds are worth their time."""


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
    share of the usual bandwidth from which downwards a fault is named in 9 of 10 runs. unjudged: hosts with too few
    partners to be told from their pairs. near: hosts that more rounds may tell (`judge/rounds.py`), deepest first.
    blind: why nothing could be said at all.
    """

    suspects: tuple[Suspect, ...]
    base: float | None
    noise: float | None
    sees: Mapping[Kind, float]
    unjudged: tuple[int, ...]
    near: tuple[int, ...] = ()
    blind: str | None = None


def rounds(members: int) -> list[list[tuple[int, int]]]:
    """Rounds of disjoint pairs in which everybody meets everybody once: N - 1, or N of an odd number.

    The circle method (Kirkman 1847): one stays, the others move on by one. Of an odd number one rests in every round.
    """
    return [one_round(members, number) for number in range(members - 1 + members % 2)]


def one_round(members: int, number: int) -> list[tuple[int, int]]:
    """The pairs of one of these rounds."""
    seats = [*range(members), *([None] if members % 2 else [])]
    moving = seats[1:]
    turned = [seats[0], *moving[len(moving) - number :], *moving[: len(moving) - number]]
    across = zip(turned[: len(turned) // 2], reversed(turned), strict=False)
    return [(min(one, two), max(one, two)) for one, two in across if one is not None and two is not None]


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


def together(lines: Iterable[Round]) -> dict[tuple[int, int], int]:
    """Of every ordered pair the number of the line in which it was measured last."""
    found = {}
    for number, line in enumerate(lines):
        for one, two in line.pairs:
            if line.direction != "backward":
                found[one, two] = number
            if line.direction != "forward":
                found[two, one] = number
    return found


def localise(
    pairs: Pairs, members: int, groups: Sequence[str] | None = None, waves: Mapping[tuple[int, int], int] | None = None
) -> Localised:
    """Name what is slow.

    pairs: bytes a second of each ordered pair, (sender, receiver), all repeats; pairs may be missing, and those with
    fewer than `FEWEST_REPEATS` are as good as missing. members: how many hosts.
    groups: of each host the rail or leaf that it is on, where that is known. waves: pairs with one number were measured
    at once; what they have in common is not theirs.  Raises ValueError for bandwidths that are not above 0, pairs of
    hosts that there are not, and groups of other hosts.
    """
    if groups is not None and len(groups) != members:
        raise ValueError(f"{len(groups)} groups for {members} hosts.")
    kept, values = _measured(pairs, members)
    if members < FEWEST:
        return _blind(f"{members} hosts are too few to tell a slow host from a slow pair; {FEWEST} are enough.")
    layout = _layout(kept, tuple(groups or [""] * members), waves or {})
    known = np.minimum(layout.sends.counts, layout.receives.counts) >= FEWEST_PARTNERS
    if known.sum() < FEWEST:
        return _blind(
            f"Fewer than {FEWEST} hosts were measured with {FEWEST_PARTNERS} partners each, both ways, "
            f"{FEWEST_REPEATS} times."
        )
    found = judged(values, layout, known)
    slow = {kind: found.slow(kind) for kind in found.effects}
    return Localised(
        suspects=tuple(suspects(slow, found.effects, layout)),
        base=math.exp(found.fit.base),
        noise=math.expm1(found.noise),
        sees={kind: float(found.sees(kind)) for kind in found.kinds},
        unjudged=tuple(int(host) for host in np.flatnonzero(~known)),
        near=tuple(near(found)),
    )


def _layout(kept: list[tuple[int, int]], groups: tuple[str, ...], waves: Mapping[tuple[int, int], int]) -> Layout:
    ordered = np.array(kept, np.int64).reshape(-1, 2)
    # A pair of which it is not known is a wave of its own.
    alone = max(waves.values(), default=-1) + 1
    numbers = np.array([waves.get(pair, alone + place) for place, pair in enumerate(kept)], np.int64)
    return Layout(ordered[:, 0], ordered[:, 1], groups, numbers)


def _measured(pairs: Pairs, members: int) -> tuple[list[tuple[int, int]], Measured]:
    """The pairs with enough repeats, and what was measured of them."""
    for one, two in pairs:
        if one == two or not (0 <= one < members and 0 <= two < members):
            raise ValueError(f"({one}, {two}) is no pair of {members} hosts.")
    by: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for pair, repeats in pairs.items():
        by[len(repeats)].append(pair)
    kept: list[tuple[int, int]] = []
    parts: list[Measured] = []
    for count, some in by.items():  # pairs of as many repeats at once
        values = np.array([pairs[pair] for pair in some], np.float64).reshape(len(some), count)
        wrong = ~((values > 0) & np.isfinite(values)).all(axis=1)
        if wrong.any():
            raise ValueError(f"The bandwidths of {some[int(wrong.argmax())]} are not all above 0 and finite.")
        if count >= FEWEST_REPEATS:
            kept += some
            parts.append(measured(np.log(values)))
    return kept, functools.reduce(Measured.joined, parts, measured(np.zeros((0, FEWEST_REPEATS))))


def _blind(why: str) -> Localised:
    return Localised(suspects=(), base=None, noise=None, sees={}, unjudged=(), blind=why)


def suspects(slow: Mapping[Kind, Flags], effects: Mapping[Kind, Floats], layout: Layout) -> list[Suspect]:
    """What a run names, slowest first. slow, effects: of `Judged`, without leading axes."""
    found = [
        *_hosts(slow, effects),
        *(
            Suspect(
                kind="pair",
                members=(int(layout.senders[place]), int(layout.receivers[place])),
                share=math.exp(effects["pair"][place]),
            )
            for place in np.flatnonzero(slow["pair"])
        ),
        *(
            Suspect(
                kind="group",
                members=tuple(layout.names[number] for number in layout.blocks[place]),
                share=math.exp(effects["group"][place]),
            )
            for place in np.flatnonzero(slow.get("group", ()))
        ),
    ]
    return sorted(found, key=lambda suspect: suspect.share)


def _hosts(slow: Mapping[Kind, Flags], effects: Mapping[Kind, Floats]) -> Iterator[Suspect]:
    """Hosts that are slow one way, or both."""
    for host in map(int, np.flatnonzero(slow["transmit"] | slow["receive"])):
        ways: list[Kind] = [way for way in WAYS if slow[way][host]]
        share = min(math.exp(effects[way][host]) for way in ways)
        yield Suspect(kind=ways[0] if len(ways) == 1 else "host", members=(host,), share=share)


def near(found: Judged) -> list[int]:
    """Hosts of one run with `NEAR` of the depth at which they are named, or more, deepest first."""
    depths = [-found.effects[way] / found.limits(way) for way in WAYS]
    deepest = np.max(depths, axis=0).ravel()
    return [int(host) for host in np.argsort(-deepest, kind="stable") if deepest[host] >= NEAR]

"""Which host is slow by itself, from what every rank computed and moved in memory at the same time. Pure functions.

A test is one case in several turns, on all ranks at once. The logarithm of a rank's time, less that of its median peer
in the same turn, is what it lacks; the median of the turns is its effect. Peers are the ranks of hosts with as many
ranks: who shares a memory or a power cap with others is no measure for who does not.

What is named must be slower than `LEAST` and than the run's own noise allows, which is the larger of two: how far
turns lie from the rank's own effect, and how far the effects of all ranks lie apart, which contains that healthy parts
differ; medians of deviations, so that a few faults move neither. The threshold is the quantile of Student's t at which
all looks of a test together give one false alarm in a hundred runs. It is reported: the least that would be named.

Simulated, 4 to 64 members in 3 turns, noise of turns 0.5 to 5 % (normal and Student's t with 3 degrees of freedom),
healthy members 0.1 to 2 % apart, 1,000 runs each: a false alarm in at most 1 % of them; with members 4 % apart in at
most 3 %, at which what is named is slower indeed. At 1 % noise a member at 0.8 of its peers was named always.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fabricbench.judge import slowness
from fabricbench.judge.localise import FEWEST, FEWEST_REPEATS
from fabricbench.model import Record

Matrix = NDArray[np.float64]

FEW_ALIKE = f"fewer than {FEWEST} members are on hosts with as many"
"""Why members are not held against each other."""

_NORMAL = 1.4826
"""From the median of absolute deviations to the standard deviation of normal noise."""
_MEAN = _MEDIAN = math.sqrt(math.pi / 2)
"""The same from their mean; and the error of a median over that of a mean."""
_EFFICIENCY = 0.37
"""Of a median of absolute deviations: as good as a standard deviation of so many of its values."""
_MOST_FREEDOM = 8.0
"""However many ranks there are, the noise of a machine has longer tails than the normal distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slower:
    """A member that is slower than its peers in one test. `share`: its speed over theirs."""

    member: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One test over all members. `test`: for people, such as "gemm float64"; `slower`: the slowest first.

    noise: of a member's effect, a share of its speed. sees: the share of the usual speed from which downwards a member
    is named, 0 where nothing can be. unjudged: members with too few peers. flags: of its records. blind: why nothing
    could be said at all.
    """

    test: str
    family: str
    slower: tuple[Slower, ...]
    noise: float | None
    sees: float | None
    unjudged: tuple[int, ...]
    flags: tuple[str, ...]
    blind: str | None = None

    @property
    def operation(self) -> str:
        """The operation of the test."""
        return self.test.partition(" ")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lagging:
    """Members that were measured again: turns in which the luckiest of them was slow then, of how many.

    Several members are all those of a host.
    """

    test: str
    family: str
    members: tuple[int, ...]
    share: float
    slow: int
    again: int

    @property
    def confirmed(self) -> bool:
        """Whether it was slow every time."""
        return self.again > 0 and self.slow == self.again


def compare(records: Sequence[Record], names: Sequence[str], families: Mapping[str, str]) -> list[Compared]:
    """Every test of one launch.

    records: of cases that differ in their `turn`, all ranks taking part. names: of the members, as `host` or
    `host:number`. families: of operations, "compute" or "memory".
    """
    tests = _tests(records)
    return [_compared(test, found, names, families[test.partition(" ")[0]]) for test, found in tests.items()]


def again(one: Compared, records: Sequence[Record], names: Sequence[str]) -> list[Lagging]:
    """What became of the slower members of a test in the records that measured it again; hosts in one piece.

    A member is slow in a turn where it is closer to what was seen at first than to its peers.
    """
    lacks = _lacks(_tests(records).get(one.test, []), names)
    found = []
    for slower in one.slower:
        limit = -math.log(slowness.half_way(slower.share))
        seen = [turn[slower.member] for turn in lacks if not math.isnan(turn[slower.member])]
        found.append(
            Lagging(
                test=one.test, family=one.family, members=(slower.member,), share=slower.share,
                slow=sum(bool(lack > limit) for lack in seen), again=len(seen),
            )
        )  # fmt: skip
    return _by_host(found, names)


def wrong(records: Iterable[Record]) -> tuple[str, ...]:
    """Tests whose result was wrong on some rank; the record does not say on which."""
    return tuple(dict.fromkeys(_test(one) for one in records if one.check.status == "wrong"))


def host_of(name: str) -> str:
    """The host of a member."""
    return name.partition(":")[0]


def _test(record: Record) -> str:
    return f"{record.case.operation} {record.case.dtype}"


def _tests(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Turns by test, without those that were not measured or are wrong."""
    found: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        found[_test(record)] += [record] if record.check.status in ("ok", "unchecked") else []
    return dict(found)


def _compared(test: str, records: Sequence[Record], names: Sequence[str], family: str) -> Compared:
    if len(records) < FEWEST_REPEATS:
        return _blind(test, family, f"it was not measured {FEWEST_REPEATS} times")
    lacks = _lacks(records, names)
    judged = [member for member in range(len(names)) if not np.isnan(lacks[:, member]).any()]
    if not judged:
        return _blind(test, family, FEW_ALIKE)
    lacks = lacks[:, judged]
    effects = np.median(lacks, axis=0)
    noise, freedom = _noise(lacks, effects)
    least = slowness.limit(noise, freedom, len(judged))
    slower = [
        Slower(member=member, share=math.exp(-effect))
        for member, effect in zip(judged, effects, strict=True)
        if effect > least
    ]
    return Compared(
        test=test, family=family, slower=tuple(sorted(slower, key=lambda one: one.share)), noise=math.expm1(noise),
        sees=math.exp(-least), unjudged=tuple(sorted(set(range(len(names))) - set(judged))),
        flags=tuple(dict.fromkeys(flag for record in records for flag in record.conditions.flags)),
    )  # fmt: skip


def _blind(test: str, family: str, why: str) -> Compared:
    return Compared(test=test, family=family, slower=(), noise=None, sees=None, unjudged=(), flags=(), blind=why)


def _lacks(records: Sequence[Record], names: Sequence[str]) -> Matrix:
    """Logarithm of each member's time over that of its median peer, (turns, members); NaN without enough peers."""
    hosts = [host_of(name) for name in names]
    found = np.full((len(records), len(names)), np.nan)
    times = np.log([record.ranks_s.median for record in records]).reshape(len(records), len(names))
    counts = np.array([hosts.count(host) for host in hosts])
    for count in set(counts.tolist()):
        alike = counts == count
        if alike.sum() >= FEWEST:
            found[:, alike] = times[:, alike] - np.median(times[:, alike], axis=1, keepdims=True)
    return found


def _noise(lacks: Matrix, effects: Matrix) -> tuple[float, float]:
    """Standard deviation of a member's effect, and the degrees of freedom of what is known of it."""
    turns, members = lacks.shape
    among = _NORMAL * float(np.median(np.abs(effects))) * members / (members - 1)
    # Mean absolute deviations, so that wild turns count, each member's from its own median, so that faults do not.
    apart = float(np.abs(lacks - effects).sum()) / (members * (turns - 1))
    within = _MEAN * apart * _MEDIAN / math.sqrt(turns)
    return max(among, within), min(_EFFICIENCY * (members - 1 + members * (turns - 1)), _MOST_FREEDOM)


def _by_host(found: Sequence[Lagging], names: Sequence[str]) -> list[Lagging]:
    """The members of a host as one where all of them, and there are several, are slower."""
    hosts = [host_of(name) for name in names]
    whole: dict[str, list[Lagging]] = defaultdict(list)
    for one in found:
        whole[hosts[one.members[0]]].append(one)
    joined = []
    for host, members in whole.items():
        if 1 < len(members) == hosts.count(host):
            joined.append(
                Lagging(
                    test=members[0].test, family=members[0].family,
                    members=tuple(sorted(one.members[0] for one in members)),
                    share=float(np.median([one.share for one in members])),
                    slow=min(one.slow for one in members), again=min(one.again for one in members),
                )
            )  # fmt: skip
        else:
            joined += members
    return sorted(joined, key=lambda one: one.share)

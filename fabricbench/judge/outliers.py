"""Which of several members that are measured alike is slow: each against the median of all, launch by launch.

What is named must be slower than `LEAST` and than the members' own differences allow. Their noise is 1.4826 times the
median of absolute deviations of the logarithms, over all launches: fewer than half of the members may be faulty without
moving it. The threshold is the quantile of Student's t at which all looks together give one false alarm in a hundred
runs, for as many degrees of freedom as such a median is worth; it is reported, as it is what would have been seen.

One launch can meet something that passes by: who is slow in three quarters of several is slow, that is in all of two or
three; in the only one it is a question, in a quarter of several a warning.

Simulated, 4, 6, 8 and 16 members in 1 to 3 launches with noise of 1 and 4 %, normal and Student's t with 3 degrees of
freedom, 2,000 runs each (`tests/judge/alarms.py`). Of runs without a fault at most 0.1 % failed a member. The only
launch raised a question in at most 1.1 % with normal noise, 10 % with the other; two or three a warning in at most 4.5
and 25 %. A member at 0.7 of its speed was slow in every launch at 1 % noise in 87 % of runs of 4 members and one
launch, else in nearly all; at 4 % in 12 to 81 % of runs of 4 members, in 45 to 98 % of 6, from 8 members and two
launches on in 93 % and more.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from fabricbench.judge import slowness
from fabricbench.judge.evidence import Verdict
from fabricbench.judge.localise import FEWEST

MOSTLY, SOMETIMES = 0.75, 0.25
"""Shares of the launches."""
BLIND = 0.5
"""A test that would overlook a member of half the speed is none."""

_NORMAL = 1.4826
"""From the median of absolute deviations to the standard deviation of normal noise."""
_FREEDOM = 0.7
"""Degrees of freedom of each deviation that the noise is known from: chosen in the simulation above."""
_MOST_FREEDOM = 8.0

Member = TypeVar("Member")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers(Generic[Member]):
    """What members reached. `shares`: speed over that of the median member, one a launch.

    limit: share below which a member is slow; None where there are too few members.
    """

    shares: Mapping[Member, tuple[float, ...]]
    limit: float | None

    @property
    def blind(self) -> str | None:
        """Why nobody can be judged; None where that is possible."""
        if self.limit is None:
            count = f"{len(self.shares)} are" if len(self.shares) > 1 else "1 is"
            return f"{count} too few to judge one by the others; {FEWEST} are enough"
        if self.limit < BLIND:
            return f"they differ so much among themselves that only one below {self.limit:.2f} would be named"
        return None

    def slow(self, member: Member) -> int:
        """Launches in which a member was slow."""
        return sum(share < (self.limit or 0.0) for share in self.shares[member])

    def verdict(self, member: Member) -> Verdict:
        """Whether a member is slow."""
        slow, launches = self.slow(member), len(self.shares[member])
        if self.blind is not None or slow == launches == 1:
            return "INCONCLUSIVE"
        return "FAIL" if slow >= MOSTLY * launches else "WARN" if slow >= SOMETIMES * launches and slow else "PASS"


def compare(launches: Sequence[Mapping[Member, float]], tests: int = 1) -> Peers[Member]:
    """Hold members against each other.

    launches: of each, seconds by member, above 0; members may be missing. tests: how many comparisons of the same run
    share the false alarms.
    """
    shares: dict[Member, list[float]] = {}
    apart: list[float] = []
    for seconds in launches:
        usual = float(np.median(list(seconds.values()))) if seconds else 0.0
        for member, own in seconds.items():
            shares.setdefault(member, []).append(usual / own)
            apart.append(abs(math.log(usual / own)))
    members = len(shares)
    limit = None if members < FEWEST else math.exp(-_least(apart, members, len(launches), tests))
    return Peers(shares={member: tuple(found) for member, found in shares.items()}, limit=limit)


def _least(apart: Sequence[float], members: int, launches: int, tests: int) -> float:
    """Depth, in logarithms, from which a member is slow."""
    # The median member of each launch is no deviation from itself.
    noise = _NORMAL * float(np.median(apart)) * members / (members - 1)
    freedom = min(_MOST_FREEDOM, _FREEDOM * (members - 1) * launches)
    return slowness.limit(noise, round(freedom, 3), members * tests)

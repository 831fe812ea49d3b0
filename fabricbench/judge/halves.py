"""Which member slows down all-reduces and nothing else: halves of the candidates against each other. Pure functions.

Two groups of one size are compared in a trial. Each has half of the candidates, and is filled up with the same members
that are known to be good, so that nothing differs but the candidates, and an all-reduce needs no model of how its time
grows with its members. The half whose all-reduces are slower holds the candidates of the next trial: log2 N trials.
At first all members are candidates; where an odd number leaves one over, it is tried when the halves are alike.

A half is slower where the ratio of times, the median of the turns, is above what `LEAST` and the scatter of the turns
allow: Student's t, at which a clean run goes on searching once in a hundred. A clean run has one trial, of two halves
either of which may be slower, and a second one of the member that is left over.

Simulated, 4, 9, 16 and 64 members, turns with a noise of 1 and 3 %, normal and Student's t with 3 degrees of freedom:
of 2,000 clean runs of each kind at most 2 went on searching, and none confirmed a member. Of 300 runs with one slow
member, at 1 % one at 0.9 was confirmed in 98 % or more, at 3 % one at 0.8 in 95 % or more and one at 0.9 in 30 to 67 %.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fabricbench.judge import slowness
from fabricbench.judge.localise import FEWEST
from fabricbench.judge.peers import host_of

TURNS = 7
"""Of a trial: so many that a scatter can be told of them."""
AGAIN = 3
"""Turns of the trial that measures one member again."""

_MEDIAN = math.sqrt(math.pi / 2)
"""Error of a median over that of a mean."""

Members = tuple[int, ...]
Times = tuple[Sequence[float], Sequence[float]]
"""Seconds of the first and of the second group of a trial, a median each turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Two halves of the candidates, of one size, and what both are filled up with; `over`: the candidate left over."""

    first: Members
    second: Members
    fill: Members
    over: Members = ()

    @property
    def groups(self) -> tuple[Members, Members]:
        """The members of the two all-reduces."""
        return tuple(sorted(self.first + self.fill)), tuple(sorted(self.second + self.fill))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a trial showed. `slow`: candidates of the slower half, none where they are alike.

    share: speed of the slower half over that of the other. sees: the share from which downwards a half is slower.
    """

    trial: Trial
    slow: Members
    share: float
    sees: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """The end of a search. `members`: what only slow all-reduces contain, none where all are alike.

    share: their all-reduces' speed over that of others. slow, again: turns in which a single one was slow when it was
    measured again, of how many. sees: the share from which downwards a half of the members is slower. whole: bus
    bandwidth of all members over that of their halves. blind: why it ended early.
    """

    members: Members = ()
    share: float | None = None
    slow: int = 0
    again: int = 0
    sees: float | None = None
    whole: float | None = None
    trials: int = 0
    blind: str | None = None

    @property
    def confirmed(self) -> bool:
        """Whether the member was slow every time."""
        return self.again > 0 and self.slow == self.again


def candidates(names: Sequence[str]) -> tuple[Members, str | None]:
    """Members whose groups are alike: all of one host, or the first of each host; or why nothing is compared."""
    hosts = [host_of(name) for name in names]
    firsts = tuple(hosts.index(host) for host in dict.fromkeys(hosts))
    found = tuple(range(len(names))) if len(firsts) == 1 else firsts
    if len(found) < FEWEST:
        what = f"{len(names)} members on one host" if len(firsts) == 1 else f"{len(firsts)} hosts"
        return (), f"All-reduces of halves were not compared: {what} have no two halves; {FEWEST} are enough."
    return found, None


def first(members: Members) -> Trial:
    """The trial of all members."""
    half = len(members) // 2
    return Trial(first=members[:half], second=members[half : 2 * half], fill=(), over=members[2 * half :])


def following(outcome: Outcome, members: Members) -> Trial | None:
    """The next trial; none where one candidate is left, or the halves are alike and none was left over."""
    size = len(members) // 2
    suspected = outcome.slow or outcome.trial.over
    if not outcome.slow and not suspected:
        return None
    good = tuple(one for one in members if one not in suspected)
    half = len(suspected) // 2
    if not half:
        # One candidate: against one that is known to be good.
        return Trial(first=suspected, second=good[:1], fill=good[1:size]) if not outcome.slow else None
    return Trial(
        first=suspected[:half], second=suspected[half : 2 * half], fill=good[: size - half], over=suspected[2 * half :]
    )


def retrial(member: int, members: Members) -> Trial:
    """One member against another, by which it is measured again: in other company than in the trial before."""
    size = len(members) // 2
    good = tuple(one for one in members if one != member)[::-1]
    return Trial(first=(member,), second=good[:1], fill=good[1:size])


def outcome(trial: Trial, times_s: Times, members: int) -> Outcome:
    """What a trial of so many members shows."""
    ratios = _ratios(times_s)
    looks = 2 * (1 + members % 2)
    least = slowness.limit(_MEDIAN * _error(ratios), ratios.size - 1, looks)
    depth = float(np.median(ratios))
    slow = trial.first if depth > least else trial.second if depth < -least else ()
    return Outcome(trial=trial, slow=slow, share=math.exp(-abs(depth)), sees=math.exp(-least))


def again(share: float, times_s: Times) -> tuple[int, int]:
    """Turns in which the first group was closer to what was seen before than to the second, and turns."""
    ratios = _ratios(times_s)
    limit = -math.log(slowness.half_way(share))
    return int((ratios > limit).sum()), int(ratios.size)


def _ratios(times_s: Times) -> NDArray[np.float64]:
    one, two = (np.log(np.asarray(times, np.float64)) for times in times_s)
    return np.asarray(one - two)


def _error(ratios: NDArray[np.float64]) -> float:
    return float(np.std(ratios, ddof=1)) / math.sqrt(ratios.size)

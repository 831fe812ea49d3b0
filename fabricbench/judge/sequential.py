"""When an alternated series may be looked at, in which order its sides come, and when it is over.

Whoever looks again and again until something shows finds something. So the looks are fixed before the first launch,
each applies the one rule at its own level, and the levels of all looks add up to what the whole procedure may invent
(Bonferroni over looks: Pocock, Biometrika 64 (1977), 191, for looks in groups; Lan & DeMets, Biometrika 70 (1983), 659,
for levels that are spent look by look). A sum needs no assumption on how the looks depend on each other.
"""

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from fabricbench.judge.compare import Comparison, compare
from fabricbench.judge.permutation import LEVEL
from fabricbench.judge.rule import APART_FEW, APART_MANY, FEWEST_PERMUTED, Verdict
from fabricbench.judge.sides import BASE, NEW, split
from fabricbench.store import Result

LOOKS = (5, 8, 12, 20)
"""Launches a side after which the rule is applied."""


def order(seed: int) -> Iterator[str]:
    """Sides launch by launch, without end: blocks of base, new, new, base or of its mirror image, as the seed has it.

    A block cancels a drift that is linear over its four launches; which side comes first is left to chance, so that
    nothing that happens every so often falls on one side.
    """
    chance = random.Random(f"ab {seed}")
    while True:
        yield from (BASE, NEW, NEW, BASE) if chance.random() < 0.5 else (NEW, BASE, BASE, NEW)  # noqa: PLR2004 - even


def level(launches: int) -> float:
    """How often at most a look at so many launches a side calls any row of a table of unchanged rows worse or better.

    Exact where launches of unchanged sides are exchangeable. Below 8 the level is what the splits there are can show:
    2 of 252 for 5 + 5.
    """
    if launches >= FEWEST_PERMUTED:
        return APART_MANY + LEVEL
    splits = math.comb(2 * launches, launches)
    return math.floor(APART_FEW * splits) / splits


def promise(looks: Sequence[int] = LOOKS) -> float:
    """The same for all looks together; half of it for `worse` alone. Where rows have a p99, theirs is a table more."""
    return sum(level(launches) for launches in looks)


def over(verdicts: Sequence[Verdict]) -> bool:
    """Whether a look answers: a row is worse, or no row is left that more launches could decide."""
    return "worse" in verdicts or "unclear" not in verdicts


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the rows that decide were at one look: verdicts with how many rows have them."""

    launches: int
    verdicts: dict[Verdict, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A series that is over. `planned`: all looks that were fixed for it; `alike`: both sides are one configuration."""

    file: str
    alike: bool
    planned: tuple[int, ...]
    promise: float
    looks: tuple[Look, ...]
    comparison: Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One look: what it found, and whether it is the last one needed."""

    look: Look
    comparison: Comparison
    over: bool


def look(results: Sequence[Result], launches: int, *, margin: float, gate: str | Sequence[str] = "*") -> Looked:
    """Judge a series as it was after so many launches a side.  Raises UsageError where no row can be compared."""
    base, new = split([_before(result, 2 * launches) for result in results])
    comparison = compare(base, new, margin=margin, gate=gate)
    verdicts = [row.verdict for row in comparison.rows if row.gated]
    # A p99 seldom has an answer from few launches, so it keeps no series going; one that is worse ends it.
    verdicts += [row.verdict for row in comparison.tails if row.gated and row.verdict == "worse"]
    return Looked(
        look=Look(launches=launches, verdicts=dict(Counter(verdicts))), comparison=comparison, over=over(verdicts)
    )


def _before(result: Result, position: int) -> Result:
    """The launches of the series before a place in it."""
    launches = tuple(one for one in result.launches if one.pairing and one.pairing.position < position)
    numbers = {launch.launch for launch in launches}
    return replace(
        result, launches=launches, records=tuple(record for record in result.records if record.launch in numbers)
    )

"""Faults at known places of live fabrics, what `diagnose` said of them, and whether it was right."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from fabricbench.judge.localise import LEAST
from fabricbench.statistics import clopper_pearson

Case = Literal["clean", "transmit", "receive", "link", "leaves", "wide"]
CASES: tuple[Case, ...] = get_args(Case)
CROWDED = 1 - 2 * LEAST
"""Share of what pairs have alone below which `diagnose` says that they share something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """One run of `diagnose`.

    host: which is slow, by number; None where none is. rate_mbit: of its links. share: what is left of the slow one.
    confirmed, suspected: kinds and members named and slow again, and not slow again. seconds: of the whole command.
    """

    case: Case
    seed: int
    library: str
    hosts: int
    rate_mbit: int
    share: float
    host: int | None
    status: int
    confirmed: list[tuple[str, list[int]]]
    suspected: list[tuple[str, list[int]]]
    together: float | None
    noise: float | None
    sees: Mapping[str, float]
    seconds: float

    @property
    def right(self) -> bool:
        """Whether the slow host was named with its direction and nobody else was; of leaves, the uplink noticed."""
        kind = {"transmit": "transmit", "receive": "receive", "link": "host"}.get(self.case)
        named = [(one, list(members)) for one, members in self.confirmed]
        if self.case == "leaves" and (self.together is None or self.together >= CROWDED):
            return False
        return named == ([] if kind is None else [(kind, [self.host])]) and self.status == (1 if kind else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """Runs of one case and library: right ones, and those with an innocent suspect that was not confirmed."""

    case: Case
    library: str
    hosts: int
    runs: int
    right: int
    suspected: int
    noise: float
    """Median of a pair's noise, as the runs said it."""

    @property
    def interval(self) -> tuple[float, float]:
        """Exact, 95 %, of the share that is right."""
        return clopper_pearson(self.right, self.runs)


def counted(placements: Iterable[Placement]) -> list[Live]:
    """By case and library, in the order of `CASES`."""
    by: dict[tuple[Case, str], list[Placement]] = {}
    for one in placements:
        by.setdefault((one.case, one.library), []).append(one)
    return [_live(some) for _, some in sorted(by.items(), key=lambda item: (item[0][1], CASES.index(item[0][0])))]


def _live(some: Sequence[Placement]) -> Live:
    noises = sorted(one.noise for one in some if one.noise is not None)
    return Live(
        case=some[0].case, library=some[0].library, hosts=some[0].hosts, runs=len(some),
        right=sum(one.right for one in some), suspected=sum(bool(one.suspected) for one in some),
        noise=noises[len(noises) // 2] if noises else float("nan"),
    )  # fmt: skip

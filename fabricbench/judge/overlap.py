"""How much of a collective is hidden behind a computation, from three linked rows of one launch.

With Tm for the communication alone, Tc for the computation alone and To for both together:

efficiency = (Tm + Tc - To) / min(Tm, Tc), the formula of IMB-NBC, neither clipped at 0 nor at 1: below 0 both together
took longer than one after the other.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Literal, NamedTuple

import msgspec

from fabricbench.judge.sides import BARRING, Key, launch_median
from fabricbench.model import Case, Record

Part = Literal["communication", "computation", "both"]

_UNFIT = BARRING | {"injected"}


class Times(NamedTuple):
    """Launch medians of the three rows of one launch, seconds."""

    communication_s: float
    computation_s: float
    both_s: float

    @property
    def efficiency(self) -> float:
        """Share of the shorter one that was hidden."""
        hidden_s = self.communication_s + self.computation_s - self.both_s
        return hidden_s / min(self.communication_s, self.computation_s)

    @property
    def exposed_s(self) -> float:
        """What the communication adds to the computation."""
        return self.both_s - self.computation_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """One case over all launches that measured its three parts; `case` is that of both together.

    `barred`: flags under which the figures mean nothing.
    """

    case: Case
    launches: tuple[Times, ...]
    barred: tuple[str, ...]

    @property
    def times(self) -> Times:
        """Median over launches of each time."""
        return Times(*(median(column) for column in zip(*self.launches, strict=True)))

    @property
    def efficiency(self) -> float | None:
        """Median over launches; none where flags bar it."""
        return None if self.barred else median(one.efficiency for one in self.launches)

    @property
    def exposed_s(self) -> float | None:
        """Median over launches; none where flags bar it."""
        return None if self.barred else median(one.exposed_s for one in self.launches)


def overlaps(records: Iterable[Record]) -> list[Overlap]:
    """Every case whose three parts were measured in one launch, in the order of the records; none that was wrong."""
    linked: dict[Key, dict[int, dict[str, Record]]] = {}
    for record in records:
        if "part" in record.case.params:
            parts = linked.setdefault(_without_part(record.case), {}).setdefault(record.launch, {})
            parts[str(record.case.params["part"])] = record
    found = (_overlap(list(launches.values())) for launches in linked.values())
    return [one for one in found if one is not None]


def _without_part(case: Case) -> Key:
    params = {name: value for name, value in case.params.items() if name != "part"}
    return msgspec.structs.replace(case, params=params).key()


def _overlap(launches: list[dict[str, Record]]) -> Overlap | None:
    records = [record for parts in launches for record in parts.values()]
    times = [one for one in map(_times, launches) if one is not None]
    if not times or any(record.check.status == "wrong" for record in records):
        return None
    case = next(parts["both"].case for parts in launches if "both" in parts)
    barred = _UNFIT.intersection(flag for record in records for flag in record.conditions.flags)
    return Overlap(case=case, launches=tuple(times), barred=tuple(sorted(barred)))


def _times(parts: dict[str, Record]) -> Times | None:
    names: tuple[Part, ...] = ("communication", "computation", "both")
    medians = [launch_median(parts[name]) for name in names if name in parts]
    known = [value for value in medians if value]
    return Times(*known) if len(known) == len(names) else None

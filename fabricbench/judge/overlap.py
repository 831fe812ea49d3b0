"""How much of a collective is hidden behind a computation, from linked rows of one launch.

With Tm for the communication alone, Tc for the computation alone and To for both together:

efficiency = (Tm + Tc - To) / min(Tm, Tc), the formula of IMB-NBC, neither clipped at 0 nor at 1: below 0 both together
took longer than one after the other.

With Tm' and Tc' for the communication and the computation as seen inside of both: Tm' / Tm and Tc' / Tc, how much each
is slowed down by the other.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import msgspec

from fabricbench.judge.sides import BARRING, Key, launch_median
from fabricbench.model import Case, Record

RUN = ("communication", "computation", "both")
SEEN = ("communication-in-both", "computation-in-both")

_UNFIT = BARRING | {"injected"}


class Times(NamedTuple):
    """Launch medians of the rows of one launch, seconds; None for what was not looked at inside of both."""

    communication_s: float
    computation_s: float
    both_s: float
    communication_in_both_s: float | None = None
    computation_in_both_s: float | None = None

    @property
    def efficiency(self) -> float:
        """Share of the shorter one that was hidden."""
        hidden_s = self.communication_s + self.computation_s - self.both_s
        return hidden_s / min(self.communication_s, self.computation_s)

    @property
    def exposed_s(self) -> float:
        """What the communication adds to the computation."""
        return self.both_s - self.computation_s

    @property
    def communication_slowed(self) -> float | None:
        """How many times as long the communication takes beside the computation."""
        return None if self.communication_in_both_s is None else self.communication_in_both_s / self.communication_s

    @property
    def computation_slowed(self) -> float | None:
        """How many times as long the computation takes beside the communication."""
        return None if self.computation_in_both_s is None else self.computation_in_both_s / self.computation_s


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
        communication_s, computation_s, both_s = zip(*(one[:3] for one in self.launches), strict=True)
        return Times(median(communication_s), median(computation_s), median(both_s))

    @property
    def efficiency(self) -> float | None:
        """Median over launches; none where flags bar it."""
        return self._told(one.efficiency for one in self.launches)

    @property
    def exposed_s(self) -> float | None:
        """Median over launches; none where flags bar it."""
        return self._told(one.exposed_s for one in self.launches)

    @property
    def communication_slowed(self) -> float | None:
        """Median over launches; none where flags bar it, or where nobody looked."""
        return self._told(one.communication_slowed for one in self.launches)

    @property
    def computation_slowed(self) -> float | None:
        """Median over launches; none where flags bar it, or where nobody looked."""
        return self._told(one.computation_slowed for one in self.launches)

    def _told(self, values: Iterable[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return median(known) if known and not self.barred else None


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
    medians = [launch_median(parts[name]) if name in parts else None for name in (*RUN, *SEEN)]
    communication_s, computation_s, both_s, *inside = medians
    if not (communication_s and computation_s and both_s):
        return None
    return Times(communication_s, computation_s, both_s, *inside)

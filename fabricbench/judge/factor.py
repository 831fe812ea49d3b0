"""The one thing that may differ between rows that are compared all the same, because the user said so.

A factor is a condition (library, placement, threads, ...), the machine, a part of what was asked (variant, ranks, ...)
or a parameter of the case (communicator, op, ...). What it cannot but bring with it differs too, and is named.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from fabricbench.errors import unknown
from fabricbench.model import Case, Conditions, Record, Run, Scalar
from fabricbench.store import Result

MACHINE = "machine"
CONDITIONS = ("time", *(name for name in Conditions.__struct_fields__ if name != "flags"))
ASKED = ("variant", "memory", "dtype", "ranks", "cadence", "mode", "in_place")
BRINGS: Mapping[str, tuple[str, ...]] = {
    "variant": ("step", "library", "algorithm"),
    "library": ("algorithm",),
    "ranks": ("placement", "threads"),
    "cadence": ("sync",),
}
"""Conditions that follow from a factor: a variant is called its own way, more ranks lie elsewhere."""

_UNSET = {"communicator": "world"}
"""What the lack of a parameter means; any other is "none"."""

_NEUTRAL: Mapping[str, Scalar] = {"ranks": 0, "in_place": False}
"""What stands for a level in the name of a row whose level is said elsewhere; "*" stands for all others."""

_OWN = ("mpi", "numpy", "world", "none")
"""Levels that others are read against."""


@dataclass(frozen=True, slots=True)
class Factor:
    """A declared factor; `param` where it is a parameter of cases."""

    name: str
    param: bool = False

    @classmethod
    def named(cls, name: str, results: Iterable[Result]) -> "Factor":
        """The factor of this name. Raises UsageError with the nearest names where there is none."""
        if name in (*CONDITIONS, *ASKED, MACHINE):
            return cls(name)
        params = {name for result in results for record in result.records for name in record.case.params}
        if name in params:
            return cls(name, param=True)
        raise unknown("factor", name, {*CONDITIONS, *ASKED, MACHINE, *params})

    @property
    def asked(self) -> bool:
        """Whether the factor is part of the case, so that rows differ in their names."""
        return self.param or self.name in ASKED

    @property
    def allowed(self) -> frozenset[str]:
        """Conditions that may differ."""
        return frozenset({self.name, *self.brings})

    def without(self, case: Case) -> Case:
        """A case as it is called where columns say its level."""
        if self.param:
            rest = {name: value for name, value in case.params.items() if name != self.name}
            return msgspec.structs.replace(case, params=rest)
        if self.name in ASKED:
            return msgspec.structs.replace(case, **{self.name: _NEUTRAL.get(self.name, "*")})
        return case

    def key(self, case: Case) -> tuple[Scalar, ...]:
        """Identity of a case without the factor."""
        return self.without(case).key()

    def of(self, case: Case) -> str:
        """The level of a case, where the factor was asked for."""
        return str(
            case.params.get(self.name, _UNSET.get(self.name, "none")) if self.param else getattr(case, self.name)
        )

    def value(self, record: Record, run: Run) -> str:
        """The level of one record."""
        if self.asked:
            return self.of(record.case)
        if self.name == MACHINE:
            return str(run.machine.get("hostname", "unknown"))
        return record.time if self.name == "time" else str(getattr(record.conditions, self.name))

    def levels(self, results: Sequence[Result]) -> dict[str, list[Result]]:
        """The results cut by level, each cut with the launches that hold it.

        In the order of the files, because the first is what others are held against; within one by name, the
        library's own variants first.
        """
        cut: dict[str, list[Result]] = {}
        for result in results:
            records: dict[str, list[Record]] = {}
            for record in result.records:
                records.setdefault(self.value(record, result.run), []).append(record)
            for level, members in sorted(records.items(), key=lambda item: _place(item[0])):
                numbers = {record.launch for record in members}
                launches = tuple(launch for launch in result.launches if launch.launch in numbers)
                cut.setdefault(level, []).append(replace(result, launches=launches, records=tuple(members)))
        return cut

    @property
    def brings(self) -> tuple[str, ...]:
        """Conditions that follow from the factor."""
        return BRINGS.get(self.name, ())


def _place(level: str) -> tuple[bool, float, str]:
    return level not in _OWN, float(level) if level.isdecimal() else math.inf, level

"""Which row of the other side asks what an imported row asks: tools leave out what goes without saying."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fabricbench.judge.sides import Key, Unit
from fabricbench.model import USUAL, Case


def joined(side: Sequence[Unit], other: Sequence[Unit]) -> list[Unit]:
    """A side whose imported rows have the key of the one row of the other side that they can be held against."""
    cases = {key: record.case for unit in other for key, record in unit.rows.items()}
    alike: dict[Key, list[Key]] = {}
    for key, case in cases.items():
        alike.setdefault(_bare(case), []).append(key)
    return [_renamed(unit, cases, alike) for unit in side]


def _renamed(unit: Unit, cases: Mapping[Key, Case], alike: Mapping[Key, Sequence[Key]]) -> Unit:
    names: dict[Key, Key] = {}
    for key, record in unit.rows.items():
        if record.origin is None or key in cases:
            continue
        found = [one for one in alike.get(_bare(record.case), ()) if _usual(record.case, cases[one])]
        if len(found) == 1 and found[0] not in unit.rows and found[0] not in names.values():
            names[key] = found[0]
    if not names:
        return unit
    return replace(
        unit,
        rows={names.get(key, key): record for key, record in unit.rows.items()},
        medians_s={names.get(key, key): value for key, value in unit.medians_s.items()},
        tails_s={names.get(key, key): value for key, value in unit.tails_s.items()},
    )


def _bare(case: Case) -> Key:
    """All that a case asks but its parameters."""
    asked = (case.operation, case.variant, case.memory, case.dtype, case.nbytes, case.ranks or 0, case.cadence)
    return (*asked, case.mode, case.in_place)


def _usual(said: Case, whole: Case) -> bool:
    """Whether a case asks what another one says, and beyond that only what is usual."""
    more = {name: value for name, value in whole.params.items() if name not in said.params}
    same = all(whole.params.get(name) == value for name, value in said.params.items())
    return same and all(USUAL.get(name) == value for name, value in more.items())

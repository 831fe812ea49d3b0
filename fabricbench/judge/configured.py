"""What the two sides of an alternated series were made to differ in: that is the question, and bars no ratio.

Everything else must be as alike as in any comparison. Time base, synchronisation and flags are how a row was measured,
not what was configured, so they are never among it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from fabricbench.judge.sides import Key, Unit
from fabricbench.model import Record

CONDITIONS = ("step", "placement", "threads", "library", "algorithm")
"""Conditions that follow from variables, installation, launcher or variant of a side."""

Rows = Sequence[Record]


def differences(pairs: Sequence[tuple[Rows, Rows]]) -> list[str]:
    """Every such condition that differs in some row, with the values of each side."""
    found = []
    for name in CONDITIONS:
        apart = [values for base, new in pairs if (values := (_values(base, name), _values(new, name)))[0] != values[1]]
        apart = [values for values in apart if all(values)]
        if apart:
            left, right = (" and ".join(sorted(set().union(*side))) for side in zip(*apart, strict=True))
            found.append(f"{name}: base {left}, new {right}")
    return found


def _values(records: Rows, name: str) -> frozenset[str]:
    return frozenset(str(getattr(record.conditions, name)) for record in records if record.samples_s)


def joined(base: list[Unit], new: list[Unit]) -> tuple[list[Unit], list[Unit], list[str]]:
    """Both sides with the rows of two variants as rows of one, named `new-over-base`, and what to say of it.

    Only where the sides share no row at all, and where but for the variant each row of one is one row of the other.
    """
    left, right = _by_question(base), _by_question(new)
    if not left or left.keys() != right.keys() or any(len(found) > 1 for found in (*left.values(), *right.values())):
        return base, new, []
    names = {question: (*left[question], *right[question]) for question in left}
    if any(first == second for first, second in names.values()):
        return base, new, []
    called = {question: f"{second}-over-{first}" for question, (first, second) in names.items()}
    said = [f"variant: base {first}, new {second}" for first, second in sorted(set(names.values()))]
    return [_renamed(unit, called) for unit in base], [_renamed(unit, called) for unit in new], said


def _by_question(side: Sequence[Unit]) -> dict[Key, set[str]]:
    """The variants of each case of a side, by the rest of the case."""
    found: dict[Key, set[str]] = {}
    for unit in side:
        for record in unit.rows.values():
            found.setdefault(_question(record), set()).add(record.case.variant)
    return found


def _question(record: Record) -> Key:
    return msgspec.structs.replace(record.case, variant="any").key()


def _renamed(unit: Unit, called: Mapping[Key, str]) -> Unit:
    rows, medians_s, tails_s = {}, {}, {}
    for key, record in unit.rows.items():
        case = msgspec.structs.replace(record.case, variant=called[_question(record)])
        rows[case.key()] = msgspec.structs.replace(record, case=case)
        if key in unit.medians_s:
            medians_s[case.key()] = unit.medians_s[key]
        if key in unit.tails_s:
            tails_s[case.key()] = unit.tails_s[key]
    return replace(unit, rows=rows, medians_s=medians_s, tails_s=tails_s)

"""The two sides of a comparison: whose launches they are, and which rows may be compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from fabricbench.errors import UsageError
from fabricbench.model import Conditions, Launch, Record, Run, Scalar
from fabricbench.store import Result

BASE, NEW = "base", "new"

BARRING = frozenset({"oversubscribed", "cpu-fallback", "colocated", "scaled"})
"""Flags under which something else was measured; the others are shown beside the verdict."""

FINGERPRINT = ("cpu", "architecture", "sockets", "cores_physical", "cores_logical", "gpus")
"""What of `run.machine` must agree. Usable cores are left out: they follow the binding of ranks."""

_UNKNOWN = frozenset({"", "unknown"})
"""Texts that say that nothing is known, which is no difference."""

_UNSAID = frozenset({"unknown", "None"})
"""What a tool did not say of its own conditions, which is no difference."""

Key = tuple[Scalar, ...]
Identity = tuple[str, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One launch of one side, the unit of replication; `medians_s` is of rows with samples."""

    path: str
    run: Run
    launch: Launch
    rows: Mapping[Key, Record]
    medians_s: Mapping[Key, float]

    @property
    def identity(self) -> Identity:
        """What makes two launches two."""
        return self.path, self.run.id, self.launch.launch


def split(results: Sequence[Result]) -> tuple[list[Result], list[Result]]:
    """The launches of the base and of the new side of files that hold both. Raises UsageError."""
    base, new = (_only(results, side) for side in (BASE, NEW))
    if not base or not new:
        paths = ", ".join(dict.fromkeys(result.path for result in results))
        raise UsageError(
            f"{paths} does not hold launches of both sides, base and new.",
            "Name the other side's files after --with.",
        )
    return base, new


def _only(results: Sequence[Result], side: str) -> list[Result]:
    kept = []
    for result in results:
        launches = tuple(one for one in result.launches if one.pairing and one.pairing.side == side)
        numbers = {launch.launch for launch in launches}
        records = tuple(record for record in result.records if record.launch in numbers)
        if launches:
            kept.append(replace(result, launches=launches, records=records))
    return kept


def units(results: Sequence[Result]) -> tuple[list[Unit], list[str]]:
    """Every launch once, and a note for each copy: that is no second measurement."""
    seen: dict[tuple[object, ...], Unit] = {}
    notes = []
    for unit in chain.from_iterable(map(_units, results)):
        content = (unit.run.id, unit.launch.launch, unit.launch.id, *unit.medians_s.items())
        first = seen.setdefault(content, unit)
        if first is not unit:
            notes.append(
                f"Launch {unit.launch.launch} of run {unit.run.id} is in {first.path} "
                f"and in {unit.path}; it counts once."
            )
    return list(seen.values()), notes


def _units(result: Result) -> list[Unit]:
    rows: dict[int, dict[Key, Record]] = {launch.launch: {} for launch in result.launches}
    for record in result.records:
        rows[record.launch][record.case.key()] = record
    return [
        Unit(
            path=result.path,
            run=result.run,
            launch=launch,
            rows=rows[launch.launch],
            medians_s=_medians(rows[launch.launch]),
        )
        for launch in result.launches
    ]


def _medians(rows: Mapping[Key, Record]) -> dict[Key, float]:
    medians = {key: launch_median(record) for key, record in rows.items()}
    return {key: value for key, value in medians.items() if value is not None}


def source(side: Sequence[Unit]) -> str:
    """Files, launches and programs of one side, in a line."""
    paths = ", ".join(dict.fromkeys(unit.path for unit in side))
    programs = ", ".join(dict.fromkeys(unit.run.fabricbench for unit in side))
    dates = sorted(unit.launch.started for unit in side)
    count = f"{len(side)} launch{'es' if len(side) > 1 else ''}"
    when = f"{dates[0]} to {dates[-1]}" if _UNKNOWN.isdisjoint(dates) else "imported"
    return f"{paths}: {count}, {when}, fabricbench {programs}"


def launch_median(record: Record) -> float | None:
    """Median of the samples that were kept; none where there are none. Seconds.

    Of an imported row its figure, whatever statistic that is: `unlike` keeps statistics apart.
    """
    if record.origin is not None:
        return record.summary.median_s
    samples = np.asarray(record.samples_s, dtype=np.float64)
    if record.excluded:
        kept = np.ones(samples.size, dtype=np.bool_)
        for first, last, _ in record.excluded:
            kept[first : last + 1] = False
        samples = samples[kept]
    return float(np.median(samples)) if samples.size else None


def alternated(base: Sequence[Unit], new: Sequence[Unit]) -> bool:
    """Whether all launches carry one pairing id and no three neighbours belong to one side."""
    placed = []
    for side, members in ((BASE, base), (NEW, new)):
        for unit in members:
            if unit.launch.pairing is None:
                return False
            placed.append((unit.launch.pairing.position, side, unit.launch.pairing.id))
    placed.sort()
    one_series = len({series for _, _, series in placed}) == 1
    in_order = len({position for position, _, _ in placed}) == len(placed)
    sides = [side for _, side, _ in placed]
    return (
        one_series and in_order and all(len(set(trio)) > 1 for trio in zip(sides, sides[1:], sides[2:], strict=False))
    )


def refuse_injected(base: Sequence[Unit]) -> None:
    """A measurement with a fault put in on purpose is no baseline. Raises UsageError."""
    for unit in base:
        for record in unit.rows.values():
            if "injected" in record.conditions.flags:
                raise UsageError(
                    f"{unit.path} is no baseline: a fault was put into {record.case.text()}.",
                    "Measure the base without --inject.",
                )


def machine_differences(base: Sequence[Unit], new: Sequence[Unit]) -> tuple[list[str], list[str]]:
    """What differs between the machines: what bars every ratio, and what is only said."""
    known = {name: None for unit in (*base, *new) for name in (*unit.run.machine, *unit.run.software)}
    differing = {name: text for name in known if (text := _difference(name, base, new))}
    barring = [text for name, text in differing.items() if name in FINGERPRINT]
    return barring, [text for name, text in differing.items() if name not in FINGERPRINT]


def _difference(name: str, base: Sequence[Unit], new: Sequence[Unit]) -> str:
    left, right = (
        {str({**unit.run.software, **unit.run.machine}.get(name, "")) for unit in side} for side in (base, new)
    )
    if left == right or (left | right) & _UNKNOWN:
        return ""
    return f"{name}: base {_listed(left)}, new {_listed(right)}"


def unlike(base: Sequence[Record], new: Sequence[Record]) -> list[str]:
    """What bars a ratio: conditions that differ between the sides or vary within one."""
    reasons = []
    imported = any(record.origin is not None for record in (*base, *new))
    for name in ("statistic", "time", *Conditions.__struct_fields__):
        left, right = ({_condition(record, name) for record in side} for side in (base, new))
        if imported and (left | right) & _UNSAID:
            continue
        for side, values in ((BASE, left), (NEW, right)):
            if len(values) > 1:
                reasons.append(f"{name} varies between launches of {side}: {_listed(values)}")
        if len(left) == len(right) == 1 and left != right:
            reasons.append(f"{name}: base {_listed(left)}, new {_listed(right)}")
    return reasons


def _condition(record: Record, name: str) -> str:
    if name == "time":
        return record.time
    if name == "statistic":
        return statistic(record)
    if name == "flags":
        return "+".join(sorted(BARRING.intersection(record.conditions.flags))) or "none"
    return str(getattr(record.conditions, name))


def statistic(record: Record) -> str:
    """What the figure of a row is; of a tool that does not say all of it, its own."""
    origin = record.origin
    if origin is None:
        return "median over samples"
    said = f"{origin.statistic or 'unknown'} over samples, {origin.over_ranks or 'unknown'} over ranks"
    return said if origin.statistic and origin.over_ranks else f"{said} of {origin.tool}"


def _listed(values: set[str]) -> str:
    return " and ".join(sorted(values))


def shown_flags(base: Sequence[Record], new: Sequence[Record]) -> tuple[str, ...]:
    """Flags that bar nothing but belong beside the verdict, with the side that has them."""
    return tuple(
        f"{flag} ({side})"
        for side, records in ((BASE, base), (NEW, new))
        for flag in sorted({flag for record in records for flag in record.conditions.flags})
        if flag not in BARRING
    )

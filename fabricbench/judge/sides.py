"""The two sides of a comparison: whose launches they are, and which rows may be compared."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from fabricbench import statistics
from fabricbench.errors import UsageError
from fabricbench.judge.factor import CONDITIONS, MACHINE, Factor
from fabricbench.model import Launch, Record, Run, Scalar
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
Names = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One launch of one side, the unit of replication.

    `medians_s` is of rows with samples, `tails_s` their p99 where they are isolated and have enough of them.
    """

    path: str
    run: Run
    launch: Launch
    rows: Mapping[Key, Record]
    medians_s: Mapping[Key, float]
    tails_s: Mapping[Key, float]

    @property
    def identity(self) -> Identity:
        """What makes two launches two."""
        return self.path, self.run.id, self.launch.launch


def both(results: Iterable[Result]) -> bool:
    """Whether files hold launches of both sides, as a series that alternates them is written."""
    found = {one.pairing.side for result in results for one in result.launches if one.pairing is not None}
    return {BASE, NEW} <= found


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


def units(results: Sequence[Result], factor: Factor | None = None) -> tuple[list[Unit], list[str]]:
    """Every launch once, and a note for each copy, which is no second measurement, and for each torn file.

    factor: what rows may differ in and are the same row all the same. Raises UsageError where that makes two rows of
    one launch the same.
    """
    seen: dict[tuple[object, ...], Unit] = {}
    notes = [f"LOST in {result.path}: {result.lost}" for result in results if result.lost]
    for unit in chain.from_iterable(_units(result, factor) for result in results):
        content = (unit.run.id, unit.launch.launch, unit.launch.id, *unit.medians_s.items())
        first = seen.setdefault(content, unit)
        if first is not unit:
            notes.append(
                f"Launch {unit.launch.launch} of run {unit.run.id} is in {first.path} "
                f"and in {unit.path}; it counts once."
            )
    return list(seen.values()), notes


def _units(result: Result, factor: Factor | None) -> list[Unit]:
    rows: dict[int, dict[Key, Record]] = {launch.launch: {} for launch in result.launches}
    medians: dict[int, dict[Key, float]] = {launch.launch: {} for launch in result.launches}
    tails: dict[int, dict[Key, float]] = {launch.launch: {} for launch in result.launches}
    for record, figures in zip(result.records, figures_of(result.records), strict=True):
        key = record.case.key() if factor is None else factor.key(record.case)
        if factor is not None and key in rows[record.launch]:
            _refuse_several(factor, result, rows[record.launch][key], record)
        rows[record.launch][key] = record
        if figures.median_s is not None:
            medians[record.launch][key] = figures.median_s
        if figures.p99_s is not None and record.case.cadence == "isolated":
            tails[record.launch][key] = figures.p99_s
    return [
        Unit(
            path=result.path,
            run=result.run,
            launch=launch,
            rows=rows[launch.launch],
            medians_s=medians[launch.launch],
            tails_s=tails[launch.launch],
        )
        for launch in result.launches
    ]


def _refuse_several(factor: Factor, result: Result, first: Record, second: Record) -> None:
    levels = " and ".join(factor.value(record, result.run) for record in (first, second))
    raise UsageError(
        f"One launch of {result.path} holds {first.case.text()} with {factor.name} {levels}, so it is no one side.",
        "Name sides that hold one of them each, or leave --with out: then each of them is a column.",
    )


def figures_of(records: Sequence[Record]) -> list[statistics.Ordered]:
    """Order statistics of the samples that count, of many records at once; of an imported one what it says."""
    found = statistics.ordered([statistics.kept(record.samples_s, record.excluded) for record in records])
    return [one if record.origin is None else _printed(record) for record, one in zip(records, found, strict=True)]


def _printed(record: Record) -> statistics.Ordered:
    summary = record.summary
    return statistics.Ordered(
        summary.n or 0, summary.median_s, summary.low_s, summary.high_s, summary.p99_s
    )  # fmt: skip


def source(side: Sequence[Unit]) -> str:
    """Files, launches and programs of one side, in a line."""
    if not side:
        return "no launches"
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
    return figures_of([record])[0].median_s


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


def machine_differences(
    base: Sequence[Unit], new: Sequence[Unit], factor: Factor | None = None, names: Names = (BASE, NEW)
) -> tuple[list[str], list[str]]:
    """What differs between the machines: what bars every ratio, and what is only said. names: what sides are called."""
    known = {name: None for unit in (*base, *new) for name in (*unit.run.machine, *unit.run.software)}
    differing = {name: text for name in known if (text := _difference(name, base, new, names))}
    bars = () if factor is not None and factor.name == MACHINE else FINGERPRINT
    barring = [text for name, text in differing.items() if name in bars]
    return barring, [text for name, text in differing.items() if name not in bars]


def _difference(name: str, base: Sequence[Unit], new: Sequence[Unit], names: Names) -> str:
    left, right = (
        {str({**unit.run.software, **unit.run.machine}.get(name, "")) for unit in side} for side in (base, new)
    )
    if left == right or (left | right) & _UNKNOWN:
        return ""
    return f"{name}: {_told(names[0], left)}, {_told(names[1], right)}"


def unlike(
    base: Sequence[Record], new: Sequence[Record], factor: Factor | None = None, names: Names = (BASE, NEW), *,
    configured: Sequence[str] = (),
) -> list[str]:  # fmt: skip
    """What bars a ratio: conditions that differ between the sides or vary within one.

    factor, configured: what may differ between the sides, though not within one. names: what the sides are called.
    """
    if _all_alike([*base, *new]):
        return []
    reasons = []
    imported = any(record.origin is not None for record in (*base, *new))
    if factor is not None and factor.asked:
        reasons += _varying(factor.name, names, *({factor.of(one.case) for one in side} for side in (base, new)))
    for name in ("statistic", *CONDITIONS, "flags"):
        left, right = ({condition(record, name) for record in side} for side in (base, new))
        if imported and (left | right) & _UNSAID:
            continue
        reasons += _varying(name, names, left, right)
        allowed = name in configured or (factor is not None and name in factor.allowed)
        if len(left) == len(right) == 1 and left != right and not allowed:
            reasons.append(f"{name}: {_told(names[0], left)}, {_told(names[1], right)}")
    return reasons


def _varying(name: str, names: Names, *sides: set[str]) -> list[str]:
    """Sides whose launches do not agree among themselves."""
    return [
        f"{name} varies between launches of {side}: {_listed(values)}"
        for side, values in zip(names, sides, strict=True)
        if len(values) > 1
    ]


def _all_alike(records: Sequence[Record]) -> bool:
    """Whether all are of one case and conditions, which is most often so and quickly seen."""
    first = records[0]
    return all(
        one.conditions == first.conditions and one.time == first.time and one.case == first.case
        and one.origin is None
        for one in records
    )  # fmt: skip


def condition(record: Record, name: str) -> str:
    """One condition as text; of the flags those that bar a ratio."""
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


def held_as(name: str, record: Record, run: Run) -> str:
    """What of the machine or the conditions a record was measured under, as text."""
    return str(run.machine.get(name, "unknown")) if name in FINGERPRINT else condition(record, name)


def _told(side: str, values: set[str]) -> str:
    """What a side has; once where it is called so."""
    text = _listed(values)
    return text if text == side else f"{side} {text}"


def _listed(values: set[str]) -> str:
    return " and ".join(sorted(values))


def shown_flags(base: Sequence[Record], new: Sequence[Record], names: Names = (BASE, NEW)) -> tuple[str, ...]:
    """Flags that bar nothing but belong beside the verdict, with the side that has them."""
    return tuple(
        f"{flag} ({side})"
        for side, records in zip(names, (base, new), strict=True)
        for flag in sorted({flag for record in records for flag in record.conditions.flags})
        if flag not in BARRING
    )

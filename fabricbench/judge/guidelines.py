"""Self-consistent performance guidelines: no call of a library should lose to its other calls that do the same.

Traff, Gropp, Thakur, IEEE TPDS 21(5), 2010, as PGMPI (Hunold et al.) checks them, but on launch medians. Sizes are
those of nccl-tests, the whole array, so what does the same stands in rows of the same size.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import median

from fabricbench.judge.sides import BARRING, Key, launch_median
from fabricbench.model import USUAL, Case, Record, Scalar

LIMIT = 1.05
"""Factor above which a launch violates a guideline; the margin of a comparison, too."""

MOCKUPS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "allreduce": (("reduce", "broadcast"), ("reduce_scatter_block", "allgather")),
    "allgather": (("gather", "broadcast"), ("alltoall",), ("allreduce",), ("allgatherv",)),
    "broadcast": (("scatter", "allgather"),),
    "gather": (("allgather",), ("gatherv",), ("reduce",)),
    "reduce": (("allreduce",), ("reduce_scatter_block", "gather")),
    "reduce_scatter_block": (("reduce", "scatter"), ("reduce_scatter",), ("allreduce",)),
    "scatter": (("broadcast",), ("scatterv",)),
    "alltoall": (("alltoallv",),),
}
"""What does the same as an operation, part after part.

Not broadcast by allgatherv: there the root would hold all elements, while in our rows the ranks share them.
"""

_ROLES = frozenset({"op", "root"})
"""Parameters that not every part of a mock-up has; what else a row has must be the same in all parts."""

_UNFIT = BARRING | {"injected"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A case that took longer than `times` calls of all `parts`, in each of the launches that could be judged."""

    case: Case
    parts: tuple[Case, ...]
    times: int
    time_s: float
    parts_s: float
    launches: int

    @property
    def factor(self) -> float:
        """How many times as long, from medians over launches."""
        return self.time_s / self.parts_s


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One case: by launch its median, and the conditions that must be those of what it is held against."""

    case: Case
    times_s: dict[int, float]
    conditions: dict[int, tuple[object, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rival:
    """What a row must not lose to: so many calls of each of these rows."""

    parts: tuple[_Row, ...]
    times: int = 1


def findings(records: Iterable[Record]) -> list[Finding]:
    """The worst violation of every case that has one, worst case first."""
    rows = _rows(records)
    alike: dict[Key, list[_Row]] = {}
    sizes: dict[Key, list[_Row]] = {}
    for row in rows:
        alike.setdefault(_setting(row.case, row.case.operation), []).append(row)
        sizes.setdefault(_family(row.case), []).append(row)
    worst = (_worst(row, (*_mockups(row, alike), *_resized(row, sizes[_family(row.case)]))) for row in rows)
    return sorted((one for one in worst if one), key=lambda one: -one.factor)


def _rows(records: Iterable[Record]) -> list[_Row]:
    """Rows of the library's own calls; none of a case that was wrong, or unfit to be judged, in any launch."""
    rows: dict[Key, _Row] = {}
    unfit = set()
    for record in records:
        case, seconds = record.case, launch_median(record)
        # Means of other tools say nothing about medians, and what is slowed down on purpose nothing about a library.
        ours = record.origin is None and "aggressor" not in case.params
        if not ours or (case.variant, case.memory, case.mode) != ("mpi", "host", "blocking"):
            continue
        if record.check.status == "wrong" or _UNFIT.intersection(record.conditions.flags):
            unfit.add(case.key())
        elif seconds and record.check.status != "skipped":
            row = rows.setdefault(case.key(), _Row(case=case, times_s={}, conditions={}))
            row.times_s[record.launch] = seconds
            row.conditions[record.launch] = _conditions(record)
    return [row for key, row in rows.items() if key not in unfit]


def _conditions(record: Record) -> tuple[object, ...]:
    """All but the algorithm, in which the parts of a mock-up differ by nature."""
    found = record.conditions
    measured = (record.time, found.step, found.sync)
    return (*measured, found.placement, found.threads, found.library, *sorted(found.flags))


def _setting(case: Case, operation: str) -> Key:
    """What an operation must share with a case, parameters aside, to be part of its mock-up.

    A broadcast has one buffer whatever it is asked, so it serves both in place and not.
    """
    in_place = case.in_place and "broadcast" not in (operation, case.operation)
    return operation, case.dtype, case.nbytes, case.ranks or 0, case.cadence, in_place


def _family(case: Case) -> Key:
    """What rows share that differ in size only."""
    params = (part for item in sorted(case.params.items()) for part in item)
    return case.operation, case.dtype, case.ranks or 0, case.cadence, case.in_place, *params


def _mockups(row: _Row, alike: Mapping[Key, Sequence[_Row]]) -> Iterator[_Rival]:
    """Several parts only where each was measured alone: back to back, one-way operations overlap with themselves."""
    for operations in MOCKUPS.get(row.case.operation, ()):
        if len(operations) == 1 or row.case.cadence == "isolated":
            found = (alike.get(_setting(row.case, operation), ()) for operation in operations)
            choices = ([part for part in some if _serves(part.case, row.case)] for some in found)
            yield from (_Rival(parts=parts) for parts in product(*choices))


def _serves(part: Case, case: Case) -> bool:
    """Whether the parameters of a part are those of the case; the usual ones where the case has none."""
    names = part.params.keys() | (case.params.keys() - _ROLES)
    return all(_asked(part, name) == _asked(case, name) for name in names)


def _asked(case: Case, name: str) -> Scalar | None:
    return case.params.get(name, USUAL.get(name))


def _resized(row: _Row, family: Iterable[_Row]) -> Iterator[_Rival]:
    """Every larger size, which holds the row's own, and every smaller one that divides it."""
    size = row.case.nbytes
    for other in family:
        if other.case.nbytes > size:
            yield _Rival(parts=(other,))
        elif 0 < other.case.nbytes < size and size % other.case.nbytes == 0:
            yield _Rival(parts=(other,), times=size // other.case.nbytes)


def _worst(row: _Row, rivals: Iterable[_Rival]) -> Finding | None:
    found = (_finding(row, rival) for rival in rivals)
    return max((one for one in found if one), key=lambda one: one.factor, default=None)


def _finding(row: _Row, rival: _Rival) -> Finding | None:
    """The violation, if every launch that measured all parts alike shows it."""
    judged = [launch for launch in row.times_s if all(_like(row, part, launch) for part in rival.parts)]
    own = [row.times_s[launch] for launch in judged]
    against = [rival.times * sum(part.times_s[launch] for part in rival.parts) for launch in judged]
    if not judged or any(mine <= LIMIT * theirs for mine, theirs in zip(own, against, strict=True)):
        return None
    return Finding(
        case=row.case,
        parts=tuple(part.case for part in rival.parts),
        times=rival.times,
        time_s=median(own),
        parts_s=median(against),
        launches=len(judged),
    )


def _like(row: _Row, part: _Row, launch: int) -> bool:
    return row.conditions[launch] == part.conditions.get(launch)

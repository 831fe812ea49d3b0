"""What was asked, as titles, leading columns and names of rows; rows of one operation share a table."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Generic, TypeVar

from fabricbench.model import Case
from fabricbench.quantity import ranks_text, size_text
from fabricbench.show.table import Column

FAMILIES = {
    "compute": ("gemm", "fma"),
    "memory": ("copy", "scale", "add", "triad", "dot", "reduction", "chase", "pack", "unpack"),
    "host link": ("h2d", "d2h", "d2d", "both", "peer", "launch", "graph-launch"),
    "point to point": (
        *("latency", "bandwidth", "bidirectional", "message-rate", "halo", "incast", "fan-out"),
        *("permutation", "bisection", "put", "get", "accumulate"),
    ),
    "collectives": (
        *("allreduce", "alltoall", "alltoallv", "alltoallw", "allgather", "allgatherv"),
        *("reduce_scatter", "reduce_scatter_block", "broadcast", "reduce", "gather", "gatherv"),
        *("scatter", "scatterv", "scan", "exscan", "barrier"),
    ),
}
"""Families in the order in which they are shown; what is in none comes last, as "other"."""

OWN = ("mpi", "numpy")
"""Variants that are the library's own, which come first: the others are read against them."""

COLUMNS = {
    "variant": Column(words=("variant",), align="left"),
    "size": Column(words=("size",), unit="B"),
    "type": Column(words=("type",)),
    "with": Column(words=("with",), align="left"),
}
"""Leading columns by what they say. No number of elements: size and type give it, and width is short."""

MOST_NAMES = 4

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(Generic[Item]):
    """The rows of one table, each with its leading cells."""

    title: str
    family: str
    label: str
    """Short name of the table on its page."""
    columns: tuple[Column, ...]
    cells: tuple[tuple[str, ...], ...]
    cases: tuple[Case, ...]
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping(Generic[Item]):
    """All tables of a page, and what all their rows share, which no title repeats."""

    shared: tuple[str, ...]
    groups: tuple[Group[Item], ...]

    def home(self, cases: Sequence[Case]) -> Group[Item] | None:
        """The only table that holds these rows; none where several do."""
        found = [group for group, _ in self._holding(cases)]
        return found[0] if len(found) == 1 else None

    def names(self, cases: Sequence[Case]) -> str:
        """Which rows of the page these are: variants where that says it of several tables, else table by table."""
        everything = [case for group in self.groups for case in group.cases]
        variants = list(dict.fromkeys(case.variant for case in cases))
        if len(cases) == len(everything):
            return row_names(cases, everything)
        if self.home(cases) is None and sum(case.variant in variants for case in everything) == len(cases):
            return ", ".join(variants)
        found = [_in_table(group, members) for group, members in self._holding(cases)]
        return (", " if all(" " not in name for name in found) else "; ").join(found)

    def _holding(self, cases: Sequence[Case]) -> Iterator[tuple[Group[Item], list[Case]]]:
        keys = {case.key() for case in cases}
        for group in self.groups:
            if members := [case for case in group.cases if case.key() in keys]:
                yield group, members


def grouped(items: Sequence[Item], case_of: Callable[[Item], Case]) -> Grouping[Item]:
    """One table an operation, memory, number of ranks and mode, in order of family."""
    tables: dict[tuple[object, ...], list[Item]] = {}
    for item in sorted(items, key=lambda item: _place(case_of(item))):
        tables.setdefault(_table_of(case_of(item)), []).append(item)
    shared = _common([_setting(case_of(item)) for item in items])
    groups = tuple(_group(members, [case_of(item) for item in members], shared) for members in tables.values())
    return Grouping(shared=tuple(shared.values()), groups=groups)


def row_names(cases: Sequence[Case], table: Sequence[Case]) -> str:
    """Which rows of a table these are, in the fewest words that tell them from its others."""
    if len(cases) == len(table):
        return "all rows" if len(table) > 1 else "this row"
    names = _telling(cases, table)
    shown = ", ".join(names[:MOST_NAMES])
    return shown if len(names) <= MOST_NAMES else f"{shown} and {len(names) - MOST_NAMES} more"


def family(case: Case) -> str:
    """Which kind of question a case asks."""
    return next((name for name, members in FAMILIES.items() if case.operation in members), "other")


def _in_table(group: Group[Item], members: Sequence[Case]) -> str:
    whole = len(members) == len(group.cases)
    return group.label if whole else f"{group.label} {row_names(members, group.cases)}"


def _telling(cases: Sequence[Case], table: Sequence[Case]) -> list[str]:
    """Names that hold for these rows of a table and for no other of them."""
    common = _common([_asked(case) for case in table])
    wanted: list[str] = []
    for words in chain.from_iterable(combinations(COLUMNS, count) for count in range(1, len(COLUMNS) + 1)):
        wanted = list(dict.fromkeys(_words(case, words, common) for case in cases))
        matching = sum(_words(case, words, common) in wanted for case in table)
        if matching == len(cases) and all(wanted):
            break  # all columns together always do: they are what makes rows differ
    return wanted


def _words(case: Case, names: Sequence[str], common: dict[str, str]) -> str:
    said = {**_leading(case, common), "size": size_text(case.nbytes)}
    return " ".join(said[name] for name in names if said[name])


def _place(case: Case) -> tuple[object, ...]:
    order = [*FAMILIES, "other"].index(family(case))
    params = str(sorted(case.params.items()))
    own = OWN.index(case.variant) if case.variant in OWN else len(OWN)
    return (order, *_table_of(case), own, case.variant, case.dtype, params, case.nbytes, case.cadence)


def _table_of(case: Case) -> tuple[object, ...]:
    return case.operation, case.memory, case.ranks or 0, case.mode


def _setting(case: Case) -> dict[str, str]:
    """What rows of one table always share, by name."""
    return {"ranks": ranks_text(case.ranks), "memory": f"{case.memory} memory", "mode": case.mode}


def _asked(case: Case) -> dict[str, str]:
    """What may differ between rows of one table and has no column of its own, by name."""
    place = {"in-place": "in-place"} if case.in_place else {}
    params = {name: f"{name}={value}" for name, value in sorted(case.params.items())}
    return {"cadence": case.cadence, **place, **params}


def _common(asked: Sequence[dict[str, str]]) -> dict[str, str]:
    """What all rows share; it is said once."""
    first = asked[0] if asked else {}
    return {name: text for name, text in first.items() if all(one.get(name) == text for one in asked)}


def _group(items: Sequence[Item], cases: Sequence[Case], shared: dict[str, str]) -> Group[Item]:
    common = _common([_asked(case) for case in cases])
    leading = [_leading(case, common) for case in cases]
    alike = {name: text for name, text in _common(leading).items() if name in ("variant", "type")}
    kept = [name for name in COLUMNS if name not in alike and any(row[name] for row in leading)]
    setting = [text for name, text in _setting(cases[0]).items() if name not in shared]
    operation = "/".join([cases[0].operation, *[text for name, text in alike.items() if name == "variant"]])
    types = [text for name, text in alike.items() if name == "type"]
    return Group(
        family=family(cases[0]),
        title=f"{family(cases[0])}: {', '.join([operation, *types, *setting, *common.values()])}",
        label=" ".join([cases[0].operation, *setting]),
        columns=tuple(COLUMNS[name] for name in kept),
        cells=tuple(tuple(row[name] for name in kept) for row in leading),
        cases=tuple(cases),
        items=tuple(items),
    )


def _leading(case: Case, common: dict[str, str]) -> dict[str, str]:
    own = [text for name, text in _asked(case).items() if name not in common]
    return {"variant": case.variant, "size": str(case.nbytes), "type": case.dtype, "with": " ".join(own)}

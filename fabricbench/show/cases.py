"""What was asked, as titles and leading columns; rows of one variant share a table."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from fabricbench.model import Case
from fabricbench.quantity import size_text
from fabricbench.show.table import ABSENT, Column

FAMILIES = {
    "compute": ("gemm", "fma"),
    "memory": ("copy", "scale", "add", "triad", "dot", "chase", "pack", "unpack"),
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

CASE_COLUMNS = (
    Column(words=("size",), unit="B"),
    Column(words=("count",), unit="elements"),
    Column(words=("type",)),
    Column(words=("with",), align="left"),
)

Item = TypeVar("Item")


def grouped(
    items: Sequence[Item], case_of: Callable[[Item], Case]
) -> list[tuple[str, list[tuple[tuple[str, ...], Item]]]]:
    """Tables in order of family: title, then cells of CASE_COLUMNS and the item of every row."""
    groups: dict[tuple[object, ...], list[Item]] = {}
    for item in sorted(items, key=lambda item: _place(case_of(item))):
        groups.setdefault(_table_of(case_of(item)), []).append(item)
    tables = []
    for members in groups.values():
        cases = [case_of(item) for item in members]
        common = _common(cases)
        cells = [_cells(case, common) for case in cases]
        tables.append((_title(cases[0], common), list(zip(cells, members, strict=True))))
    return tables


def row_names(cases: Sequence[Case], of: int) -> str:
    """Which rows of a table with `of` rows a note is about, in a few words."""
    if len(cases) == of:
        return "all rows" if of > 1 else "this row"
    names = list(dict.fromkeys(size_text(case.nbytes) for case in cases))
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more sizes"  # noqa: PLR2004


def _place(case: Case) -> tuple[object, ...]:
    order = [*FAMILIES, "other"].index(family(case))
    return (order, *_table_of(case), case.dtype, str(sorted(case.params.items())), case.nbytes)


def family(case: Case) -> str:
    """Which kind of question a case asks."""
    return next((name for name, members in FAMILIES.items() if case.operation in members), "other")


def _table_of(case: Case) -> tuple[object, ...]:
    return case.operation, case.variant, case.memory, case.ranks, case.mode


def _asked(case: Case) -> dict[str, str]:
    """What may differ between rows of one table, by name."""
    place = {"in-place": "in-place"} if case.in_place else {}
    params = {name: f"{name}={value}" for name, value in sorted(case.params.items())}
    return {"cadence": case.cadence, **place, **params}


def _common(cases: Sequence[Case]) -> dict[str, str]:
    """What all rows of a table share; the title says it once."""
    asked = [_asked(case) for case in cases]
    return {name: text for name, text in asked[0].items() if all(one.get(name) == text for one in asked)}


def _title(case: Case, common: dict[str, str]) -> str:
    ranks = f"{case.ranks} rank{'s' if case.ranks > 1 else ''}"
    asked = ", ".join([ranks, f"{case.memory} memory", case.mode, *common.values()])
    return f"{family(case)}: {case.operation}/{case.variant}, {asked}"


def _cells(case: Case, common: dict[str, str]) -> tuple[str, ...]:
    own = [text for name, text in _asked(case).items() if name not in common]
    return str(case.nbytes), _count(case), case.dtype, " ".join(own)


def _count(case: Case) -> str:
    """Elements of the array; the first number in a type's name is its width in bits."""
    bits = re.search(r"\d+", case.dtype)
    return str(case.nbytes * 8 // int(bits[0])) if bits and int(bits[0]) else ABSENT

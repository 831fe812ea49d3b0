"""Listings -> pages."""

import textwrap
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from fabricbench.show.table import Column, Page, Table

Listing = Sequence[dict[str, Any]]

NAMES_WIDTH = 56
"""Characters of names in a line; together with that of the longest operation it fits a terminal of 80."""


def page(what: str, listing: Listing) -> Page:
    """The page of one listing, as the API gives it."""
    table = {"operations": _operations, "variants": _variants, "suites": _plain, "devices": _plain}[what]
    return Page(
        alarms=(),
        facts=(),
        tables=(table(what, listing),),
        notes=tuple(_unavailable(what, listing)),
    )


def _operations(what: str, listing: Listing) -> Table:
    some_missing = any(not row["available"] for entry in listing for row in entry["variants"])
    heads = ("operation", "available", *["not available"] * some_missing)
    width = NAMES_WIDTH // (len(heads) - 1)

    def named(entry: dict[str, Any], available: bool) -> list[str]:
        names = " ".join(row["variant"] for row in entry["variants"] if row["available"] is available)
        return textwrap.wrap(names, width, break_long_words=False, break_on_hyphens=False) or ["-"]

    rows = tuple(
        row
        for entry in listing
        for row in zip_longest(
            [entry["operation"]], named(entry, True), *[named(entry, False)] * some_missing, fillvalue=""
        )
    )
    return _table("operations and their variants", heads, rows)


def _variants(what: str, listing: Listing) -> Table:
    rows = tuple((f"{row['operation']}/{row['variant']}", row["step"], " ".join(row["dtypes"])) for row in listing)
    return _table("variants", ("variant", "step", "types"), rows)


def _plain(what: str, listing: Listing) -> Table:
    names = tuple(listing[0])
    return _table(what, names, tuple(tuple(str(row[name]) for name in names) for row in listing))


def _unavailable(what: str, listing: Listing) -> list[str]:
    if what not in ("operations", "variants"):
        return []
    rows = [row for entry in listing for row in entry.get("variants", [entry])]
    return [f"Not available: {why}" for why in dict.fromkeys(row["why"] for row in rows if row["why"])]


def _table(title: str, names: Sequence[str], rows: tuple[tuple[str, ...], ...]) -> Table:
    columns = tuple(Column(words=(name,), align="left") for name in names)
    return Table(title=title, columns=columns, rows=rows)

"""What would be measured -> a page."""

from collections.abc import Sequence
from typing import Any

from fabricbench.model import USUAL
from fabricbench.quantity import about_size, size_text
from fabricbench.show.table import Column, Page, Table

HEADS = ("case", "type", "with", "size", "cadence", "a rank holds")


def page(cases: Sequence[dict[str, Any]], *, expected_s: float, launches: int) -> Page:
    """Cases in the order of the suite; a launch measures them in its own random order."""
    rows = tuple(
        (
            f"{case['operation']}/{case['variant']}", case["dtype"], _asked(case), size_text(case["nbytes"]),
            case["cadence"], about_size(case["bytes_per_rank"]),
        )
        for case in cases
    )  # fmt: skip
    ranks = cases[0]["ranks"]
    columns = tuple(Column(words=(head,), align="left" if head in HEADS[:3] else "right") for head in HEADS)
    facts = (
        ("ranks", str(ranks)),
        ("launches", str(launches)),
        ("expected time", f"about {expected_s:.0f} s"),
    )
    table = Table(title=f"{len(rows)} case{'s' if len(rows) > 1 else ''} would be measured", columns=columns, rows=rows)
    return Page(alarms=(), facts=facts, tables=(table,))


def _asked(case: dict[str, Any]) -> str:
    """What is asked beside the usual."""
    more = [f"{name}={value}" for name, value in case["params"].items() if USUAL.get(name) != value]
    mode = [] if case["mode"] == "blocking" else [case["mode"]]
    return " ".join([*mode, *(["in-place"] if case["in_place"] else []), *more])

"""A series of `ab`, done or planned -> a page: the comparison, and which looks it took."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fabricbench.judge.sequential import Look, Report, promise
from fabricbench.quantity import percent_text
from fabricbench.show import plans, verdicts
from fabricbench.show.table import Page, Table

ALIKE = "BOTH SIDES ARE THE SAME: whatever is called worse or better is a false alarm."


def page(report: Report) -> Page:
    """The comparison at the last look, with the looks before it."""
    compared = verdicts.page(report.comparison)
    looks = "; ".join(f"{one.launches}: {_counts(one)}" for one in report.looks)
    return replace(
        compared,
        alarms=(*([ALIKE] if report.alike else []), *compared.alarms),
        facts=(
            *compared.facts,
            ("looks", f"launches a side and rows that decide: {looks}"),
            _promised(report.planned, tails=bool(report.comparison.tails)),
        ),
        notes=(*compared.notes, _ended(report)),
    )


def preview(
    commands: Sequence[str], found: Sequence[Mapping[str, Any] | None], *, looks: tuple[int, ...], alike: bool,
    expected_s: float | None,
) -> Page:  # fmt: skip
    """What a series would do. commands, found: of the base and of the new side."""
    tables: list[Table] = []
    for side, plan in zip(("base", "new"), found, strict=True):
        if plan is not None and not (tables and plan == found[0]):
            made = plans.page(plan["cases"], expected_s=plan["expected_s"], launches=1)
            tables += [replace(table, title=f"{side}: {table.title}") for table in made.tables]
    longest = "not known: a side cannot say" if expected_s is None else f"at most about {expected_s:.0f} s"
    return Page(
        alarms=(ALIKE,) if alike else (),
        facts=(
            ("base", commands[0]),
            ("new", commands[1]),
            ("looks", f"after {_listed(looks)} launches a side, until one answers"),
            _promised(looks),
            ("expected time", longest),
        ),
        tables=tuple(tables),
    )


def _promised(looks: tuple[int, ...], *, tails: bool = False) -> tuple[str, str]:
    share = percent_text(promise(looks))
    more = ", and as many again by their p99" if tails else ""
    said = f"at most {share} of tables without a difference are called worse or better{more}, all looks together"
    return "error", said


def _counts(look: Look) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in look.verdicts.items())


def _ended(report: Report) -> str:
    found, last = report.looks[-1].verdicts, report.looks[-1].launches
    if "worse" in found:
        return f"Stopped after {last} launches a side: a row is worse."
    if "unclear" not in found:
        return f"Stopped after {last} launches a side: no row is left that more launches could decide."
    return f"No answer for {found['unclear']} of the rows after {last} launches a side, which was the last look."


def _listed(looks: Sequence[int]) -> str:
    return " or ".join(filter(None, (", ".join(map(str, looks[:-1])), str(looks[-1]))))

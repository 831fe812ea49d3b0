"""Expectations of a result -> their page, and what was learnt -> the text of an expectation file."""

import json
from collections import Counter
from collections.abc import Sequence

from fabricbench.judge.bounds import ceiling_text
from fabricbench.judge.expect import Expected, Row, Verdict
from fabricbench.judge.learn import Learnt, Lesson
from fabricbench.model import Case, Ceiling
from fabricbench.show.cases import Group, grouped
from fabricbench.show.columns import figure_unit
from fabricbench.show.notes import Note, at_end, under
from fabricbench.show.table import Column, Page, Table, number_text, share_text

ORDER: tuple[Verdict, ...] = ("FAIL", "PASS", "UNLIKE", "MISSING")

COLUMNS = (
    Column(words=("metric",), align="left"),
    Column(words=("found",)),
    Column(words=("low",)),
    Column(words=("high",)),
    Column(words=("unit",), align="left"),
    Column(words=("of ceiling",), unit="%"),
    Column(words=("launches",)),
    Column(words=("verdict",), align="left"),
    Column(words=("line",)),
)


def page(expected: Expected) -> Page:
    """Every row that something is expected of, and what no row answers to."""
    tables = grouped(expected.rows, lambda row: row.case)
    notes = [*_ceilings(expected.rows), *_reasons(expected.rows)]
    return Page(
        alarms=expected.notes,
        facts=(
            ("expect", expected.path),
            ("result", expected.result),
            *([("how", "; ".join(tables.shared))] if tables.shared else []),
        ),
        tables=tuple(_table(group, under(group, notes, tables)) for group in tables.groups),
        notes=(*at_end(notes, tables), *_ending(expected)),
    )


def _table(group: Group[Row], notes: tuple[str, ...]) -> Table:
    return Table(
        title=group.title,
        block=group.family,
        columns=(*group.columns, *COLUMNS),
        rows=tuple((*left, *_cells(row)) for left, row in zip(group.cells, group.items, strict=True)),
        notes=notes,
    )


def _cells(row: Row) -> tuple[str, ...]:
    one = row.expectation
    return (
        one.metric,
        *(number_text(value) for value in (row.value, one.low, one.high)),
        one.unit,
        share_text(row.share),
        str(row.launches),
        row.verdict,
        str(one.line),
    )


def _ceilings(rows: Sequence[Row]) -> list[Note]:
    """What 100 % is, with its source, as above the tables of a result."""
    kinds: dict[tuple[str, ...], tuple[Ceiling, list[Case]]] = {}
    for row in rows:
        one = row.ceiling
        if one is not None:
            kinds.setdefault((one.resource, one.scope, one.nature, one.source), (one, []))[1].append(row.case)
    return [Note(head="100 %", cases=tuple(cases), text=ceiling_text(one)) for one, cases in kinds.values()]


def _reasons(rows: Sequence[Row]) -> list[Note]:
    """Why rows do not pass, and who says what they should reach: once for all rows that share it."""
    reasons: dict[tuple[str, str], list[Case]] = {}
    sources: dict[tuple[str, str], list[Case]] = {}
    for row in sorted(rows, key=lambda row: ORDER.index(row.verdict)):
        if row.reason:
            reasons.setdefault((row.verdict, f"{row.reason}."), []).append(row.case)
            sources.setdefault(("source", f"{row.expectation.source}."), []).append(row.case)
    found = [*reasons.items(), *sources.items()]
    return [Note(head=head, cases=tuple(cases), text=text) for (head, text), cases in found]


def _ending(expected: Expected) -> list[str]:
    counts = Counter(row.verdict for row in expected.rows)
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in ORDER if counts[verdict])
    gated = sum(row.gated for row in expected.rows)
    return [
        *(
            f"Line {one.line} of {expected.path}: no row matches '{one.pattern}' and has {one.metric}."
            for one in expected.idle
        ),
        *([f"Nothing is expected of {expected.unexpected} rows."] if expected.unexpected else []),
        f"{len(expected.rows)} expectations: {said}.",
        *([f"{gated} of them decide the exit status."] if gated < len(expected.rows) else []),
    ]


def lesson(learnt: Lesson, path: str) -> Page:
    """What was written, and what was left out."""
    narrow = [row.high / row.low for row in learnt.rows]
    widths = f"widest {max(narrow):.2f} x from low to high, narrowest {min(narrow):.2f} x"
    return Page(
        alarms=learnt.notes,
        facts=(("written", path), ("rows", f"{len(learnt.rows)}, {widths}"), ("from", learnt.rows[0].source)),
        tables=(),
        notes=("Read it, correct it, then: compare RESULT --expect " + path,),
    )


def toml(lesson: Lesson) -> str:
    """An expectation file as `compare --expect` reads it."""
    head = (
        "# Learnt by `fabricbench compare --learn`; the format is described in docs/comparing.md.\n"
        "# An interval is wide where launches were few or differed: learn again from more of them.\n"
    )
    return "\n".join([head, *(_entry(row) for row in lesson.rows)])


def _entry(row: Learnt) -> str:
    scale, unit = figure_unit(row.metric, (row.low, row.high))
    like = ", ".join(f"{name} = {_text(value)}" for name, value in row.like.items())
    return (
        f"[[expect]]\ncase = {_text(row.pattern)}\nmetric = {_text(row.metric)}\n"
        f"low = {row.low / scale:.4g}\nhigh = {row.high / scale:.4g}\nunit = {_text(unit)}\n"
        f"source = {_text(row.source)}\nlike = {{ {like} }}\n"
    )


def _text(text: str) -> str:
    """A basic string of TOML: its escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

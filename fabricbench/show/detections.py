"""How often faults are named -> tables."""

import math
from collections.abc import Sequence

from fabricbench.judge.detection import SEVERITIES, Edge, Outcome
from fabricbench.judge.placements import Live
from fabricbench.judge.resampled import Source
from fabricbench.quantity import percent_text
from fabricbench.show.table import ABSENT, Column, Table

NOBODY = "nothing slow"
KNOWN = "groups known"
CASES = {
    "clean": "nothing slow",
    "transmit": "one host sends at half",
    "receive": "one host receives at half",
    "link": "one host has half both ways",
    "leaves": "uplink carries half of a leaf",
    "wide": "nothing slow",
}


def outcomes(found: Sequence[Outcome], title: str) -> Table:
    """A row a fault: share found by severity, and over all severities the runs that suspected or blamed others."""
    columns = (
        Column(words=("fault",), align="left"),
        *(Column(words=("found at", percent_text(severity)), unit="%") for severity in SEVERITIES),
        Column(words=("others", "suspected"), unit="%"),
        Column(words=("others", "blamed"), unit="%"),
    )
    names = dict.fromkeys((one.grouped, one.fault) for one in found)
    rows = tuple(_row([one for one in found if (one.grouped, one.fault) == name]) for name in names)
    return Table(title=title, columns=columns, rows=rows)


def _row(some: Sequence[Outcome]) -> tuple[str, ...]:
    first = some[0]
    by = {one.severity: one for one in some}
    name = first.fault or (f"{NOBODY}, {KNOWN}" if first.grouped else NOBODY)
    cells = [_share(by[severity], by[severity].found) if severity in by else ABSENT for severity in SEVERITIES]
    total = first
    for one in some[1:]:
        total = total.with_more(one)
    return name, *cells, _share(total, total.suspected), _share(total, total.blamed)


def _share(one: Outcome, count: int) -> str:
    low, high = one.interval(count)
    return f"{100 * count / one.runs:.1f} ({100 * low:.1f}-{100 * high:.1f})"


def edges(found: Sequence[Edge]) -> Table:
    """What runs said that they see, and whether they do."""
    columns = (
        Column(words=("hosts",)),
        Column(words=("fault",), align="left"),
        Column(words=("runs",)),
        Column(words=("it sees", "from"), unit="%"),
        Column(words=("named", "just above"), unit="%"),
        Column(words=("named", "just below"), unit="%"),
    )
    rows = tuple(
        (
            str(one.hosts), one.fault, str(one.runs), f"{100 * one.severity:.1f}",
            f"{100 * one.above / one.runs:.1f}", f"{100 * one.below / one.runs:.1f}",
        )
        for one in found
    )  # fmt: skip
    return Table(title="what a run says that it sees", columns=columns, rows=rows)


def sources(found: Sequence[tuple[str, Source]]) -> Table:
    """Clean runs from which noise is taken, by file."""
    columns = (
        Column(words=("file",), align="left"),
        Column(words=("hosts",)),
        Column(words=("pairs",)),
        Column(words=("repeats",)),
        Column(words=("pair",), unit="%"),
        Column(words=("wave",), unit="%"),
        Column(words=("host",), unit="%"),
    )
    rows = tuple(
        (
            name, str(len(one.hosts)), str(one.residual.size), f"{one.counts.mean():.0f}",
            *(f"{100 * math.expm1(value):.2f}" for value in (one.noise, one.waves, one.spread)),
        )
        for name, one in found
    )  # fmt: skip
    return Table(title="noise: standard deviations of clean runs", columns=columns, rows=rows)


def live(found: Sequence[Live]) -> Table:
    """Runs of `diagnose` on fabrics of known speed."""
    columns = (
        Column(words=("fabric",), align="left"),
        Column(words=("hosts",)),
        Column(words=("library",), align="left"),
        Column(words=("right",)),
        Column(words=("of",)),
        Column(words=("95 %",), unit="%"),
        Column(words=("others", "suspected")),
        Column(words=("noise of", "a pair"), unit="%"),
    )
    rows = tuple(
        (
            CASES[one.case], str(one.hosts), one.library, str(one.right), str(one.runs),
            "-".join(f"{100 * end:.1f}" for end in one.interval), str(one.suspected), f"{100 * one.noise:.2f}",
        )
        for one in found
    )  # fmt: skip
    return Table(title="live: diagnosed as a user does it", columns=columns, rows=rows)

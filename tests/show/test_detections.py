"""Tables of how often faults are named."""

import numpy as np

from fabricbench.judge.detection import Edge, Outcome
from fabricbench.judge.resampled import Source
from fabricbench.show import detections, screen
from fabricbench.show.table import Page, Table


def lines(table: Table) -> list[str]:
    return screen.page_text(Page(alarms=(), facts=(), tables=(table,))).splitlines()


def outcome(fault: str | None, severity: float, found: int, suspected: int = 0, blamed: int = 0) -> Outcome:
    return Outcome(
        hosts=16, grouped=False, fault=fault, severity=severity, runs=100, found=found,  # type: ignore[arg-type]
        suspected=suspected, blamed=blamed,
    )  # fmt: skip


def test_a_row_has_what_was_found_by_severity_and_whom_else_it_met() -> None:
    some = [
        outcome("link", 0.05, 0, 3),
        outcome("link", 0.1, 60),
        outcome("link", 0.2, 99, 1, 1),
        outcome("link", 0.5, 100),
    ]
    text = lines(detections.outcomes([outcome(None, 0.0, 98, 4, 2), *some], "16 hosts"))
    assert text[-2].split() == ["nothing", "slow", *["N/A"] * 4, "4.0", "(1.1-9.9)", "2.0", "(0.2-7.0)"]
    assert text[-1].split() == [
        "link", "0.0", "(0.0-3.6)", "60.0", "(49.7-69.7)", "99.0", "(94.6-100.0)", "100.0", "(96.4-100.0)", "1.0",
        "(0.3-2.5)", "0.2", "(0.0-1.4)",
    ]  # fmt: skip


def test_edges_are_shares_of_their_runs() -> None:
    edge = Edge(hosts=4, fault="one way", runs=200, severity=0.123, above=190, below=3)
    assert lines(detections.edges([edge]))[-1].split() == ["4", "one", "way", "200", "12.3", "95.0", "1.5"]


def test_a_source_is_told_by_its_spreads() -> None:
    one = Source(
        hosts=np.full((8, 2), 0.02), common=np.full(14, 0.03), residual=np.full((14, 4), 0.01),
        apart=np.zeros((14, 4)), counts=np.full((14, 4), 7),
    )  # fmt: skip
    assert lines(detections.sources([("a.jsonl", one)]))[-1].split() == [
        "a.jsonl",
        "8",
        "56",
        "7",
        "1.01",
        "3.05",
        "2.02",
    ]

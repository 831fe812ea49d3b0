"""What was diagnosed of a known fabric: right, or not."""

from typing import Any

import pytest

from fabricbench.judge.placements import CASES, Case, Placement, counted
from fabricbench.show import detections, screen
from fabricbench.show.table import Page


def placement(case: Case, **more: Any) -> Placement:
    fields: dict[str, Any] = {
        "case": case, "seed": 1, "library": "Some MPI 1", "hosts": 4, "rate_mbit": 70, "share": 0.5, "host": None,
        "status": 0, "confirmed": [], "suspected": [], "together": 1.0, "noise": 0.01, "sees": {}, "seconds": 9.0,
    }  # fmt: skip
    return Placement(**(fields | more))


@pytest.mark.parametrize(
    ("case", "more", "right"),
    [
        ("clean", {}, True),
        ("clean", {"suspected": [("pair", [0, 1])]}, True),
        ("clean", {"confirmed": [("pair", [0, 1])], "status": 1}, False),
        ("clean", {"status": 4}, False),
        ("wide", {}, True),
        ("transmit", {"host": 2, "confirmed": [("transmit", [2])], "status": 1}, True),
        ("transmit", {"host": 2, "confirmed": [("receive", [2])], "status": 1}, False),
        ("transmit", {"host": 2, "confirmed": [("transmit", [1])], "status": 1}, False),
        ("transmit", {"host": 2}, False),
        ("receive", {"host": 0, "confirmed": [("receive", [0])], "status": 1}, True),
        ("link", {"host": 3, "confirmed": [("host", [3])], "status": 1}, True),
        ("link", {"host": 3, "confirmed": [("transmit", [3])], "status": 1}, False),
        ("link", {"host": 3, "confirmed": [("host", [3]), ("pair", [0, 1])], "status": 1}, False),
        ("leaves", {"together": 0.5}, True),
        ("leaves", {"together": 0.99}, False),
        ("leaves", {"together": None}, False),
        ("leaves", {"together": 0.5, "confirmed": [("host", [3])], "status": 1}, False),
    ],
)
def test_only_the_slow_host_with_its_direction_is_right(case: Case, more: dict[str, Any], *, right: bool) -> None:
    assert placement(case, **more).right == right


def test_cases_are_counted_by_library_and_shown() -> None:
    runs = [placement(case, library=library) for library in ("B 1", "A 2") for case in reversed(CASES)]
    runs += [placement("clean", library="A 2", status=4, noise=None)]
    found = counted(runs)
    assert [(one.library, one.case) for one in found] == [
        (library, case) for library in ("A 2", "B 1") for case in CASES
    ]
    assert (found[0].runs, found[0].right) == (2, 1)
    text = screen.page_text(Page(alarms=(), facts=(), tables=(detections.live(found),)))
    assert "one host sends at half" in text
    assert "1.3-98.7" in text

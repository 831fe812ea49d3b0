"""Findings: their verdicts, and the control over several launches."""

import pytest

from fabricbench.judge import fitness


def test_a_number_is_ok_doubtful_or_unknown() -> None:
    found = [fitness.at_most("x", value, "s", 1e-6, "Do.", why="Nobody looked.") for value in (1e-6, 2e-6, None)]
    assert [(one.verdict, one.remedy) for one in found] == [("ok", ""), ("doubt", "Do."), ("unknown", "Nobody looked.")]
    assert found[0].expected == "at most 1.00 us"


def test_words_are_ok_doubtful_or_unknown() -> None:
    found = [fitness.told("x", "a", "b", fits, "Do.") for fits in (True, False, None)]
    assert [(one.verdict, one.remedy) for one in found] == [("ok", ""), ("doubt", "Do."), ("unknown", "Do.")]


def test_the_control_is_the_median_of_the_launches_by_size() -> None:
    launches = [{"pingpong": {1: ratio, 2: 1.0}, "allreduce": None} for ratio in (1.21, 9.0, 1.1)]
    control = fitness.control(launches, "no all-reduce")
    assert control.pingpong is not None
    assert control.pingpong.ratios == {"1": 1.21, "2": 1.0}
    assert control.pingpong.worst == 1.21
    assert control.pingpong.geomean == pytest.approx(1.1)
    assert control.allreduce is None


def test_without_a_control_its_findings_are_unknown() -> None:
    found = fitness.over_control("ping-pong", None, "no compiler")
    assert {(one.verdict, one.value, one.remedy) for one in found} == {("unknown", None, "no compiler")}

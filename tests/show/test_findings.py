"""The page of a doctor's report."""

from fabricbench.judge import fitness
from fabricbench.judge.fitness import Report
from fabricbench.show import findings, screen


def text(*, why: str | None) -> str:
    ratios = None if why else {1: 1.01, 4: 1.02}
    control = fitness.control([{"pingpong": ratios, "allreduce": None if why else {4: 0.99}}], why)
    found = (
        fitness.at_most("empty step", 5e-9, "s", 1e-8, "Quiet it."),
        fitness.at_most("load now", 1.5, "cores", 0.2, "Quiet it."),
        *fitness.over_control("ping-pong", control.pingpong, control.why),
    )
    return screen.page_text(
        findings.page(Report(library="none", ranks=2, launches=1, findings=found, control=control))
    )  # fmt: skip


def test_doubts_come_first_and_with_their_remedy() -> None:
    lines = text(why=None).splitlines()
    assert lines[0] == "DOUBTS: 1 of 4 findings."
    assert any(line.split() == ["empty", "step", "5.00", "ns", "at", "most", "10.0", "ns", "ok"] for line in lines)
    assert "  doubt: load now: Quiet it." in lines


def test_ratios_by_size() -> None:
    lines = [line.split() for line in text(why=None).splitlines()]
    assert ["1", "1.010", "N/A"] in lines
    assert ["4", "1.020", "0.990"] in lines


def test_no_control_says_why() -> None:
    page = text(why="There is no compiler.")
    assert "No C control: There is no compiler." in page
    assert "over that of the same loop in C" not in page

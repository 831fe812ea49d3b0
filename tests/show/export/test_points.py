"""Which launches count together, what rows are called, and what may be used."""

import pytest
from builders import changed, make_case, make_launch, make_record, make_result, make_side

from fabricbench.errors import UnreadableError, UsageError
from fabricbench.model import Check, Origin, Summary
from fabricbench.show.export.points import moment, points_of


def test_launches_of_several_runs_count_together() -> None:
    """As `run --append` under a launcher leaves them: a run a launch."""
    runs = [make_side(f"run{number}", [1e-4 + number * 1e-6]) for number in range(6)]
    (point,) = points_of(runs, "*")
    assert (point.launches, point.time_s, point.interval_s) == (6, 1.025e-4, (1e-4, 1.05e-4))


def test_a_copy_is_no_second_measurement() -> None:
    runs = [make_side("a", [1e-4, 3e-4]), make_side("b", [2e-4])]
    (point,) = points_of([*runs, runs[0]], "*")
    assert (point.launches, point.time_s) == (3, 2e-4)


def test_figures_have_the_six_digits_of_a_file() -> None:
    (point,) = points_of([make_side("a", [1.23456e-4, 1.23459e-4])], "*")
    assert point.time_s in (1.23457e-4, 1.23458e-4)
    assert point.rates["algbw"] == float(f"{point.rates['algbw']:.6g}")


@pytest.mark.parametrize(
    ("conditions", "said"),
    [({"step": "python"}, "step compiled, then python"), ({"flags": ["oversubscribed"]}, "flags none, then oversub")],
)
def test_runs_under_other_conditions_are_refused(conditions: dict[str, object], said: str) -> None:
    runs = [make_side("a", [1e-4]), make_side("b", [1e-4], conditions=conditions)]
    with pytest.raises(UsageError, match=said) as caught:
        points_of(runs, "*")
    assert "b.jsonl than in a.jsonl" in caught.value.what


def test_flags_that_bar_no_comparison_bar_no_median() -> None:
    runs = [make_side("a", [1e-4]), make_side("b", [1e-4], conditions={"flags": ["in-cache"]})]
    (point,) = points_of(runs, "*")
    assert point.flags == ["in-cache"]


def test_other_machines_are_refused() -> None:
    runs = [make_result(name, [make_record()], machine={"cpu": f"Model {name}"}) for name in ("a", "b")]
    with pytest.raises(UsageError, match="different machines: cpu Model a, cpu Model b"):
        points_of(runs, "*")


def test_unknown_is_no_difference() -> None:
    runs = [make_result("a", [make_record()]), make_result("b", [make_record()], machine={"cpu": "unknown"})]
    assert len(points_of(runs, "*")) == 1


def test_a_name_does_not_depend_on_what_else_is_in_the_file() -> None:
    cases = [make_case(ranks=2), make_case(ranks=4), make_case(params={})]
    records = [make_record(case) for case in cases]
    (alone,) = points_of([make_result("a", records[1:2])], "*")
    names = {point.name for point in points_of([make_result("b", records)], "*")}
    assert alone.name in names
    # An operator that goes without saying is said where another row is without one.
    assert len(names) == 3


@pytest.mark.parametrize(
    ("pattern", "count"),
    [("*", 3), ("allreduce", 2), ("allreduce/ring", 1), ("*1MiB*", 3), ("barrier", 0), ("allreduce/mpi float32*", 1)],
)
def test_rows_are_chosen_as_a_gate_chooses_them(pattern: str, count: int) -> None:
    cases = [make_case(), make_case(variant="ring"), make_case(operation="reduce")]
    result = make_result("a", [make_record(case) for case in cases])
    assert len(points_of([result], pattern)) == count


def test_an_imported_row_has_the_figures_of_its_origin() -> None:
    origin = Origin(tool="nccl-tests", version=None, statistic="mean", over_ranks=None, file="log.txt", line=7)
    check = Check(status="unchecked", wrong=0, worst=0.0, bound=0.0, reference="none")
    summary = Summary(n=0, median_s=3e-6, low_s=None, high_s=None, p99_s=None, stop="converged")
    record = make_record(pattern=(), origin=origin, check=check)
    record = changed(record, summary=summary, rates={"busbw": 5e9})
    (point,) = points_of([make_result("imported", [record])], "*")
    assert (point.time_s, point.rates, point.outcome, point.wrong) == (3e-6, {"busbw": 5e9}, "unchecked", None)


def test_times_without_a_zone_are_utc() -> None:
    assert moment("2026-01-02T03:04:05", "a").timestamp() == moment("2026-01-02T03:04:05Z", "a").timestamp()
    with pytest.raises(UnreadableError, match=r"a.jsonl: 'yesterday' is no date"):
        moment("yesterday", "a.jsonl")


def test_launch_times_order_nothing_but_the_csv() -> None:
    launches = [make_launch(number, started="yesterday") for number in range(2)]
    result = make_result("a", [make_record(launch=number) for number in range(2)], launches=launches)
    assert len(points_of([result], "*")) == 1

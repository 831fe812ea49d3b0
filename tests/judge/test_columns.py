"""Results side by side: what columns are called, and which rows may be divided."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from builders import changed, make_case, make_launch, make_record, make_result, make_side, skipped

from fabricbench.errors import UsageError
from fabricbench.judge.columns import Cell, Columns, labels, side_by_side
from fabricbench.judge.factor import ASKED, CONDITIONS, MACHINE, Factor
from fabricbench.model import Check, Origin
from fabricbench.store import Result


def run_of(
    name: str,
    *,
    started: str = "2026-01-02T03:04:05Z",
    software: Mapping[str, str] | None = None,
    machine: Mapping[str, Any] | None = None,
    medians: Sequence[float] = (1e-4,) * 5,
    **fields: Any,
) -> Result:
    """One file with one row."""
    side = make_side(name, medians, **fields)
    result = make_result(name, side.records, launches=side.launches, machine=machine)
    run = changed(result.run, started=started, software={**result.run.software, **(software or {})})
    return Result(**{**{slot: getattr(result, slot) for slot in result.__slots__}, "run": run})


def beside(*results: Result, **options: Any) -> Columns:
    return side_by_side([[one] for one in results], **options)


def cells(columns: Columns, row: int = 0) -> tuple[Cell, ...]:
    return columns.sections[0].lines[row].cells


class TestLabels:
    @pytest.mark.parametrize(
        ("second", "said"),
        [
            ({"machine": {"hostname": "b"}}, ["a", "b"]),
            ({"machine": {"cpu": "Model 2"}}, ["Model 1", "Model 2"]),
            ({"software": {"mpi": "MPICH 5.0.2"}}, ["Open MPI 5.0.11", "MPICH 5.0.2"]),
            ({"software": {"commit": "abc+"}}, ["one.jsonl", "two.jsonl"]),
            ({"conditions": {"placement": "2x1"}}, ["1x2", "2x1"]),
            ({"started": "2026-01-03T03:04:05Z"}, ["2026-01-02", "2026-01-03"]),
            ({"started": "2026-01-02T13:04:05Z"}, ["2026-01-02 03:04", "2026-01-02 13:04"]),
            ({}, ["one.jsonl", "two.jsonl"]),
        ],
    )
    def test_files_are_told_apart_by_what_differs(self, second: dict[str, Any], said: list[str]) -> None:
        assert labels([[run_of("one")], [run_of("two", **second)]]) == said

    def test_who_printed_them_tells_files_apart(self) -> None:
        ours = run_of("one")
        origin = Origin(tool="osu", version=None, statistic="mean", over_ranks="mean", file="x", line=1)
        printed = [changed(record, origin=origin, samples_s=[], skew_s=[]) for record in ours.records]
        assert labels([[ours], [make_result("two", printed, machine={"hostname": "b"})]]) == ["fabricbench", "osu"]

    def test_commits_tell_apart_where_all_are_known(self) -> None:
        files = [[run_of(name, software={"commit": name})] for name in ("abc", "def")]
        assert labels(files) == ["abc", "def"]

    def test_two_differences_together_tell_three_files_apart(self) -> None:
        libraries = {"software": {"mpi": "MPICH 5"}}
        files = [
            run_of("1"),
            run_of("2", machine={"hostname": "b"}),
            run_of("3", machine={"hostname": "b"}, **libraries),
        ]
        assert labels([[one] for one in files]) == ["a, Open MPI 5.0.11", "b, Open MPI 5.0.11", "b, MPICH 5"]

    def test_one_name_in_two_folders_is_told_apart_by_the_folder(self) -> None:
        one, two = run_of("x/a"), run_of("y/a")
        assert labels([[one], [two]]) == ["x/a.jsonl", "y/a.jsonl"]


class TestRatios:
    def test_every_column_is_held_against_the_first(self) -> None:
        found = cells(beside(run_of("a"), run_of("b", medians=[2e-4] * 5), run_of("c", medians=[5e-5] * 5)))
        assert [cell.ratio for cell in found] == [None, pytest.approx(2), pytest.approx(0.5)]
        assert found[1].low == pytest.approx(2)
        assert found[0].why == ""

    def test_few_launches_have_a_ratio_and_no_interval(self) -> None:
        cell = cells(beside(run_of("a"), run_of("b", medians=[2e-4] * 4)))[1]
        assert cell.ratio == pytest.approx(2)
        assert cell.low is None

    @pytest.mark.parametrize(
        ("fields", "why"),
        [
            ({"conditions": {"library": "MPICH 5"}}, "library: a.jsonl Open MPI 5.0.11, b.jsonl MPICH 5"),
            ({"conditions": {"sync": "barrier"}}, "sync: a.jsonl round-time, b.jsonl barrier"),
            ({"conditions": {"flags": ["oversubscribed"]}}, "flags: a.jsonl none, b.jsonl oversubscribed"),
            ({"time": "maxlocal"}, "time: a.jsonl global, b.jsonl maxlocal"),
            ({"check": Check(status="wrong", wrong=2, worst=1.0, bound=0.0, reference="r")}, "10 elements in 5 of 5"),
        ],
    )
    def test_unlike_conditions_are_named_and_have_no_ratio(self, fields: dict[str, Any], why: str) -> None:
        cell = cells(beside(run_of("a"), run_of("b", **fields)))[1]
        assert cell.ratio is None
        assert why in cell.why
        assert cell.value == pytest.approx(1e-4)

    def test_another_machine_has_no_ratio(self) -> None:
        columns = beside(run_of("a"), run_of("b", machine={"cpu": "Model 2"}))
        assert cells(columns)[1].ratio is None
        assert "cpu: Model 1, Model 2" in cells(columns)[1].why
        assert beside(run_of("a"), run_of("b", machine={"hostname": "b"})).sections[0].lines[0].cells[1].ratio == 1

    def test_an_injected_first_column_is_no_baseline(self) -> None:
        injected = run_of("a", conditions={"flags": ["injected"]})
        cell = cells(beside(injected, run_of("b")))[1]
        assert (cell.ratio, "on purpose" in cell.why) == (None, True)
        assert cells(beside(run_of("b"), injected))[1].flags == ("injected (a.jsonl)",)

    def test_what_was_not_measured_says_why(self) -> None:
        lacking = make_result("b", [make_record(make_case(8), launch=0), skipped(launch=0)])
        columns = beside(run_of("a"), lacking)
        small, large = columns.sections[0].lines
        assert small.cells[1].why == "not measured in a.jsonl: no such case in its files"
        assert (large.cells[1].value, large.cells[1].launches) == (None, 0)

    def test_a_file_that_measured_nothing_is_a_column_without_figures(self) -> None:
        for files in ((run_of("one"), make_result("none", [])), (make_result("none", []), run_of("one"))):
            found = beside(*files)
            assert {cell.value for cell in cells(found)} == {1e-4, None}
            assert "no launches" in dict(found.sources).values()

    def test_more_is_better_of_a_rate(self) -> None:
        found = cells(beside(run_of("a"), run_of("b", medians=[2e-4] * 5), metric="busbw"))
        assert found[1].ratio == pytest.approx(0.5)
        assert found[0].value == pytest.approx((1 << 20) / 1e-4)

    def test_rows_without_the_metric_are_left_out(self) -> None:
        with pytest.raises(UsageError, match="No row has flops"):
            beside(run_of("a"), run_of("b"), metric="flops")
        with pytest.raises(UsageError, match="No row has p99"):
            beside(run_of("a"), run_of("b"), metric="p99")


def variants(name: str = "a", *, steps: Sequence[str] = ("compiled", "python"), **fields: Any) -> Result:
    """One file with two variants of one operation."""
    records = [
        make_record(make_case(variant=variant, **fields), time, launch=launch, conditions={"step": step})
        for launch in range(5)
        for variant, step, time in (("ring", steps[0], 2e-4), ("mpi", steps[1], 1e-4))
    ]
    return make_result(name, records)


class TestAcross:
    def test_variants_are_columns_and_the_library_comes_first(self) -> None:
        columns = beside(variants(), across="variant")
        (section,) = columns.sections
        assert section.labels == ("mpi", "ring")
        assert section.lines[0].cells[1].ratio == pytest.approx(2)
        assert "allreduce/*" in section.lines[0].name
        assert columns.brings == ("step", "library", "algorithm")

    def test_nothing_else_may_differ(self) -> None:
        one = variants()
        records = [
            changed(record, time="maxlocal") if record.case.variant == "ring" else record for record in one.records
        ]
        columns = beside(make_result("a", records), across="variant")
        assert columns.sections[0].lines[0].cells[1].ratio is None
        assert "time: mpi global, ring maxlocal" in columns.sections[0].lines[0].cells[1].why

    def test_parameters_are_factors(self) -> None:
        records = [
            make_record(make_case(params={"op": "sum", **extra}), time, launch=launch)
            for launch in range(5)
            for extra, time in (({"communicator": "half"}, 2e-4), ({}, 1e-4))
        ]
        columns = beside(make_result("a", records), across="communicator")
        assert columns.sections[0].labels == ("world", "half")
        assert columns.sections[0].lines[0].cells[1].ratio == pytest.approx(2)

    def test_conditions_of_several_files_pool_by_level(self) -> None:
        files = [run_of("a"), run_of("b", conditions={"library": "M"}), run_of("c", medians=[3e-4] * 5)]
        columns = beside(*files, across="library")
        first, second = cells(columns)
        assert (first.launches, second.launches) == (10, 5)
        assert second.ratio == pytest.approx(1 / 2, rel=0.5)

    def test_ranks_sort_as_numbers_and_bring_their_placement(self) -> None:
        records = [
            make_record(make_case(ranks=ranks), 1e-4, launch=launch, conditions={"placement": f"1x{ranks}"})
            for launch in range(5)
            for ranks in (16, 2, 4)
        ]
        columns = beside(make_result("a", records), across="ranks")
        assert columns.sections[0].labels == ("2", "4", "16")
        assert [cell.ratio for cell in cells(columns)] == [None, 1, 1]

    def test_the_machine_may_be_the_factor(self) -> None:
        other = run_of("b", machine={"hostname": "b", "cpu": "Model 2"})
        assert cells(beside(run_of("a"), other, across="machine"))[1].ratio == 1

    def test_rows_with_one_level_are_left_out_and_so_are_levels_without_rows(self) -> None:
        one = variants()
        lonely = [make_record(make_case(8, variant="bruck"), 1e-6, launch=launch) for launch in range(5)]
        columns = beside(make_result("a", [*one.records, *lonely]), across="variant")
        assert len(columns.sections[0].lines) == 1
        assert [label for label, _ in columns.sources] == ["mpi", "ring"]

    @pytest.mark.parametrize("name", ["variannt", "nbytes", "flags", "communicator"])
    def test_an_unknown_factor_names_the_nearest(self, name: str) -> None:
        with pytest.raises(UsageError, match="Nearest: "):
            beside(run_of("a"), run_of("b"), across=name)

    def test_one_level_is_no_comparison(self) -> None:
        with pytest.raises(UsageError, match="only one column to show: 1x2"):
            beside(run_of("a"), run_of("b"), across="placement")

    @pytest.mark.parametrize("name", [*CONDITIONS, *ASKED, MACHINE])
    def test_every_factor_has_a_level_in_every_record(self, name: str) -> None:
        result = run_of("a")
        factor = Factor.named(name, [result])
        record = result.records[0]
        assert factor.value(record, result.run)
        assert factor.without(record.case).text()
        other = changed(record.case, variant="x", dtype="x", memory="device", ranks=9, cadence="streaming", mode="x")
        assert (factor.key(record.case) == record.case.key()) or factor.asked
        assert factor.key(other) != factor.key(record.case)


def test_a_copied_launch_counts_once() -> None:
    one = run_of("a")
    launches = [make_launch(launch.launch) for launch in one.launches]
    copy = make_result("copy", one.records, launches=launches)
    copied = Result(**{**{slot: getattr(copy, slot) for slot in copy.__slots__}, "run": one.run})
    columns = side_by_side([[one, copied], [run_of("b")]])
    assert cells(columns)[0].launches == 5
    assert any("counts once" in note for note in columns.notes)

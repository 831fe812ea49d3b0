"""Histories: which launches make a series, what is listed as a change, and what exits 1."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from builders import changed, make_case, make_launch, make_record, make_result

from fabricbench.errors import UsageError
from fabricbench.judge.history import History, Series, history
from fabricbench.model import Check, Pairing
from fabricbench.store import Result


def day(
    number: int,
    level: float = 1.0,
    *,
    launches: int = 5,
    commit: str | None = None,
    machine: dict[str, Any] | None = None,
    case: Any = None,
    noise: float = 0.01,
    **fields: Any,
) -> Result:
    """One file, measured on one day of January."""
    random = np.random.default_rng(number)
    started = f"2026-01-{number + 1:02d}T"
    made = [make_launch(one, id=f"{number}-{one}", started=f"{started}03:{one:02d}:00Z") for one in range(launches)]
    records = [
        make_record(case or make_case(), 1e-4 * level * float(np.exp(random.normal(0, noise))), launch=one, **fields)
        for one in range(launches)
    ]
    result = make_result(f"{number}", records, launches=made, machine=machine)
    run = changed(
        result.run, started=f"{started}03:00:00Z", software={**result.run.software, "commit": commit or f"c{number}"}
    )
    return Result(**{**{slot: getattr(result, slot) for slot in result.__slots__}, "run": run})


def days(levels: Sequence[float], **fields: Any) -> list[Result]:
    return [day(number, level, **fields) for number, level in enumerate(levels)]


def judged(results: Sequence[Result], **options: Any) -> History:
    return history(results, **{"margin": 0.05, **options})


def only(found: History) -> Series:
    (series,) = found.series
    return series


class TestChanges:
    def test_since_when_by_how_much_and_in_which_direction(self) -> None:
        found = judged(days([1.0] * 4 + [1.3] * 3))
        (change,) = only(found).changes
        assert change.since == "c4 (2026-01-05)"
        assert change.point == 4
        assert change.ratio == pytest.approx(1.3, rel=0.02)
        assert change.low < change.ratio < change.high
        assert change.worse
        assert found.newest == "c6 (2026-01-07)"

    def test_a_rate_that_falls_is_worse(self) -> None:
        (change,) = only(judged(days([1.0] * 4 + [1.3] * 3), metric="busbw")).changes
        assert change.ratio == pytest.approx(1 / 1.3, rel=0.02)
        assert change.worse

    def test_less_than_the_margin_is_not_listed(self) -> None:
        results = days([1.0] * 4 + [1.07] * 4, noise=0.002)
        assert only(judged(results)).changes == ()
        assert len(only(judged(results, margin=0.01)).changes) == 1

    def test_small_steps_add_up_until_they_are_seen(self) -> None:
        levels = [1.0] * 4 + [1.07] * 4 + [1.14] * 4
        (change,) = only(judged(days(levels, noise=0.002))).changes
        assert change.point == 8
        assert change.ratio == pytest.approx(1.14, rel=0.01)

    def test_a_change_is_against_the_level_before_it_not_the_first(self) -> None:
        up, down = only(judged(days([1.0] * 4 + [1.3] * 4 + [1.0] * 4))).changes
        assert (up.ratio, down.ratio) == (pytest.approx(1.3, rel=0.02), pytest.approx(1 / 1.3, rel=0.02))
        assert (up.worse, down.worse) == (True, False)

    def test_order_of_files_does_not_matter(self) -> None:
        results = days([1.0] * 4 + [1.3] * 3)
        assert judged(results[::-1]).series == judged(results).series

    def test_without_commits_dates_say_when(self) -> None:
        results = [day(number, level, commit="unknown") for number, level in enumerate([1.0] * 4 + [1.3] * 3)]
        assert only(judged(results)).changes[0].since == "2026-01-05T03:00:00Z"


class TestStatus:
    def test_a_slowdown_that_the_newest_result_brings_exits_1(self) -> None:
        found = judged(days([1.0] * 6 + [1.3]))
        assert only(found).changes[-1].news
        assert found.status() == 1

    @pytest.mark.parametrize(
        "levels", [[1.0] * 5 + [1.3] * 2, [1.3] * 6 + [1.0], [1.0] * 4 + [1.3] * 4 + [1.0], [1.0] * 7]
    )
    def test_an_older_one_a_speedup_and_a_recovery_exit_0(self, levels: list[float]) -> None:
        assert judged(days(levels)).status() == 0

    def test_runs_of_one_launch_are_news_when_the_fifth_shows_it_and_only_then(self) -> None:
        levels = [1.0] * 15 + [1.4] * 7
        statuses = [judged(days(levels[:upto], launches=1)).status() for upto in range(16, len(levels) + 1)]
        # A level takes five launches, of which the best split may borrow the last one before the change.
        assert statuses[:3] == [0, 0, 0]
        assert statuses[4:] == [1, 0, 0]

    def test_only_gated_rows_count(self) -> None:
        results = days([1.0] * 6 + [1.3])
        assert judged(results, gate=["allreduce/*", "allreduce"]).status() == 1
        with pytest.raises(UsageError, match="gate 'alltoall"):
            judged(results, gate=["allreduce/*", "alltoall*"])

    def test_a_series_that_ended_before_the_newest_result_is_no_news(self) -> None:
        old = days([1.0] * 6 + [1.3])
        newer = day(8, case=make_case(8))
        assert judged([*old, newer]).status() == 0


class TestSeries:
    def test_another_machine_starts_a_series(self) -> None:
        results = [*days([1.0] * 3), *(day(n, 2.0, machine={"cpu": "Model 2"}) for n in range(3, 6))]
        found = judged(results)
        assert [(one.where, len(one.points)) for one in found.series] == [("cpu Model 1", 3), ("cpu Model 2", 3)]
        assert not any(one.changes for one in found.series)

    def test_other_conditions_start_a_series(self) -> None:
        results = [*days([1.0] * 3), *(day(n, 2.0, conditions={"library": "MPICH"}) for n in range(3, 6))]
        assert [one.where for one in judged(results).series] == ["library Open MPI 5.0.11", "library MPICH"]

    def test_another_host_of_the_same_kind_does_not(self) -> None:
        results = [*days([1.0] * 3), *(day(n, machine={"hostname": "b"}) for n in range(3, 6))]
        assert len(only(judged(results)).points) == 6

    def test_runs_appended_to_one_file_on_one_day_are_one_point(self) -> None:
        runs = [day(0, launches=1), day(0, launches=1)]
        again = changed(runs[1].run, id="again")
        fields = {slot: getattr(runs[1], slot) for slot in runs[1].__slots__}
        runs[1] = Result(**{**fields, "run": again})
        (point,) = only(judged(runs)).points
        assert len(point.launches) == 2

    def test_wrong_and_injected_launches_are_left_out_and_said(self) -> None:
        wrong = Check(status="wrong", wrong=1, worst=1.0, bound=0.0, reference="r")
        results = [day(0), day(1, check=wrong), day(2, conditions={"flags": ["injected"]})]
        found = judged(results)
        assert len(only(found).points) == 1
        assert "5 records have wrong results" in found.notes[0]
        assert "on purpose" in found.notes[1]

    def test_of_an_experiment_only_the_base_counts(self) -> None:
        one = day(0, launches=10)
        launches = [
            changed(launch, pairing=Pairing(id="s", side=("base", "new")[number % 2], position=number))
            for number, launch in enumerate(one.launches)
        ]
        fields = {slot: getattr(one, slot) for slot in one.__slots__}
        found = judged([Result(**{**fields, "launches": tuple(launches)})])
        assert len(only(found).points[0].launches) == 5
        assert "only its base counts" in found.notes[0]

    def test_no_row_has_the_metric(self) -> None:
        with pytest.raises(UsageError, match="No row of 2 runs has flops"):
            judged(days([1.0, 1.0]), metric="flops")

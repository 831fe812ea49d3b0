"""Expectation files: what they say, what is wrong with them and where, and what results make of them."""

import contextlib
import math
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import make_case, make_ceiling, make_launch, make_record, make_result, make_side, skipped
from hypothesis import given, settings
from hypothesis import strategies as st

from fabricbench.errors import UnreadableError, UsageError
from fabricbench.judge.expect import Expected, Row, check
from fabricbench.judge.expectations import Expectations, parse
from fabricbench.judge.learn import learn, tolerance
from fabricbench.model import Check
from fabricbench.show.expected import toml
from fabricbench.store import Result

DOCS = Path(__file__).parents[2] / "docs"

ENTRY = """
[[expect]]
case = "allreduce/mpi float32 1MiB"
metric = "time"
low = 90
high = 110
unit = "us"
source = "by hand"
"""


def entry(**changes: str) -> str:
    """One expectation in which some lines are others; an empty one is left out."""
    lines = {line.split(" = ")[0]: line for line in ENTRY.strip().splitlines()[1:]}
    lines.update({key: f"{key} = {text}" if text else "" for key, text in changes.items()})
    return "\n".join(["[[expect]]", *(line for line in lines.values() if line), ""])


def read(text: str) -> Expectations:
    return parse(text, "e.toml")


def checked(result: Result, text: str = ENTRY, **options: Any) -> Expected:
    return check([result], read(text), **options)


def only(expected: Expected) -> Row:
    (row,) = expected.rows
    return row


class TestFile:
    def test_lines_are_those_of_the_tables(self) -> None:
        found = read("# a comment\n" + ENTRY + "\n" + entry(metric='"busbw"', unit='"GB/s"'))
        assert [one.line for one in found.expected] == [3, 11]
        assert found.expected[0].scale == 1e-6
        assert found.expected[1].scale == 1e9

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (entry(lwo="1"), r"line 8: \[\[expect\]\] has no key 'lwo'. Nearest: low"),
            (entry(metric='"bussbw"'), r"line 3: There is no metric 'bussbw'. Nearest: busbw"),
            (entry(metric=""), r"line 1: expect.metric is missing"),
            (entry(unit='"GB/s"'), r"line 6: 'GB/s' is no unit of this. Write one of s, ms, us, ns"),
            (entry(metric='"flops"', unit='"B/s"'), r"line 6: .*GFLOP/s"),
            (entry(low="", high=""), r"line 1: expect.low and high are both missing"),
            (entry(low="120"), r"line 4: expect.low is 120, above high, 110"),
            (entry(low="nan"), r"line 4: expect.low is nan"),
            (entry(high="-1"), r"line 5: expect.high is -1"),
            (entry(high="true"), r"line 5: expect.high is True"),
            (entry(high='"4us"'), r"line 5: expect.high is '4us'"),
            (entry(source='""'), r"line 7: expect.source is '', which is no text"),
            (entry(case="3"), r"line 2: expect.case is 3"),
            (entry(like="3"), r"line 8: expect.like is 3, which is no table"),
            (entry(like='{ librery = "x" }'), r"line 8: There is no condition 'librery'. Nearest: library"),
            ("x = 1\n" + ENTRY, r"line 1: there is no table 'x'"),
            ("\n[other]\n" + ENTRY, r"line 2: there is no table 'other'"),
            ("expect = [{ case = 3 }]", r"line 1: expect.metric is missing"),
            ("expect = [{ case = 3 }, { case = 4 }]", r"'expect' cannot be read. Write each as"),
            ("[expect]\ncase = 3", r"'expect' cannot be read"),
            ("", r"e.toml expects nothing"),
            ("x =\n", r"e.toml is no TOML: .*line 1"),
            (ENTRY + ENTRY.replace("[[expect]]", "[[peak]]"), r"line 11: \[\[peak\]\] has no key 'case'"),
        ],
    )
    def test_what_is_wrong_is_named_with_its_line_and_key(self, text: str, said: str) -> None:
        with pytest.raises(UnreadableError, match=said) as caught:
            read(text)
        assert str(caught.value).startswith("e.toml")

    @pytest.mark.parametrize(
        ("peak", "said"),
        [
            ({"scope": '"node"'}, r"line 3: peak.scope is 'node'"),
            ({"value": "0"}, r"line 4: peak.value is missing or 0"),
            ({"unit": '"GB"'}, r"line 5: 'GB' is no unit"),
            ({"source": "1"}, r"line 6: peak.source is 1"),
        ],
    )
    def test_peaks_are_checked_too(self, peak: dict[str, str], said: str) -> None:
        lines = {"resource": '"link"', "scope": '"rank"', "value": "12.5", "unit": '"GB/s"', "source": '"sheet"'}
        text = "\n".join(["[[peak]]", *(f"{key} = {value}" for key, value in {**lines, **peak}.items()), ENTRY])
        with pytest.raises(UnreadableError, match=said):
            read(text)

    def test_the_example_of_the_documentation_is_one(self) -> None:
        (example,) = re.findall(r"```toml\n(.*?)```", (DOCS / "comparing.md").read_text(), re.DOTALL)
        found = read(example)
        assert (len(found.expected), len(found.peaks)) == (1, 1)
        assert found.expected[0].like == {"library": "Open MPI 5.0.11", "placement": "1x2"}

    @given(st.text(max_size=200))
    @settings(max_examples=200, deadline=None)
    def test_no_text_breaks_the_reader(self, text: str) -> None:
        with contextlib.suppress(UnreadableError):
            read(text)


class TestVerdicts:
    @pytest.mark.parametrize(
        ("median_s", "verdict", "reason"), [(1e-4, "PASS", ""), (1.2e-4, "FAIL", "above"), (8e-5, "FAIL", "below")]
    )
    def test_bounds(self, median_s: float, verdict: str, reason: str) -> None:
        expected = checked(make_side("a", [median_s] * 3))
        row = only(expected)
        assert (row.verdict, row.launches) == (verdict, 3)
        assert reason in row.reason
        assert row.value == pytest.approx(median_s * 1e6)
        assert row.expectation.line == 2
        assert expected.status(strict=True) == (1 if verdict == "FAIL" else 0)

    def test_one_bound_is_enough(self) -> None:
        rate = entry(metric='"busbw"', low="10", high="", unit='"GB/s"')
        assert only(checked(make_side("a", [1e-4]), rate)).verdict == "PASS"
        assert only(checked(make_side("a", [1.1e-4]), rate)).verdict == "FAIL"

    def test_wrong_results_fail_however_fast(self) -> None:
        wrong = Check(status="wrong", wrong=1, worst=1.0, bound=0.0, reference="r")
        row = only(checked(make_side("a", [1e-4], check=wrong)))
        assert (row.verdict, "wrong" in row.reason) == ("FAIL", True)

    def test_what_cannot_be_fails_however_well_it_fits(self) -> None:
        physical = make_ceiling(5e9, nature="physical", source="device attributes")
        forced = {"algorithm": "ring (forced)"}
        result = make_result("a", [make_record(conditions=forced)], launches=[make_launch(0)], ceilings=[physical])
        row = only(checked(result))
        assert (row.verdict, "INVALID" in row.reason) == ("FAIL", True)

    def test_what_was_skipped_is_missing(self) -> None:
        expected = checked(make_result("a", [skipped()]))
        assert only(expected).verdict == "MISSING"
        assert (expected.status(strict=False), expected.status(strict=True)) == (0, 4)

    def test_an_expectation_of_other_conditions_says_nothing(self) -> None:
        text = entry(like='{ library = "MPICH 5", cpu = "Model 1" }')
        expected = checked(make_side("a", [1e-3]), text)
        assert only(expected).verdict == "UNLIKE"
        assert only(expected).reason == "library: expected MPICH 5, found Open MPI 5.0.11"
        assert (expected.status(strict=False), expected.status(strict=True)) == (0, 4)
        unread = make_result("a", make_side("a", [1e-4]).records, machine={"cpu": "unknown"})
        assert only(checked(unread, entry(like='{ cpu = "Model 2" }'))).verdict == "PASS"

    def test_launches_under_several_conditions_are_no_one_figure(self) -> None:
        one, two = make_side("a", [1e-4]), make_side("b", [1e-4], conditions={"sync": "barrier"})
        row = only(check([one, two], read(ENTRY)))
        assert (row.verdict, "sync varies" in row.reason) == ("UNLIKE", True)

    def test_gates_limit_what_decides(self) -> None:
        text = ENTRY + entry(case='"allreduce/mpi float32 8"')
        result = make_side("a", {1 << 20: [9e-4], 8: [1e-4]})
        assert checked(result, text).status(strict=False) == 1
        assert checked(result, text, gate="* 8").status(strict=False) == 0
        with pytest.raises(UsageError, match="gate 'no"):
            checked(result, text, gate="no*")


class TestPatterns:
    def test_a_pattern_that_matches_nothing_is_kept(self) -> None:
        expected = checked(make_side("a", [1e-4]), ENTRY + entry(case='"alltoall*"'))
        assert [one.line for one in expected.idle] == [9]
        assert (expected.status(strict=False), expected.status(strict=True)) == (0, 4)

    def test_if_none_matches_nothing_was_asked(self) -> None:
        with pytest.raises(UsageError, match=r"e.toml, line 1: no row matches 'alltoall\*' and has time"):
            checked(make_side("a", [1e-4]), entry(case='"alltoall*"'))

    def test_rows_without_the_metric_do_not_match(self) -> None:
        with pytest.raises(UsageError, match="and has flops"):
            checked(make_side("a", [1e-4]), entry(metric='"flops"', unit='"GFLOP/s"'))

    def test_rows_of_which_nothing_is_expected_are_counted(self) -> None:
        assert checked(make_side("a", {1 << 20: [1e-4], 8: [1e-6]})).unexpected == 1


PEAK = '[[peak]]\nresource = "link"\nscope = "rank"\nvalue = 20\nunit = "GB/s"\nsource = "sheet"\n'


class TestPeaks:
    def test_a_declared_peak_gives_the_share_with_its_source(self) -> None:
        row = only(checked(make_side("a", [1e-4]), ENTRY + PEAK))
        assert row.share == pytest.approx((1 << 20) / 1e-4 / 20e9)
        assert row.ceiling is not None
        assert (row.ceiling.nature, row.ceiling.source) == ("declared", "sheet, line 9 of e.toml")

    def test_a_measured_ceiling_that_is_nearer_wins(self) -> None:
        result = make_result("a", [make_record()], launches=[make_launch(0)], ceilings=[make_ceiling(1.2e10)])
        row = only(checked(result, ENTRY + PEAK))
        assert row.ceiling is not None
        assert row.ceiling.nature == "measured"

    def test_a_share_can_be_expected(self) -> None:
        share = entry(metric='"share"', low="50", high="60", unit='"%"')
        assert only(checked(make_side("a", [1e-4]), share + PEAK)).value == pytest.approx(52.4288)
        with pytest.raises(UsageError, match="has share"):
            checked(make_side("a", [1e-4]), share)


class TestLearn:
    @pytest.mark.parametrize(("n", "factor"), [(5, 6.634), (10, 4.433), (20, 3.615), (50, 3.126)])
    def test_the_factor_is_that_of_published_tables(self, n: int, factor: float) -> None:
        """Two-sided normal tolerance, 99 % with 95 % confidence: Eisenhart, Hastay & Wallis (1947), table 2.1."""
        logs = np.random.default_rng(n).normal(0, 0.2, n)
        low, high = tolerance(np.exp(logs).tolist())
        reach = (math.log(high) - math.log(low)) / 2
        assert reach / logs.std(ddof=1) == pytest.approx(factor, rel=0.012)
        assert math.log(low * high) / 2 == pytest.approx(logs.mean())

    def test_it_covers_what_it_says(self) -> None:
        random = np.random.default_rng(3)
        covered = 0
        for _ in range(400):
            low, high = tolerance(np.exp(random.normal(0, 0.3, 8)).tolist())
            future = np.exp(random.normal(0, 0.3, 1000))
            covered += float(np.mean((future >= low) & (future <= high))) >= 0.99
        assert 0.92 <= covered / 400 <= 0.99

    def test_quiet_launches_still_have_the_margin(self) -> None:
        low, high = tolerance([1.0] * 5)
        assert (low, high) == (pytest.approx(1 / 1.05), pytest.approx(1.05))

    def test_what_was_learnt_can_be_read_and_passes(self) -> None:
        result = make_side("a", {8: [1e-6, 1.01e-6, 1.02e-6, 1e-6, 1.01e-6], 64: [2e-6] * 5})
        text = toml(learn([result]))
        expected = checked(result, text)
        assert [row.verdict for row in expected.rows] == ["PASS", "PASS"]
        slower = make_side("b", {8: [1.5e-6], 64: [2e-6]})
        assert [row.verdict for row in checked(slower, text).rows] == ["FAIL", "PASS"]
        elsewhere = make_side("c", {8: [1e-6], 64: [2e-6]}, conditions={"library": "MPICH"})
        assert {row.verdict for row in checked(elsewhere, text).rows} == {"UNLIKE"}

    def test_the_source_says_coverage_files_commits_dates_and_launches(self) -> None:
        (learnt,) = learn([make_side("a", [1e-4] * 5)]).rows
        for words in ("5 launches", "99.0 % of launches", "95.0 % confidence", "a.jsonl", "commit", "2026-01-02"):
            assert words in learnt.source

    def test_text_that_toml_would_read_otherwise_survives(self) -> None:
        case = make_case(params={"op": 'a"b\\c[*]\u00e9'})
        result = make_result("a", [make_record(case, launch=launch) for launch in range(5)])
        text = toml(learn([result]))
        assert tomllib.loads(text)
        assert only(checked(result, text)).verdict == "PASS"

    def test_few_launches_or_several_conditions_teach_nothing(self) -> None:
        with pytest.raises(UsageError, match="it has 4 launches, and 5 are the least"):
            learn([make_side("a", [1e-4] * 4)])
        mixed = [make_side("a", [1e-4] * 3), make_side("b", [1e-4] * 3, conditions={"sync": "barrier"})]
        with pytest.raises(UsageError, match="sync varies: barrier and round-time"):
            learn(mixed)
        some = learn([make_side("a", {8: [1e-6] * 5, 64: [2e-6] * 5}), *mixed[1:]])
        assert len(some.rows) == 2
        assert "1MiB 2 ranks is left out" in some.notes[0]

    def test_launches_that_scatter_too_much_teach_nothing(self) -> None:
        wild = [1e-6, 2e-6, 1e-6, 2e-6, 3e-6]
        with pytest.raises(UsageError, match="5 launches scatter so much that the interval would span a factor of"):
            learn([make_side("a", wild)])
        some = learn([make_side("a", {8: wild, 64: [1e-6] * 5})])
        assert [row.pattern for row in some.rows] == ["allreduce/mpi float32 64 2 ranks"]

    def test_injected_faults_are_no_lesson(self) -> None:
        with pytest.raises(UsageError, match="is no baseline"):
            learn([make_side("a", [1e-4] * 5, conditions={"flags": ["injected"]})])

"""Every format as its own readers see it: their parser where one can be installed, else their rules."""

import csv
import io
import json
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from builders import make_case, make_ceiling, make_launch, make_record, make_result, make_side, skipped
from junitparser import Failure, JUnitXml, Skipped
from markdown_it import MarkdownIt
from prometheus_client.parser import text_string_to_metric_families

from fabricbench.judge.compare import compare
from fabricbench.model import Check, Doubt
from fabricbench.show.export import FORMATS
from fabricbench.show.export.points import points_of
from fabricbench.show.export.reframe import HEADER
from fabricbench.store import Result

WRONG = Check(status="wrong", wrong=3, worst=1.0, bound=0.0, reference="numpy float64")
UNMEASURED = Doubt(code="skipped", text="needs 3 ranks", remedy="Start 3.")
TIMES = (1.00001e-4, 1.00003e-4, 1.00005e-4, 1.00007e-4, 1.00009e-4, 1.00011e-4)


def a_result() -> Result:
    """A good row of six launches, and one launch each of a wrong, a skipped, an injected and an impossible row."""
    records = [
        *(make_record(make_case(1024), time, launch=launch) for launch, time in enumerate(TIMES)),
        make_record(make_case(8), 1e-6, check=WRONG),
        skipped(make_case(64), doubts=[UNMEASURED]),
        make_record(make_case(256), 1e-6, conditions={"flags": ["injected"]}),
        make_record(make_case(1 << 20), 1e-6, conditions={"algorithm": "ring"}),
    ]
    launches = [make_launch(number, started=f"2026-01-02T03:04:{number:02d}Z") for number in range(len(TIMES))]
    impossible = make_ceiling(2e10, nature="physical")
    return make_result("all", records, launches=launches, ceilings=[impossible])


def exported(form: str, *results: Result, only: str = "*") -> str:
    return FORMATS[form].result(results, points_of(results, only)).text


def compared(form: str) -> str:
    """Rows that are the same, worse, worse outside the gate, and only on one side."""
    medians = {8: [1e-6] * 5, 64: [2e-6] * 5, 1024: [3e-6] * 5}
    base = make_side("base", {**medians, 4096: [9e-6] * 5})
    new = make_side("new", {**medians, 64: [4e-6] * 5, 1024: [6e-6] * 5})
    judged = compare([base], [new], margin=0.05, gate="allreduce/mpi float32 [86]*")
    comparison = FORMATS[form].comparison
    assert comparison is not None
    return comparison(judged, [base, new]).text


def test_the_page_has_every_format_and_whether_it_takes_a_comparison() -> None:
    page = (Path(__file__).parents[3] / "docs" / "exporting.md").read_text()
    rows = re.findall(r"^\| \[`([a-z-]+)`\].*\| (yes)? ?\|$", page, re.MULTILINE)
    assert rows == [(name, "yes" if one.comparison else "") for name, one in FORMATS.items()]


class TestCsv:
    def rows(self, *results: Result, only: str = "*") -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(exported("csv", *results, only=only), newline=""), strict=True))

    def test_a_row_a_case_and_launch_with_the_figures_of_the_file(self) -> None:
        rows = [row for row in self.rows(a_result()) if row["nbytes"] == "1024"]
        assert [float(row["time_s"]) for row in rows] == list(TIMES)
        record = a_result().records[0]
        assert float(rows[0]["low_s"]) == record.summary.low_s
        assert float(rows[0]["busbw_bytes_per_s"]) == record.rates["busbw"]
        assert {row["name"] for row in rows} == {"allreduce/mpi float32 1KiB 2 ranks"}
        assert rows[0]["bandwidth_bytes_per_s"] == rows[0]["p99_s"] == ""

    def test_what_was_not_measured_is_left_out_and_said(self) -> None:
        found = FORMATS["csv"].result([a_result()], points_of([a_result()], "*"))
        assert found.notes == ("Left out: 1 rows that were not measured.",)
        assert "64" not in {row["nbytes"] for row in self.rows(a_result())}
        assert {row["check"] for row in self.rows(a_result())} == {"ok", "wrong"}

    def test_one_case_is_a_series_as_otava_reads_it(self) -> None:
        """Its importer takes columns by name, converts every cell of a metric, and wants times that ascend."""
        late = make_result(
            "late", [make_record(make_case(1024), 2e-4)], launches=[make_launch(0, started="2026-05-05")]
        )
        text = exported("csv", late, a_result(), only="allreduce/mpi float32 1KiB*")
        headers, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=",", quotechar='"')
        times = [datetime.fromisoformat(row[headers.index("started")]).replace(tzinfo=None) for row in rows]
        assert times == sorted(times)
        assert [float(row[headers.index("time_s")]) for row in rows] == [*TIMES, 2e-4]
        assert "branch" not in headers  # a column of that name would make it ask for one


class TestJson:
    def test_rows_carry_figures_and_why_some_may_not_be_used(self) -> None:
        document = json.loads(exported("json", a_result()))
        rows = {row["case"]["nbytes"]: row for row in document["rows"]}
        assert (rows[1024]["time_s"], rows[1024]["low_s"], rows[1024]["high_s"]) == (1.00006e-4, TIMES[0], TIMES[-1])
        assert rows[1024]["launches"] == 6
        assert {size: row["outcome"] for size, row in rows.items()} == {
            1024: "ok", 8: "wrong", 64: "skipped", 256: "ok", 1 << 20: "invalid",
        }  # fmt: skip
        assert rows[8]["reason"] == "3 wrong elements in 1 of 1 launches"
        assert rows[256]["conditions"][0]["flags"] == ["injected"]
        assert document["runs"][0]["id"] == "run-all"

    def test_a_comparison_is_that_of_compare(self) -> None:
        rows = json.loads(compared("json"))["comparison"]["rows"]
        assert [row["verdict"] for row in rows] == ["same", "worse", "worse", "missing"]


class TestJunit:
    def test_wrong_and_impossible_fail_and_unmeasured_is_skipped(self) -> None:
        (suite,) = JUnitXml.fromstring(exported("junit", a_result()).encode())
        assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (5, 2, 0, 1)
        cases = {case.name: case for case in suite}
        wrong = cases["allreduce/mpi float32 8 2 ranks"].result
        assert [(type(one), one.type, one.message) for one in wrong] == [
            (Failure, "wrong", "3 wrong elements in 1 of 1 launches")
        ]
        (unmeasured,) = cases["allreduce/mpi float32 64 2 ranks"].result
        assert (type(unmeasured), unmeasured.message) == (Skipped, "needs 3 ranks")
        good = cases["allreduce/mpi float32 1KiB 2 ranks"]
        assert (good.result, good.time, good.classname) == ([], 1.00006e-4, "allreduce.mpi")
        assert "95 % of launches 0.000100001 to 0.000100011 s" in good.system_out

    def test_a_comparison_fails_where_a_gated_row_is_worse(self) -> None:
        (suite,) = JUnitXml.fromstring(compared("junit").encode())
        results = [[(type(one), one.type) for one in case.result] for case in suite]
        assert results == [[], [(Failure, "worse")], [(Skipped, "worse")], [(Skipped, "missing")]]

    @pytest.mark.parametrize("text", [exported("junit", a_result()), compared("junit")], ids=["result", "comparison"])
    def test_nothing_that_the_schema_of_jenkins_refuses(self, text: str) -> None:
        """Its rules, said again: which attributes and children an element may have."""
        from xml.etree import ElementTree as ET

        outcome = {"message", "type"}
        allowed: dict[str, tuple[set[str], set[str]]] = {
            "testsuites": ({"name", "tests", "failures", "errors"}, {"testsuite"}),
            "testsuite": (
                {"name", "tests", "failures", "errors", "skipped", "timestamp", "hostname"},
                {"properties", "testcase"},
            ),
            "properties": (set(), {"property"}),
            "property": ({"name", "value"}, set()),
            "testcase": ({"name", "classname", "time"}, {"failure", "skipped", "system-out"}),
            "failure": (outcome, set()),
            "skipped": (outcome, set()),
            "system-out": (set(), set()),
        }
        for element in ET.fromstring(text).iter():
            attributes, children = allowed[element.tag]
            assert set(element.attrib) <= attributes
            assert {child.tag for child in element} <= children
            assert "e" not in element.get("time", "")


NUMBER = {"type": "integer"}
TEXTS = {"type": "array", "items": {"type": "string"}}
CTRF = {
    "type": "object",
    "additionalProperties": False,
    "required": ["reportFormat", "specVersion", "results"],
    "properties": {
        "reportFormat": {"const": "CTRF"},
        "specVersion": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
        "generatedBy": {"type": "string"},
        "results": {
            "type": "object",
            "additionalProperties": False,
            "required": ["tool", "summary", "tests"],
            "properties": {
                "tool": {"type": "object", "required": ["name"]},
                "summary": {
                    "type": "object",
                    "additionalProperties": NUMBER,
                    "required": ["tests", "passed", "failed", "skipped", "pending", "other", "start", "stop"],
                },
                "tests": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["name", "status", "duration"],
                        "properties": {
                            "name": {"type": "string", "minLength": 1},
                            "status": {"enum": ["passed", "failed", "skipped", "pending", "other"]},
                            "duration": NUMBER,
                            "suite": TEXTS,
                            "message": {"type": "string"},
                            "rawStatus": {"type": "string"},
                            "parameters": {"type": "object"},
                            "extra": {"type": "object"},
                        },
                    },
                },
                "extra": {"type": "object"},
            },
        },
    },
}
"""What of the schema of CTRF this export can meet, in our own words."""


class TestCtrf:
    def test_a_result(self) -> None:
        report = json.loads(exported("ctrf", a_result()))
        jsonschema.validate(report, CTRF)
        tests = {test["parameters"]["nbytes"]: test for test in report["results"]["tests"]}
        assert [tests[size]["status"] for size in (1024, 8, 64, 1 << 20)] == ["passed", "failed", "skipped", "failed"]
        assert tests[1024]["extra"]["time_s"] == 1.00006e-4
        summary = report["results"]["summary"]
        assert (summary["tests"], summary["passed"], summary["failed"], summary["skipped"]) == (5, 2, 2, 1)
        assert summary["stop"] - summary["start"] == 60_000

    def test_a_comparison(self) -> None:
        report = json.loads(compared("ctrf"))
        jsonschema.validate(report, CTRF)
        statuses = [(test["status"], test["rawStatus"]) for test in report["results"]["tests"]]
        assert statuses == [("passed", "same"), ("failed", "worse"), ("other", "worse"), ("other", "missing")]


BENCHER = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "required": ["value"],
            "additionalProperties": False,
            "properties": {name: {"type": "number"} for name in ("value", "lower_value", "upper_value")},
        },
    },
}


class TestHistories:
    """Services that keep what they are given as what is normal."""

    def test_bencher(self) -> None:
        metrics = json.loads(exported("bencher", a_result()))
        jsonschema.validate(metrics, BENCHER)
        assert list(metrics) == ["allreduce/mpi float32 1KiB 2 ranks"]
        (measures,) = metrics.values()
        assert measures["time-s"] == {"value": 1.00006e-4, "lower_value": TIMES[0], "upper_value": TIMES[-1]}
        assert set(measures) == {"time-s", "algbw-bytes-per-s", "busbw-bytes-per-s"}

    def test_github_action_benchmark(self) -> None:
        (entry,) = json.loads(exported("github-action-benchmark", a_result()))
        assert entry == {
            "name": "allreduce/mpi float32 1KiB 2 ranks",
            "unit": "s",
            "value": 1.00006e-4,
            "range": "95 %: 0.000100001 to 0.000100011",
            "extra": "launches: 6\ncheck: ok",
        }
        rates = json.loads(exported("github-action-benchmark-rates", a_result()))
        assert [(rate["name"].split()[-1], rate["unit"]) for rate in rates] == [("algbw", "B/s"), ("busbw", "B/s")]

    @pytest.mark.parametrize("form", ["bencher", "github-action-benchmark", "github-action-benchmark-rates"])
    def test_wrong_impossible_injected_and_unmeasured_are_left_out_and_said(self, form: str) -> None:
        notes = FORMATS[form].result([a_result()], points_of([a_result()], "*")).notes
        said = "\n".join(notes)
        for reason in ("3 wrong elements", "needs 3 ranks", "a fault was put in on purpose", "which cannot be"):
            assert reason in said

    def test_fewer_than_six_launches_have_no_interval(self) -> None:
        few = make_side("few", [1e-4] * 5)
        assert "lower_value" not in exported("bencher", few)
        assert "range" not in exported("github-action-benchmark", few)


class TestPrometheus:
    def families(self, *results: Result) -> dict[str, Any]:
        return {family.name: family for family in text_string_to_metric_families(exported("prometheus", *results))}

    def test_figures_in_base_units_with_help_and_type(self) -> None:
        families = self.families(a_result())
        for name, family in families.items():
            assert family.type == "gauge"
            assert family.documentation
            assert name.startswith("fabricbench_")
            assert all(sample.timestamp is None for sample in family.samples)
        (time,) = families["fabricbench_operation_seconds"].samples
        assert time.value == 1.00006e-4
        assert (time.labels["operation"], time.labels["nbytes"], time.labels["params"]) == (
            "allreduce",
            "1024",
            "op=sum",
        )
        (low,) = families["fabricbench_operation_low_seconds"].samples
        assert low.value == TIMES[0]

    def test_states_of_all_rows(self) -> None:
        families = self.families(a_result())
        usable = {sample.labels["nbytes"]: sample.value for sample in families["fabricbench_usable"].samples}
        assert usable == {"1024": 1, "8": 0, "64": 0, "256": 0, str(1 << 20): 0}
        wrong = {sample.labels["nbytes"]: sample.value for sample in families["fabricbench_wrong_elements"].samples}
        assert (wrong["8"], wrong["1024"], "64" in wrong) == (3, 0, False)
        (started,) = families["fabricbench_run_started_seconds"].samples
        assert started.value == datetime.fromisoformat("2026-01-02T03:04:05Z").timestamp()

    def test_no_series_occurs_twice(self) -> None:
        lines = [line.rpartition(" ")[0] for line in exported("prometheus", a_result()).splitlines() if line[0] != "#"]
        assert len(lines) == len(set(lines))


class TestReframe:
    def test_lines_have_the_fields_of_the_header(self) -> None:
        header, *lines = exported("reframe", a_result()).splitlines()
        assert header == "|".join(HEADER)
        rows = [dict(zip(HEADER, line.split("|"), strict=True)) for line in lines]
        good = [row for row in rows if "1KiB" in row["name"]]
        assert [(row["perf_var"], row["perf_unit"]) for row in good] == [
            ("time", "s"),
            ("algbw", "B/s"),
            ("busbw", "B/s"),
        ]
        assert (good[0]["result"], good[0]["perf_value"], good[0]["perf_ref"]) == ("pass", "0.000100006", "0")
        others = {
            row["name"].split()[2]: (row["result"], row["perf_value"]) for row in rows if row["perf_value"] == "null"
        }
        assert others == {"8": ("fail", "null"), "64": ("skip", "null"), "1MiB": ("fail", "null")}

    def test_runs_stay_apart(self) -> None:
        sides = [make_side(name, [1e-4, 1e-4]) for name in ("a", "b")]
        assert exported("reframe", *sides).count("|time|") == 2


def tables(text: str) -> list[list[list[str]]]:
    """The cells of every table, as text."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    found: list[list[list[str]]] = []
    for number, token in enumerate(tokens):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type in ("th_open", "td_open"):
            children: Sequence[Any] = tokens[number + 1].children or []
            found[-1][-1].append("".join(child.content for child in children))
    return found


class TestMarkdown:
    def test_a_result_has_a_table_an_operation_in_six_digits(self) -> None:
        text = exported("markdown", a_result())
        (table,) = tables(text)
        head, *rows = table
        assert head[:2] == ["variant", "size (B)"] or head[0] == "size (B)"
        row = next(row for row in rows if row[head.index("size (B)")] == "1024")
        assert row[head.index("time (us)")] == "100.006"
        assert row[head.index("95 % of launches (us)")] == "100.001 to 100.011"
        assert text.startswith("**WRONG RESULTS in 1 of 10 records.**")
        assert "3 wrong elements in 1 of 1 launches" in text

    def test_a_comparison_says_first_what_is_not_the_same(self) -> None:
        text = compared("markdown")
        assert text.startswith("**fabricbench: 2 worse, 1 same, 1 missing of 4 rows** (margin 10.0 %)")
        told, same = tables(text)
        assert [row[0] for row in told[1:]] == ["worse", "worse (not gated)", "missing"]
        assert told[1][2:5] == ["2.00000", "4.00000", "2.00000"]
        assert [row[0] for row in same[1:]] == ["same"]
        assert text.index("<details>") > text.index("missing")

    def test_a_comment_has_room_for_it(self) -> None:
        medians = {8 * size: [1e-6] * 5 for size in range(1, 1500)}
        sides = [make_side(name, medians) for name in ("base", "new")]
        comparison = FORMATS["markdown"].comparison
        assert comparison is not None
        text, notes = comparison(compare([sides[0]], [sides[1]], margin=0.05), sides)
        assert len(text) <= 65_536
        (same,) = tables(text)
        assert f"and {1499 - (len(same) - 1)} more" in text
        assert text.rstrip().endswith("</details>")
        assert "do not fit" in notes[0]

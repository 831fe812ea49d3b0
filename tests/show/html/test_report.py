"""What stands in a report: the same as `show` and `compare` say, and figures that can be computed from the file."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import plotly.graph_objects
import pytest
from builders import (
    changed,
    make_case,
    make_ceiling,
    make_launch,
    make_record,
    make_result,
    make_side,
    skipped,
)
from show.html.reading import answer, elements, figures, rows, text_of, traces, tree, written

from fabricbench import api, store
from fabricbench.judge import sides
from fabricbench.judge.columns import side_by_side
from fabricbench.judge.compare import compare
from fabricbench.judge.localise import rounds as circle
from fabricbench.model import Case, Check, Doubt, Pairing, Record, Round, Traffic
from fabricbench.show import columns, results, verdicts
from fabricbench.show.html import lines
from fabricbench.show.html.beside import UNLIKE
from fabricbench.show.html.figures import MARKS
from fabricbench.show.table import Page
from fabricbench.statistics import median_interval
from fabricbench.store import Result

MEASURED = Path(__file__).parents[3] / "results/2-core-vm/2026-11-23-8a62914-quick-openmpi.jsonl.gz"
SIZES = (8, 64, 4096, 1 << 20)
ALLREDUCE = "collectives: allreduce, float32, isolated, op=sum"


@pytest.fixture(autouse=True)
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plotly.offline.get_plotlyjs", lambda: "var Plotly;")


def launches(count: int, factor: float = 1.0, variants: Sequence[str] = ("mpi", "ring")) -> list[Record]:
    return [
        make_record(make_case(size, variant=one), factor * (1e-6 + size / 1e10) * (1 + 0.01 * launch), launch=launch)
        for launch in range(count)
        for one in variants
        for size in SIZES
    ]


def alternated(factor: float, count: int = 8, series: str = "s", path: str = "ab.jsonl") -> list[Result]:
    """Both sides of a series, each a run."""
    found = []
    for start, (side, slower) in enumerate((("base", 1.0), ("new", factor))):
        paired = [
            make_launch(
                number, id=f"{side}-{number}", pairing=Pairing(id=series, side=side, position=2 * number + start)
            )
            for number in range(count)
        ]
        found.append(make_result(side, launches(count, slower), launches=paired, path=path))
    return found


def tables(page: Page) -> list[list[list[str]]]:
    """Tables as a report has them: heads in one line."""
    found = []
    for table in page.tables:
        heads = [" ".join([*column.words, *([f"({column.unit})"] if column.unit else [])]) for column in table.columns]
        found.append([[re.sub(r"\s+", " ", cell).strip() for cell in row] for row in (heads, *table.rows)])
    return found


class TestTables:
    def test_they_are_those_of_show(self) -> None:
        (result,) = store.load(MEASURED)
        page = tree(written([result]))
        assert [rows(one) for one in elements(page, "table")] == tables(results.page(result, recompute=False))
        said = text_of(page)
        shown = results.page(result, recompute=False)
        for text in (*shown.alarms, *shown.notes, *(note for table in shown.tables for note in table.notes)):
            assert text in said
        for name, value in shown.facts:
            assert f"{name} {value}" in said or f"{name}{value}" in said

    def test_verdicts_come_first_and_are_those_of_compare(self) -> None:
        runs = alternated(1.5)
        page = tree(written(runs))
        (first, *others) = elements(page, "section")[1:]
        assert first.get("id") == "verdicts-1"
        expected = verdicts.page(compare(*sides.split(runs), margin=0.05))
        assert [rows(one) for one in elements(first, "table")] == tables(expected)
        assert {"run-1", "run-2"} < {one.get("id") for one in others}

    def test_files_stand_side_by_side_as_columns(self) -> None:
        files = [
            [make_result("a", launches(2))],
            [make_result("b", launches(3), machine={"hostname": "b", "cpu": "Model 2"})],
        ]
        page = tree(written(*files))
        (found,) = [one for one in elements(page, "section") if one.get("id") == "side-by-side"]
        expected = columns.page(side_by_side(files))
        assert [rows(one) for one in elements(found, "table")] == tables(expected)
        assert all(note in text_of(found) for table in expected.tables for note in table.notes)
        assert ("plain", "2 columns side by side: 0 of 8 rows have a ratio.") in answer(page)
        assert set(expected.alarms) < {text for kind, text in answer(page) if kind == "doubt"}

    def test_a_file_without_rows_is_no_column(self) -> None:
        files = [[make_result("a", launches(1))], [make_result("b", [], rounds=tuple(fabric(4)), launches=[hosts(4)])]]
        page = tree(written(*files))
        assert "Side by side" not in text_of(page)
        assert {"run-1", "run-2"} <= {one.get("id") for one in elements(page, "section")}


class TestAnswer:
    def test_the_worst_is_said_first_of_a_run_and_nothing_is_hidden(self) -> None:
        records = launches(1, variants=("mpi",))
        wrong = Check(status="wrong", wrong=17, worst=1.0, bound=0.0, reference="numpy float64")
        records[1] = changed(records[1], check=wrong)
        doubt = Doubt(code="skipped", text="It needs 96 GiB.", remedy="Ask for less.")
        records[2] = skipped(records[2].case, doubts=[doubt])
        records[3] = changed(records[3], doubts=[Doubt(code="few-samples", text="Only 7.", remedy="")])
        said = answer(tree(written([make_result("a", records, end=None, lost="line 9 has no end.")])))
        kinds = [kind for kind, _ in said]
        assert kinds == ["plain", "bad", "bad", "bad", "bad", "doubt", "doubt", "plain"]
        texts = [text for _, text in said]
        assert "4 rows of 1 operation on a, Model 1; launches 1, 2 ranks on 1 host (a)" in texts[0]
        assert "commit unknown" in texts[0]
        assert texts[1].startswith("INCOMPLETE")
        assert texts[2] == "LOST: line 9 has no end."
        assert texts[3] == "WRONG RESULTS in 1 of 4 records."
        assert texts[4] == "Not to be used, allreduce 64: wrong elements: 17."
        assert texts[5] == "NOT MEASURED, 1 row (allreduce 4KiB): It needs 96 GiB. Ask for less."
        assert texts[6].startswith("To be read with care: 1 row few-samples.")
        assert texts[7].startswith("3 rows with fewer than 6 launches")

    def test_right_results_are_counted(self) -> None:
        said = answer(tree(written([make_result("a", launches(6))])))
        assert said[1] == ("good", "No wrong result: 48 of 48 checked records were right.")
        assert len(said) == 2

    def test_unchecked_is_not_right(self) -> None:
        unchecked = Check(status="unchecked", wrong=0, worst=0.0, bound=0.0, reference="none")
        records = [*launches(6), *(changed(one, check=unchecked) for one in launches(6, variants=("bruck",)))]
        said = answer(tree(written([make_result("a", records)])))
        assert ("good", "No wrong result: 48 of 48 checked records were right.") in said
        assert ("doubt", "24 records of 72 not checked.") in said

    def test_a_row_faster_than_is_possible_is_not_to_be_used(self) -> None:
        ceilings = [make_ceiling(1e9, nature="physical", resource="memory")]  # which 4 KiB in 1 us pass
        records = [
            make_record(
                make_case(size, operation="copy"), 1e-6, rate_keys=("bandwidth",),
                traffic=Traffic(sent=float(size), received=float(size), flops=0.0, resource="memory"),
            )
            for size in SIZES
        ]  # fmt: skip
        page = tree(written([make_result("a", records, ceilings=ceilings)]))
        assert ("bad", "Not to be used, copy 4KiB, 1MiB: faster than is physically possible.") in answer(page)
        assert "Not drawn: 2 rows wrong or impossible." in text_of(page)

    def test_verdicts_are_counted_with_the_rows_that_have_them(self) -> None:
        said = answer(tree(written(alternated(1.5))))
        assert said[0][0] == "bad"
        assert re.match(r"8 rows worse: allreduce/mpi float32 8, .* and 4 more\.", said[0][1])

    def test_findings_of_a_run(self) -> None:
        (result,) = store.load(MEASURED)
        (finding,) = [text for _, text in answer(tree(written([result]))) if "could be replaced" in text]
        assert "reduce_scatter_block 1MiB takes 1.22 times as long as 16 x 64KiB" in finding


def valid(figure: dict[str, Any]) -> None:
    """Every property of the figure is one that plotly knows, and has a value that it takes."""
    plotly.graph_objects.Figure(data=figure["data"], layout=figure["layout"])


class TestCharts:
    @pytest.fixture
    def result(self) -> Result:
        return make_result("a", launches(7), ceilings=[make_ceiling(launch=number) for number in range(7)])

    def test_lines_bands_and_launches_are_those_of_the_file(self, result: Result) -> None:
        drawn = dict(figures(tree(written([result]))))
        assert list(drawn) == [f"{name} over size: {ALLREDUCE}" for name in ("time", "busbw")]
        for figure, name, scale in zip(drawn.values(), ("time", "busbw"), (1e-6, 1e9), strict=True):
            valid(figure)
            assert figure["layout"]["xaxis"]["type"] == figure["layout"]["yaxis"]["type"] == "log"
            by_name = {one["name"]: one for one in traces(figure, "line")}
            assert list(by_name) == ["mpi", "ring"]
            for variant, line in by_name.items():
                found = {size: values(result, make_case(size, variant=variant), name) for size in SIZES}
                assert line["x"] == list(SIZES)
                assert line["y"] == pytest.approx([median(found[size]) / scale for size in SIZES], rel=1e-5)
                (band,) = [one for one in traces(figure, "band") if one["name"] == variant]
                ends = [median_interval(found[size])[1:] for size in SIZES]
                expected = [*(high / scale for _, high in ends), *(low / scale for low, _ in reversed(ends))]
                assert band["y"] == pytest.approx(expected, rel=1e-5)
                (dots,) = [one for one in traces(figure, "launches") if one["name"] == variant]
                assert dots["y"] == pytest.approx([value / scale for size in SIZES for value in found[size]], rel=1e-5)

    def test_a_ceiling_is_a_line_at_the_figure_that_reaches_it(self, result: Result) -> None:
        figure = dict(figures(tree(written([result]))))[
            "busbw over size: collectives: allreduce, float32, isolated, op=sum"
        ]
        (level,) = traces(figure, "level")
        assert level["y"] == [20.0, 20.0]
        assert level["x"] == [SIZES[0], SIZES[-1]]
        assert "20.0 GB/s of link a rank, measured (ping-pong, 4 MiB)" in level["text"][0]

    def test_a_ceiling_that_ranks_share_is_that_of_each(self) -> None:
        ceilings = [make_ceiling(launch=number, scope="host", resource="memory") for number in range(7)]
        records = [
            make_record(
                make_case(size, operation="copy"), 1e-6, launch=launch, rate_keys=("bandwidth",),
                traffic=Traffic(sent=float(size), received=float(size), flops=0.0, resource="memory"),
            )
            for launch in range(7)
            for size in (8, 64)
        ]  # fmt: skip
        figure = list(figures(tree(written([make_result("a", records, ceilings=ceilings)]))))[1][1]
        (level,) = traces(figure, "level")
        assert level["y"] == [10.0, 10.0]

    def test_the_box_over_a_point_says_what_it_is(self, result: Result) -> None:
        figure = next(iter(dict(figures(tree(written([result])))).values()))
        text = traces(figure, "line")[0]["text"][-1].replace("<br>", " ")
        assert text.startswith("<b>mpi</b> 1MiB: time 109 us n 7 samples in each of 7 launches, 95 % 106-112 us")
        assert "allreduce/mpi float32 1MiB time global, step compiled, sync round-time" in text
        assert "library Open MPI 5.0.11, algorithm unknown" in text
        assert text.endswith("a.jsonl")

    def test_few_launches_have_the_spread_within_one(self) -> None:
        drawn = tree(written([make_result("a", launches(2))]))
        figure = next(iter(dict(figures(drawn)).values()))
        line, band = traces(figure, "line")[0], traces(figure, "band")[0]
        assert band["y"][0] / line["y"][0] == pytest.approx(1.01, abs=1e-3)
        assert "The band is the spread within a launch, which says nothing about the next launch." in text_of(drawn)
        assert "+-1.0 % within one" in line["text"][0]

    def test_what_is_wrong_or_missing_is_a_gap(self) -> None:
        records = launches(1, variants=("mpi",))
        wrong = Check(status="wrong", wrong=17, worst=1.0, bound=0.0, reference="numpy float64")
        records[1] = changed(records[1], check=wrong)
        records += [make_record(make_case(0), 1e-6)]
        page = tree(written([make_result("a", records)]))
        figure = next(iter(dict(figures(page)).values()))
        assert [value is None for value in traces(figure, "line")[0]["y"]] == [False, True, False, False]
        assert "Not drawn: 1 row without a size." in text_of(page)
        assert "Not drawn: 1 row wrong or impossible." in text_of(page)

    def test_cadences_have_marks_of_their_own_and_lines_where_a_size_has_both(self) -> None:
        cadences = {8: ("streaming",), 64: ("streaming",), 512: ("isolated",)}
        page = written([make_result("a", cadenced(cadences))])
        (line,) = traces(next(iter(dict(figures(tree(page))).values())), "line")
        assert line["marker"]["symbol"] == ["circle-open", "circle-open", "circle"]
        assert lines.OPEN in page
        page = written([make_result("a", cadenced({**cadences, 64: ("streaming", "isolated")}))])
        found = traces(next(iter(dict(figures(tree(page))).values())), "line")
        assert [(one["name"], one["x"]) for one in found] == [("mpi streaming", [8, 64]), ("mpi isolated", [64, 512])]

    def test_lines_are_told_apart_by_more_than_colour(self) -> None:
        records = launches(1, variants=[f"v{number:02}" for number in range(30)])
        page = tree(written([make_result("a", records)]))
        figure = next(iter(dict(figures(page)).values()))
        drawn = traces(figure, "line")
        looks = {(one["marker"]["symbol"][0], one["line"]["dash"]) for one in drawn}
        assert len(looks) == len(drawn) == 3 * len(MARKS)
        assert "24 of 30 lines are drawn, the first of the table; all rows stand in the table." in text_of(page)

    def test_many_launches_are_left_to_their_medians_and_that_is_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lines, "MOST_LAUNCHES", 55)
        page = tree(written([make_result("a", launches(7))]))
        assert not traces(next(iter(dict(figures(page)).values())), "launches")
        assert "56 launches are too many to draw one by one: only their medians are drawn." in text_of(page)

    def test_ratios_of_a_series_with_the_margin(self) -> None:
        runs = alternated(1.5)
        drawn = dict(figures(tree(written(runs))))
        figure = drawn[f"new over base, over size: {ALLREDUCE}"]
        valid(figure)
        assert [value for one in traces(figure, "line") for value in one["y"]] == pytest.approx([1.5] * 8, rel=1e-3)
        assert [one["y"][0] for one in traces(figure, "level")] == pytest.approx([1.05, 1 / 1.05])

    def test_columns_side_by_side(self) -> None:
        files = [[make_result("a", launches(2))], [make_result("b", launches(2, 2.0), machine={"hostname": "b"})]]
        drawn = dict(figures(tree(written(*files))))
        figure = drawn[f"busbw over size, side by side: {ALLREDUCE}"]
        valid(figure)
        found = {one["name"]: one for one in traces(figure, "line")}
        assert set(found) == {"a: mpi", "b: mpi", "a: ring", "b: ring"}
        assert [left / right for left, right in zip(found["a: mpi"]["y"], found["b: mpi"]["y"], strict=True)] == (
            pytest.approx([2.0] * 4, rel=1e-3)
        )
        assert "b.jsonl: 2 launches" in found["b: mpi"]["text"][0].replace("<br>", " ")
        colours = {name: one["meta"]["colour"] for name, one in found.items()}
        assert colours["a: mpi"] == colours["a: ring"] != colours["b: mpi"]

    def test_wrong_results_are_no_figure_of_a_column(self) -> None:
        wrong = Check(status="wrong", wrong=17, worst=1.0, bound=0.0, reference="numpy float64")
        records = launches(1)
        records[1] = changed(records[1], check=wrong)
        files = [[make_result("a", records)], [make_result("b", launches(1), machine={"hostname": "b"})]]
        page = tree(written(*files))
        drawn = traces(dict(figures(page))[f"time over size, side by side: {ALLREDUCE}"], "line")
        gaps = {one["name"]: [value is None for value in one["y"]] for one in drawn}
        assert gaps["a: mpi"] == [False, True, False, False]
        assert not any(gaps["b: mpi"])
        assert "Not drawn: 1 figure of wrong results." in text_of(page)
        assert UNLIKE not in text_of(page)

    def test_unlike_columns_are_drawn_and_that_is_said(self) -> None:
        other = [[make_result("b", launches(1), machine={"hostname": "b", "cpu": "Model 2"})]]
        page = tree(written([make_result("a", launches(1))], *other))
        assert len(traces(dict(figures(page))[f"time over size, side by side: {ALLREDUCE}"], "line")) == 4
        assert UNLIKE in text_of(page)


def values(result: Result, case: Case, name: str) -> list[float]:
    """The figure of every launch of a row, from its samples."""
    found = [one for one in result.records if one.case == case]
    times = [median(one.samples_s) for one in found]
    return times if name == "time" else [case.nbytes / time for time in times]  # of two ranks busbw is algbw


def cadenced(cadences: dict[int, tuple[str, ...]]) -> list[Record]:
    return [
        make_record(make_case(size, cadence=cadence), 1e-6 + size / 1e10)
        for size, found in cadences.items()
        for cadence in found
    ]


def hosts(count: int, names: Sequence[str] = ()) -> Any:
    return make_launch(0, ranks=count, hosts=list(names or [f"node{number}" for number in range(count)]))


def fabric(count: int, slow: dict[tuple[int, int], float] | None = None, check: str = "ok") -> list[Round]:
    """Every pair three times each way at 1 GB/s and a thousandth of noise, or at a share of that."""
    found = []
    for number, pairs in enumerate(circle(count)):
        for direction in ("forward", "backward"):
            ordered = [pair if direction == "forward" else pair[::-1] for pair in pairs]
            shares = [(slow or {}).get(pair, 1.0) for pair in ordered]
            samples = [[1e-3 / share * (1 + 0.001 * ((number + one) % 3 - 1)) for one in range(3)] for share in shares]
            found.append(Round(
                launch=0, round=number, direction=direction, pairs=pairs, nbytes=10**6, samples_s=samples,
                check=check if number == 0 else "ok",
            ))  # type: ignore[arg-type]  # fmt: skip
    return found


def paired(count: int, names: Sequence[str] = (), **more: Any) -> Result:
    return make_result("p", [], launches=[hosts(count, names)], rounds=tuple(fabric(count, **more)))


class TestPairs:
    def test_a_heat_map_has_the_rates_of_the_rounds(self) -> None:
        sends = {(2, other): 0.5 for other in range(12) if other != 2}
        page = tree(written([paired(12, slow=sends)]))
        ((caption, figure),) = figures(page)
        valid(figure)
        (heat,) = traces(figure, "matrix")
        assert caption == "bandwidth of every pair"
        for sender, line in enumerate(heat["z"]):
            for receiver, value in enumerate(line):
                expected = None if sender == receiver else 50 if sender == 2 else 100
                assert value == (expected if expected is None else pytest.approx(expected, abs=0.2))
        assert figure["layout"]["yaxis"]["ticktext"][2] == "* node2"
        assert heat["text"][2][5] == "node2 to node5: 50 %"
        table = elements(page, "table")[0]
        assert rows(table)[3][:5] == ["node2", "50*", "50*", "-", "50*"]
        (said,) = [text for kind, text in answer(page) if kind == "bad"]
        assert said.startswith("Stands out: node2 sends at 0.50 of the others.")

    def test_rows_are_in_the_order_of_hosts(self) -> None:
        names = ["node10", "node9", "b", "node2", "a"]
        page = tree(written([paired(5, names, slow={(1, 3): 0.5})]))
        ((_, figure),) = figures(page)
        (heat,) = traces(figure, "matrix")
        assert figure["layout"]["xaxis"]["ticktext"] == ["a", "b", "* node2", "* node9", "node10"]
        assert heat["z"][3][2] == pytest.approx(50, abs=0.2)  # node9 to node2
        assert heat["z"][2][3] == pytest.approx(100, abs=0.2)
        assert any("from node9 to node2 at 0.50 of the others" in text for _, text in answer(page))

    def test_what_stands_out_is_said_or_what_would_have(self) -> None:
        said = answer(tree(written([paired(6)])))
        assert said[-1][0] == "good"
        assert said[-1][1].startswith("No pair or host stands out; a transmit below 0.95")

    def test_ranks_that_share_hosts_have_numbers(self) -> None:
        page = text_of(tree(written([paired(4, ["a", "b"])])))
        assert "to rank3" in page

    def test_wrong_data_and_too_few_members_are_said(self) -> None:
        said = answer(tree(written([paired(3, check="wrong")])))
        assert ("bad", "WRONG DATA in 2 of 6 rounds of pairs, which count for nothing else.") in said
        assert ("doubt", "2 of 6 pairs were not measured, or not rightly.") in said
        assert any(kind == "doubt" and "3 hosts are too few" in text for kind, text in said)

    def test_wrong_data_alone_is_said_and_not_drawn(self) -> None:
        lines = [changed(line, check="wrong") for line in fabric(4)]
        page = tree(written([make_result("p", [], launches=[hosts(4)], rounds=tuple(lines))]))
        assert answer(page)[1] == ("bad", "WRONG DATA in 6 of 6 rounds of pairs, which count for nothing else.")
        assert not elements(page, "figure")

    def test_of_many_members_several_share_a_row_and_that_is_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("fabricbench.show.html.pairs.MOST_ROWS", 8)
        monkeypatch.setattr("fabricbench.show.html.pairs.MOST_COLUMNS", 8)
        page = tree(written([paired(15, slow={(9, 4): 0.5})]))
        ((_, figure),) = figures(page)
        (heat,) = traces(figure, "matrix")
        assert len(heat["z"]) == 8
        assert heat["z"][4][2] == pytest.approx(50, abs=0.2)
        assert figure["layout"]["xaxis"]["ticktext"][2] == "* node4 .. node5"
        assert "A row is 2 members in the order of their names, a cell their slowest pair." in text_of(page)
        table = elements(page, "table")[0]
        assert rows(table)[1] == ["node9", "node4", "50"]
        assert "the slowest 20 of 210 pairs" in text_of(page)


def test_an_imported_row_says_who_printed_it(tmp_path: Path) -> None:
    from show.imports import printers

    log = tmp_path / "osu.txt"
    log.write_text(printers.osu([(1024, 5.0), (4096, 9.0)]))
    theirs = tmp_path / "osu.jsonl"
    api.import_([str(log)], str(theirs), ranks=2)
    ours = [make_result("ours", [make_record(make_case(size), 1e-6 * size) for size in (1024, 4096)])]
    page = tree(written(ours, store.load(theirs)))
    assert any("printed by osu v7.4, not measured or checked here" in text for _, text in answer(page))
    assert any("statistic: " in text and "mean over samples" in text for _, text in answer(page))
    beside = dict(figures(page))[f"time over size, side by side: {ALLREDUCE.replace(',', '/mpi,', 1)}"]
    assert {one["name"] for one in traces(beside, "line")} == {"fabricbench", "osu"}
    (own,) = [one for one in elements(page, "section") if one.get("id") == "run-2"]
    (drawn, _) = figures(own)
    assert "osu.txt,<br>line 5" in traces(drawn[1], "line")[0]["text"][0]
    assert not traces(drawn[1], "band"), "a log says nothing of its spread"


def test_an_empty_band_is_no_band() -> None:
    records = [changed(make_record(make_case(size), 1e-6 * size, pattern=(1.0,))) for size in SIZES]
    figure = next(iter(dict(figures(tree(written([make_result("a", records)])))).values()))
    assert not traces(figure, "band")


def verdicts_of(*files: Sequence[Result]) -> list[str]:
    titles = [text_of(one) for one in elements(tree(written(*files)), "h2")]
    return [one for one in titles if one.startswith("Verdicts")]


def test_every_series_is_judged_by_itself_wherever_its_sides_lie() -> None:
    one, other = alternated(1.5), alternated(1.0, series="t", path="other.jsonl")
    assert verdicts_of(one, other) == ["Verdicts: ab.jsonl", "Verdicts: other.jsonl"]
    base, new = (replace(run, path=f"{run.run.id}.jsonl") for run in one)
    assert verdicts_of([base], other, [new]) == ["Verdicts: run-base.jsonl, run-new.jsonl", "Verdicts: other.jsonl"]
    assert verdicts_of([base], [other[1]]) == [], "a base and the new side of something else"
    copied = written(one, [replace(run, path="copy.jsonl") for run in one])
    assert "in ab.jsonl and in copy.jsonl; it counts once." in copied


def test_many_files_are_told_apart_and_few_of_them_are_in_the_title() -> None:
    files = [[make_result(f"f{number:02}", launches(1, variants=("mpi",)))] for number in range(12)]
    page = tree(written(*files))
    assert text_of(elements(page, "h1")[0]) == "fabricbench: f00.jsonl, f01.jsonl, f02.jsonl, f03.jsonl, and 8 more"
    drawn = traces(dict(figures(page))[f"time over size, side by side: {ALLREDUCE.replace(',', '/mpi,', 1)}"], "line")
    assert len(drawn) == 12
    assert len({(one["meta"]["colour"] % 8, one["marker"]["symbol"][0], one["line"]["dash"]) for one in drawn}) == 12


def test_a_single_side_is_no_comparison() -> None:
    page = tree(written([make_side("a", {8: [1e-6] * 5, 64: [2e-6] * 5}, positions=range(5))]))
    assert not [one for one in elements(page, "section") if (one.get("id") or "").startswith("verdicts")]

"""Imported rows shown and compared: beside each other and beside ours, and never a ratio of unlike statistics."""

import json
from pathlib import Path

import pytest
from builders import changed, make_case, make_record, make_result, write
from show.imports import printers

from fabricbench import api, store
from fabricbench.cli import main
from fabricbench.errors import UnreadableError, UsageError
from fabricbench.judge.columns import Columns
from fabricbench.judge.sides import statistic, unlike

TABLE = [(1024, 5.0), (4096, 9.0)]


def imported(folder: Path, name: str, *texts: str, ranks: int | None = 2) -> str:
    paths = []
    for number, text in enumerate(texts):
        paths.append(folder / f"{name}{number}.txt")
        paths[-1].write_text(text)
    output = folder / f"{name}.jsonl"
    api.import_([str(path) for path in paths], str(output), ranks=ranks)
    return str(output)


def slower(factor: float, count: int) -> list[str]:
    """Logs of several starts, each a bit different."""
    tables = [[(size, factor * time * (1 + 0.01 * n)) for size, time in TABLE] for n in range(count)]
    return [printers.osu(table) for table in tables]


class TestShow:
    def test_one_tool(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["show", imported(tmp_path, "a", printers.osu(TABLE))]) == 0
        page = capsys.readouterr().out
        assert "# printed by  osu v7.4" in page
        assert "a0.txt" in page
        assert "osu mean/mean" in page
        assert "1 launch" not in page, "a log says nothing of its spread"
        assert "unknown" not in page

    def test_figures_of_several_tools_are_rows_of_their_own(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        text = printers.imb(TABLE)
        assert main(["show", imported(tmp_path, "a", printers.osu(TABLE), text)]) == 0
        page = capsys.readouterr().out
        lines = [line.split() for line in page.splitlines() if line.strip().startswith("1024 ")]
        assert sum("osu" in line for line in lines) == sum("imb" in line for line in lines) == 1

    def test_one_case_of_two_statistics_is_two_rows(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        texts = [printers.nccl_json([(1024, 5.0 * n)], args=["-a", str(n)]) for n in (1, 3)]
        assert main(["show", imported(tmp_path, "a", *texts)]) == 0
        page = capsys.readouterr().out
        assert page.count("nccl-tests mean/mean") == page.count("nccl-tests mean/maximum") == 2

    def test_ranks_that_are_unknown_are_said(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["show", imported(tmp_path, "a", printers.osu(TABLE), ranks=None)]) == 0
        assert "ranks unknown" in capsys.readouterr().out

    def test_recomputed_is_the_same(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = imported(tmp_path, "a", printers.nccl(TABLE))
        pages = []
        for words in (["show", path], ["show", "--recompute", path]):
            assert main(words) == 0
            pages.append(capsys.readouterr().out)
        assert pages[0] == pages[1]

    def test_overlap_and_guidelines_leave_it_alone(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        many = [(1 << power, 100.0 / power) for power in range(2, 20)]
        assert main(["show", imported(tmp_path, "a", printers.osu(many), printers.osu_overlap(many))]) == 0
        assert "takes" not in capsys.readouterr().out


class TestCompare:
    def test_five_logs_a_side_are_judged(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        base, new = imported(tmp_path, "base", *slower(1, 5)), imported(tmp_path, "new", *slower(1.5, 5))
        assert main(["compare", base, "--with", new]) == 1
        assert "2 worse" in capsys.readouterr().out
        assert main(["compare", base, "--with", base.replace("base", "new"), "--gate", "none*"]) == 2

    def test_a_log_imported_twice_is_one_launch(self, tmp_path: Path) -> None:
        text = printers.osu(TABLE)
        base, new = imported(tmp_path, "base", text), imported(tmp_path, "new", text)
        first, second = (api.load([path])[0] for path in (base, new))
        assert first.run.id == second.run.id
        assert [one.id for one in first.launches] == [one.id for one in second.launches]

    def test_ours_beside_another_tools_is_unlike(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        ours = write(make_result("ours", [make_record(make_case(1024), 4e-6)]), tmp_path / "ours.jsonl")
        theirs = imported(tmp_path, "theirs", printers.osu([(1024, 5.0)]))
        assert main(["compare", ours, "--with", theirs]) == 0
        page = capsys.readouterr().out
        assert "1 launch, imported" in page
        assert "4.00 5.00" in " ".join(page.split())
        assert "statistic: base median over samples, new mean over samples, mean over ranks" in " ".join(page.split())
        assert main(["compare", ours, "--with", theirs, "--strict"]) == 4
        capsys.readouterr()
        assert main(["compare", theirs, "--with", ours, "--format", "json"]) == 0
        (row,) = json.loads(capsys.readouterr().out)["rows"]
        assert (row["verdict"], row["ratio"], row["base_s"], row["new_s"]) == ("unlike", None, 5e-6, 4e-6)

    def test_what_a_tool_leaves_out_goes_without_saying(self, tmp_path: Path) -> None:
        case = make_case(1024, operation="broadcast", dtype="uint8", params={"root": 0})
        ours = write(make_result("ours", [make_record(case, 4e-6)]), tmp_path / "ours.jsonl")
        text = printers.osu([(1024, 5.0)], "OSU MPI Broadcast Latency Test", datatype="MPI_CHAR")
        (row,) = api.compare([ours], [imported(tmp_path, "theirs", text)]).rows
        assert row.verdict == "unlike"
        unusual = write(
            make_result("last", [make_record(changed(case, params={"root": 1}), 4e-6)]), tmp_path / "last.jsonl"
        )
        with pytest.raises(UsageError, match="is missing"):
            api.compare([unusual], [str(tmp_path / "theirs.jsonl")])

    def test_as_columns_they_share_the_line_of_what_is_asked(self, tmp_path: Path) -> None:
        case = make_case(1024, operation="broadcast", dtype="uint8", params={"root": 0})
        ours = write(make_result("ours", [make_record(case, 4e-6)]), tmp_path / "ours.jsonl")
        text = printers.osu([(1024, 5.0)], "OSU MPI Broadcast Latency Test", datatype="MPI_CHAR")
        theirs = imported(tmp_path, "theirs", text)
        for files, values in (([ours, theirs], [4e-6, 5e-6]), ([theirs, ours], [5e-6, 4e-6])):
            found = api.weigh(files)
            assert isinstance(found, Columns)
            (line,) = found.sections[0].lines
            assert line.case == case, "what the tool left out is said"
            assert [cell.value for cell in line.cells] == values
            assert [cell.ratio for cell in line.cells] == [None, None]
            assert "statistic" in line.cells[1].why

    def test_what_a_tool_says_must_be_so(self, tmp_path: Path) -> None:
        case = make_case(1024, operation="broadcast", dtype="uint8", cadence="streaming", params={"root": 0})
        theirs = imported(tmp_path, "theirs", printers.imb([(1024, 5.0)], "Bcast"))
        for root, verdicts in ((0, {"unlike"}), (1, {"missing"})):
            records = [make_record(changed(case, params={"root": root}), 4e-6)]
            ours = write(make_result(f"root{root}", records), tmp_path / f"root{root}.jsonl")
            try:
                assert {row.verdict for row in api.compare([ours], [theirs]).rows} == verdicts
            except UsageError:
                assert verdicts == {"missing"}

    def test_two_tools_with_unlike_statistics(self, tmp_path: Path) -> None:
        osu = imported(tmp_path, "osu", printers.osu([(1024, 5.0)], "OSU MPI Latency Test", datatype="MPI_CHAR"))
        imb = imported(tmp_path, "imb", printers.imb([(1024, 5.0)], "PingPong", heads=("t[usec]", "Mbytes/sec")))
        (row,) = api.compare([osu], [imb]).rows
        assert (row.verdict, row.ratio) == ("unlike", None)
        assert "mean over samples, rank 0 over ranks" in row.reason

    def test_one_side_of_two_statistics_varies(self, tmp_path: Path) -> None:
        texts = [printers.nccl_json([(1024, 5.0 + n)], args=["-a", str(n)]) for n in (1, 3)]
        (row, _) = api.compare([imported(tmp_path, "a", texts[0])], [imported(tmp_path, "b", *texts)]).rows
        assert row.verdict == "unlike"
        assert "statistic varies between launches of new" in row.reason

    def test_unknown_statistics_of_two_tools_are_not_the_same(self, tmp_path: Path) -> None:
        texts = ["rccl-tests: x\n" + printers.nccl(TABLE), printers.nccl(TABLE)]
        first, second = (api.load([imported(tmp_path, f"n{n}", text)])[0].records[0] for n, text in enumerate(texts))
        assert statistic(first) != statistic(second)
        assert unlike([first], [second])

    def test_a_row_without_a_time_says_why(self, tmp_path: Path) -> None:
        paths = [imported(tmp_path, f"n{n}", printers.nvbandwidth([[100.0 + n]])) for n in range(2)]
        with pytest.raises(UsageError, match="its tool printed no time, nor a size to make one of"):
            api.compare(paths[:1], paths[1:])


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("case", "ranks", None), ("case", "memory", "unknown"), ("conditions", "step", "unknown"),
        ("conditions", "sync", "unknown"), ("conditions", "threads", None), ("", "time", "unknown"),
        ("", "repeats", None), ("summary", "n", None), ("summary", "stop", "unknown"),
    ],
)  # fmt: skip
def test_only_a_row_of_another_tool_may_leave_something_open(
    part: str, field: str, value: str | None, tmp_path: Path
) -> None:
    record = make_record()
    fields = {part: changed(getattr(record, part), **{field: value})} if part else {field: value}
    path = write(make_result("x", [changed(record, **fields)]), tmp_path / "x.jsonl")
    name = f"{part}.{field}" if part else field
    with pytest.raises(UnreadableError, match=f"{name} is (null|unknown), which only a row of another tool may be"):
        store.load(path)


def test_what_is_written_is_what_the_schema_allows(tmp_path: Path) -> None:
    import jsonschema

    page = json.loads((Path(__file__).parents[3] / "docs" / "schema.json").read_text())
    validator = jsonschema.Draft202012Validator(page)
    logs = printers.osu(TABLE), printers.nccl(TABLE, "sendrecv"), printers.nvbandwidth([[1.0]])
    for line in Path(imported(tmp_path, "a", *logs, ranks=None)).read_text().splitlines():
        validator.validate(json.loads(line))

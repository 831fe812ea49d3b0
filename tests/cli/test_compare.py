"""The questions of `compare` through its door: what is printed, what exits with which status."""

import gzip
import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import changed, make_case, make_launch, make_record, make_result, make_side, write

from fabricbench import api
from fabricbench.cli import main
from fabricbench.judge.compare import TAIL_MARGIN
from fabricbench.judge.metric import METRICS
from fabricbench.judge.rule import MARGIN
from fabricbench.store import Result


def dated(number: int, level: float) -> Result:
    """One day of a history."""
    started = f"2026-01-{number + 1:02d}T03"
    random = np.random.default_rng(number)
    records = [make_record(median_s=level * float(np.exp(random.normal(0, 0.01))), launch=one) for one in range(5)]
    launches = [make_launch(one, id=f"{number}-{one}", started=f"{started}:{one:02d}:00Z") for one in range(5)]
    result = make_result(f"run{number}", records, launches=launches)
    run = changed(result.run, started=f"{started}:00:00Z", software={**result.run.software, "commit": f"c{number}"})
    return Result(**{**{slot: getattr(result, slot) for slot in result.__slots__}, "run": run})


def folder(path: Path, levels: Sequence[float]) -> str:
    path.mkdir()
    for number, level in enumerate(levels):
        write(dated(number, level), path / f"{number}.jsonl{'.gz' if number % 2 else ''}")
    return str(path)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Paths by name: two alike, one with another library, one with two variants."""
    both = [make_record(make_case(variant=one), launch=launch) for launch in range(5) for one in ("mpi", "ring")]
    made = {
        "a": make_side("a", [1e-4] * 5),
        "b": make_side("b", [2e-4] * 5),
        "other": make_side("c", [1e-4] * 5, conditions={"library": "MPICH 5"}),
        "variants": make_result("d", both),
    }
    return {name: write(result, tmp_path / f"{name}.jsonl") for name, result in made.items()}


def err(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Error: ")
    assert captured.err.count("\n") == 1
    return captured.err


class TestColumns:
    def test_files_stand_side_by_side(self, files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["compare", files["a"], files["b"], files["other"]]) == 0
        out = capsys.readouterr().out
        assert "  a.jsonl  b.jsonl  ratio" in out
        assert "2.000" in out
        assert "no ratio of other.jsonl, this row: library: a.jsonl Open MPI 5.0.11" in " ".join(out.split())
        assert out.isascii()

    def test_across_is_the_title(self, files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["compare", files["a"], files["other"], "--across", "library"]) == 0
        out = capsys.readouterr().out
        assert "op=sum, across library" in out
        assert "N/A" not in out.split("across library")[-1]
        assert main(["compare", files["variants"], "--across", "variant", "--format", "json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["sections"][0]["labels"] == ["mpi", "ring"]

    def test_two_sides_across_a_factor(self, files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["compare", files["a"], "--with", files["other"]]) == 2
        assert "--across" in err(capsys)
        assert main(["compare", files["a"], "--with", files["other"], "--across", "library"]) == 0
        assert "# across  library" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["a"], "is alone"),
            (["a", "a"], "is named 2 times and is one file"),
            (["a", "b", "--gate", "x"], "--gate is about verdicts"),
            (["a", "b", "--strict"], "--strict is about verdicts"),
            (["a", "b", "--margin", "0"], "--margin is about verdicts"),
            (["a", "b", "--across", "librarry"], "Nearest: library"),
            (["a", "--across", "variant"], "only one column"),
            (["a", "b", "--metric", "flops"], "No row has flops"),
            (["a", "--with", "b", "--metric", "busbw"], "--metric says nothing beside --with"),
            (["a", "--with", "b", "--expect", "x"], "--with says nothing beside --expect"),
            (["a", "--with", "b", "--tail-margin", "nan"], "--tail-margin nan is no difference"),
            (["a", "--with", "b", "--gate", "all*", "--gate", "no"], "gate 'no'"),
            (["a", "--history", "b"], "A... says nothing beside --history"),
            (["a", "-o", "x.toml"], "--output says nothing beside A..."),
            (["a", "--learn"], "no file to write"),
            ([], "no file to compare"),
            (["--expect", "x.toml"], "x.toml cannot be read"),
        ],
    )
    def test_what_makes_no_sense_exits_2(
        self, words: list[str], said: str, files: dict[str, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["compare", *(files.get(word, word) for word in words)]) == 2
        assert said in err(capsys)

    @pytest.mark.parametrize("words", [["a", "cut"], ["a", "--with", "cut"], ["--history", "cut"]])
    def test_what_a_torn_file_lost_is_said(
        self, words: list[str], files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        cut = tmp_path / "cut.jsonl"
        cut.write_bytes(Path(files["b"]).read_bytes()[:-400])
        main(["compare", *({**files, "cut": str(cut)}.get(word, word) for word in words)])
        out = " ".join(capsys.readouterr().out.split())
        assert "LOST in" in out
        assert "The file stops in the middle of line" in out

    def test_a_file_of_a_newer_schema_exits_2(
        self, files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        newer = tmp_path / "newer.jsonl"
        newer.write_text(Path(files["b"]).read_text().replace('"schema":1', '"schema":99'))
        assert main(["compare", files["a"], str(newer)]) == 2
        assert "newer.jsonl, line 1: written by a newer fabricbench" in err(capsys)


class TestHistory:
    def test_since_when(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        where = folder(tmp_path / "h", [1e-4] * 5 + [1.3e-4])
        assert main(["compare", "--history", where]) == 1
        out = capsys.readouterr().out
        assert "c5 (2026-01-06)" in out
        assert "worse, new" in out
        assert "|#" in out
        assert out.isascii()

    def test_metrics_gates_margins_and_json(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        where = folder(tmp_path / "h", [1e-4] * 5 + [1.3e-4])
        assert main(["compare", "--history", where, "--metric", "busbw", "--format", "json"]) == 1
        found = json.loads(capsys.readouterr().out)
        assert found["series"][0]["changes"][0]["ratio"] == pytest.approx(1 / 1.3, rel=0.02)
        assert main(["compare", "--history", where, "--margin", "40"]) == 0
        assert "No change in 1 series" in capsys.readouterr().out
        assert main(["compare", "--history", where, "--gate", "x"]) == 2

    def test_what_is_no_result_is_left_out_and_said(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        where = folder(tmp_path / "h", [1e-4] * 2)
        (tmp_path / "h" / "deep").mkdir()
        (tmp_path / "h" / "deep" / "x.jsonl.gz").write_bytes(gzip.compress(b'{"kind":"other"}\n'))
        assert main(["compare", "--history", where]) == 0
        out = " ".join(capsys.readouterr().out.split())
        assert "LEFT OUT" in out
        assert "x.jsonl.gz, line 1" in out
        assert main(["compare", "--history", where, str(tmp_path / "h" / "deep" / "x.jsonl.gz")]) == 2

    def test_a_folder_without_results_exits_2(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["compare", "--history", str(tmp_path)]) == 2
        assert "There is no result in" in err(capsys)
        assert main(["compare", "--history", str(tmp_path / "none")]) == 2
        assert "cannot be read" in err(capsys)


class TestExpect:
    def test_learn_then_expect(self, files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = str(tmp_path / "e.toml")
        assert main(["compare", files["a"], "--learn", "-o", path]) == 0
        assert "1, widest" in capsys.readouterr().out
        assert main(["compare", files["a"], "--expect", path, "--strict"]) == 0
        assert "PASS" in capsys.readouterr().out
        assert main(["compare", files["b"], "--expect", path]) == 1
        out = " ".join(capsys.readouterr().out.split())
        assert "FAIL, this row: above high. source, this row: learnt from 5 launches" in out
        assert main(["compare", files["other"], "--expect", path]) == 0
        assert main(["compare", files["other"], "--expect", path, "--strict"]) == 4

    def test_an_existing_file_is_not_written(
        self, files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "e.toml"
        path.write_text("mine")
        assert main(["compare", files["a"], "--learn", "-o", str(path)]) == 2
        assert "exists already" in err(capsys)
        assert path.read_text() == "mine"
        assert main(["compare", files["a"], "--learn", "-o", str(tmp_path / "no" / "e.toml")]) == 2

    @pytest.mark.parametrize(("content", "said"), [(b"\xff", "no UTF-8 text"), (b"x =\n", "no TOML"), (b"", "nothing")])
    def test_what_is_no_expectation_file_exits_2(
        self, content: bytes, said: str, files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "e.toml"
        path.write_bytes(content)
        assert main(["compare", files["a"], "--expect", str(path)]) == 2
        assert said in err(capsys)

    def test_a_pattern_without_rows_is_said(
        self, files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "e.toml"
        one = '[[expect]]\ncase = "{}"\nmetric = "time"\nhigh = 1\nunit = "s"\nsource = "me"\n'
        path.write_text(one.format("allreduce") + one.format("alltoall"))
        assert main(["compare", files["a"], "--expect", str(path)]) == 0
        assert "e.toml: no row matches 'alltoall' and has time" in " ".join(capsys.readouterr().out.split())
        assert main(["compare", files["a"], "--expect", str(path), "--strict"]) == 4


def test_the_command_and_the_library_have_the_same_names_and_margins(files: dict[str, str]) -> None:
    command: Any = importlib.import_module("fabricbench.cli.compare")
    assert command.METRICS == METRICS
    assert command.USUAL == {"margin": 100 * MARGIN, "tail_margin": 100 * TAIL_MARGIN, "metric": "time"}
    assert {row.margin for row in api.compare([files["a"]], [files["b"]]).rows} == {2 * MARGIN}

"""The verbs that read: what they exit with, what they write where, and what they cost."""

import argparse
import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from builders import (
    make_case,
    make_launch,
    make_record,
    make_result,
    make_side,
    write,
)

from fabricbench import api
from fabricbench.cli import VERBS, main
from fabricbench.errors import UsageError
from fabricbench.model import Pairing

ABBA = {"base": [0, 3, 4, 7, 8], "new": [1, 2, 5, 6, 9]}


@pytest.fixture
def sides(tmp_path: Path) -> dict[str, str]:
    """Paths by name: a base, the same again, and one that is twice as slow in one of two rows."""
    medians = {"base": (1e-6, 2e-6), "same": (1e-6, 2e-6), "slow": (1e-6, 4e-6)}
    paths = {}
    for name, (small, large) in medians.items():
        side = "base" if name == "base" else "new"
        result = make_side(name, {8: [small] * 5, 64: [large] * 5}, positions=ABBA[side], side=side)
        paths[name] = write(result, tmp_path / f"{name}.jsonl.gz")
    return paths


class TestShow:
    def test_a_page_for_every_run(self, sides: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["show", sides["base"], sides["slow"]]) == 0
        out = capsys.readouterr().out
        assert out.count("# run") == 2
        assert "allreduce/mpi" in out

    def test_recomputed_is_the_same_to_the_byte(
        self, sides: dict[str, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        main(["show", sides["base"]])
        stored = capsys.readouterr().out
        assert main(["show", "--recompute", sides["base"]]) == 0
        assert capsys.readouterr().out == stored

    def test_json_is_records_and_nothing_else(self, sides: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["show", "--format", "json", sides["base"]]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 10
        assert {json.loads(line)["kind"] for line in lines} == {"record"}

    def test_a_torn_line_is_said_and_exits_0(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = Path(write(make_side("a", [1e-4] * 2), tmp_path / "a.jsonl"))
        path.write_bytes(path.read_bytes()[:-400])
        assert main(["show", str(path)]) == 0
        out = capsys.readouterr().out
        assert out.startswith("INCOMPLETE")
        assert "LOST" in out

    @pytest.mark.parametrize("content", ["", "nonsense\n", '{"kind":"end"}\n'])
    def test_what_is_no_result_exits_2(self, content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "a.jsonl"
        path.write_text(content)
        assert main(["show", str(path)]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("Error: ")

    def test_a_missing_file_exits_2(self, tmp_path: Path) -> None:
        assert main(["show", str(tmp_path / "none.jsonl")]) == 2


class TestCompare:
    def test_exit_statuses(self, sides: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        base, same, slow = sides["base"], sides["same"], sides["slow"]
        few = write(make_side("few", {8: [1e-6], 64: [2e-6]}), tmp_path / "few.jsonl")
        assert main(["compare", base, "--with", same, "--strict"]) == 0
        assert main(["compare", base, "--with", slow]) == 1
        assert main(["compare", base, "--with", slow, "--gate", "allreduce/mpi float32 8"]) == 0
        assert main(["compare", base, "--with", slow, "--gate", "allreduce/*"]) == 1
        assert main(["compare", base, "--with", slow, "--gate", "nothing"]) == 2
        assert main(["compare", base, "--with", slow, "--margin", "150"]) == 0
        assert main(["compare", base, "--with", slow, "--margin", "-1"]) == 2
        assert main(["compare", base, "--with", few]) == 0
        assert main(["compare", base, "--with", few, "--strict"]) == 4
        capsys.readouterr()

    def test_json_is_one_object(self, sides: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
        command = ["compare", sides["base"], "--with", sides["slow"], "--format", "json"]
        assert main(command) == 1
        comparison = json.loads(capsys.readouterr().out)
        assert [row["verdict"] for row in comparison["rows"]] == ["same", "worse"]
        assert comparison["rows"][1]["ratio"] == pytest.approx(2)
        assert comparison["alternated"] is True

    def test_many_files_a_side(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        base = [write(make_side(f"b{i}", [1e-4]), tmp_path / f"b{i}.jsonl") for i in range(5)]
        new = [write(make_side(f"n{i}", [1.5e-4]), tmp_path / f"n{i}.jsonl") for i in range(5)]
        assert main(["compare", *base, "--with", *new]) == 1
        assert "5+5" in capsys.readouterr().out
        assert main(["compare", *base, *base, "--with", *new[:4]]) == 0
        assert "5+4" in capsys.readouterr().out

    def test_one_file_with_both_sides(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        launches = [make_launch(i, pairing=Pairing(id="s", side=("base", "new")[i % 2], position=i)) for i in range(10)]
        records = [make_record(median_s=(1e-4, 2e-4)[i % 2], launch=i) for i in range(10)]
        path = write(make_result("ab", records, launches=launches), tmp_path / "ab.jsonl")
        assert main(["compare", path]) == 1
        assert main(["compare", path, "--with", path]) == 1
        assert "not alternated" not in capsys.readouterr().out

    def test_one_side_with_itself_exits_2(self, sides: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["compare", sides["base"]]) == 2
        assert main(["compare", sides["base"], "--with", sides["base"]]) == 2
        assert "both sides" in capsys.readouterr().err

    def test_an_injected_base_exits_2(
        self, tmp_path: Path, sides: dict[str, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        injected = make_side("bad", {8: [1e-6] * 5}, conditions={"flags": ["injected"]})
        path = write(injected, tmp_path / "bad.jsonl")
        assert main(["compare", path, "--with", sides["base"]]) == 2
        assert main(["compare", sides["base"], "--with", path]) == 0
        assert "injected (new)" in capsys.readouterr().out

    def test_nothing_to_compare_exits_2_and_says_why(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        paths = [
            write(make_result(name, [make_record(make_case(size))]), tmp_path / f"{name}.jsonl")
            for name, size in (("a", 8), ("b", 64))
        ]
        assert main(["compare", paths[0], "--with", paths[1]]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "missing" in captured.err

    def test_an_interrupted_side_is_compared_as_far_as_it_goes(
        self, sides: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        cut = write(make_side("cut", {8: [1e-6] * 5, 64: [2e-6] * 5}), tmp_path / "cut.jsonl")
        data = Path(cut).read_bytes()
        Path(cut).write_bytes(data[: len(data) * 3 // 4])
        assert main(["compare", sides["base"], "--with", cut]) == 0
        assert "cut.jsonl" in capsys.readouterr().out


def test_the_operations_fit_a_terminal_and_none_of_their_variants_is_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    for operation in api.listing("operations"):
        assert operation["operation"] in shown.split()
        assert {row["variant"] for row in operation["variants"]} <= set(shown.split())


def test_a_program_may_call_it_again(capsys: pytest.CaptureFixture[str]) -> None:
    importlib.import_module("fabricbench.cli.list")
    assert main(["list", "suites"]) == main(["list", "suites"]) == 0
    assert capsys.readouterr().out


def test_defaults_of_the_command_are_those_of_the_library(sides: dict[str, str]) -> None:
    comparison = api.compare([sides["base"]], [sides["slow"]])
    assert {row.margin for row in comparison.rows} == {0.05}
    parser = argparse.ArgumentParser()
    importlib.import_module("fabricbench.cli.compare").configure(parser)
    assert parser.parse_args(["a"]).margin == 5.0


def test_no_file_is_no_comparison() -> None:
    with pytest.raises(UsageError):
        api.compare([])


@pytest.mark.parametrize("verb", VERBS)
def test_every_flag_has_help_a_metavar_and_its_default(verb: str) -> None:
    module = importlib.import_module(f"fabricbench.cli.{verb}")
    parser = argparse.ArgumentParser()
    module.configure(parser)
    for action in parser._actions:
        assert action.help, action.dest
        if isinstance(action, argparse._HelpAction):
            continue
        if action.nargs != 0 and action.choices is None:
            assert action.metavar, action.dest
        if action.option_strings:
            assert "default" in action.help, action.dest


class TestProcess:
    """What only a process of its own can show."""

    @staticmethod
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "fabricbench", *words],
            capture_output=True,
            text=True,
            check=False,
        )

    def test_statuses_and_streams(self, sides: dict[str, str]) -> None:
        worse = self.run("compare", sides["base"], "--with", sides["slow"])
        assert (worse.returncode, worse.stderr) == (1, "")
        assert "worse" in worse.stdout
        assert worse.stdout.isascii()
        missing = self.run("show", "no-such-file.jsonl")
        assert (missing.returncode, missing.stdout) == (2, "")
        assert "no-such-file.jsonl" in missing.stderr

    @pytest.mark.parametrize("verb", ["show", "compare"])
    def test_reading_loads_nothing_that_measures(self, verb: str, sides: dict[str, str]) -> None:
        words = [verb, sides["base"]] + (["--with", sides["slow"]] if verb == "compare" else [])
        code = (
            "import sys; from fabricbench.cli import main; main(sys.argv[1:]);"
            "heavy = {'mpi4py', 'mpi4py.MPI', 'numba', 'cupy', 'scipy', 'rich', 'llvmlite'};"
            "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
        )
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")

    def test_a_hundred_thousand_samples_take_300_megabytes(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(1)
        paths = []
        for side, factor in (("base", 1.0), ("new", 1.2)):
            records = [
                make_record(
                    make_case(1 << size),
                    1e-6 * 2**size * factor,
                    launch=launch,
                    pattern=np.exp(rng.normal(0, 0.02, 250)),
                )
                for size in range(20)
                for launch in range(10)
            ]
            paths.append(_write_fast(records, side, tmp_path))
        # It tells by itself: what the kernel counts begins with the memory of the process that it was forked from.
        program = (
            "import sys; from fabricbench.cli import main; from fabricbench.measure.telemetry import most_held; "
            "status = main(sys.argv[1:]); print(most_held(), file=sys.stderr); sys.exit(status)"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, "compare", paths[0], "--with", paths[1]],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 1
        assert int(done.stderr.splitlines()[-1]) < 300 << 20


def _write_fast(records: list[object], side: str, folder: Path) -> str:
    """A file in one write; the program's own writer waits for the disk at each line."""
    import msgspec

    result = make_result(side, records)
    lines = [result.run, *result.launches, *result.records, result.end]
    path = folder / f"{side}.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    return str(path)

"""`ab`: launches of two sides in turn, looks, what is refused, what an interruption leaves; with fakes and for real."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import changed, make_case, make_record, make_result

from fabricbench import api, mpi, store
from fabricbench.cli import main
from fabricbench.errors import NotMeasuredError, UsageError
from fabricbench.procedures import ab, sides
from fabricbench.procedures.ab import Series
from fabricbench.store import Result

MISSING = mpi.installed()
needs_mpi = pytest.mark.skipif(MISSING is not None, reason=MISSING or "")

QUIET = Series(base="", new="--inject slow:*/*:2", common=("ci",), command=("ab", "ci", "--new=--inject slow:*/*:2"))
PLAN = {"cases": [{"operation": "allreduce", "variant": "mpi", "nbytes": 8, "bytes_per_rank": 8}], "expected_s": 4.0}

Launch = Callable[[sides.Side, int], Result]


def launched(one: sides.Side, number: int, factor: float = 2.0) -> Result:
    """A launch whose new side takes so much longer."""
    median_s = 1e-4 * (factor if one.name == "new" else 1.0)
    return make_result(f"{one.name}{number}", [make_record(make_case(8), median_s)])


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Callable[[Launch], list[tuple[str, int]]]:
    """Sides that answer at once; the returned list says which was launched with which seed."""
    monkeypatch.setattr(sides, "planned", lambda one: PLAN)

    def use(launch: Launch = launched) -> list[tuple[str, int]]:
        order: list[tuple[str, int]] = []

        def measured(one: sides.Side, output: Path, seed: int, which: str, announce: Any) -> Result:
            order.append((one.name, seed))
            return launch(one, len(order) - 1)

        monkeypatch.setattr(sides, "measured", measured)
        return order

    return use


def examine(folder: Path, series: Series = QUIET, **fields: Any) -> tuple[Any, list[str]]:
    said: list[str] = []
    series = replace(series, **{"output": str(folder / "ab.jsonl"), **fields})
    return ab.examine(series, lambda event: said.append(event["text"])), said


class TestSides:
    def test_variables_then_a_program_then_flags(self) -> None:
        one = sides.side("new", f"A=1 B='x y' {sys.executable} --algorithm allreduce=ring", ("ci", "-n", "2"))
        assert one.environment == {"A": "1", "B": "x y"}
        assert one.program == (sys.executable, "-P", "-m", "fabricbench")
        assert one.words == ("ci", "-n", "2", "--algorithm", "allreduce=ring")
        assert one.text().startswith("A=1 'B=x y' ")

    def test_nothing_is_this_installation_as_it_is(self) -> None:
        one = sides.side("base", "", ("ci",))
        assert (one.environment, one.program, one.words) == ({}, (), ("ci",))
        assert one.text() == "fabricbench run ci"

    @pytest.mark.parametrize("words", ["suites/mine.toml", "--only allreduce/ring"])
    def test_a_suite_file_or_a_row_is_no_program(self, words: str) -> None:
        assert sides.side("base", words, ()).program == ()

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("'x", "cannot be read: No closing quotation"),
            ("/nowhere/python", "/nowhere/python is no program"),
            ("--launches=3", "belongs to both sides"),
            ("--only barrier -o x", "-o belongs to both sides"),
        ],
    )
    def test_what_is_none_is_named(self, text: str, said: str) -> None:
        with pytest.raises(UsageError, match=said):
            sides.side("base", text, ())


class TestSeries:
    def test_launches_alternate_and_a_clear_answer_ends_them(
        self, tmp_path: Path, fakes: Callable[..., list[tuple[str, int]]]
    ) -> None:
        order = fakes()
        report, said = examine(tmp_path)
        names = [name for name, _ in order]
        assert len(names) == 10
        assert names.count("base") == 5
        assert [seed for name, seed in order if name == "base"] == [seed for name, seed in order if name == "new"]
        assert [look.verdicts for look in report.looks] == [{"worse": 1}]
        assert report.comparison.alternated
        assert report.comparison.status(strict=True) == 1
        assert "look after 5 launches a side: 1 worse" in said

    def test_the_file_holds_a_run_a_side_and_compare_says_the_same(
        self, tmp_path: Path, fakes: Callable[..., list[tuple[str, int]]]
    ) -> None:
        fakes()
        report, _ = examine(tmp_path)
        results = store.load(report.file)
        assert len(results) == 2
        assert {len(result.launches) for result in results} == {5}
        assert all(result.end is not None and result.end.status == "complete" for result in results)
        assert [list(result.run.command) for result in results] == [list(QUIET.command)] * 2
        assert api.compare([report.file]) == report.comparison
        assert main(["compare", report.file]) == 1

    def test_it_looks_again_until_the_last_look(
        self, tmp_path: Path, fakes: Callable[..., list[tuple[str, int]]], capsys: pytest.CaptureFixture[str]
    ) -> None:
        order = fakes(lambda one, number: launched(one, number, factor=1.0 + 0.5 * (number % 5 == 0)))
        report, _ = examine(tmp_path, new="", launches=8)
        assert len(order) == 16
        assert [(look.launches, look.verdicts) for look in report.looks] == [(5, {"unclear": 1}), (8, {"unclear": 1})]
        assert report.alike
        assert report.comparison.status(strict=True) == 4

    def test_what_every_launch_says_is_said_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fakes: Callable[..., list[tuple[str, int]]]
    ) -> None:
        fakes()

        def measured(one: sides.Side, output: Path, seed: int, which: str, announce: Any) -> Result:
            announce({"event": "notice", "text": "MORE RANKS THAN CORES"})
            return launched(one, 0)

        monkeypatch.setattr(sides, "measured", measured)
        _, said = examine(tmp_path)
        assert said.count("MORE RANKS THAN CORES") == 1

    def test_wrong_results_of_the_new_side_are_worse(
        self, tmp_path: Path, fakes: Callable[..., list[tuple[str, int]]]
    ) -> None:
        def wrong(one: sides.Side, number: int) -> Result:
            result = launched(one, number, factor=1.0)
            check = changed(result.records[0].check, status="wrong" if one.name == "new" else "ok", wrong=1)
            return make_result(one.name, [changed(result.records[0], check=check)])

        fakes(wrong)
        report, _ = examine(tmp_path)
        assert report.comparison.rows[0].verdict == "worse"

    def test_sides_that_share_no_row_end_after_a_launch_each(
        self, tmp_path: Path, fakes: Callable[..., list[tuple[str, int]]]
    ) -> None:
        sizes = {"base": 8, "new": 64}
        order = fakes(lambda one, number: make_result(one.name, [make_record(make_case(sizes[one.name]), 1e-4)]))
        with pytest.raises(UsageError, match="None of 2 rows can be compared"):
            examine(tmp_path)
        assert len(order) == 2

    def test_plans_that_share_no_row_end_before_any(
        self, tmp_path: Path, fakes: Callable[..., list[tuple[str, int]]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        order = fakes()
        other = {"cases": [{**PLAN["cases"][0], "nbytes": 64}], "expected_s": 4.0}  # type: ignore[index,dict-item]
        monkeypatch.setattr(sides, "planned", lambda one: PLAN if one.name == "base" else other)
        with pytest.raises(UsageError, match="no row in common"):
            examine(tmp_path)
        assert order == []
        assert list(tmp_path.iterdir()) == []

    def test_software_that_changes_meanwhile_ends_it(
        self, tmp_path: Path, fakes: Callable[..., list[tuple[str, int]]]
    ) -> None:
        def upgraded(one: sides.Side, number: int) -> Result:
            result = launched(one, number)
            return replace(result, run=changed(result.run, software={"mpi": f"Open MPI 5.0.{number // 6}"}))

        fakes(upgraded)
        with pytest.raises(NotMeasuredError, match=r"changed during the series: mpi Open MPI 5.0.0, now"):
            examine(tmp_path)

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"launches": 3}, "3 launches a side decide nothing. The first look is after 5"),
            ({"launches": 10}, "no look after 10"),
            ({"common": ("ci", "--inject", "slow:*/*:2")}, "no baseline"),
            ({"base": "--inject=slow:*/*:2"}, "no baseline"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, tmp_path: Path, fields: dict[str, Any], said: str) -> None:
        with pytest.raises(UsageError, match=said):
            examine(tmp_path, **fields)
        assert list(tmp_path.iterdir()) == []

    def test_under_a_launcher_it_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
        with pytest.raises(UsageError, match="cannot be had under Open MPI"):
            examine(tmp_path)

    def test_an_output_that_exists_is_refused_before_measuring(
        self, tmp_path: Path, fakes: Callable[..., list[tuple[str, int]]]
    ) -> None:
        order = fakes()
        (tmp_path / "ab.jsonl").write_text("precious\n")
        with pytest.raises(UsageError, match="exists already"):
            examine(tmp_path)
        assert order == []
        assert (tmp_path / "ab.jsonl").read_text() == "precious\n"


class TestInterrupted:
    @pytest.fixture
    def cut(self, tmp_path: Path, fakes: Callable[..., list[tuple[str, int]]]) -> Path:
        """A series that Ctrl-C ended in its eighth launch."""

        def interrupted(one: sides.Side, number: int) -> Result:
            if number == 7:
                raise KeyboardInterrupt
            return launched(one, number)

        fakes(interrupted)
        said: list[str] = []
        path = tmp_path / "ab.jsonl"
        with pytest.raises(KeyboardInterrupt):
            ab.examine(replace(QUIET, output=str(path)), lambda event: said.append(event["text"]))
        assert said[-1] == f"7 launches are kept in {path}; go on with: fabricbench ab --resume -o {path}"
        return path

    def test_what_was_measured_is_kept(self, cut: Path) -> None:
        results = store.load(cut)
        assert sum(len(result.launches) for result in results) == 7
        assert {result.end.status for result in results if result.end is not None} == {"interrupted"}

    def test_it_goes_on_where_it_stopped(
        self, cut: Path, fakes: Callable[..., list[tuple[str, int]]], capsys: pytest.CaptureFixture[str]
    ) -> None:
        order = fakes()
        assert main(["ab", "--resume", "-o", str(cut), "--format", "json"]) == 1
        assert len(order) == 3
        report = json.loads(capsys.readouterr().out)
        assert report["looks"] == [{"launches": 5, "verdicts": {"worse": 1}}]
        assert report["comparison"]["alternated"]
        assert main(["ab", "--resume", "-o", str(cut)]) == 2
        assert "nothing to resume" in capsys.readouterr().err
        assert main(["run", "--resume", "-o", str(cut)]) == 2
        assert "fabricbench ab --resume" in capsys.readouterr().err

    def test_a_torn_end_is_cut_off(self, cut: Path, fakes: Callable[..., list[tuple[str, int]]]) -> None:
        with cut.open("ab") as file:
            file.write(b'{"kind":"run","sch')
        order = fakes()
        assert main(["ab", "--resume", "-o", str(cut)]) == 1
        assert len(order) == 3

    def test_a_launch_that_fails_says_which_and_how_to_go_on(
        self, tmp_path: Path, fakes: Callable[..., list[tuple[str, int]]]
    ) -> None:
        def failing(one: sides.Side, number: int) -> Result:
            if number == 2:
                raise NotMeasuredError("launch 3: a rank died.")
            return launched(one, number)

        fakes(failing)
        with pytest.raises(NotMeasuredError, match="a rank died"):
            examine(tmp_path)
        results = store.load(tmp_path / "ab.jsonl")
        assert {result.end.status for result in results if result.end is not None} == {"failed"}


FAKE = """#!{python}
import sys
print({said!r}, file=sys.stderr)
sys.exit({status})
"""


def program(folder: Path, said: str, status: int) -> str:
    """Something that answers to `run`."""
    path = folder / "fabricbench"
    path.write_text(FAKE.format(python=sys.executable, said=said, status=status))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


class TestPrograms:
    @pytest.mark.parametrize(
        ("said", "status", "kind", "told"),
        [
            ("Error: There is no suite 'x'. Nearest: ci.", 2, 2, "--new: There is no suite 'x'. Nearest: ci."),
            (
                "usage: x\nfabricbench run: error: unrecognized arguments: --x",
                2,
                2,
                "--new: unrecognized arguments: --x",
            ),
            ("who are you?", 5, 2, "is no run of fabricbench: it ended with status 5. It said:\n  who are you?"),
            ("Error: 4 ranks need MPI.", 3, 3, "4 ranks need MPI"),
        ],
    )
    def test_a_side_that_refuses_is_asked_before_any_launch(
        self, tmp_path: Path, said: str, status: int, kind: int, told: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = ["ab", "--only", "copy", f"--new={program(tmp_path, said, status)}", "-o", str(tmp_path / "x.jsonl")]
        assert main(words) == kind
        assert told in capsys.readouterr().err
        assert not (tmp_path / "x.jsonl").exists()

    def test_a_launch_without_a_result_is_named(self, tmp_path: Path) -> None:
        one = sides.side("new", program(tmp_path, "segmentation fault", 139), ("ci",))
        with pytest.raises(NotMeasuredError, match=r"launch 4, new: .* ended with status 139 and no result"):
            sides.measured(one, tmp_path / "x.jsonl", 1, "launch 4, new", lambda event: None)


def command(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "fabricbench", "ab", *words],
        env={**os.environ, **environment}, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip


TINY = ("--only", "barrier/mpi", "-n", "2", "--budget", "0.1")


@needs_mpi
@pytest.mark.mpi
class TestLaunched:
    def test_a_dry_run_asks_both_sides_and_measures_nothing(self, tmp_path: Path) -> None:
        name = "tree" if mpi.library_name().startswith("Open MPI") else "recexch"
        done = command(*TINY, f"--new=A=1 --algorithm barrier={name}", "--dry-run", "-o", str(tmp_path / "x.jsonl"))
        assert done.returncode == 0, done.stderr
        assert "# new            A=1 fabricbench run --only barrier/mpi" in done.stdout
        assert "after 5, 8, 12 or 20 launches a side" in done.stdout
        assert list(tmp_path.iterdir()) == []

    def test_a_slowed_side_is_found_by_real_launches(self, tmp_path: Path) -> None:
        path = tmp_path / "ab.jsonl"
        done = command(*TINY, "--new=--inject slow:barrier/mpi:20", "-o", str(path))
        assert done.returncode == 1, done.stdout + done.stderr
        assert "a row is worse" in done.stdout
        assert done.stdout.splitlines()[-1] == str(path)
        (base, new) = sorted(store.load(path), key=lambda result: result.launches[0].pairing.side)  # type: ignore[union-attr]
        assert len(base.launches) == len(new.launches)
        assert main(["compare", str(path)]) == 1
        shown = subprocess.run(
            [sys.executable, "-m", "fabricbench", "show", str(path)], capture_output=True, text=True, check=True
        )
        assert "# series    base side of" in shown.stdout
        assert "of at most 20" in shown.stdout

    def test_ctrl_c_ends_the_ranks_and_says_how_to_go_on(self, tmp_path: Path) -> None:
        path = tmp_path / "cut.jsonl"
        words = ("--only", "barrier/mpi", "-n", "2", "--budget", "60", "-o", str(path))
        with subprocess.Popen(
            [sys.executable, "-m", "fabricbench", "ab", *words], stderr=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 - as in test_run
        ) as process:  # fmt: skip
            assert process.stderr is not None
            assert any("launch 1 of at most 40" in line for line in process.stderr)
            time.sleep(3)  # its ranks have begun
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
        assert process.returncode == 130
        assert not path.exists()
        assert list(tmp_path.iterdir()) == []

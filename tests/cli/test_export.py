"""`fabricbench export`: what it takes, what it refuses and with which sentence, and how it writes a file."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from builders import make_case, make_launch, make_record, make_result, make_side, skipped, write

from fabricbench import api
from fabricbench.cli import main
from fabricbench.errors import UsageError
from fabricbench.model import Pairing
from fabricbench.show.export import FORMATS

VERDICTS = ["ctrf", "json", "junit", "markdown"]
PLAIN = [form for form in FORMATS if form not in VERDICTS]


@pytest.fixture
def base(tmp_path: Path) -> str:
    return write(make_side("base", {8: [1e-6] * 5, 64: [2e-6] * 5}), tmp_path / "base.jsonl")


@pytest.fixture
def slow(tmp_path: Path) -> str:
    return write(make_side("slow", {8: [1e-6] * 5, 64: [4e-6] * 5}), tmp_path / "slow.jsonl.gz")


@pytest.fixture
def both(tmp_path: Path) -> str:
    """One file with the launches of both sides, as `ab` writes it."""
    launches = [make_launch(i, pairing=Pairing(id="s", side=("base", "new")[i % 2], position=i)) for i in range(10)]
    records = [make_record(median_s=(1e-4, 2e-4)[i % 2], launch=i) for i in range(10)]
    return write(make_result("ab", records, launches=launches), tmp_path / "ab.jsonl")


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_goes_to_standard_output_or_the_same_bytes_to_a_file(
    form: str, base: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["export", form, base]) == 0
    printed = capfdbinary.readouterr()
    assert printed.err == b""
    assert printed.out.endswith(b"\n")
    out = tmp_path / "out"
    assert main(["export", form, base, "-o", str(out)]) == 0
    assert capfdbinary.readouterr() == (b"", b"")
    assert out.read_bytes() == printed.out


@pytest.mark.parametrize("form", VERDICTS)
def test_a_comparison_exits_0_because_compare_judges(
    form: str, base: str, slow: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", form, base, "--with", slow]) == 0
    assert "worse" in capsys.readouterr().out
    assert main(["export", form, base, "--with", slow, "--margin", "200"]) == 0
    assert "worse" not in capsys.readouterr().out.replace("called worse", "")
    assert main(["export", form, base, "--with", slow, "--only", "*float32 8"]) == 0
    assert "worse" not in capsys.readouterr().out


@pytest.mark.parametrize("form", VERDICTS)
def test_a_file_of_both_sides_is_a_comparison(form: str, both: str) -> None:
    assert "worse" in api.export(form, [both]).text
    assert api.export(form, [both]) == api.export(form, [both], [both])


def test_a_file_of_both_sides_is_never_mixed(both: str, capsys: pytest.CaptureFixture[str]) -> None:
    for form in PLAIN:
        if form == "csv":
            assert [line.split(",")[8] for line in api.export(form, [both]).text.splitlines()[1:]] == [
                "base",
                "new",
            ] * 5
        else:
            assert main(["export", form, both]) == 2
            assert f"ab.jsonl holds launches of two sides, which {form} would mix." in capsys.readouterr().err


class TestRefused:
    """Each in one sentence, with nothing on standard output."""

    def refusal(self, capsys: pytest.CaptureFixture[str], *words: str) -> str:
        assert main(["export", *words]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("Error: ")
        assert captured.err.count("\n") == 1
        return captured.err

    @pytest.mark.parametrize(
        ("form", "near"),
        [("cvs", "csv"), ("Markdown", "markdown"), ("junitxml", "junit"), ("prom", "prometheus"), ("xyz", "bencher")],
    )
    def test_an_unknown_format(self, form: str, near: str, base: str, capsys: pytest.CaptureFixture[str]) -> None:
        said = self.refusal(capsys, form, base)
        assert f"no format '{form}'" in said
        assert near in said.partition("Nearest: ")[2]

    def test_a_format_that_holds_no_verdicts(self, base: str, slow: str, capsys: pytest.CaptureFixture[str]) -> None:
        for form in PLAIN:
            said = self.refusal(capsys, form, base, "--with", slow)
            assert f"{form} has no place for verdicts" in said
            assert "Export ctrf, json, junit, markdown." in said

    @pytest.mark.parametrize("flag", [["--margin", "3"], ["--gate", "allreduce"]])
    def test_judging_without_a_comparison(self, flag: list[str], base: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert "--with" in self.refusal(capsys, "junit", base, *flag)

    @pytest.mark.parametrize("flag", [["--margin", "-1"], ["--margin", "nan"], ["--gate", "barrier"]])
    def test_what_compare_refuses(
        self, flag: list[str], base: str, slow: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.refusal(capsys, "junit", base, "--with", slow, *flag)

    @pytest.mark.parametrize("content", ["", "nonsense\n", '{"kind":"end"}\n'])
    def test_what_is_no_result(self, content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "a.jsonl"
        path.write_text(content)
        assert "a.jsonl" in self.refusal(capsys, "csv", str(path))
        assert "none.jsonl" in self.refusal(capsys, "csv", str(tmp_path / "none.jsonl"))

    @pytest.mark.parametrize("form", FORMATS)
    def test_no_rows(self, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        empty = write(make_result("empty", [], launches=[make_launch(0)]), tmp_path / "empty.jsonl")
        assert "empty.jsonl holds no rows." in self.refusal(capsys, form, empty)

    @pytest.mark.parametrize("form", FORMATS)
    def test_no_row_of_that_name(self, form: str, base: str, capsys: pytest.CaptureFixture[str]) -> None:
        said = self.refusal(capsys, form, base, "--only", "barrier")
        assert "No row matches --only 'barrier'. Rows are named like 'allreduce/mpi float32 8 2 ranks'" in said

    @pytest.mark.parametrize("form", ["bencher", "github-action-benchmark", "github-action-benchmark-rates"])
    def test_no_row_that_may_become_history(
        self, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = write(make_result("none", [skipped()]), tmp_path / "none.jsonl")
        said = self.refusal(capsys, form, path)
        assert f"None of 1 rows can be exported as {form}." in said
        assert "it was not measured" in said

    def test_rates_of_rows_without_any(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = write(make_result("b", [make_record(make_case(0), rate_keys=())]), tmp_path / "b.jsonl")
        assert "has no rate" in self.refusal(capsys, "github-action-benchmark-rates", path)

    def test_a_folder_that_does_not_exist(self, base: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        out = tmp_path / "no" / "out.csv"
        assert f"There is no folder {out.parent}" in self.refusal(capsys, "csv", base, "-o", str(out))
        assert f"{tmp_path} is a folder." in self.refusal(capsys, "csv", base, "-o", str(tmp_path))

    def test_a_result_is_never_overwritten(self, base: str, capsys: pytest.CaptureFixture[str]) -> None:
        before = Path(base).read_bytes()
        link = Path(base).with_name("link")
        link.symlink_to(base)
        for out in (base, str(link)):
            assert "is one of the results" in self.refusal(capsys, "csv", base, "-o", out)
        assert Path(base).read_bytes() == before


class TestFile:
    def test_it_is_replaced_in_one_step_and_others_may_read_it(self, base: str, tmp_path: Path) -> None:
        out = tmp_path / "fabricbench.prom"
        out.write_text("old")
        held = out.open()
        mask = os.umask(0o022)
        try:
            api.export("prometheus", [base], output=str(out))
        finally:
            os.umask(mask)
        assert held.read() == "old"  # who was reading keeps a whole file
        held.close()
        assert out.read_text().startswith("# HELP")
        assert stat.S_IMODE(out.stat().st_mode) == 0o644
        assert {path.name for path in tmp_path.iterdir()} == {"base.jsonl", "fabricbench.prom"}

    def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
        self, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        out = tmp_path / "out.csv"
        out.write_text("old")

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(UsageError, match=r"out.csv cannot be written: no space left"):
            api.export("csv", [base], output=str(out))
        assert out.read_text() == "old"
        assert {path.name for path in tmp_path.iterdir()} == {"base.jsonl", "out.csv"}

    def test_a_pipe_is_written_to_and_stays_one(self, base: str, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
            api.export("csv", [base], output=str(pipe))
            assert reader.stdout is not None
            assert reader.stdout.read().startswith(b"started,")
        assert stat.S_ISFIFO(pipe.stat().st_mode)

    def test_through_a_link_the_file_behind_it_is_replaced(self, base: str, tmp_path: Path) -> None:
        (tmp_path / "real").write_text("old")
        (tmp_path / "link").symlink_to("real")
        api.export("csv", [base], output=str(tmp_path / "link"))
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "real").read_text().startswith("started,")


def test_what_is_left_out_is_said_on_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(make_result("a", [make_record(), skipped(make_case(8))]), tmp_path / "a.jsonl")
    assert main(["export", "bencher", path]) == 0
    assert capsys.readouterr().err == "Left out, allreduce/mpi float32 8 2 ranks: it was not measured.\n"


def test_an_interrupted_run_is_exported_as_far_as_it_goes(base: str) -> None:
    path = Path(base)
    path.write_bytes(path.read_bytes()[:-400])
    for form in FORMATS:
        assert api.export(form, [base]).text


def test_a_file_name_that_is_no_text_is_escaped(base: str, tmp_path: Path) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.jsonl")
    Path(base).rename(odd)
    for form in FORMATS:
        finished = subprocess.run(
            [sys.executable, "-m", "fabricbench", "export", form, odd], capture_output=True, check=False
        )
        assert (finished.returncode, finished.stderr) == (0, b""), form
        finished.stdout.decode()


class TestHistory:
    """Results of other days, machines and libraries: what stays apart may stand together, what would mix is refused."""

    @pytest.fixture
    def files(self, tmp_path: Path) -> list[str]:
        return [
            write(
                make_result(
                    name,
                    [make_record(conditions={"library": f"Open MPI {name}"})],
                    launches=[make_launch(0, started=f"2026-01-0{name}T00:00:00Z")],
                    machine={"cpu": f"Model {name}"},
                ),
                tmp_path / f"{name}.jsonl",
            )
            for name in ("2", "1")
        ]

    def test_csv_and_reframe_take_them(self, files: list[str], tmp_path: Path) -> None:
        copy = tmp_path / "copy.jsonl"
        copy.write_bytes(Path(files[0]).read_bytes())
        lines = api.export("csv", [*files, str(copy)]).text.splitlines()[1:]
        assert [line[:10] for line in lines] == ["2026-01-01", "2026-01-02"]
        assert api.export("reframe", [*files, str(copy)]).text.count("|time|") == 2

    @pytest.mark.parametrize("form", [form for form in FORMATS if form not in ("csv", "reframe")])
    def test_the_others_refuse_them(self, form: str, files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["export", form, *files]) == 2
        assert "are of different machines: cpu Model 2, cpu Model 1. Export the files one by one." in (
            capsys.readouterr().err
        )

"""`fabricbench report`: what it takes, what it refuses and with which sentence, and the file that it writes."""

import sys
from pathlib import Path

import pytest
from builders import make_result, make_side, write

from fabricbench import api
from fabricbench.cli import main


@pytest.fixture(autouse=True)
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plotly.offline.get_plotlyjs", lambda: "var Plotly;")


@pytest.fixture
def base(tmp_path: Path) -> str:
    return write(make_side("base", {8: [1e-6] * 5, 64: [2e-6] * 5}), tmp_path / "base.jsonl.gz")


def refusal(capsys: pytest.CaptureFixture[str], *words: str, status: int = 2) -> str:
    assert main(["report", *words]) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Error: ")
    assert captured.err.count("\n") == 1
    return captured.err


class TestFile:
    def test_it_is_called_as_the_first_file_and_its_path_is_printed(
        self, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "there").mkdir()
        monkeypatch.chdir(tmp_path / "there")
        assert main(["report", base]) == 0
        assert capsys.readouterr().out == "base.html\n"
        assert Path("base.html").read_text() == api.report([base])
        assert "base.html exists already. Add -o base.html to replace it" in refusal(capsys, base)
        assert main(["report", base, "-o", "base.html"]) == 0
        assert [one.name for one in Path().iterdir()] == ["base.html"]

    def test_a_file_named_twice_is_one(self, base: str) -> None:
        assert api.report([base, base]) == api.report([base])

    def test_wrong_results_do_not_set_the_status(self, tmp_path: Path) -> None:
        worse = [make_side(side, [factor] * 5, side=side, positions=range(start, 10, 2))
                 for start, (side, factor) in enumerate((("base", 1e-6), ("new", 2e-6)))]  # fmt: skip
        for side in worse:
            write(side, tmp_path / "ab.jsonl", append=side is worse[1])
        assert main(["report", str(tmp_path / "ab.jsonl"), "-o", str(tmp_path / "ab.html")]) == 0
        assert "1 row worse" in (tmp_path / "ab.html").read_text()

    def test_an_interrupted_run_is_reported_as_such(self, base: str, tmp_path: Path) -> None:
        torn = tmp_path / "torn.jsonl"
        whole = write(make_side("torn", [1e-6] * 5), tmp_path / "whole.jsonl")
        torn.write_bytes(Path(whole).read_bytes()[:-200])
        page = api.report([str(torn)])
        assert "INCOMPLETE" in page
        assert "LOST" in page


class TestRefusals:
    def test_what_cannot_be_read(self, base: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert "nosuch.jsonl" in refusal(capsys, "nosuch.jsonl")
        text = tmp_path / "x.txt"
        text.write_text("hello\n")
        assert "fabricbench import" in refusal(capsys, base, str(text), "-o", str(tmp_path / "x.html"))
        assert str(tmp_path) in refusal(capsys, str(tmp_path))
        assert not (tmp_path / "x.html").exists()

    def test_no_file(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            main(["report"])
        assert ended.value.code == 2
        assert "FILE" in capsys.readouterr().err

    def test_no_rows(self, base: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        empty = write(make_result("empty", []), tmp_path / "empty.jsonl")
        assert f"{empty} holds no rows." in refusal(capsys, empty, "-o", str(tmp_path / "x.html"))
        assert "0 rows of 0 operations on a" in api.report([base, empty])

    def test_where_it_cannot_be_written(self, base: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert "There is no folder" in refusal(capsys, base, "-o", str(tmp_path / "no" / "x.html"))
        assert "is a folder" in refusal(capsys, base, "-o", str(tmp_path))
        before = Path(base).read_bytes()
        assert "is one of the results, which are never overwritten" in refusal(capsys, base, "-o", base)
        assert Path(base).read_bytes() == before

    @pytest.mark.parametrize("package", ["plotly", "jinja2"])
    def test_what_is_not_installed_is_named_with_the_remedy(
        self, package: str, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        for name in [one for one in sys.modules if one.partition(".")[0] == package]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, package, None)
        said = refusal(capsys, base, "-o", str(tmp_path / "x.html"), status=3)
        assert f"A report needs {package}, which cannot be imported" in said
        assert f"`pip install {package}`" in said
        assert not (tmp_path / "x.html").exists()


def test_it_is_among_the_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "report" in capsys.readouterr().out

"""What cannot be imported is refused with its place, exit status 2, and nothing is written."""

import resource
import time
from pathlib import Path

import pytest
from show.imports import printers
from show.imports.test_rows import EVERY, TABLE

from fabricbench.cli import main
from fabricbench.show.imports import reading


def refused(folder: Path, text: str | bytes, *words: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The sentence with which a log is refused."""
    path, output = folder / "log.txt", folder / "out.jsonl"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert main(["import", str(path), "-o", str(output), *words]) == 2
    assert not output.exists()
    error = capsys.readouterr().err
    assert error.startswith("Error: ")
    assert str(path) in error
    return error


def partial(folder: Path, text: str, *words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Rows that --partial takes, and what it says of the rest."""
    path, output = folder / "log.txt", folder / "out.jsonl"
    path.write_text(text)
    assert main(["import", str(path), "-o", str(output), "--partial", *words]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{output}\n"
    return sum('"kind":"record"' in line for line in output.read_text().splitlines()), captured.err


def test_a_log_of_another_tool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = refused(tmp_path, printers.osu(TABLE), "--from", "nccl-tests", capsys=capsys)
    assert "line 2: this is output of osu, not of nccl-tests. Leave --from out" in error
    error = refused(tmp_path, printers.nvbandwidth_json([[1.0]]), "--from", "nccl-tests", capsys=capsys)
    assert "line 1: this is output of nvbandwidth" in error


@pytest.mark.parametrize("text", ["", "\n\n", "hello\nworld\n", '{"a": 1}\n', "8 4.06\n", "\0\0\0\n", "{" * 99])
def test_no_table(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "holds no table of a tool that is known here" in refused(tmp_path, text, capsys=capsys)
    assert "holds nothing that osu prints" in refused(tmp_path, text, "--from", "osu", capsys=capsys)


def test_a_heading_without_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "holds no row of osu" in refused(tmp_path, printers.osu([]), capsys=capsys)
    assert "holds no row of nccl-tests" in refused(tmp_path, printers.nccl_json([]), capsys=capsys)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (printers.osu([(4, 1.0), (8, -5.0)]), "the time of allreduce of 8 bytes is -5e-06"),
        (printers.nccl([(4, -5.0)]), "the time of allreduce of 4 bytes is -5e-06"),
        (printers.imb([(4, -5.0)]), "the time of allreduce of 4 bytes is -5e-06"),
        (printers.perftest_lat([(4, -5.0)]), "the time of latency of 4 bytes is -5e-06"),
        (printers.babelstream([(1024, -5.0)]), "the time of triad of 8192 bytes is -5"),
        (printers.google([(4, -5.0)]), "the time of bm_copy of 0 bytes is -5e-09"),
        (printers.nvbench([(4, -5.0)]), "the time of copy of 0 bytes is -5"),
        (printers.osu([(4, float("nan"))]), "'nan' is no number"),
        (printers.osu([(4, float("inf"))]), "'inf' is no number"),
        (printers.osu([(-4, 1.0)]), "'-4' is no size"),
        (printers.perftest_lat([(4, 5.0)], unit="cycles"), "in cycles, not in time"),
    ],
)
def test_figures_that_cannot_be(text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = refused(tmp_path, text, capsys=capsys)
    assert said in error
    assert ", line " in error


def test_what_can_be_read_is_offered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = printers.osu([(4, 1.0), (8, -5.0), (16, 2.0)])
    assert "What can be read is imported with --partial." in refused(tmp_path, text, capsys=capsys)
    count, said = partial(tmp_path, text, capsys=capsys)
    assert count == 2
    assert "1 left out: line 6: the time of allreduce of 8 bytes is -5e-06." in said


def test_two_figures_for_one_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = printers.osu([(4, 1.0), (8, 5.0)]) + printers.osu([(8, 6.0)])
    error = refused(tmp_path, text, capsys=capsys)
    assert "line 11: allreduce/mpi float32 8 is in line 6 already, with another figure" in error
    assert "a file of its own" in error
    assert partial(tmp_path, text, capsys=capsys)[0] == 2


@pytest.mark.parametrize(
    "text",
    [printers.nccl_json(TABLE, version=4), printers.google(TABLE, version=2), printers.nvbench(TABLE, major=2)],
    ids=["nccl-tests", "google-benchmark", "nvbench"],
)
def test_a_newer_format(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = refused(tmp_path, text, capsys=capsys)
    assert "this is version" in error
    assert ", line 1: " in error


@pytest.mark.parametrize("which", ["nccl-tests JSON", "nvbandwidth JSON", "google-benchmark", "nvbench"])
def test_json_of_another_shape(which: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = EVERY[which].replace('"results":[', '"results":[7,').replace('"testcases": [', '"testcases": [7,')
    text = text.replace('"benchmarks": [', '"benchmarks": [7,')
    assert "this is no JSON as" in refused(tmp_path, text, capsys=capsys)


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (tmp_path / "none.txt", tmp_path):
        assert main(["import", str(path), "-o", str(tmp_path / "out.jsonl")]) == 2
        assert f"{path} cannot be read: " in capsys.readouterr().err


def test_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, output = tmp_path / "log.txt", tmp_path / "out.jsonl"
    log.write_text(printers.osu(TABLE))
    assert main(["import", str(log), "-o", str(output), "--from", "nccl"]) == 2
    assert "There is no importer for 'nccl'. Nearest: " in capsys.readouterr().err
    assert main(["import", str(log), "-o", str(output), "-n", "0"]) == 2
    copy = tmp_path / "copy.txt"
    copy.write_text(log.read_text())
    assert main(["import", str(log), str(copy), "-o", str(output)]) == 2
    assert "holds the figures that" in capsys.readouterr().err
    assert main(["import", str(log), str(log), "-o", str(output)]) == 0
    assert main(["import", str(log), "-o", str(output)]) == 2
    assert "exists already. Choose another --output." in capsys.readouterr().err


@pytest.mark.parametrize(
    "noise",
    [b"x" * 79 + b"\n", b"\0" * (1 << 20), b'{"', b"[1,0]<stdout>: 8 8 8 8\n", b"# Size " * 100 + b"\n"],
    ids=["lines", "no lines", "brackets", "figures", "headings"],
)
def test_noise_ends_in_bounded_time_and_memory(
    noise: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LONGEST_NOISE", 2 << 20)
    size = 200 << 20
    path = tmp_path / "log.txt"
    with path.open("wb") as file:
        file.write(noise * ((3 << 20) // len(noise)))
        file.truncate(size)
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    assert main(["import", str(path), "-o", str(tmp_path / "out.jsonl")]) == 2
    assert time.monotonic() - begun < 20
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) < 400 << 10
    assert ", line " in capsys.readouterr().err

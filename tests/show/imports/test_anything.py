"""Whatever a file holds: a result or one clear error, in bounded memory; never a traceback."""

import importlib.util
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from show.imports import fuzz, printers
from show.imports.test_rows import EVERY, TABLE

from fabricbench import store
from fabricbench.errors import FabricbenchError
from fabricbench.show.imports import reading
from fabricbench.show.imports.registry import TOOLS

NAMES = [name for tool in TOOLS for name in tool.names]
ODD = (
    "nan",
    "inf",
    "-1",
    "1e999",
    "1.2e+05",
    "N/A",
    "9" * 40,
    "",
    "\0",
    "{",
    "}",
    '"',
    "#",
    "\u00b1",
    "\ud7ff",
    "[1,0]<stdout>: ",
)

HOW = ("cut", "drop", "double", "swap", "word", "insert")
EDITS = st.lists(st.tuples(st.sampled_from(HOW), st.integers(0, 1 << 16), st.sampled_from(ODD)), max_size=6)


def edited(text: str, edits: list[tuple[str, int, str]]) -> str:
    """The text after some damage to its lines and words."""
    for how, where, odd in edits:
        lines = text.split("\n")
        line = where % len(lines)
        words = list(re.finditer(r"\S+", text))
        if how == "cut":
            text = text[: where % (len(text) + 1)]
        elif how == "word" and words:
            word = words[where % len(words)]
            text = text[: word.start()] + odd + text[word.end() :]
        elif how == "insert":
            text = text[: where % (len(text) + 1)] + odd + text[where % (len(text) + 1) :]
        else:
            chosen = {"drop": [], "double": [lines[line]] * 2, "swap": [lines[line][::-1]]}.get(how, [lines[line]])
            text = "\n".join([*lines[:line], *chosen, *lines[line + 1 :]])
    return text


def read(path: Path, named: str | None) -> None:
    """Every way to read a file; what is read becomes records that can be stored."""
    for partial in (False, True):
        refusal, log = None, None
        try:
            log = reading.read(str(path), named=named, partial=partial)
        except FabricbenchError as error:
            refusal = error
        if refusal is not None:
            assert (refusal.status, str(path) in str(refusal), "\n" in str(refusal)) == (2, True, False)
            continue
        assert log is not None
        assert all(text.startswith(str(path)) for text in reading.notices(log))
        for found in log.found:
            store.encode(found.row.record(0, found.tool, found.version, "log.txt"))


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    which=st.sampled_from(sorted(EVERY)), other=st.sampled_from(sorted(EVERY)), edits=EDITS, joined=st.booleans(),
    named=st.sampled_from([None, *NAMES]),
)  # fmt: skip
@example(which="osu", other="imb", edits=[("word", 0, "nan")], joined=True, named=None)
def test_damaged_logs(
    which: str, other: str, edits: list[tuple[str, int, str]], joined: bool, named: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(edited(EVERY[which] + EVERY[other] * joined, edits).encode(errors="replace"))
    read(path, named)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=2000), start=st.sampled_from(sorted(EVERY)), named=st.sampled_from([None, *NAMES]))
def test_bytes_behind_a_beginning(data: bytes, start: str, named: str | None, tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(EVERY[start].encode()[: len(data) * 2] + data)
    read(path, named)


SIZE = 1 << 17
LARGE = {
    "figures of no table": b"8 8 8 8 8 8\n" * (SIZE // 12),
    "comments": b"# Size\n" * (SIZE // 7),
    "blanks": b" " * SIZE,
    "one long word": b"#" * SIZE,
    "nested lists": b'{"results":' + b"[" * SIZE,
    "empty objects": b'{"nvbandwidth":{"testcases":[' + b"{}," * (SIZE // 3) + b"{}]}}",
    "other fields": b'{"nvbandwidth":{"testcases":[],"other":[' + b"{}," * (SIZE // 3) + b"{}]}}",
    "objects of results": b'{"out_of_place":1,"results":[' + b'{"size":1},' * (SIZE // 11) + b"{}]}",
    "unended text": b'{"nvbandwidth": "' + b'\\"' * (SIZE // 2),
    "titles": b"# OSU MPI Latency Test v7.4\n" * (SIZE // 28),
    "words like titles": b"# OSU MPI-"
    + b"A " * (SIZE // 2)
    + b"\n"
    + (b"Send" + b" a" * 2000 + b"\n") * (SIZE // 4005),
}


@pytest.mark.parametrize("which", LARGE)
def test_memory_is_bounded_by_ten_times_the_file(which: str, tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(LARGE[which])
    read(path, None)  # what is loaded once is no part of the bound
    tracemalloc.start()
    try:
        read(path, None)
        assert tracemalloc.get_traced_memory()[1] < 10 * len(LARGE[which])
    finally:
        tracemalloc.stop()


def test_more_rows_than_any_table_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_ROWS", 5)
    path = tmp_path / "log.txt"
    path.write_text(printers.osu(TABLE))
    with pytest.raises(FabricbenchError, match="more than 5 rows are no log"):
        reading.read(str(path))


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris, the fuzzer, is not installed")
def test_a_fuzzer_that_sees_which_lines_run_finds_nothing(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, text in enumerate(EVERY.values()):
        (corpus / str(number)).write_text(text)
    finished = subprocess.run(
        [sys.executable, fuzz.__file__, str(corpus), "-runs=400", "-seed=1", "-max_len=4096", "-timeout=10"],
        cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert "Done 400" in finished.stderr
    assert " cov: " in finished.stderr, "it saw no line run"

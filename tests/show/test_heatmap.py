"""The picture of all pairs, and what `show` prints of rounds."""

import io
import re
from itertools import product
from pathlib import Path

import example_lines as example
import pytest
from rich.console import Console
from rich.text import Text

from fabricbench.cli import main
from fabricbench.judge.localise import rounds
from fabricbench.model import Line, Round
from fabricbench.show import heatmap, screen
from fabricbench.show.heatmap import Matrix
from fabricbench.show.table import Page, Table
from fabricbench.store import Writer

NBYTES, SECONDS = 1 << 20, 1e-3


def matrix(names: list[str], slow: dict[tuple[int, int], float], accused: tuple[int, ...] = ()) -> Matrix:
    pairs = product(range(len(names)), repeat=2)
    rates = {(one, two): 1e9 * slow.get((one, two), 1.0) for one, two in pairs if one != two}
    return Matrix(names=names, rates=rates, usual=1e9, accused=accused)


def cells(table: Table) -> list[str]:
    return [row[-1].strip("|") for row in table.rows]


def test_every_pair_is_a_character() -> None:
    table = heatmap.picture(matrix(list("abcd"), {(0, 1): 0.52, (2, 3): 0.04, (1, 3): 0.949, (3, 0): 2.0}, (0,)))
    assert cells(table) == ["-5##", "#-#9", "##-0", "+##-"]
    assert [row[1] for row in table.rows] == ["a*", "b", "c", "d"]


def test_what_was_not_measured_is_no_rate() -> None:
    whole = matrix(list("abcd"), {})
    rates = {pair: rate for pair, rate in whole.rates.items() if pair != (0, 1)}
    assert cells(heatmap.picture(Matrix(names=whole.names, rates=rates, usual=1e9)))[0] == "-.##"


def test_members_stand_by_host_whatever_their_ranks() -> None:
    table = heatmap.picture(matrix(["a:0", "b:0", "a:1", "b:1"], {(0, 2): 4.0, (2, 0): 4.0}))
    assert [row[1] for row in table.rows] == ["a:0", "a:1", "b:0", "b:1"]
    assert cells(table) == ["-+##", "+-##", "##-#", "###-"]


@pytest.mark.parametrize("members", [4, 16, 61, 80, 300, 1024])
@pytest.mark.parametrize("each", [1, 4])
def test_a_picture_fits_whatever_the_number_of_members_and_loses_no_fault(members: int, each: int) -> None:
    names = [f"node{rank // each:04}" + (f":{rank % each}" if each > 1 else "") for rank in range(members)]
    rates = {(one, two): 1e9 for one in range(members) for two in {0, 1, members - 1, (one + 7) % members} - {one}}
    found = Matrix(names=names, rates={**rates, (members - 1, 1): 2e8}, usual=1e9, accused=(members - 1,))
    lines = screen.table_lines(heatmap.picture(found))
    assert max(map(len, lines)) <= screen.WIDTH
    rows = [line.split("|") for line in lines if line.endswith("|")]
    assert sum(cells.count("2") for _, cells, _ in rows) == 1
    assert sum("*" in label for label, _, _ in rows) == 1
    assert max(len(line) for one in heatmap.tables(found) for line in screen.table_lines(one)) <= screen.WIDTH


def test_long_names_leave_room_for_the_picture() -> None:
    names = [f"ip-10-0-{number}-17.some-region.compute.internal" for number in range(12)]
    tables = heatmap.tables(matrix(names, {(0, 1): 0.5}, (0, 1)))
    assert max(len(line) for one in tables for line in screen.table_lines(one)) <= screen.WIDTH


def test_a_terminal_gets_colours_and_a_pipe_none() -> None:
    page = Page(alarms=(), facts=(), tables=(heatmap.picture(matrix(list("abcd"), {(0, 1): 0.2})),))
    plain = screen.page_text(page)
    assert plain.isascii()
    text = Text(plain)
    for style, pattern in screen.STYLES.items():
        text.highlight_regex(re.compile(pattern, re.MULTILINE), style)
    assert [str(span.style) for span in text.spans if plain[span.start : span.end] == "2"] == ["red"]
    stream = io.StringIO()
    Console(file=stream, force_terminal=True, color_system="standard").print(text)
    assert "\x1b[31m" in stream.getvalue()


def measured(names: list[str], slow: set[int]) -> list[Line]:
    """A file of rounds only, in which some send at half the rate."""
    launch = example.launch()
    lines: list[Line] = [example.run(), type(launch)(**{**_fields(launch), "ranks": len(names), "hosts": names})]
    for number, pairs in enumerate(rounds(len(names))):
        for direction in ("forward", "backward", "both"):
            sends = [pair[direction == "backward"] for pair in pairs]
            usual = SECONDS * (3 if direction == "both" else 1)
            times = [[usual * (2 if one in slow else 1) * noise for noise in (0.999, 1, 1.002)] for one in sends]
            lines.append(
                Round(
                    launch=0, round=number, direction=direction, pairs=pairs, nbytes=NBYTES, samples_s=times,
                    check="ok",
                )
            )  # fmt: skip
    return [*lines, example.end(0)]


def _fields(value: object) -> dict[str, object]:
    return {name: getattr(value, name) for name in value.__struct_fields__}  # type: ignore[attr-defined]


def shown(lines: list[Line], path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    with Writer.create(path) as writer:
        writer.write(*lines)
    assert main(["show", str(path)]) == 0
    return capsys.readouterr().out


def test_show_prints_the_matrix_and_the_rounds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(measured(list("abcdef"), {2}), tmp_path / "a.jsonl", capsys)
    assert "2  c*    |55-555|" in out
    rows = [line.split() for line in out.splitlines() if re.match(r" +0 +\d+ +(forward|backward|both) ", line)]
    assert len(rows) == 15
    assert any(row[7] == "c" and row[8] == "->" for row in rows)
    assert all(row[-1] == "ok" for row in rows)


def test_ranks_of_one_host_have_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = measured(list("abcd"), set())
    launch = lines[1]
    lines[1] = type(launch)(**{**_fields(launch), "hosts": ["a"]})
    assert "rank3" in shown(lines, tmp_path / "a.jsonl", capsys)


def test_a_few_pairs_are_shown_without_a_judgement(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = measured(list("abcdef"), {2})
    out = shown([*lines[:3], lines[-1]], tmp_path / "a.jsonl", capsys)
    assert "rounds of pairs" in out
    assert "*  " not in out

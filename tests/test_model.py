"""Names of cases, for people; and the model's pages, which name every field."""

import re
from pathlib import Path
from typing import Any, get_args

import example_lines as example
import msgspec
import pytest
from builders import make_case

from fabricbench.model import (
    USUAL,
    Case,
    Check,
    ClockReport,
    Conditions,
    Doubt,
    Flag,
    Line,
    Origin,
    Pairing,
    Part,
    RankTimes,
    Summary,
    Telemetry,
    Traffic,
    rank_names,
)

PARTS: dict[str, type[Part]] = {
    "clock": ClockReport,
    "pairing": Pairing,
    "case": Case,
    "conditions": Conditions,
    "ranks_s": RankTimes,
    "traffic": Traffic,
    "check": Check,
    "summary": Summary,
    "doubts": Doubt,
    "telemetry": Telemetry,
    "origin": Origin,
}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "allreduce/mpi float32 1MiB"),
        ({"nbytes": 0, "operation": "barrier", "params": {}}, "barrier/mpi float32"),
        ({"nbytes": 1001}, "allreduce/mpi float32 1001"),
        ({"params": {"op": "max"}}, "allreduce/mpi float32 1MiB op=max"),
        ({"params": {"root": 3, "alone": 0}}, "allreduce/mpi float32 1MiB alone=0 root=3"),
        ({"params": dict(USUAL)}, "allreduce/mpi float32 1MiB"),
        (
            {"memory": "device", "cadence": "streaming", "mode": "persistent", "in_place": True, "ranks": 9},
            "allreduce/mpi float32 1MiB device streaming persistent in-place",
        ),
    ],
)
def test_the_name_of_a_case_says_what_is_not_usual(fields: dict[str, object], text: str) -> None:
    assert make_case(**fields).text() == text


def documented(page: str) -> dict[str, list[str]]:
    """Fields by heading of docs/result-file.md."""
    sections = re.split(r"^##+ ", page, flags=re.MULTILINE)[1:]
    return {
        heading[1]: re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
        for section in sections
        if (heading := re.match(r"`(\w+)`\n", section))
    }


def written(name: str, kind: type[Part]) -> list[str]:
    """Fields of a line or of a part of one, in order."""
    return [*(["kind"] if kind.__struct_config__.tag == name else []), *kind.__struct_fields__]


def test_every_field_is_documented_and_no_other() -> None:
    lines = {kind.__struct_config__.tag: kind for kind in get_args(Line)}
    page = documented((Path(__file__).parent.parent / "docs" / "result-file.md").read_text())
    assert page == {name: written(name, kind) for name, kind in {**lines, **PARTS}.items()}


def test_every_flag_is_documented() -> None:
    page = (Path(__file__).parent.parent / "docs" / "numbers.md").read_text()
    assert set(get_args(Flag)) <= set(re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE))


def test_ranks_are_called_by_their_hosts() -> None:
    assert rank_names(["a", "b", "a", "c"]) == ["a:0", "b", "a:1", "c"]


@pytest.mark.parametrize(
    ("fields", "hosts"),
    [
        ({"placed": [1, 0]}, ["host-b", "host-a"]),
        ({"placed": None}, ["host-a", "host-b"]),
        ({"placed": None, "hosts": ["a"]}, ["a", "a"]),
        ({"placed": None, "ranks": 3}, None),
        ({"placed": None, "ranks": None}, None),
    ],
)
def test_the_host_of_every_rank_is_known_or_said_not_to_be(fields: dict[str, Any], hosts: list[str] | None) -> None:
    assert msgspec.structs.replace(example.full_launch(), **fields).rank_hosts == hosts

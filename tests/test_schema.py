"""docs/schema.json refuses what the program refuses: every field of every kind of line."""

import copy
import json
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import example_lines as example
import jsonschema
import msgspec
import pytest

from fabricbench import store
from fabricbench.errors import UnreadableError
from fabricbench.model import SCHEMA, Line

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "schema.json"

LINES = (
    *example.whole(),
    msgspec.structs.replace(example.full_record(), doubts=example.record().doubts),
    msgspec.structs.replace(example.launch(), pairing=None),
)

OPEN = ("machine", "software", "environment", "params")
"""Fields whose names are the user's own: they may be left out or called otherwise."""

ADDED = ("memory_bytes",)
"""Fields that files of an older schema number lack."""

ANY_SCALAR = ("machine", "params")

Place = tuple[str | int, ...]


@pytest.fixture(scope="module", name="validator")
def make_validator() -> jsonschema.Draft202012Validator:
    page = json.loads(PAGE.read_text())
    jsonschema.Draft202012Validator.check_schema(page)
    return jsonschema.Draft202012Validator(page)


def plain(line: Line) -> Any:
    return json.loads(store.encode(line))


def places(value: Any, where: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every part of a value and the way to it, the value itself included."""
    yield where, value
    if isinstance(value, dict | list):
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(part, (*where, name))


def replaced(value: Any, where: Place, part: Any) -> Any:
    """A copy of a value in which the part at a place is another one."""
    if not where:
        return part
    copied = copy.copy(value)
    copied[where[0]] = replaced(value[where[0]], where[1:], part)
    return copied


def restructured(value: Any) -> Iterator[tuple[str, Any]]:
    """Copies of a line with one field removed, renamed or added."""
    for where, part in places(value):
        if not isinstance(part, dict) or where[-1:] in [(name,) for name in OPEN]:
            continue
        yield f"{where} with one more field", replaced(value, where, {**part, "surplus": 1})
        for name in part:
            rest = {other: part[other] for other in part if other != name}
            renamed = replaced(value, where, {**rest, f"{name}_": part[name]})
            yield f"{where} with {name} renamed", renamed
            if where[-1:] != ("rates",) and name not in ADDED:
                yield f"{where} without {name}", replaced(value, where, rest)


def retyped(value: Any) -> Iterator[tuple[str, Any]]:
    """Copies of a line with one part of a type that no field has in its place."""
    for where, part in places(value):
        for other in wrong_types(part, any_scalar=where[-2:-1] in [(name,) for name in ANY_SCALAR]):
            yield f"{where} is {other!r}", replaced(value, where, other)


def wrong_types(part: Any, any_scalar: bool) -> list[Any]:
    containers: list[Any] = [[{}], {"a": {}}]
    if any_scalar or part is None:
        return containers
    if isinstance(part, str):
        return [*containers, 7, 7.5, True]
    if isinstance(part, bool):
        return [*containers, 7, "true", None]
    if isinstance(part, dict | list):
        return [*containers, 7, "seven", True]
    return [*containers, "7", True]


def accepted(data: Any) -> bool:
    try:
        store.decode(json.dumps(data).encode())
    except UnreadableError:
        return False
    return True


def test_the_page_is_the_one_that_the_model_and_the_catalogue_give() -> None:
    expected = runpy.run_path(str(ROOT / "docs" / "schema.py"))["text"]()
    assert PAGE.read_text() == expected, "run `make schema`"


@pytest.mark.parametrize("line", LINES, ids=lambda line: type(line).__name__)
def test_valid_lines_are_valid(line: Line, validator: jsonschema.Draft202012Validator) -> None:
    validator.validate(plain(line))
    assert store.decode(store.encode(line)) == line


@pytest.mark.parametrize("line", LINES, ids=lambda line: type(line).__name__)
def test_every_changed_field_is_refused(line: Line, validator: jsonschema.Draft202012Validator) -> None:
    changes = [*restructured(plain(line)), *retyped(plain(line))]
    assert len(changes) > 6 * len(plain(line))
    assert [what for what, data in changes if accepted(data)] == []
    assert [what for what, data in changes if validator.is_valid(data)] == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("case", "operation"), "no-such-operation"),
        (("case", "variant"), "no-such-variant"),
        (("case", "memory"), "tape"),
        (("case", "nbytes"), -1),
        (("case", "nbytes"), 1.5),
        (("case", "ranks"), 0),
        (("case", "in_place"), 1),
        (("conditions", "flags"), ["lucky"]),
        (("check", "status"), "good"),
        (("rates", "speed"), 1.0),
        (("samples_s",), [-1.0]),
        (("samples_s",), [None]),
        (("samples_s",), ["1"]),
        (("launch",), "0"),
        (("launch",), True),
        (("time",), "local"),
    ],
    ids=str,
)
def test_closed_vocabularies_and_ranges(
    path: tuple[str, ...], value: Any, validator: jsonschema.Draft202012Validator
) -> None:
    data = plain(example.record())
    part = data
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    assert not validator.is_valid(data)
    if value not in ("no-such-operation", "no-such-variant"):
        # Names are data to a reader: a result of another version stays readable.
        assert not accepted(data)


def test_a_newer_schema_is_not_this_one(validator: jsonschema.Draft202012Validator) -> None:
    assert not validator.is_valid({**plain(example.run()), "schema": SCHEMA + 1})


@pytest.mark.parametrize("number", range(1, SCHEMA + 1))
def test_the_frozen_files_are_valid(number: int, validator: jsonschema.Draft202012Validator) -> None:
    for line in (ROOT / "tests" / "data" / f"schema-{number}.jsonl").read_text().splitlines():
        validator.validate(json.loads(line))

"""The workflows of docs/ci: valid for whom they are written, and their commands do what the page says."""

import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from builders import make_side, write
from ruamel.yaml import YAML

from fabricbench.cli import _parser

FOLDER = Path(__file__).parents[1] / "docs" / "ci"
SCHEMAS = {"github.yml": "vendor.github-workflows", "gitlab.yml": "vendor.gitlab-ci"}

STAND_IN = """#!{python}
import os, sys
from pathlib import Path
if sys.argv[1] != "ab":
    os.execv(sys.executable, [sys.executable, "-m", "fabricbench", *sys.argv[1:]])
Path("asked").write_text(" ".join(sys.argv[1:]))
Path(sys.argv[sys.argv.index("-o") + 1]).write_bytes(Path("measured").read_bytes())
sys.exit(int(os.environ["STATUS"]))
"""
"""A fabricbench whose `ab` finds its series measured already, and whose other verbs are the real ones."""


def workflow(name: str) -> Any:
    return YAML(typ="safe").load(FOLDER / name)


def scripts(name: str) -> list[str]:
    """Every piece of shell that calls fabricbench, in order."""
    content = workflow(name)
    if name == "github.yml":
        found = [step["run"] for step in content["jobs"]["compare"]["steps"] if "run" in step]
    else:
        found = content["fabricbench"]["script"]
    return [text for text in found if "bin/fabricbench" in text]


@pytest.mark.parametrize("name", SCHEMAS)
def test_it_is_valid_by_the_schema_of_its_reader(name: str) -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", SCHEMAS[name], str(FOLDER / name)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("name", SCHEMAS)
def test_its_commands_exist(name: str) -> None:
    lines = [line for text in scripts(name) for line in text.splitlines() if "bin/fabricbench" in line]
    assert len(lines) == 4
    for line in lines:
        words = shlex.split(line.partition("||")[0])[1:]
        assert _parser(words[0]).parse_args(words)


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_shell_script_is_one(name: str) -> None:
    content = workflow(name)
    steps = content["jobs"]["compare"]["steps"] if name == "github.yml" else []
    for text in [step["run"] for step in steps if "run" in step] or content["fabricbench"]["script"]:
        assert "${{" not in text  # an expression in a script would run what a branch is called
        subprocess.run(["bash", "-n"], input=text, text=True, check=True)


def test_both_measure_in_the_same_way() -> None:
    github, gitlab = (scripts(name) for name in SCHEMAS)
    assert github[0] == gitlab[0]
    assert github[-1] == gitlab[-1]


def prepared(folder: Path, slower: float) -> None:
    """Two environments with a stand-in, and the series of eight launches a side that its `ab` will find."""
    for side in ("base", "new"):
        program = folder / f".venv-{side}" / "bin" / "fabricbench"
        program.parent.mkdir(parents=True)
        program.write_text(STAND_IN.format(python=sys.executable))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    turns = [position for position in range(16) if position % 4 in (0, 3)]
    for side, factor, positions in (("base", 1.0, turns), ("new", slower, sorted(set(range(16)) - set(turns)))):
        spread = [1 + number / 1000 for number in range(8)]
        medians = {8: [1e-6 * one for one in spread], 64: [2e-6 * factor * one for one in spread]}
        write(make_side(side, medians, positions=positions, side=side), folder / f"{side}.jsonl")
    (folder / "measured").write_bytes(b"".join((folder / f"{side}.jsonl").read_bytes() for side in ("base", "new")))


def follow(name: str, folder: Path, **environment: str) -> int:
    """The status of the first script that fails, as a runner runs them; else 0."""
    settings = {**os.environ, "GITHUB_STEP_SUMMARY": "summary.md", **environment}
    for text in scripts(name):
        words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text]
        status = subprocess.run(words, cwd=folder, env=settings, capture_output=True, check=False).returncode
        if status:
            return status
    return 0


@pytest.mark.parametrize(("name", "slower", "status"), [("github.yml", 1.5, 1), ("gitlab.yml", 1.0, 0)])
def test_it_alternates_and_fails_where_a_row_is_worse(name: str, slower: float, status: int, tmp_path: Path) -> None:
    prepared(tmp_path, slower)
    assert follow(name, tmp_path, STATUS=str(status)) == status
    assert (tmp_path / "asked").read_text() == "ab ci --base=.venv-base/bin/python -o ab.jsonl"
    comment = (tmp_path / "comment.md").read_text()
    assert comment.startswith("**fabricbench: 1 worse, 1 same" if status else "**fabricbench: 2 same")
    assert "8 + 8" in comment
    assert f'failures="{status}"' in (tmp_path / "junit.xml").read_text()


@pytest.mark.parametrize(("status", "expected", "commented"), [("4", 0, True), ("2", 2, False), ("3", 3, False)])
def test_no_answer_is_left_to_the_comparison_and_a_failure_ends_the_job(
    status: str, expected: int, commented: bool, tmp_path: Path
) -> None:
    for name in SCHEMAS:
        folder = tmp_path / name
        prepared(folder, 1.0)
        assert follow(name, folder, STATUS=status) == expected
        assert (folder / "comment.md").exists() == commented


GH = """#!/bin/sh
case "$*" in *--paginate*) printf '%s' "$LAST";; *) echo "$@" >> calls;; esac
"""


@pytest.mark.parametrize(
    ("last", "call"),
    [
        ("", "api --silent --method POST repos/o/r/issues/7/comments -F body=@comment.md"),
        ("11\n12\n", "api --silent --method PATCH repos/o/r/issues/comments/12 -F body=@comment.md"),
    ],
    ids=["first", "again"],
)
def test_the_comment_is_made_once_and_then_replaced(last: str, call: str, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "gh"
    program.parent.mkdir()
    program.write_text(GH)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (text,) = [step["run"] for step in workflow("github.yml")["jobs"]["compare"]["steps"] if "gh api" in str(step)]
    settings = {
        **os.environ,
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "COMMENTS": "repos/o/r/issues/7/comments",
        "GITHUB_REPOSITORY": "o/r",
        "LAST": last,
    }
    subprocess.run(["bash", "-eo", "pipefail", "-c", text], cwd=tmp_path, env=settings, check=True)
    assert (tmp_path / "calls").read_text() == f"{call}\n"

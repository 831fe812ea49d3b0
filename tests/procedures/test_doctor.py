"""`doctor`: every finding on this machine, and a control that really does in C what the program does."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fabricbench import mpi
from fabricbench.engine import launch, machine
from fabricbench.engine.probe import CONTROLLED, Probe
from fabricbench.errors import NotMeasuredError, UnavailableError
from fabricbench.measure import control
from fabricbench.measure.loop import Taken

TESTS = Path(__file__).parents[1]
FINDINGS = [
    "MPI library", "ranks and cores", "binding", "core time lost", "frequency governor", "turbo", "load now",
    "mpirun on PATH", "mpirun of the library", "empty step", "clock reading", "empty python step",
    "mpi4py above compiled", "clocks", "clock offset", "synchronised start", "entry skew, median", "entry skew, p99",
    "late starts", "ping-pong over C, mean", "ping-pong over C, worst", "all-reduce over C, mean",
    "all-reduce over C, worst", "start of list", "compare 2 x 100,000", "memory of that",
]  # fmt: skip

MISSING = mpi.installed()
needs_mpi = pytest.mark.skipif(MISSING is not None, reason=MISSING or "")


def _no_compiler() -> str | None:
    if MISSING is not None:
        return MISSING
    try:
        control.compiler()
    except UnavailableError as error:
        return str(error)
    return None if shutil.which("cc") or shutil.which("gcc") else "There is no C compiler."


NO_COMPILER = _no_compiler()
needs_compiler = pytest.mark.skipif(NO_COMPILER is not None, reason=NO_COMPILER or "")


def doctor(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fabricbench", "doctor", *words],
        env={**os.environ, **environment}, capture_output=True, text=True, timeout=250, check=False,
    )  # fmt: skip


def facts() -> dict[str, Any]:
    """What the ranks of one launch announce."""
    heard: list[dict[str, Any]] = []
    launch.launch(Probe(), launch.prefix(2, machine.usable_cores()), heard.append)
    assert [event["event"] for event in heard] == ["facts"]
    return dict(heard[0]["facts"])


def in_c(source: Path) -> dict[str, Any]:
    """What tests/procedures/in_c.py says of a control made from this source."""
    words = [*launch.prefix(2, machine.usable_cores()), sys.executable, "-m", "procedures.in_c", str(source)]
    environment = launch.environment()
    environment["PYTHONPATH"] += f":{TESTS}"
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{"))))


@needs_compiler
@pytest.mark.mpi
def test_every_finding_and_the_control() -> None:
    done = doctor("-n", "2", "--format", "json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert [finding["name"] for finding in report["findings"]] == FINDINGS
    for finding in report["findings"]:
        assert set(finding) == {"name", "value", "unit", "expected", "verdict", "remedy"}
        assert finding["verdict"] in ("ok", "doubt", "unknown")
        assert bool(finding["remedy"]) == (finding["verdict"] != "ok"), finding
        assert isinstance(finding["value"], str if finding["unit"] == "" else float), finding
    made = report["control"]
    assert made["why"] is None
    sizes = {"pingpong": [1 << k for k in range(17)], "allreduce": [4 << k for k in range(15)]}
    for name, wanted in sizes.items():
        assert [int(size) for size in made[name]["ratios"]] == wanted
        ratios = np.array(list(made[name]["ratios"].values()))
        assert made[name]["geomean"] == pytest.approx(float(np.exp(np.log(ratios).mean())), rel=1e-3)
        assert made[name]["worst"] == pytest.approx(float(ratios.max()))
    assert report["ranks"] == 2


def test_without_mpi_it_says_what_it_can(tmp_path: Path) -> None:
    stub = tmp_path / "mpi4py" / "__init__.py"
    stub.parent.mkdir()
    stub.write_text("raise ImportError('nothing here')\n")
    done = doctor("-n", "2", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("DOUBTS")
    assert "No C control: There is no MPI library" in done.stdout
    named = [line for line in done.stdout.splitlines() if line.startswith(tuple(FINDINGS))]
    assert len(named) == len(FINDINGS)


@needs_mpi
@pytest.mark.mpi
def test_without_a_compiler_there_is_no_control(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = facts()
    assert found["control"] == dict.fromkeys(CONTROLLED)
    assert "compiler" in found["control_why"]


@needs_compiler
@pytest.mark.mpi
class TestInC:
    def test_it_moves_the_same_data(self) -> None:
        said = in_c(control.SOURCE)
        assert said["ordered"]
        assert set(said["wrong"].values()) == {0}
        assert len(said["wrong"]) == 6

    def test_one_that_moves_less_is_found(self, tmp_path: Path) -> None:
        said = in_c(self.mutant(tmp_path, "(int)a->count", "(int)a->count - 1"))
        assert all(said["wrong"].values())

    def test_a_return_code_that_is_not_0_ends_it(self, tmp_path: Path) -> None:
        said = in_c(self.mutant(tmp_path, "= once(a)", "= k == 2 ? 7 : once(a)"))
        assert "error code 7" in said["error"]

    @staticmethod
    def mutant(folder: Path, right: str, wrong: str) -> Path:
        text, path = control.SOURCE.read_text(), folder / "control.c"
        assert right in text
        path.write_text(text.replace(right, wrong))
        return path

    def test_a_source_that_is_no_c_is_said(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        broken = tmp_path / "control.c"
        broken.write_text("this is no C;\n")
        monkeypatch.setattr(control, "SOURCE", broken)
        with pytest.raises(UnavailableError, match="error"):
            control._compile(tmp_path / "control.so")


class Scripted:
    """A loop whose blocks take what a function of their number says, in nanoseconds."""

    number = 0

    def __init__(self, factor: float, disturbed: bool = False) -> None:
        self.factor, self.disturbed = factor, disturbed

    def take(self, samples: int, repeats: int) -> Taken:
        number, Scripted.number = Scripted.number, Scripted.number + 1
        spent = 1e6 * self.factor * (1 + 1e-4 * number) * (1.3 if number % 4 == 1 else 1)
        if self.disturbed and number % 16 == 5:
            spent *= 10
        return Taken(np.zeros(samples, np.int64), np.full(samples, round(spent), np.int64))


@pytest.mark.parametrize("disturbed", [False, True])
def test_neither_drift_nor_place_nor_disturbance_moves_the_ratio(disturbed: bool) -> None:
    Scripted.number = 0
    ratio = control.ratio(mpi.Group(), Scripted(1.1), Scripted(1.0, disturbed))  # type: ignore[arg-type]
    assert ratio == pytest.approx(1.1, rel=1e-3)


def test_a_failing_command_is_no_cost() -> None:
    from fabricbench.engine import program

    with pytest.raises(NotMeasuredError):
        program._cost(["-c", "raise SystemExit(3)"])

"""Every operation, variant, type and ragged count on 1 to 5 ranks: all ranks, all elements, against the definition."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from units import mutants, oracle, ranks

from fabricbench import mpi
from fabricbench.engine import catalogue, launch, machine
from fabricbench.engine.placement import placement
from fabricbench.model import Case

TESTS = Path(__file__).parents[1]
LIMIT_S = 280

MISSING = mpi.installed()
needs_mpi = pytest.mark.skipif(MISSING is not None, reason=MISSING or "")

LOCAL = [
    pytest.param(case, variant, id=name)
    for name, case, variant in ranks.everything(1)
    if not variant.uses_mpi and catalogue.operation(case.operation).family in ("compute", "memory")
]


@dataclass(frozen=True)
class Report:
    """What one job said."""

    wrong: list[str]
    cases: set[str]
    checked: list[tuple[str, str, str]]
    unavailable: dict[str, str]


def job(count: int, what: str) -> Report:
    """Start `count` ranks with the program's own launcher; a crash or a hang fails with the case it was in."""
    words = [*launch.prefix(count, machine.usable_cores()), sys.executable, "-m", "units.ranks", what]
    environment = launch.environment()
    environment["PYTHONPATH"] += f":{TESTS}"
    with subprocess.Popen(
        words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            said, _ = process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            launch.end(process)
            pytest.fail(f"{count} ranks hang in {_last(process.communicate()[0])}")
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    end = next((line for line in lines if "checked" in line), None)
    if process.returncode != 0 or end is None:
        pytest.fail(f"{count} ranks ended with status {process.returncode} in {_last(said)}:\n{said[-3000:]}")
    return Report(
        wrong=[f"{line['case']}, rank {line['rank']}: {line['what']}" for line in lines if "what" in line],
        cases={str(line["case"]) for line in lines if "what" in line},
        checked=[(operation, variant, dtype) for _, operation, variant, dtype in end["checked"]],
        unavailable=end["unavailable"],
    )


def _last(said: str) -> str:
    named = [json.loads(line)["at"] for line in said.splitlines() if line.startswith('{"at"')]
    return str(named[-1]) if named else "its start"


def counts() -> list[int]:
    """Numbers of ranks. Those of MPICH poll: where they share cores each takes minutes; random cases have the rest."""
    polling = MISSING is None and not mpi.library_name().startswith("Open MPI") and machine.usable_cores() < 4
    return [2, 5] if polling else [1, 2, 3, 4, 5]


@needs_mpi
@pytest.mark.mpi
@pytest.mark.parametrize("count", counts())
def test_every_unit_gives_what_its_definition_says(count: int) -> None:
    report = job(count, "all")
    assert not report.wrong, "\n".join(report.wrong)
    expected = {(case.operation, case.variant, case.dtype) for _, case, _ in ranks.everything(count)}
    left_out = {name: tuple(name.split("-float")[0].split("-uint8")[0].split("/")) for name in report.unavailable}
    assert {entry[:2] for entry in expected} - {entry[:2] for entry in report.checked} <= set(left_out.values())
    assert set(report.checked) >= {entry for entry in expected if entry[:2] not in left_out.values()}


@needs_mpi
@pytest.mark.mpi
@pytest.mark.parametrize("count", [3])
def test_every_mutant_is_found(count: int) -> None:
    report = job(count, "mutants")
    assert report.cases == set(mutants.MUTANTS), "\n".join(report.wrong)


@needs_mpi
@pytest.mark.mpi
def test_what_is_wrong_on_one_rank_is_said_of_that_rank_alone() -> None:
    named = "allreduce/mpi/output never written on the last rank"
    lines = [line for line in job(3, "mutants").wrong if line.startswith(named)]
    assert lines
    assert all("rank 2" in line for line in lines)


@pytest.mark.parametrize(("case", "variant"), LOCAL)
def test_every_kernel_without_mpi(case: Case, variant: Any) -> None:
    alone = mpi.Group()
    trial = ranks.Trial(alone, placement(alone), case, variant)
    assert trial.run() is None
    assert trial.wrong == []


BROKEN_KERNELS = [
    name for name in mutants.MUTANTS if catalogue.operation(name.partition("/")[0]).family in ("compute", "memory")
]


@pytest.mark.parametrize("name", BROKEN_KERNELS)
def test_a_broken_kernel_is_found_without_mpi(name: str) -> None:
    alone = mpi.Group()
    variant = mutants.MUTANTS[name]
    possible = list(ranks.cases(catalogue.operation(name.partition("/")[0]), variant, 1))
    case = possible[min(3, len(possible) - 1)]
    trial = ranks.Trial(alone, placement(alone), case, variant)
    assert trial.run() is None
    assert trial.wrong


def test_every_definition_belongs_to_an_operation() -> None:
    assert set(oracle.DEFINITIONS) <= set(catalogue.operations())


@pytest.mark.parametrize("name", catalogue.operations())
def test_an_operation_has_a_second_definition(name: str) -> None:
    if catalogue.operation(name).verify is None and name not in oracle.DEFINITIONS:
        pytest.skip(f"{name} is checked against its own reference only; define it in tests/units/oracle.py")


def test_units_are_named_after_their_operations_and_no_two_alike() -> None:
    for name, operation in catalogue.operations().items():
        assert operation.name == name
        assert operation.variants, f"{name} has no variant"


@needs_mpi
@pytest.mark.mpi
def test_what_is_broken_is_found_by_a_real_session_and_nothing_hangs() -> None:
    words = [*launch.prefix(2, machine.usable_cores()), sys.executable, "-m", "units.broken"]
    environment = launch.environment()
    environment["PYTHONPATH"] += f":{TESTS}"
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["mpi"][0], found["broken"][0]) == ("ok", "wrong")
    for operation in ("alltoallv", "alltoallw"):
        status, said = found[operation]
        assert status == "skipped"
        assert re.search(r"rank 0: rank 1 sends \d+ elements and \d+ are expected of it", said)

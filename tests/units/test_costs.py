"""What each algorithm sends, counted at its MPI calls, is what theory says: messages and bytes of every rank.

And what those copy that send nothing, counted at their copies.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from units import counted
from units.costs import COPIED, SENT, Sent
from units.counted import Count

from fabricbench import mpi
from fabricbench.engine import launch, machine

TESTS = Path(__file__).parents[1]
LIMIT_S = 280
TWIN = "-reduce-local"
"""Ends the name of a variant that differs in who reduces, not in what is sent."""

MISSING = mpi.installed()
needs_mpi = [pytest.mark.mpi, pytest.mark.skipif(MISSING is not None, reason=MISSING or "")]


def differences(counts: list[Count], formulas: Mapping[str, Sent]) -> list[str]:
    """Every count that is not what its formula says."""
    wrong = []
    for count in counts:
        expected = formulas[count.name.removesuffix(TWIN)](count.place, count.ranks, count.nbytes, count.width)
        copied = (
            COPIED[count.name](count.place, count.ranks, count.nbytes, count.width) if count.name in COPIED else None
        )
        if (count.messages, count.sent) != expected or copied not in (None, count.copied):
            wrong.append(f"{count}, not {expected}, {copied} copied")
    return wrong


@pytest.fixture(scope="module")
def counts() -> list[Count]:
    words = [*launch.prefix(counted.RANKS, machine.usable_cores()), sys.executable, "-m", "units.counted"]
    environment = launch.environment()
    environment["PYTHONPATH"] += f":{TESTS}"
    with subprocess.Popen(
        words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            said, complaints = process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            launch.end(process)
            pytest.fail(f"the ranks hang:\n{process.communicate()[1][-3000:]}")
    assert process.returncode == 0, complaints[-3000:]
    return [msgspec.convert(json.loads(line), Count) for line in said.splitlines() if line.startswith("{")]


def test_every_algorithm_has_a_formula() -> None:
    assert set(SENT) == {name.removesuffix(TWIN) for name in counted.algorithms()}
    assert set(COPIED) == {name for name, (_, variant) in counted.algorithms().items() if not variant.needs["blocking"]}


def test_every_function_that_an_algorithm_needs_is_counted_or_sends_nothing() -> None:
    for name, (_, variant) in counted.algorithms().items():
        assert set(variant.needs["blocking"]) <= {*counted.SENDING, *counted.SILENT}, name


@pytest.mark.parametrize("ranks", range(1, counted.RANKS + 1))
@needs_mpi[1]
@needs_mpi[0]
def test_each_rank_sends_what_theory_says(counts: list[Count], ranks: int) -> None:
    of_so_many = [count for count in counts if count.ranks == ranks]
    assert {count.name for count in of_so_many} == {
        f"{case.operation}/{case.variant}" for case, _ in counted.cases(ranks)
    }
    wrong = differences(of_so_many, SENT)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", SENT)
def test_a_formula_that_is_off_by_one_is_found(name: str) -> None:
    ranks, width = 4, 8
    copied = COPIED.get(name, lambda *asked: 0)
    counts = [
        Count(name, ranks, place, 80, width, *SENT[name](place, ranks, 80, width), copied(place, ranks, 80, width))
        for place in range(ranks)
    ]
    assert not differences(counts, SENT)

    def one_message_more(*asked: int) -> tuple[int, int]:
        messages, sent = SENT[name](*asked)
        return messages + 1, sent

    def one_byte_more_on_the_last(*asked: int) -> tuple[int, int]:
        messages, sent = SENT[name](*asked)
        return messages, sent + (asked[0] == ranks - 1)

    assert len(differences(counts, {**SENT, name: one_message_more})) == ranks
    assert len(differences(counts, {**SENT, name: one_byte_more_on_the_last})) == 1


@pytest.mark.parametrize("name", COPIED)
def test_a_copy_too_many_is_found(name: str) -> None:
    count = Count(name, 4, 1, 80, 8, 0, 0, COPIED[name](1, 4, 80, 8))
    assert not differences([count], SENT)
    assert differences([msgspec.structs.replace(count, copied=count.copied + 1)], SENT)

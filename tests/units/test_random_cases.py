"""200 collectives that nobody chose, on 1 to 9 ranks: each gives what its definition says, wherever it can be asked."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, find, given, settings
from units.random_cases import COLLECTIVES, Job, cases, job

from fabricbench import mpi
from fabricbench.model import Case

CASES = 200
MISSING = mpi.installed()
pytestmark = [pytest.mark.mpi, pytest.mark.skipif(MISSING is not None, reason=MISSING or "")]

SAME_EVERY_TIME = settings(
    derandomize=True, database=None, deadline=None, max_examples=CASES, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def ranks() -> Iterator[Job]:
    with job() as asked:
        yield asked


def test_random_cases_give_what_their_definitions_say(ranks: Job) -> None:
    checked: list[str] = []
    unavailable: list[str] = []

    @SAME_EVERY_TIME
    @given(case=cases())
    def agrees(case: Case) -> None:
        answer = ranks.ask(case)
        assert not answer.wrong, f"{case}\n" + "\n".join(answer.wrong)
        (checked if answer.unavailable is None else unavailable).append(case.operation)

    agrees()
    assert len(checked) + len(unavailable) == CASES
    assert len(checked) > 0.7 * CASES, f"{len(unavailable)} of {CASES} cases cannot be had here"
    assert len(set(checked)) > 0.8 * len(COLLECTIVES), f"of {sorted(set(COLLECTIVES) - set(checked))} none was checked"


def test_a_broken_variant_is_found_and_made_small(ranks: Job) -> None:
    broken = "allreduce/ring/one hop less"

    def is_wrong(case: Case) -> bool:
        return case.ranks > 1 and bool(ranks.ask(case, broken).wrong)

    smallest = find(cases(("allreduce/ring",)), is_wrong, settings=SAME_EVERY_TIME)
    assert smallest.ranks == 2
    assert smallest.nbytes <= 16
    assert not ranks.ask(smallest).wrong


def test_ranks_that_die_are_said_to_have_died_and_the_next_case_has_new_ones(ranks: Job) -> None:
    case = find(cases(("barrier/mpi",)), lambda case: case.ranks == 2, settings=SAME_EVERY_TIME)
    with pytest.raises(AssertionError, match="no such mutant"):
        ranks.ask(case, "no such mutant")
    assert not ranks.ask(case).wrong

"""What can be asked for, and the one clear sentence for what cannot."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricbench.engine import catalogue, start, suite
from fabricbench.engine.start import Order
from fabricbench.engine.suite import Request
from fabricbench.engine.worker import Job, order
from fabricbench.errors import NotMeasuredError, UsageError

HERE = {"ranks": 2, "distances": ("same-host",), "has_mpi": True}


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (Request(suite="quik"), "no suite 'quik'.*quick"),
        (Request(only=["allreduse"]), "no operation 'allreduse'.*allreduce"),
        (Request(only=["allreduce/rign"]), "no variant of allreduce 'rign'.*ring"),
        (Request(only=["allreduce"], dtypes=["float23"]), "no type for allreduce/mpi 'float23'.*float32"),
        (Request(only=["allreduce"], sizes="12 apples"), "'12 apples' is not a size"),
        (Request(only=["allreduce"], sizes="-8"), "'-8' is not a size"),
        (Request(only=["allreduce"], sizes="1MiB:8"), "range '1MiB:8' is empty"),
        (Request(only=["allreduce"], sizes="7"), "7 bytes do not divide by the 4 bytes of float32.*4, 8"),
        (Request(only=["allreduce"], sizes="99999999999TiB"), "does not fit in 62 bits"),
        (Request(only=["allreduce"], sizes="16GiB"), "an MPI count can name"),
        (Request(only=["alltoall"], sizes="4"), "too small for alltoall.*smallest size here is 8 bytes"),
        (Request(only=["copy"], memory="device"), "no variant for device memory"),
        (Request(suite="/nowhere/x.toml"), "cannot be read"),
    ],
)
def test_what_does_not_exist_is_named_with_what_does(request_: Request, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        suite.plan(request_, **HERE)


@pytest.mark.parametrize(
    "text",
    ["not toml [", 'about = "x"\nbudget = 1.0\n', 'about="x"\nbudget=1.0\n[[case]]\noperation="copy"\nsize="8"\n'],
)
def test_a_bad_suite_file_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match=r"mine\.toml cannot be read"):
        suite.plan(Request(suite=str(file)), **HERE)


def test_an_unknown_parameter_of_a_suite_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('about="x"\nbudget=1.0\n[[case]]\noperation="broadcast"\n[case.params]\nrot=1\n')
    with pytest.raises(UsageError, match=r"parameter of broadcast 'rot'.*root"):
        suite.plan(Request(suite=str(file)), **HERE)


@pytest.mark.parametrize("ranks", [0, -3])
def test_no_ranks_measure_nothing(ranks: int) -> None:
    with pytest.raises(UsageError, match="ranks measure nothing"):
        start.plan(Request(), Order(ranks=ranks))


def test_no_launches_measure_nothing() -> None:
    with pytest.raises(UsageError, match="launches measure nothing"):
        start.run(Request(), Order(launches=0), lambda event: None)


def test_a_case_larger_than_memory_is_refused_with_the_size_that_fits() -> None:
    plan = suite.plan(Request(only=["copy/numpy"], sizes="1TiB"), **HERE)
    with pytest.raises(UsageError, match=r"copy/numpy 1TiB needs 4 TiB for 2 ranks .* largest size that fits is about"):
        suite.refuse_too_large(plan.cases, 1 << 30, 2)
    suite.refuse_too_large(plan.cases, 1 << 50, 2)


def test_communication_without_mpi_is_not_measured_and_says_how_to_get_it() -> None:
    without = {**HERE, "has_mpi": False, "ranks": 1, "distances": ()}
    with pytest.raises(NotMeasuredError, match=r"needs MPI.*pip install"):
        suite.plan(Request(only=["allreduce/mpi"]), **without)
    plan = suite.plan(Request(suite="quick"), **without)
    assert {case.operation for case in plan.cases} == {"gemm", "triad", "copy", "dot", "chase"}
    assert any("allreduce" in text for text in plan.left_out)


@pytest.mark.parametrize("name", suite.suites())
@pytest.mark.parametrize("ranks", [1, 2, 3, 5, 8])
def test_every_suite_has_cases_for_any_number_of_ranks(name: str, ranks: int) -> None:
    distances = ("same-host",) if ranks > 1 else ()
    plan = suite.plan(Request(suite=name), ranks=ranks, distances=distances, has_mpi=True)
    assert len({case.key() for case in plan.cases}) == len(plan.cases)


@given(count=st.integers(0, 10**6), ranks=st.integers(1, 64), name=st.sampled_from(list(catalogue.operations())))
def test_a_fitted_count_is_never_larger_and_fits_itself(count: int, ranks: int, name: str) -> None:
    fit = catalogue.operation(name).fit
    assert 0 <= fit(count, ranks) <= count
    assert fit(fit(count, ranks), ranks) == fit(count, ranks)


def test_the_order_of_cases_follows_seed_and_launch() -> None:
    cases = suite.plan(Request(suite="quick"), **HERE).cases

    def ordered(seed: int, launch: int) -> list[object]:
        job = Job(request=Request(seed=seed), run_id="x", launch=launch, launches=2, output="", command=[])
        return [case.key() for case in order(cases, job)]

    assert ordered(1, 0) == ordered(1, 0)
    assert ordered(1, 0) != ordered(1, 1)
    assert ordered(1, 0) != ordered(2, 0)
    assert sorted(map(str, ordered(1, 0))) == sorted(map(str, ordered(2, 1)))


def test_cases_that_are_done_are_not_measured_again() -> None:
    cases = suite.plan(Request(suite="ci"), **HERE).cases
    done = [list(case.key()) for case in cases[:5]]
    job = Job(request=Request(), run_id="x", output="", command=[], done=done)
    left = order(cases, Job.decode(job.encode()))
    assert {case.key() for case in left} == {case.key() for case in cases[5:]}

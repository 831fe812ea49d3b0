"""What can be asked for, and the one clear sentence for what cannot."""

from pathlib import Path
from typing import Any

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
        (Request(only=["allreduce"], dtypes=["float23"]), "no type for allreduce 'float23'.*float32"),
        (Request(only=["allreduce"], sizes="12 apples"), "'12 apples' is not a size"),
        (Request(only=["allreduce"], sizes="-8"), "'-8' is not a size"),
        (Request(only=["allreduce"], sizes="1MiB:8"), "range '1MiB:8' is empty"),
        (Request(only=["allreduce"], sizes="7"), "7 bytes do not divide by the 4 bytes of float32.*4, 8"),
        (Request(only=["allreduce"], sizes="99999999999TiB"), "does not fit in 62 bits"),
        (Request(only=["allreduce/ring"], sizes="16GiB"), "can name 2147483647: the largest size is 8589934588 bytes"),
        (Request(only=["allreduce/ring"], dtypes=["float16"]), "no loop for float16.*-reduce-local twin"),
        (Request(only=["allreduce/mpi"], dtypes=["bfloat16"]), "no type for bfloat16.*op=user"),
        (Request(only=["allreduce/mpi"], dtypes=["float32"], params={"op": ["band"]}), "no band of float32.*max, min"),
        (Request(only=["allreduce/mpi"], params={"op": ["sun"]}), "no operator 'sun'.*sum"),
        (Request(only=["broadcast"], params={"root": [2]}), "no root 2; with 2 ranks it is 0 to 1"),
        (Request(only=["broadcast"], params={"root": [-1]}), "no root -1"),
        (Request(only=["broadcast"], params={"root": ["first"]}), "no root first"),
        (Request(only=["allgatherv"], params={"counts": ["odd"]}), "no counts 'odd'; there are equal, ragged"),
        (Request(only=["allreduce"], params={"rot": [1]}), "no parameter of allreduce 'rot'"),
        (Request(only=["copy"], params={"communicator": ["half"]}), "no parameter of copy 'communicator'"),
        (Request(only=["allreduce"], params={"communicator": ["quarter"]}), "no communicator 'quarter'"),
        (Request(only=["allreduce"], params={"arrival": ["late"]}), "no arrival 'late'.*linear"),
        (Request(only=["allreduce"], params={"skew": [1.0]}), "needs an arrival pattern"),
        (Request(only=["allreduce"], params={"arrival": ["linear"], "skew": [-1]}), "skew of -1 makes no sense"),
        (Request(only=["allreduce/ring"], modes=("persistent",)), "no persistent mode; there are blocking"),
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


def test_every_root_in_turn_and_every_operator_is_a_case() -> None:
    request = Request(only=["reduce/mpi"], sizes="8", params={"root": ["all"], "op": ["sum", "max"]})
    cases = suite.plan(request, ranks=3, distances=(), has_mpi=True).cases
    assert {(case.params["root"], case.params["op"]) for case in cases} == {
        (root, op) for root in range(3) for op in ("sum", "max")
    }


def test_what_all_collectives_have_stands_in_a_case_only_where_it_is_not_usual() -> None:
    params = {"communicator": ["world", "half"], "arrival": ["flat"]}
    cases = suite.plan(Request(only=["allreduce/mpi"], sizes="8", params=params), **HERE).cases
    assert [case.params for case in cases] == [{"op": "sum"}, {"communicator": "half", "op": "sum"}]


def test_ranks_that_arrive_apart_are_timed_one_operation_at_a_time() -> None:
    request = Request(only=["allreduce/mpi"], sizes="8", params={"arrival": ["random"]})
    (case,) = suite.plan(request, **HERE).cases
    assert (case.cadence, case.params["skew"]) == ("isolated", 1.0)


def test_variants_that_cannot_are_left_out_with_their_reason_while_others_are_measured() -> None:
    plan = suite.plan(Request(only=["allreduce"], sizes="8", dtypes=["bfloat16"]), **HERE)
    assert {case.variant for case in plan.cases} == {"ring", "recursive-doubling", "rabenseifner"}
    assert any(text.startswith("allreduce/mpi has no type for bfloat16") for text in plan.left_out)


def test_a_suite_that_includes_itself_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f'about="x"\nbudget=1.0\nincludes=["{file}"]\n')
    with pytest.raises(UsageError, match=r"mine\.toml includes itself"):
        suite.plan(Request(suite=str(file)), **HERE)


def test_an_included_suite_is_measured_once_and_whole() -> None:
    everything = {case.key() for case in suite.plan(Request(suite="full"), **HERE).cases}
    for name in ("quick", "point-to-point", "collectives"):
        assert {case.key() for case in suite.plan(Request(suite=name), **HERE).cases} <= everything


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


def test_the_memory_of_a_root_between_the_first_and_the_last_rank_counts() -> None:
    request = Request(only=["gather/mpi"], sizes="3MiB", params={"root": ["all"]})
    cases = suite.plan(request, ranks=3, distances=("same-host",), has_mpi=True).cases
    assert {suite.bytes_per_rank(case) for case in cases} == {4 << 20}


def _largest(**wish: Any) -> int:
    (case,) = suite.plan(Request(**wish), ranks=4, distances=("same-host",), has_mpi=True).cases
    return suite.bytes_per_rank(case)


def test_the_memory_of_an_algorithm_and_of_an_input_that_lies_in_the_output_counts() -> None:
    plain = _largest(only=["reduce_scatter_block/mpi"], sizes="4MiB")
    assert plain == 5 << 20
    assert _largest(only=["reduce_scatter_block/recursive-halving"], sizes="4MiB") == plain + (8 << 20)
    assert _largest(only=["reduce_scatter_block/mpi"], sizes="4MiB", in_place=True) == 8 << 20
    assert _largest(only=["allreduce/ring"], sizes="4MiB") == 9 << 20


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

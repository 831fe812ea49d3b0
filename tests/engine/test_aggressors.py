"""Who is a victim, which loads there are, and the one clear sentence for what cannot be."""

import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricbench.engine import aggressors, compose, suite
from fabricbench.engine.placement import Placement
from fabricbench.engine.suite import Request
from fabricbench.errors import UsageError
from fabricbench.model import Case


def planned(ranks: int, only: str = "allreduce/mpi", sizes: str = "512KiB", **params: list[Any]) -> list[Case]:
    request = Request(only=[only], sizes=sizes, params={"aggressor": ["checkpoint"], **params})
    return list(suite.plan(request, ranks=ranks, distances=("same-host",), has_mpi=True).cases)


def of(cases: Sequence[Case], role: str) -> list[Case]:
    return [case for case in cases if case.params.get("role") == role]


def places(*ranks_a_host: int) -> Placement:
    hosts = tuple(f"host{number}" for number, ranks in enumerate(ranks_a_host) for _ in range(ranks))
    one = (1,) * len(hosts)
    return Placement(
        hosts=hosts, cpus=(frozenset({0}),) * len(hosts), own=one, cores=one, machines=hosts, machine_cores=one
    )


def sides(placement: Placement, seed: int = 1) -> tuple[set[int], set[int]]:
    """Victims, and the aggressors at full load."""
    cases = planned(placement.ranks)
    found = [aggressors.members(of(cases, role)[-1], placement, seed) for role in ("victim", "aggressor")]
    assert all(list(one) == sorted(one) for one in found)
    return set(found[0]), set(found[1])


@given(st.lists(st.integers(1, 5), min_size=1, max_size=7).filter(lambda hosts: sum(hosts) >= 4), st.integers(0, 99))
def test_every_rank_is_on_one_side_whatever_the_seed(hosts: list[int], seed: int) -> None:
    placement = places(*hosts)
    victims, others = sides(placement, seed)
    assert victims | others == set(range(placement.ranks))
    assert not victims & others
    assert len(victims) == placement.ranks // 2
    assert sides(placement, seed) == (victims, others)


def test_the_seed_decides_who_is_a_victim() -> None:
    assert len({frozenset(sides(places(8), seed)[0]) for seed in range(20)}) > 5


def test_whole_hosts_are_drawn_from_many_and_halves_of_few() -> None:
    many, few = places(2, 2, 2, 2), places(4, 4)
    for seed in range(10):
        victims, others = sides(many, seed)
        assert not {many.hosts[rank] for rank in victims} & {many.hosts[rank] for rank in others}
        victims, others = sides(few, seed)
        assert [sum(few.hosts[rank] == host for rank in victims) for host in ("host0", "host1")] == [2, 2]


@given(st.integers(4, 64))
def test_a_higher_load_adds_aggressors_and_keeps_those_there_were(ranks: int) -> None:
    placement, cases = places(ranks), of(planned(ranks), "aggressor")
    at_work = [set(aggressors.members(case, placement, 3)) for case in cases]
    assert all(less < more for less, more in pairwise(at_work))
    assert all(len(one) >= 2 for one in at_work)
    assert len(at_work[-1]) == ranks - ranks // 2
    assert cases[-1].params["load"] == 1.0


def test_a_victim_has_a_base_a_null_test_and_every_load_with_its_aggressors() -> None:
    cases = planned(16)
    assert [case.params["load"] for case in of(cases, "victim")] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert [case.params["load"] for case in of(cases, "null")] == [0.0]
    beside = of(cases, "aggressor")
    assert [(case.params["load"], case.nbytes) for case in beside] == [(n / 4, 2 * n * (4 << 20)) for n in range(1, 5)]
    assert {case.params["victim"] for case in beside} == {"allreduce/mpi float32 512KiB"} == {cases[0].victim}
    assert {case.cadence for case in of(cases, "victim")} == {"isolated"}
    assert compose.linked(cases) == [sorted(cases, key=aggressors.place)]
    assert len({case.key() for case in cases}) == len(cases)


@given(st.randoms())
def test_the_base_is_prepared_first_in_whatever_order_cases_come(draw: random.Random) -> None:
    cases = planned(16)
    draw.shuffle(cases)
    (group,) = compose.linked(cases)
    assert [case.params["role"] for case in group] == ["victim"] * 5 + ["null"] + ["aggressor"] * 4
    assert group[0].params["load"] == 0.0


def test_victims_and_kinds_of_aggressors_are_measured_apart() -> None:
    cases = planned(8, sizes="8,512KiB", aggressor=["checkpoint", "moe"])
    groups = compose.linked(cases)
    assert len(groups) == 4
    assert all(len({(case.victim, case.params["aggressor"]) for case in group}) == 1 for group in groups)


def test_sizes_fit_the_victims_and_those_at_work_not_all_ranks() -> None:
    cases = planned(6, "alltoall/mpi", "12", aggressor=["moe"])
    assert {case.nbytes for case in of(cases, "victim")} == {12}
    assert [case.nbytes % count for case, count in zip(of(cases, "aggressor"), (2, 3), strict=True)] == [0, 0]


@pytest.mark.parametrize(
    ("ranks", "words", "said"),
    [
        (3, {}, "at least 4 ranks, 2 victims and 2 aggressors; there are 3.*-n 4"),
        (8, {"aggressor": ["chekpoint"]}, "no aggressor 'chekpoint'.*checkpoint"),
        (8, {"load": [0]}, "load of 0 makes no sense.*0 is always measured"),
        (8, {"load": [1.5]}, "load of 1.5 makes no sense"),
        (8, {"load": ["half"]}, "load of half makes no sense"),
        (4, {"load": [0.5]}, "512KiB has no load: two aggressors"),
        (8, {"arrival": ["linear"]}, "entering together.*Leave out --param arrival"),
        (8, {"communicator": ["half"]}, "entering together.*Leave out --param communicator"),
    ],
)
def test_what_cannot_be_is_one_sentence(ranks: int, words: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        planned(ranks, **words)


def test_a_load_needs_an_aggressor_and_pairs_and_kernels_are_no_victims() -> None:
    here: dict[str, Any] = {"ranks": 4, "distances": ("same-host",), "has_mpi": True}
    with pytest.raises(UsageError, match="A load needs an aggressor"):
        suite.plan(Request(only=["allreduce/mpi"], params={"load": [0.5]}), **here)
    for operation in ("latency/mpi", "copy/numpy"):
        with pytest.raises(UsageError, match=r"no parameter of .* 'aggressor'"):
            suite.plan(Request(only=[operation], params={"aggressor": ["moe"]}), **here)
    with pytest.raises(UsageError, match="an aggressor every operation is measured alone"):
        suite.plan(Request(only=["allreduce/mpi"], cadence="streaming", params={"aggressor": ["moe"]}), **here)


@pytest.mark.parametrize("ranks", [4, 5, 6, 7, 8, 64])
def test_the_suite_has_cases_for_any_number_of_ranks_from_4(ranks: int) -> None:
    plan = suite.plan(Request(suite="congestion"), ranks=ranks, distances=("same-host",), has_mpi=True)
    assert len({case.key() for case in plan.cases}) == len(plan.cases)
    assert len(compose.linked(plan.cases)) == 4


def test_loads_that_few_ranks_cannot_make_are_named() -> None:
    plan = suite.plan(Request(suite="congestion"), ranks=6, distances=("same-host",), has_mpi=True)
    assert "allreduce/mpi has no load 0.5: 1 of 3 aggressors has nobody to send to" in plan.left_out
    assert {case.params["load"] for case in plan.cases} == {0.0, 0.75, 1.0}


def test_who_is_a_victim_is_part_of_the_placement() -> None:
    text = aggressors.placed(places(2, 2, 2, 2), 1)
    assert text.startswith("4x2, victims ")
    assert aggressors._ranges([0, 1, 2, 5, 7, 8]) == "0-2 5 7-8"


@pytest.mark.parametrize("name", aggressors.AGGRESSORS)
def test_every_aggressor_is_an_operation_that_2_ranks_can_do(name: str) -> None:
    (case,) = of(planned(4, aggressor=[name]), "aggressor")
    assert case.nbytes > 0
    assert suite.bytes_per_rank(case) > 0

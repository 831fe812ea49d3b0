"""Which rounds are measured: all of few hosts, some of many, and more of what those left open."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabricbench.judge import rounds
from fabricbench.model import Round


def disjoint(pairs: list[tuple[int, int]]) -> bool:
    hosts = [host for pair in pairs for host in pair]
    return len(hosts) == len(set(hosts))


@pytest.mark.parametrize("members", [2, 5, 16, rounds.MOST_MEMBERS])
def test_few_hosts_meet_all_others_in_an_order_of_the_seed(members: int) -> None:
    plan = rounds.first(members, 1)
    met = sorted(pair for pairs in plan for pair in pairs)
    assert met == [(one, two) for one in range(members) for two in range(one + 1, members)]
    assert plan == rounds.first(members, 1)
    assert members < 4 or plan != rounds.first(members, 2)


@pytest.mark.parametrize("members", [257, 1024])
def test_many_hosts_meet_some_others_once_each(members: int) -> None:
    plan = rounds.first(members, 3)
    assert len(plan) == rounds.SPARSE_ROUNDS
    assert all(disjoint(pairs) and len(pairs) == members // 2 for pairs in plan)
    assert all(one < two for pairs in plan for one, two in pairs)
    assert len({pair for pairs in plan for pair in pairs}) == sum(map(len, plan))


def most_crossing(plan: list[list[tuple[int, int]]]) -> int:
    """Of leaves of 32 hosts: the most pairs that two of them have in one round."""
    return max(count for pairs in plan for count in Counter(frozenset((a // 32, b // 32)) for a, b in pairs).values())


def test_neighbours_do_not_meet_the_same_leaf_in_one_round() -> None:
    assert most_crossing(rounds.first(1024, 1)) <= 10
    assert most_crossing([rounds.one_round(1024, number) for number in range(0, 1023, 64)]) >= 16


@settings(max_examples=20)
@given(st.integers(257, 400), st.data())
def test_hosts_that_are_nearly_slow_meet_new_partners_that_are_not(members: int, data: st.DataObject) -> None:
    near = data.draw(st.lists(st.integers(0, members - 1), min_size=1, max_size=members // 4, unique=True))
    before = rounds.first(members, 1)
    plan = rounds.targeted(members, before, near, 1)
    met = {pair for pairs in before for pair in pairs}
    new = [pair for pairs in plan for pair in pairs]
    assert len(plan) == rounds.TARGETED_ROUNDS
    assert all(disjoint(pairs) for pairs in plan)
    assert len(set(new)) == len(new)
    assert not met & set(new)
    for pairs in plan:
        of = [set(pair) & set(near) for pair in pairs]
        assert sum(map(len, of)) == len(near)
        assert max(map(len, of)) == 1


def test_nothing_is_measured_again_where_nobody_is_near_or_everybody_met() -> None:
    assert rounds.targeted(300, rounds.first(300, 1), [], 1) == []
    assert rounds.targeted(8, rounds.first(8, 1), [3], 1) == []


def test_no_more_hosts_are_wanted_than_have_partners() -> None:
    plan = rounds.targeted(257, rounds.first(257, 1), list(range(257)), 1)
    assert all(len(pairs) >= 257 // 4 for pairs in plan)


def line(number: int, rates: list[float], direction: str = "forward", check: str = "ok") -> Round:
    pairs = [(2 * place, 2 * place + 1) for place in range(len(rates))]
    return Round(
        launch=0, round=number, direction=direction, pairs=pairs, nbytes=100,  # type: ignore[arg-type]
        samples_s=[[100 / rate] * 3 for rate in rates], check=check,  # type: ignore[arg-type]
    )  # fmt: skip


def test_the_crowded_round_is_the_one_whose_pairs_had_least() -> None:
    fast, slow, usual = line(0, [9.0, 9.0, 2.0]), line(1, [5.0, 5.0, 9.0, 1.0]), line(2, [9.0] * 5)
    assert rounds.crowded([fast, slow, usual]) == [(0, 1), (2, 3), (4, 5), (6, 7)]
    assert rounds.crowded([line(0, [1.0, 1.0], "backward"), line(1, [1.0]), line(2, [1.0, 1.0], check="wrong")]) == []
    assert rounds.crowded([]) == []
    assert len(rounds.crowded([line(0, [1.0] * 40)])) == rounds.MOST_ALONE

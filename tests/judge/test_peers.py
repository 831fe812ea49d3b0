"""Who is slower than its peers, from times whose truth is known."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from builders import changed, make_case, make_record
from hypothesis import given
from hypothesis import strategies as st

from fabricbench.judge import peers
from fabricbench.judge.peers import Compared
from fabricbench.model import Check, RankTimes, Record

FAMILIES = {"gemm": "compute", "triad": "memory"}
EIGHT = tuple("abcdefgh")


def turn(
    number: int, ranks: int, shares: Mapping[int, float], draw: np.random.Generator, noise: float, operation: str
) -> Record:
    times = [1e-3 / shares.get(rank, 1.0) * float(np.exp(draw.normal(0, noise))) for rank in range(ranks)]
    case = make_case(operation=operation, variant="numpy", dtype="float64", ranks=ranks, params={"turn": number})
    return make_record(case, ranks_s=RankTimes(median=times, mean=times, last=[0.1] * ranks))


def turns(
    ranks: int,
    shares: Mapping[int, float],
    *,
    noise: float = 0.005,
    seed: int = 1,
    operation: str = "gemm",
    count: int = 3,
) -> list[Record]:
    draw = np.random.default_rng(seed)
    return [turn(number, ranks, shares, draw, noise, operation) for number in range(count)]


def compared(records: Sequence[Record], names: Sequence[str] = EIGHT) -> Compared:
    (one,) = peers.compare(records, names, FAMILIES)
    return one


@given(st.integers(4, 64), st.floats(0.2, 0.8), st.integers(0, 1000))
def test_a_slow_member_is_named_with_its_share(ranks: int, share: float, seed: int) -> None:
    slow = seed % ranks
    found = compared(turns(ranks, {slow: share}, seed=seed), [f"n{rank}" for rank in range(ranks)])
    assert found.slower[0].member == slow
    assert found.slower[0].share == pytest.approx(share, rel=0.05)
    assert len(found.slower) == 1


def test_clean_runs_name_nobody() -> None:
    named = sum(bool(compared(turns(8, {}, noise=0.03, seed=seed)).slower) for seed in range(300))
    assert named <= 6


def test_the_noise_of_the_run_decides_what_is_seen() -> None:
    quiet, noisy = (compared(turns(8, {3: 0.9}, noise=noise)) for noise in (0.002, 0.08))
    assert [one.member for one in quiet.slower] == [3]
    assert quiet.sees == pytest.approx(0.95)
    assert not noisy.slower
    assert noisy.sees is not None
    assert noisy.sees < 0.85


def test_what_is_half_of_everybody_is_nobody() -> None:
    assert not compared(turns(8, dict.fromkeys(range(4), 0.7))).slower


def test_members_are_held_against_hosts_with_as_many_members() -> None:
    names = ["a:0", "a:1", "b", "c", "d", "e"]
    found = compared(turns(6, {0: 0.5, 1: 0.5, 3: 0.6}), names)
    assert [one.member for one in found.slower] == [3]
    assert found.unjudged == (0, 1)


def test_fewer_than_four_have_no_peers() -> None:
    found = compared(turns(3, {0: 0.5}), "abc")
    assert found.slower == ()
    assert found.blind == peers.FEW_ALIKE
    assert found.sees is None


def test_too_few_turns_say_nothing() -> None:
    found = compared(turns(8, {0: 0.5}, count=2))
    assert (found.slower, found.blind) == ((), "it was not measured 3 times")


def test_each_test_is_judged_by_itself() -> None:
    records = [*turns(8, {1: 0.6}), *turns(8, {2: 0.6}, operation="triad")]
    gemm, triad = peers.compare(records, EIGHT, FAMILIES)
    assert [(one.test, one.family, one.slower[0].member) for one in (gemm, triad)] == [
        ("gemm float64", "compute", 1), ("triad float64", "memory", 2),
    ]  # fmt: skip


def test_wrong_results_are_told_and_not_compared() -> None:
    wrong = Check(status="wrong", wrong=1, worst=1.0, bound=0.0, reference="numpy")
    records = [changed(one, check=wrong) for one in turns(8, {0: 0.5})]
    assert peers.wrong(records) == ("gemm float64",)
    assert compared(records).slower == ()
    assert peers.wrong(turns(8, {0: 0.5})) == ()


@pytest.mark.parametrize(("then", "slow"), [({2: 0.6}, 3), ({}, 0), ({2: 0.95}, 0)])
def test_who_is_slow_again_is_confirmed(then: Mapping[int, float], slow: int) -> None:
    found = compared(turns(8, {2: 0.6}))
    (one,) = peers.again(found, turns(8, then, seed=2), EIGHT)
    assert (one.members, one.slow, one.again, one.confirmed) == ((2,), slow, 3, slow == 3)


def test_who_could_not_be_measured_again_is_not_confirmed() -> None:
    (one,) = peers.again(compared(turns(8, {2: 0.6})), [], EIGHT)
    assert (one.again, one.confirmed) == (0, False)


def test_all_members_of_a_host_are_the_host() -> None:
    names = [f"{host}:{number}" for host in "abcd" for number in range(2)]
    both = turns(8, {2: 0.6, 3: 0.5, 6: 0.7})
    found = peers.again(compared(both, names), both, names)
    assert [one.members for one in found] == [(2, 3), (6,)]
    assert found[0].share == pytest.approx(0.55, abs=0.02)


def test_the_only_host_is_no_host_among_others() -> None:
    names = [f"a:{number}" for number in range(8)]
    records = turns(8, {2: 0.6})
    assert [one.members for one in peers.again(compared(records, names), records, names)] == [(2,)]

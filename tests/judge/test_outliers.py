"""The rule for members that are measured alike: what it sees, what moves it, and when it has no answer."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fabricbench.judge import outliers
from fabricbench.judge.localise import FEWEST, LEAST

noises = st.lists(st.floats(0.98, 1.02), min_size=8, max_size=8)
launches_of = st.lists(noises, min_size=1, max_size=3)


def seconds(launches: list[list[float]], slow: dict[int, float] | None = None) -> list[dict[int, float]]:
    return [
        {member: 1e-3 * noise / (slow or {}).get(member, 1.0) for member, noise in enumerate(launch)}
        for launch in launches
    ]


@given(launches=launches_of, factor=st.floats(1e-6, 1e6))
def test_a_slower_launch_makes_nobody_slower(launches: list[list[float]], factor: float) -> None:
    found, other = outliers.compare(seconds(launches)), outliers.compare(
        [{member: factor * own for member, own in one.items()} for one in seconds(launches)]
    )  # fmt: skip
    assert other.limit == pytest.approx(found.limit)
    assert {member: other.verdict(member) for member in other.shares} == {
        member: found.verdict(member) for member in found.shares
    }


@given(launches=launches_of, member=st.integers(0, 7), share=st.floats(0.05, 0.45))
def test_one_fault_hides_neither_itself_nor_others(launches: list[list[float]], member: int, share: float) -> None:
    found = outliers.compare(seconds(launches, {member: share}))
    assume(found.blind is None)
    assert found.verdict(member) == ("FAIL" if len(launches) > 1 else "INCONCLUSIVE")
    assert found.shares[member][0] == pytest.approx(share, rel=0.06)


@given(launches=launches_of)
def test_nothing_is_named_that_lacks_less_than_the_least(launches: list[list[float]]) -> None:
    found = outliers.compare(seconds(launches))
    assert found.limit is not None
    assert found.limit <= 1 - LEAST + 1e-12
    for member, shares in found.shares.items():
        assert found.slow(member) == sum(share < found.limit for share in shares)


def test_the_threshold_widens_with_the_spread_and_with_the_looks() -> None:
    quiet, loud = ([1.0, 1 + noise, 1 - noise, 1 + 2 * noise, 1 - 2 * noise, 1.0, 1.0, 1.0] for noise in (0.01, 0.03))
    limits = [
        outliers.compare(seconds([times]), tests=tests).limit for times, tests in ((quiet, 1), (loud, 1), (loud, 9))
    ]
    assert limits == sorted(limits, key=lambda limit: -(limit or 0.0))
    assert len(set(limits)) == 3


@pytest.mark.parametrize("members", range(FEWEST))
def test_too_few_members_have_no_answer(members: int) -> None:
    found = outliers.compare([dict.fromkeys(range(members), 1.0)] * 2)
    assert found.limit is None
    assert "too few" in str(found.blind)
    assert all(found.verdict(member) == "INCONCLUSIVE" for member in found.shares)


def test_members_that_differ_too_much_have_no_answer() -> None:
    found = outliers.compare([{member: math.exp(member) for member in range(6)}])
    assert "differ so much" in str(found.blind)
    assert found.verdict(5) == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("slow", "of", "verdict"),
    [(1, 1, "INCONCLUSIVE"), (2, 2, "FAIL"), (1, 2, "WARN"), (2, 3, "WARN"), (3, 4, "FAIL"), (1, 12, "PASS"),
     (3, 12, "WARN"), (9, 12, "FAIL")],
)  # fmt: skip
def test_several_launches_decide(slow: int, of: int, verdict: str) -> None:
    times = [1.0, 1.01, 0.99, 1.0, 1.0, 1.01, 0.99, 1.0]
    launches = [*seconds([times] * slow, {3: 0.6}), *seconds([times] * (of - slow))]
    assert outliers.compare(launches).verdict(3) == verdict


def test_a_member_may_be_missing_from_a_launch() -> None:
    launches = seconds([[1.0] * 8] * 3, {2: 0.5})
    del launches[0][2]
    found = outliers.compare(launches)
    assert len(found.shares[2]) == 2
    assert found.verdict(2) == "FAIL"

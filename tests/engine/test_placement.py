"""Where ranks are, from what each of them says."""

from fabricbench.engine.placement import Placement


def placed(hosts: str, cpus: list[set[int]], cores: int) -> Placement:
    return Placement(
        hosts=tuple(hosts),
        cpus=tuple(frozenset(some) for some in cpus),
        own=tuple(map(len, cpus)),
        cores=tuple(cores for _ in hosts),
    )


def test_ranks_with_a_core_each_are_bound() -> None:
    place = placed("aa", [{0}, {1}], 2)
    assert (place.binding, place.oversubscribed, place.text) == ("core", False, "1x2")
    assert [place.threads(rank) for rank in (0, 1)] == [1, 1]


def test_ranks_that_share_cores_share_threads() -> None:
    place = placed("aa", [{0, 1, 2, 3}] * 2, 4)
    assert (place.binding, place.oversubscribed) == ("none", False)
    assert place.threads(0) == 2


def test_more_ranks_than_cores_are_said() -> None:
    place = placed("aaa", [{0, 1}] * 3, 2)
    assert place.oversubscribed
    assert place.threads(2) == 1


def test_uneven_hosts_are_listed() -> None:
    place = placed("aaab", [{0}, {1}, {2}, {0}], 4)
    assert place.text == "2x3+1"
    assert place.most_on_a_host == 3
    assert not place.one_host


def test_one_pair_of_each_distance() -> None:
    assert placed("aabb", [{0}, {1}] * 2, 2).pairs() == {"same-host": (0, 1), "other-host": (0, 2)}
    assert placed("abb", [{0}, {0}, {1}], 2).pairs() == {"other-host": (0, 1), "same-host": (1, 2)}
    assert placed("ab", [{0}, {0}], 1).pairs() == {"other-host": (0, 1)}
    assert placed("a", [{0}], 1).pairs() == {}

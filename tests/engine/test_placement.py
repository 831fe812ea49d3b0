"""Where ranks are, from what each of them says."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricbench import mpi
from fabricbench.engine.placement import Placement, placement, ranks_named


def placed(hosts: str, cpus: list[set[int]], cores: int, machines: str = "", machine_cores: int = 0) -> Placement:
    """Every host a machine of its own, unless `machines` says otherwise."""
    return Placement(
        hosts=tuple(hosts),
        cpus=tuple(frozenset(some) for some in cpus),
        own=tuple(map(len, cpus)),
        cores=tuple(cores for _ in hosts),
        machines=tuple(machines or hosts),
        machine_cores=tuple(machine_cores or cores for _ in hosts),
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


def test_hosts_of_one_machine_share_its_cores() -> None:
    place = placed("abcd", [{0, 1}] * 4, 2, machines="mmmm")
    assert place.shared_machines == [["a", "b", "c", "d"]]
    assert (place.oversubscribed, place.tightest) == (True, (4, 2))
    assert (place.binding, place.threads(0)) == ("none", 1)
    assert (place.most_on_a_host, place.most_on_a_machine) == (1, 4)
    assert place.pairs() == {"other-host": (0, 1)}


def test_bound_ranks_of_hosts_of_one_machine_may_have_cores_of_their_own() -> None:
    assert placed("ab", [{0}, {1}], 1, machines="mm", machine_cores=2).binding == "core"
    assert placed("ab", [{0}, {0}], 1, machines="mm", machine_cores=1).oversubscribed


def test_a_host_may_be_tighter_than_its_machine() -> None:
    place = placed("aaab", [{0, 1, 2, 3, 4, 5, 6, 7}] * 4, 2, machines="mmmm", machine_cores=8)
    assert (place.oversubscribed, place.tightest) == (True, (3, 2))
    assert place.threads(3) == 2


def test_machines_of_their_own_are_not_said() -> None:
    assert placed("aabb", [{0}, {1}] * 2, 2).shared_machines == []


@pytest.mark.parametrize(("cgroups", "offered"), [("xx", 2), ("xy", 8)])
def test_a_quota_is_the_machines_where_all_its_ranks_are_under_it(
    monkeypatch: pytest.MonkeyPatch, cgroups: str, offered: int
) -> None:
    """A group of two containers, seen from the first; the other answers alike, but for its cgroup."""
    monkeypatch.setattr("fabricbench.engine.placement.kernel", lambda: "m")
    monkeypatch.setattr("fabricbench.engine.placement.physical_cores", len)
    monkeypatch.setattr("fabricbench.engine.placement.os.sched_getaffinity", lambda pid: set(range(8)))
    monkeypatch.setattr("fabricbench.engine.placement.cgroup", lambda: cgroups[0])
    monkeypatch.setattr("fabricbench.engine.placement.core_quota", lambda: 2.0)

    class Two(mpi.Group):
        ranks = 2

        @property
        def hosts(self) -> list[str]:
            return ["a", "b"]

        def gather(self, value: Any) -> list[Any]:
            return [value, (*value[:3], cgroups[1]) if len(value) == 4 else value]

    place = placement(Two())
    assert (place.cores, place.machine_cores) == ((2, 2), (offered, offered))


def test_ranks_by_name_are_a_communicator() -> None:
    place = placed("abcdefgh", [{0}] * 8, 1)
    assert ranks_named([6, 0, 2, 1, 3]) == "0-3+6"
    assert place.groups("0-3+6") == [(0, 1, 2, 3, 6)]
    assert place.groups(ranks_named([5])) == []


@given(st.sets(st.integers(0, 300), min_size=2))
def test_every_set_of_ranks_has_a_name(ranks: set[int]) -> None:
    assert placed("a" * 301, [{0}] * 301, 1).groups(ranks_named(ranks)) == [tuple(sorted(ranks))]


def test_ranks_of_uneven_hosts_get_as_many_threads() -> None:
    place = placed("aab", [{0, 1, 2, 3}] * 3, 4)
    assert [place.threads(rank) for rank in range(3)] == [2, 2, 4]
    assert [place.alike.threads(rank) for rank in range(3)] == [2, 2, 2]

"""Where members are, and groups that fit or do not."""

from fabricbench.judge import topology
from fabricbench.judge.topology import Grouping

NAMES = ("a:0", "a:1", "b:0", "b:1")


def test_no_file_is_no_group_and_no_remark() -> None:
    assert topology.grouping(None, NAMES) == Grouping()


def test_every_member_has_the_group_of_its_host() -> None:
    assert topology.grouping({"x": ["a"], "y": ["b"]}, NAMES) == Grouping(groups=("x", "x", "y", "y"))


def test_a_file_of_the_whole_cluster_fits_a_part_of_it() -> None:
    found = topology.grouping({"x": ["a", "c"], "y": ["b"]}, NAMES)
    assert (found.groups, found.gaps) == (("x", "x", "y", "y"), ())
    assert found.remarks == ("c of --groups took no part.",)


def test_a_host_in_no_group_costs_the_uplinks() -> None:
    found = topology.grouping({"x": ["a"], "y": ["c"]}, NAMES)
    assert found.groups is None
    (gap,) = found.gaps
    assert gap.startswith("The groups and the hosts disagree: b in no group. c of --groups took no part.")


def test_many_names_are_cut_short() -> None:
    found = topology.grouping({"x": ["a", "b", *(f"n{number:02}" for number in range(20))]}, NAMES)
    assert found.remarks == ("n00, n01, n02, n03, n04, n05, n06, n07 and 12 more of --groups took no part.",)


def test_uneven_hosts_and_a_single_one_are_remarked() -> None:
    assert topology.remarks(NAMES) == ()
    assert topology.remarks(("a", "b", "c")) == ()
    (one,) = topology.remarks(("a:0", "a:1"))
    assert one.startswith("All members are on one host")
    (uneven,) = topology.remarks(("a:0", "a:1", "b", "c"))
    assert "(2 on a, else 1)" in uneven

"""What hosts have of their own, from a group of ranks that is made up."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricbench import mpi
from fabricbench.engine import inventory, machine
from fabricbench.model import Facts


class Ranks(mpi.Group):
    """One rank of several, whose others have said what they have to say."""

    def __init__(self, rank: int, hosts: list[str], first: Facts, said: list[Any]) -> None:
        self.rank, self.ranks, self.first, self.said = rank, len(hosts), first, said
        self.__dict__["hosts"] = hosts

    def broadcast(self, value: Any) -> Any:
        return self.first

    def gather(self, value: Any) -> list[Any]:
        return [*self.said[: self.rank], value, *self.said[self.rank + 1 :]]


@pytest.fixture(autouse=True)
def make_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "machine", lambda: {"hostname": "c", "kernel": "6.1", "memory": 8})
    monkeypatch.setattr(inventory, "environment", lambda: {"UCX_TLS": "tcp", "OMPI_MCA_ess_base_vpid": "3"})


FIRST: Facts = {"kernel": "6.8", "memory": 8, "mpi": "x 1", "UCX_TLS": "tcp", "UCX_NET_DEVICES": "eth0"}


def test_a_host_says_what_is_otherwise_there_and_its_other_ranks_nothing() -> None:
    said = [{}, None, None, {"kernel": "5.0"}]
    found = inventory.taken(Ranks(2, ["a", "a", "c", "b"], FIRST, said), {"mpi": "x 2"})
    assert found == {
        "a": {},
        "c": {"kernel": "6.1", "mpi": "x 2", "UCX_NET_DEVICES": inventory.UNSET},
        "b": {"kernel": "5.0"},
    }
    silent = inventory.taken(Ranks(1, ["c", "c"], FIRST, [{}, None]), {"mpi": "x 2"})
    assert silent == {"c": {}}


names = st.text("abc", min_size=1, max_size=2)
some_facts = st.dictionaries(names, st.sampled_from(["1", 2, ["3"]]))


@given(first=some_facts, own=some_facts)
def test_first_and_differences_give_back_what_a_host_has(first: Facts, own: Facts) -> None:
    found = {**first, **inventory.differing(first, own)}
    assert {name: value for name, value in found.items() if value != inventory.UNSET} == own

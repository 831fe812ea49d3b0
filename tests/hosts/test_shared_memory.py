"""Ranks of several hosts share no memory; those of each host do."""

from pathlib import Path

import pytest
from hosts import reading
from hosts.fabric import fabric, why_not

from fabricbench import mpi

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.mpi,
    pytest.mark.skipif(why_not() is not None, reason=why_not() or ""),
    pytest.mark.skipif(mpi.installed() is not None, reason="needs MPI"),
]


def test_ranks_of_two_hosts_are_refused_and_those_of_each_host_measured(tmp_path: Path) -> None:
    words = ("--only", "alltoall/shm", "--sizes", "64KiB", "--param", "communicator=world,host", "--budget", "0.2")
    with fabric(2) as made:
        result = reading.fabricbench(made, tmp_path / "both.jsonl", *words, ranks_per_host=2)
    found = {record.case.params.get("communicator", "world"): record for record in result.records}
    apart, together = found["world"], found["host"]
    assert (together.check.status, together.traffic.resource) == ("ok", "memory")
    assert apart.check.status == "skipped"
    assert [doubt.text for doubt in apart.doubts] == [
        "Not available: rank 0: Ranks on 2 hosts have no memory in common."
    ]

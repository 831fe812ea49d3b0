"""Victims across an uplink that aggressors load: on a fabric where the answer is known."""

from pathlib import Path

import pytest
from hosts import reading
from hosts.fabric import fabric, why_not

from fabricbench import mpi
from fabricbench.judge.congestion import Ratio, congestions

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.mpi,
    pytest.mark.skipif(why_not() is not None, reason=why_not() or ""),
    pytest.mark.skipif(mpi.installed() is not None, reason="needs MPI"),
]

ACROSS = 2
"""A seed that draws one host of each leaf as victims: placed below, so that it cannot go stale unseen."""


def test_a_victim_across_an_uplink_is_slowed_by_aggressors_across_it(tmp_path: Path) -> None:
    with fabric(4, "1gbit", leaves=2, uplink="50mbit") as made:
        words = ("--only", "allreduce/mpi", "--sizes", "64KiB", "--param", "aggressor=kv", "--budget", "0.4")
        result = reading.fabricbench(made, tmp_path / "loaded.jsonl", *words, "--seed", str(ACROSS))
    (placement,) = {record.conditions.placement for record in result.records}
    first, _, second = placement.removeprefix("4x1, victims ").partition(" ")
    assert (int(first) < 2, int(second) < 2) == (True, False), placement
    (one,) = congestions(result.records)
    (step,) = one.steps
    slowed = step.ratios["median"]
    assert isinstance(slowed, Ratio)
    # Two flows share 50 Mbit/s, of which the victim had all; half of that would be x2.
    assert slowed.value > 1.3
    assert step.aggressors == 2
    beside = next(record for record in result.records if record.case.params["role"] == "aggressor")
    assert beside.check.status == "ok"
    assert beside.traffic.resource == "link"

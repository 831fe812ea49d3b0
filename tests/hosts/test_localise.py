"""Faults of a fabric of known speed, named from what ranks measure of it."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hosts.fabric import Fabric, fabric, why_not

from fabricbench import mpi
from fabricbench.judge.localise import Localised, bandwidths, localise
from fabricbench.model import Round

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.mpi,
    pytest.mark.skipif(why_not() is not None, reason=why_not() or ""),
    pytest.mark.skipif(mpi.installed() is not None, reason="needs MPI"),
]


def named(made: Fabric) -> Localised:
    words = [*made.words(), "env", f"PYTHONPATH={Path(__file__).parents[1]}"]
    done = subprocess.run(
        [*words, sys.executable, "-m", "hosts.pairs", str(1 << 18), "5"],
        capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [msgspec.json.decode(line, type=Round) for line in done.stdout.splitlines()]
    return localise(bandwidths(lines), len(made.hosts))


def test_a_host_that_sends_slowly_and_one_that_receives_slowly_are_named_and_none_where_none_is() -> None:
    # So slow that the links decide, however little of a core each rank has.
    with fabric(4, "20mbit") as made:
        assert named(made).suspects == ()
        made.shape("c", "transmit", "8mbit")
        (suspect,) = named(made).suspects
        assert (suspect.kind, suspect.members) == ("transmit", (2,))
        made.shape("c", "transmit", "20mbit")
        made.shape("b", "receive", "8mbit")
        (suspect,) = named(made).suspects
        assert (suspect.kind, suspect.members) == ("receive", (1,))
        assert suspect.share < 0.6

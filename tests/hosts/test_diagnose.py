"""`diagnose` on a fabric of known speed: what is slow is named, and nothing where nothing is."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hosts.fabric import Fabric, fabric, why_not

from fabricbench import mpi, store

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.mpi,
    pytest.mark.skipif(why_not() is not None, reason=why_not() or ""),
    pytest.mark.skipif(mpi.installed() is not None, reason="needs MPI"),
]


def diagnosed(made: Fabric, output: Path, *words: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "fabricbench", "diagnose", "-n", str(len(made.hosts)), "--launcher"]
    asked = ["--size", "64KiB", "--budget", "0.4", "--format", "json", "-o", str(output)]
    done = subprocess.run(
        [*command, made.launcher(), *asked, *words], capture_output=True, text=True, timeout=200,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_a_host_that_sends_slowly_is_named_and_confirmed(tmp_path: Path) -> None:
    # So slow that the links decide, however little of a core each rank has.
    with fabric(4, "20mbit", slow={("c", "transmit"): 0.4}) as made:
        status, found = diagnosed(made, tmp_path / "slow.jsonl")
    assert (status, found["verdict"]) == (1, "slow")
    (one,) = found["found"]
    assert (one["suspect"]["kind"], one["suspect"]["members"]) == ("transmit", [2])
    assert (one["slow"], one["again"]) == (3, 3)
    assert found["names"] == ["a", "b", "c", "d"]
    (result,) = store.load(tmp_path / "slow.jsonl")
    assert len(result.rounds) == 9 + 2 + 3
    assert result.end is not None
    assert result.end.status == "complete"

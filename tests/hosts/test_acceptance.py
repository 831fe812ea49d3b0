"""An acceptance of a fabric of known speed: the host whose link is slow fails, and no other; all have an inventory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hosts.fabric import fabric, why_not

from fabricbench import mpi

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.mpi,
    pytest.mark.skipif(why_not() is not None, reason=why_not() or ""),
    pytest.mark.skipif(mpi.installed() is not None, reason="needs MPI"),
]

SUITE = """
about = "An acceptance of a few seconds."
budget = 0.2
pairs = "64KiB"
[[case]]
operation = "gemm"
sizes = "128KiB"
[[case]]
operation = "barrier"
variants = ["mpi"]
"""


def test_the_host_that_sends_slowly_fails_the_acceptance(tmp_path: Path) -> None:
    suite = tmp_path / "small.toml"
    suite.write_text(SUITE)
    output = str(tmp_path / "day1.jsonl")
    with fabric(4, "20mbit", slow={("c", "transmit"): 0.4}) as made:
        words = ["run", str(suite), "-n", "4", "--launcher", made.launcher(), "-o", output]
        done = subprocess.run(
            [sys.executable, "-m", "fabricbench", *words], capture_output=True, text=True, timeout=250,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    judged = subprocess.run(
        [sys.executable, "-m", "fabricbench", "verdict", output, "--format", "json"], capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert judged.returncode == 1, judged.stdout
    found = json.loads(judged.stdout)
    network = {
        one["name"]: next(test["verdict"] for test in one["tests"] if test["test"] == "network")
        for one in found["nodes"]
    }
    assert network == {"a": "PASS", "b": "PASS", "c": "FAIL", "d": "PASS"}
    assert set(found["inventory"]) == {"a", "b", "c", "d"}

"""`run` of a suite that asks for pairs, then `verdict`, as an operator types it: real ranks, one host."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fabricbench import mpi, store

pytestmark = [
    pytest.mark.mpi,
    pytest.mark.skipif(mpi.installed() is not None, reason="needs MPI"),
]

SUITE = """
about = "An acceptance of a few seconds."
budget = 0.3
pairs = "64KiB"
[[case]]
operation = "gemm"
sizes = "128KiB"
[[case]]
operation = "copy"
variants = ["numba"]
sizes = "1MiB"
[[case]]
operation = "barrier"
variants = ["mpi"]
"""


def fabricbench(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "fabricbench", *words], cwd=folder, capture_output=True, text=True, timeout=120,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


def test_one_host_is_measured_whole_and_judged_as_far_as_one_host_can_be(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SUITE)
    done = fabricbench(tmp_path, "run", "small.toml", "-n", "2", "-o", "day1.jsonl")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "day1.jsonl"
    assert "judge it with: fabricbench verdict day1.jsonl" in done.stderr
    results = store.load(tmp_path / "day1.jsonl")
    assert [bool(result.rounds) for result in results] == [False, True]
    assert all(result.end is not None and result.end.status == "complete" for result in results)
    (launch,) = results[0].launches
    assert launch.placed == [0, 0]
    assert launch.inventory == {launch.hosts[0]: {}}

    judged = fabricbench(tmp_path, "verdict", "day1.jsonl", "--format", "json")
    assert judged.returncode == 4, judged.stderr
    found = json.loads(judged.stdout)
    (node,) = found["nodes"]
    (link,) = found["links"]
    # Nobody is there to be compared with, and all that could be checked was right.
    topics = {test["test"].partition(":")[0]: test["verdict"] for test in node["tests"]}
    assert topics == dict.fromkeys(("compute", "memory", "network", "inventory"), "INCONCLUSIVE")
    assert (link["name"], link["verdict"]) == (f"{node['name']}:0 <-> {node['name']}:1", "INCONCLUSIVE")
    assert {test["test"]: test["verdict"] for test in found["cluster"]["tests"]}["data"] == "PASS"
    assert found["verdict"] == "INCONCLUSIVE"

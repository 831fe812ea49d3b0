"""`diagnose` on a fabric of known speed: what is slow is named, and nothing where nothing is."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
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
    asked = ["--pairs-only", "--size", "64KiB", "--budget", "0.2", "--format", "json", "-o", str(output)]
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


def test_a_rank_that_dies_costs_a_launch_and_not_the_diagnosis(tmp_path: Path) -> None:
    with fabric(4, "20mbit") as made:
        command = [sys.executable, "-m", "fabricbench", "diagnose", "-n", "4", "--launcher", made.launcher()]
        output = tmp_path / "killed.jsonl"
        with subprocess.Popen(
            [*command, "--pairs-only", "--size", "64KiB", "--budget", "0.2", "--format", "json", "-o", str(output)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            kill_a_rank(process, output)
            said, heard = process.communicate(timeout=200)
    assert "Going on without that." in heard
    found = json.loads(said)
    assert process.returncode in (0, 4), heard
    assert found["verdict"] in ("clean", "unknown")
    assert len(found["rates"]) >= 10
    (result,) = store.load(output)
    assert result.end is not None


def kill_a_rank(process: "subprocess.Popen[str]", output: Path) -> None:
    """Kill the last rank when the first round is written."""
    until = time.monotonic() + 60
    while time.monotonic() < until and b'"kind":"round"' not in (output.read_bytes() if output.exists() else b""):
        assert process.poll() is None
        time.sleep(0.05)
    ranks = [
        one for one in psutil.process_iter(["cmdline"]) if "fabricbench.engine.survey" in (one.info["cmdline"] or [])
    ]
    ranks = [one for one in ranks if one.info["cmdline"][0] == sys.executable]
    max(ranks, key=lambda one: one.pid).kill()

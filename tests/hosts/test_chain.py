"""The whole chain over several hosts as a user starts it: launcher, agent, ranks, record, tables, ends of all kinds."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hosts import leftovers, reading
from hosts.fabric import Fabric, fabric, why_not

from fabricbench import mpi, store

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.mpi,
    pytest.mark.skipif(why_not() is not None, reason=why_not() or ""),
    pytest.mark.skipif(mpi.installed() is not None, reason="needs MPI"),
]

RATE = 400e6
BRIEF = ("--budget", "0.2")


def started(made: Fabric, folder: Path, *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "fabricbench", "run", "--launcher", made.launcher(), "-o", "broken.jsonl", *words]
    return subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def nobody_stays(made: Fabric) -> bool:
    """No process on any host, after a moment: those of other hosts end when they lose the launcher."""
    end = time.monotonic() + 10
    while any(leftovers.members(f"{made.name}-{host}") for host in made.hosts):
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def test_two_hosts_read_the_rate_of_the_link_and_half_of_half(tmp_path: Path) -> None:
    with fabric(2, "400mbit") as made:
        whole = reading.ours(made, tmp_path / "whole.jsonl", 2, *BRIEF)
        made.shape("b", "receive", "200mbit")
        half = reading.ours(made, tmp_path / "half.jsonl", 2, *BRIEF)
        assert nobody_stays(made)
    assert 0.7 * RATE < whole < RATE
    assert 0.4 < half / whole < 0.6
    (result,) = store.load(tmp_path / "whole.jsonl")
    (record,), (launch,) = result.records, result.launches
    assert (launch.hosts, launch.ranks, launch.clock.verified) == (["a", "b"], 2, True)
    assert record.case.params["distance"] == "other-host"
    assert (record.time, record.conditions.placement) == ("global", "2x1")
    assert launch.binding == "none", "two hosts, and every rank on all cores of the one machine"
    assert ("oversubscribed" in record.conditions.flags) == (len(os.sched_getaffinity(0)) < 2)


def test_four_hosts_are_measured_shown_and_held_back_by_a_slow_one(tmp_path: Path) -> None:
    # So slow that the links decide, however little of a core each rank has.
    rate = 20e6
    words = ("--only", "allreduce/ring", "--only", "latency/mpi", "--sizes", "512KiB", *BRIEF)
    with fabric(4, "20mbit", slow={("c", "transmit"): 0.5}) as made:
        result = reading.fabricbench(made, tmp_path / "four.jsonl", *words)
    assert result.launches[0].hosts == ["a", "b", "c", "d"]
    for record in result.records:
        assert (record.check.status, record.traffic.resource) == ("ok", "link")
        # Hosts of one machine share its cores, however many each of them sees.
        assert ("oversubscribed" in record.conditions.flags) == (len(os.sched_getaffinity(0)) < 4)
    found = {record.case.operation: record for record in result.records}
    # What the buckets hold when an operation begins comes on top of the rate; c holds all back, but not a and b.
    assert found["allreduce"].rates["busbw"] * 8 < 0.5 * rate * 1.1
    one_way_s = found["latency"].summary.median_s
    assert one_way_s is not None
    assert 0.7 * rate < (8 << 19) / one_way_s < 1.2 * rate
    shown = subprocess.run(
        [sys.executable, "-m", "fabricbench", "show", str(tmp_path / "four.jsonl")],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "4 ranks on 4 hosts (a b c d)" in shown


def test_two_ranks_a_host_have_both_distances(tmp_path: Path) -> None:
    with fabric(2, "400mbit") as made:
        words = ("--only", "latency/mpi", "--sizes", "8", "--budget", "0.05")
        result = reading.fabricbench(made, tmp_path / "both.jsonl", *words, ranks_per_host=2)
    found = {record.case.params["distance"]: record for record in result.records}
    assert {name: record.traffic.resource for name, record in found.items()} == {
        "same-host": "memory",
        "other-host": "link",
    }
    assert all(record.conditions.placement == "2x2" for record in result.records)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--inject", "die:1"), "before all cases were measured"),
        (("--inject", "hang:1", "--timeout", "5"), "rank 1 on b stood in"),
    ],
)
def test_a_rank_of_another_host_that_fails_ends_the_run_with_3(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    with fabric(2) as made, started(made, tmp_path, "--only", "barrier/mpi", *BRIEF, *words) as run:
        _, told = run.communicate(timeout=60)
        assert run.returncode == 3, told
        assert said in told
        assert "2 HOSTS ARE ONE MACHINE: a, b share" in told
        assert nobody_stays(made)


def test_a_host_that_cannot_be_reached_is_named(tmp_path: Path) -> None:
    with fabric(2) as made:
        (made.folder / "ssh").write_text("#!/bin/sh\necho 'connect to host b: No route to host' >&2\nexit 255\n")
        with started(made, tmp_path, "--only", "barrier/mpi") as run:
            _, told = run.communicate(timeout=60)
        assert run.returncode == 3, told
        assert "host b: No route to host" in told
        assert nobody_stays(made)
    assert not (tmp_path / "broken.jsonl").exists()


def test_ctrl_c_ends_the_ranks_of_all_hosts(tmp_path: Path) -> None:
    with fabric(2) as made, started(made, tmp_path, "--only", "barrier/mpi", "--budget", "600") as run:
        end = time.monotonic() + 60
        while not (tmp_path / "broken.jsonl").exists() or b'"launch"' not in (tmp_path / "broken.jsonl").read_bytes():
            assert time.monotonic() < end
            time.sleep(0.1)
        run.send_signal(signal.SIGTERM)
        assert run.wait(30) == 130
        assert nobody_stays(made)
    assert store.load(tmp_path / "broken.jsonl")[-1].end is not None


def test_a_command_finds_the_launcher_in_its_environment() -> None:
    # Open MPI 5's launcher now and then misses the end of a program that is over at once, and waits for ever.
    command = ["--hosts", "3", "--rate", "1gbit", "--", "sh", "-c", "$FABRIC sh -c 'sleep 0.3; hostname'; exit 7"]
    done = subprocess.run(
        [sys.executable, "-m", "hosts", *command],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert (done.returncode, sorted(done.stdout.split())) == (7, ["a", "b", "c"])

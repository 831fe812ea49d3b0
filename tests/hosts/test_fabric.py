"""The fabric itself: what stands, at what speed, and that nothing of it stays."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hosts import leftovers
from hosts.fabric import Fabric, fabric, why_not

TESTS = Path(__file__).parents[1]
SERVER = """
import socket, sys
heard = socket.create_server(("", 5000))
print("up", flush=True)
while True:
    taken, total = heard.accept()[0], 0
    while got := len(taken.recv(1 << 20)):
        total += got
    taken.close()
"""
CLIENT = """
import socket, sys, time
link = socket.create_connection((sys.argv[1], 5000))
link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 17)
end, sent, begun = time.monotonic() + 0.2, 0, None
while True:
    now = time.monotonic()
    if begun is None and now > end:  # what the bucket and the buffers held is not counted
        begun, sent, end = now, 0, now + 0.8
    elif begun is not None and now > end:
        break
    sent += link.send(bytes(1 << 16))
print(sent * 8 / (now - begun))
"""

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.skipif(why_not() is not None, reason=why_not() or ""),
]


def said(made: Fabric, host: str, *words: str) -> str:
    done = subprocess.run([*made.on(host), *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextlib.contextmanager
def listening(made: Fabric, host: str) -> Iterator[None]:
    with subprocess.Popen([*made.on(host), sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "up\n"
        try:
            yield
        finally:
            server.kill()


def bits_read(made: Fabric, source: str, target: str) -> float:
    """Payload that a plain TCP connection carries, bits a second."""
    with listening(made, target):
        return float(said(made, source, sys.executable, "-c", CLIENT, target))


def stays(name: str) -> list[str]:
    """What is left of a fabric."""
    return [
        *(namespace for namespace in leftovers.namespaces() if namespace.startswith(name)),
        *(str(folder) for folder in leftovers.folders() if folder.name == name),
        *(line for line in Path("/proc/mounts").read_text().splitlines() if name in line),
        *(str(pid) for pid in running(name)),
    ]


def running(name: str) -> list[int]:
    """Processes that were started in a fabric, by the words of theirs or of a parent's command."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdecimal() and name.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


def test_a_host_has_a_name_an_address_and_nobody_but_its_neighbours() -> None:
    with fabric(3) as made:
        assert made.hosts == ("a", "b", "c")
        for host in made.hosts:
            assert said(made, host, "hostname") == f"{host}\n"
            assert said(made, host, "sh", "-c", "ls /sys/class/net").split() == ["eth0", "lo"]
            routes = said(made, host, "ip", "route").splitlines()
            assert len(routes) == 1
            assert routes[0].startswith("10.77.0.0/24 dev eth0")
        assert said(made, "a", "getent", "hosts", "b").split() == [made.address("b"), "b"]
        with pytest.raises(AssertionError, match="no host 'd'"):
            made.on("d")
    assert socket.gethostname() not in made.hosts


def test_the_agent_does_as_ssh_does() -> None:
    with fabric(2) as made:
        words = [str(made.folder / "ssh"), "-x", "-o", "Quiet=yes", made.address("b"), "hostname;", "echo", "$SECRET."]
        done = subprocess.run(
            words, env={**os.environ, "SECRET": "known"}, capture_output=True, text=True, check=True
        )  # fmt: skip
        assert done.stdout == "b\n.\n"
        unknown = subprocess.run([str(made.folder / "ssh"), "z", "true"], capture_output=True, text=True, check=False)
        assert (unknown.returncode, unknown.stderr) == (255, f"no host z in {made.name}\n")


def test_the_machines_cgroups_are_seen_on_a_host() -> None:
    here = sorted(path.name for path in Path("/sys/fs/cgroup").iterdir())
    with fabric(2) as made:
        assert said(made, "b", "ls", "/sys/fs/cgroup").split() == here


def test_a_link_has_its_rate_in_each_direction_and_takes_another_while_it_stands() -> None:
    with fabric(2, "200mbit", slow={("b", "transmit"): 0.5}) as made:
        assert 140e6 < bits_read(made, "a", "b") < 200e6
        assert 70e6 < bits_read(made, "b", "a") < 100e6
        made.shape("b", "transmit", "200mbit")
        made.shape("b", "receive", "50mbit")
        assert 35e6 < bits_read(made, "a", "b") < 50e6
        assert 140e6 < bits_read(made, "b", "a") < 200e6


def test_two_leaves_share_the_uplink_and_nothing_else() -> None:
    with fabric(4, "200mbit", leaves=2, uplink="100mbit") as made:
        assert 140e6 < bits_read(made, "a", "b") < 200e6
        assert 70e6 < bits_read(made, "a", "c") < 100e6
        found: dict[str, float] = {}
        both = [
            threading.Thread(target=lambda one, other: found.update({one: bits_read(made, one, other)}), args=pair)
            for pair in ("ac", "bd")
        ]
        for each in both:
            each.start()
        for each in both:
            each.join()
        # They are not measured over quite the same moments.
        assert 60e6 < sum(found.values()) < 125e6


def test_eight_hosts_stand_and_go() -> None:
    with fabric(8, "1gbit", leaves=2) as made:
        assert said(made, "h", "getent", "hosts", "a").split()[0] == made.address("a")
        assert len(stays(made.name)) > 8
    assert stays(made.name) == []


def test_nothing_stays_after_an_exception() -> None:
    stood: list[tuple[Fabric, subprocess.Popen[bytes]]] = []

    def broken() -> None:
        with fabric(2) as made:
            stood.append((made, subprocess.Popen([*made.on("b"), "sleep", "600"])))
            _until(lambda: leftovers.members(f"{made.name}-b"))
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        broken()
    ((made, process),) = stood
    assert process.wait(10) == -signal.SIGKILL
    assert stays(made.name) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_nothing_stays_of_an_owner_that_is_told_to_end(number: signal.Signals) -> None:
    with owned() as (owner, name):
        owner.send_signal(number)
        owner.wait(30)
        assert stays(name) == []


def test_what_a_killed_owner_left_goes_at_the_next_start_and_the_living_are_left_alone() -> None:
    with owned() as (killed, dead), owned() as (_, living):
        killed.kill()
        killed.wait(30)
        assert {f"{dead}-a", f"{dead}-b", f"{dead}-switch"} <= set(stays(dead))
        with fabric(2):
            assert stays(dead) == []
            assert len(stays(living)) > 4


@contextlib.contextmanager
def owned() -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Another process with a fabric, and the fabric's name."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    words = [sys.executable, "-m", "hosts.owner"]
    with subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as owner:  # fmt: skip
        assert owner.stdout is not None
        name = owner.stdout.readline().strip()
        _until(lambda: all(leftovers.members(f"{name}-{host}") for host in "ab"))
        try:
            yield owner, name
        finally:
            owner.terminate()


def _until(met: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not met():
        assert time.monotonic() < end
        time.sleep(0.02)

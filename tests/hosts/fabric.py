"""A fabric of known speed on one machine: hosts that are namespaces, links that the kernel holds to a rate.

A host is a network namespace with one interface, `eth0`, and a host name of its own. Its link leads to a bridge in a
namespace that stands for the switch; with two leaves there are two bridges and a link between them. Each end of each
link sends through a token bucket (`tc tbf`), so a link has a rate in each direction. Processor, memory and files are
those of the machine, for all hosts together.

Nothing leaves the namespaces: they have no route and no name server.
"""

import atexit
import contextlib
import functools
import itertools
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Literal, NoReturn

from hosts import leftovers
from hosts.rate import bits_per_s, scaled

from fabricbench import mpi

Direction = Literal["transmit", "receive"]

NETWORK = "10.77.0"
NAMES = "abcdefgh"
FEWEST = 2
SWITCH = "switch"
INTERFACE = "eth0"
LEAST_BURST = 1 << 16
"""Bytes of the largest segment that the kernel hands over at once; a smaller bucket would cut every one."""
BURST_S = 0.003
"""How long a bucket fills before it runs over. The kernel's timer is late by more than half a millisecond where
processes outnumber cores: with 64 KiB a link of 1 Gbit/s then carried 380 Mbit/s, with 128 KiB 940."""
LATENCY = "50ms"
CONGESTION = "reno"
"""The one that every kernel has."""
TOOLS = ("ip", "tc", "unshare", "mount", "mountpoint", "sysctl")

_numbers = itertools.count()

ENTER = """\
#!/bin/sh
# on HOST COMMAND [ARGUMENT...]: the command on that host, by name or address.
folder={folder}
case "$1" in
{choices}
    *) echo "no host $1 in {name}" >&2; exit 255 ;;
esac
shift
# `ip netns exec` shows the host its own /sys, where the machine's cgroups would be missing.
exec unshare --uts --mount sh -c '
    folder=$1 host=$2; shift 2
    mount --bind "$folder/hosts" /etc/hosts
    [ ! -e /etc/resolv.conf ] || mount --bind /dev/null /etc/resolv.conf
    ! mountpoint -q /sys/fs/cgroup || mount --rbind /sys/fs/cgroup "$folder/cgroup"
    exec ip netns exec "{name}-$host" sh -c '\\''
        folder=$1 host=$2; shift 2
        ! mountpoint -q "$folder/cgroup" || mount --move "$folder/cgroup" /sys/fs/cgroup
        hostname "$host"
        exec "$@"'\\'' sh "$folder" "$host" "$@"' sh "$folder" "$host" "$@"
"""

AGENT = """\
#!/bin/sh
# Stands for ssh: options are dropped, a shell on the host gets the rest, and nothing of this environment but the path.
while :; do
    case "$1" in
        -[bceFIiJLlmopQRSWw]) shift 2 ;;
        -*) shift ;;
        *) break ;;
    esac
done
host=$1; shift
exec {folder}/on "$host" env -i PATH="$PATH" HOME="$HOME" sh -c "$*"
"""


@dataclass(frozen=True)
class Fabric:
    """One that stands."""

    name: str
    hosts: tuple[str, ...]
    folder: Path
    rate: str

    def address(self, host: str) -> str:
        """IPv4 address of a host."""
        return f"{NETWORK}.{self.hosts.index(host) + 1}"

    def on(self, host: str) -> list[str]:
        """The words before a command that has to run on a host."""
        assert host in self.hosts, f"no host {host!r} among {self.hosts}"
        return [str(self.folder / "on"), host]

    def words(self, ranks_per_host: int = 1, hosts: tuple[str, ...] | None = None) -> list[str]:
        """The words before a program that start its ranks on these hosts, all unless named, over TCP.

        The launcher is that of mpi4py's own library. Ranks are numbered host by host, and are not bound: the hosts
        have the same cores.
        """
        wanted = hosts or self.hosts
        found = mpi.launcher_path()
        assert found is not None, f"no mpirun beside {mpi.library_path()}"
        family = open_mpi if mpi.library_name().startswith("Open MPI") else mpich
        return [*self.on(wanted[0]), *family(str(found), str(self.folder / "ssh"), wanted, ranks_per_host)]

    def launcher(self, ranks_per_host: int = 1, hosts: tuple[str, ...] | None = None) -> str:
        """The same as one text, for `--launcher`."""
        return shlex.join(self.words(ranks_per_host, hosts))

    def shape(self, host: str, direction: Direction, rate: str) -> None:
        """Hold one direction of a host's link to a rate, also while it is in use."""
        namespace, interface = (host, INTERFACE) if direction == "transmit" else (SWITCH, f"to-{host}")
        _shape(f"{self.name}-{namespace}", interface, rate)


def open_mpi(mpirun: str, agent: str, hosts: tuple[str, ...], ranks_per_host: int) -> list[str]:
    """Open MPI's mpirun, with its point-to-point layer over TCP, and over shared memory inside a host."""
    network = f"{NETWORK}.0/24"
    return [
        "env", "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
        mpirun, "-n", str(len(hosts) * ranks_per_host), "--bind-to", "none",
        "--host", ",".join(f"{host}:{ranks_per_host}" for host in hosts), "--map-by", f"ppr:{ranks_per_host}:node",
        "--prtemca", "plm_ssh_agent", agent, "--prtemca", "prte_if_include", network,
        "--mca", "pml", "ob1", "--mca", "btl", "self,sm,tcp", "--mca", "btl_tcp_if_include", network,
    ]  # fmt: skip


def mpich(mpirun: str, agent: str, hosts: tuple[str, ...], ranks_per_host: int) -> list[str]:
    """MPICH's mpirun, over libfabric's TCP."""
    return [
        "env", "MPIR_CVAR_CH4_NETMOD=ofi", "FI_PROVIDER=tcp",
        mpirun, "-n", str(len(hosts) * ranks_per_host), "-bind-to", "none",
        "-launcher", "ssh", "-launcher-exec", agent, "-iface", INTERFACE,
        "-hosts", ",".join(hosts), "-ppn", str(ranks_per_host),
    ]  # fmt: skip


@contextlib.contextmanager
def fabric(
    hosts: int = 4, rate: str = "100mbit", *, leaves: int = 1, uplink: str | None = None,
    slow: Mapping[tuple[str, Direction], float] | None = None,
) -> Iterator[Fabric]:  # fmt: skip
    """Hosts a, b, ... with links of a rate, in one or two leaves, the first half of them on the first.

    uplink: rate of the link between two leaves, as fast as a host's unless given. slow: directions of links that have
    only that share of the rate. Whatever ends the block, nothing of it stays; what a killed owner left goes at the next
    start. Needs root; `why_not` says what is missing.
    """
    _refuse(hosts, rate, leaves, uplink)
    _refuse_slow(slow or {}, NAMES[:hosts])
    leftovers.remove_dead()
    name = leftovers.own_name(next(_numbers))
    made = Fabric(name, tuple(NAMES[:hosts]), Path(tempfile.gettempdir(), name), rate)
    remove = functools.partial(leftovers.remove, name)
    atexit.register(remove)
    with _ended_by_signals():
        try:
            _scripts(made)
            _switch(made, leaves, uplink or rate)
            for number, host in enumerate(made.hosts):
                _host(made, host, leaf=number * leaves // hosts)
            for (host, direction), share in (slow or {}).items():
                made.shape(host, direction, scaled(rate, share))
            yield made
        finally:
            remove()
            atexit.unregister(remove)


def _refuse(hosts: int, rate: str, leaves: int, uplink: str | None) -> None:
    if not FEWEST <= hosts <= len(NAMES):
        raise ValueError(f"{hosts} hosts; a fabric has {FEWEST} to {len(NAMES)}.")
    if leaves not in (1, FEWEST):
        raise ValueError(f"{leaves} leaves; a fabric has 1 or 2.")
    if uplink is not None and leaves == 1:
        raise ValueError("One leaf has no uplink; ask for leaves=2.")
    bits_per_s(rate)
    bits_per_s(uplink or rate)


def _refuse_slow(slow: Mapping[tuple[str, Direction], float], names: str) -> None:
    for (host, direction), share in slow.items():
        if host not in tuple(names) or direction not in ("transmit", "receive"):
            raise ValueError(f"{host} {direction} is no direction of a host; hosts are {', '.join(names)}.")
        if not 0 < share <= 1:
            raise ValueError(f"A share of {share:g} of a rate cannot be left; it is above 0 and at most 1.")


@functools.cache
def why_not() -> str | None:
    """Why there can be no fabric here; None where there can."""
    if os.geteuid() != 0:
        return "several hosts on one machine need root"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"several hosts on one machine need {', '.join(missing)}"
    try:
        with fabric(FEWEST):
            return None
    except subprocess.CalledProcessError as error:
        return f"no namespaces with shaped links: {shlex.join(error.cmd)}: {error.stderr.strip()}"


def _scripts(made: Fabric) -> None:
    (made.folder / "cgroup").mkdir(parents=True)
    listed = "".join(f"{made.address(host)} {host}\n" for host in made.hosts)
    (made.folder / "hosts").write_text(f"127.0.0.1 localhost\n{listed}")
    choices = "\n".join(f"    {host}|{made.address(host)}) host={host} ;;" for host in made.hosts)
    places = {"folder": made.folder, "name": made.name, "choices": choices}
    for name, text in (("on", ENTER), ("ssh", AGENT)):
        script = made.folder / name
        script.write_text(text.format(**places))
        script.chmod(0o755)


def _switch(made: Fabric, leaves: int, uplink: str) -> None:
    switch = f"{made.name}-{SWITCH}"
    _run("ip", "netns", "add", switch)
    for leaf in range(leaves):
        _run("ip", "-n", switch, "link", "add", f"leaf{leaf}", "type", "bridge")
        _up(switch, f"leaf{leaf}")
    if leaves > 1:
        _run("ip", "-n", switch, "link", "add", "up0", "type", "veth", "peer", "name", "up1")
        for leaf in range(leaves):
            _run("ip", "-n", switch, "link", "set", f"up{leaf}", "master", f"leaf{leaf}")
            _up(switch, f"up{leaf}")
            _shape(switch, f"up{leaf}", uplink)


def _host(made: Fabric, host: str, leaf: int) -> None:
    mine, switch, port = f"{made.name}-{host}", f"{made.name}-{SWITCH}", f"to-{host}"
    _run("ip", "netns", "add", mine)
    _run("ip", "link", "add", INTERFACE, "netns", mine, "type", "veth", "peer", "name", port, "netns", switch)
    _run("ip", "-n", switch, "link", "set", port, "master", f"leaf{leaf}")
    _run("ip", "-n", mine, "address", "add", f"{made.address(host)}/24", "dev", INTERFACE)
    _run("ip", "-n", mine, "link", "set", "lo", "up")
    # Machines have other defaults, and the truth is not to depend on them.
    _run("ip", "netns", "exec", mine, "sysctl", "-qw", f"net.ipv4.tcp_congestion_control={CONGESTION}")
    _up(mine, INTERFACE)
    _up(switch, port)
    for direction in ("transmit", "receive"):
        made.shape(host, direction, made.rate)


def _up(namespace: str, interface: str) -> None:
    # Without IPv6 addresses nobody talks on an idle link.
    _run("ip", "-n", namespace, "link", "set", interface, "addrgenmode", "none", "up")


def _shape(namespace: str, interface: str, rate: str) -> None:
    bits = bits_per_s(rate)
    burst = max(LEAST_BURST, round(bits / 8 * BURST_S))
    limits = ("rate", f"{round(bits)}bit", "burst", f"{burst}b", "latency", LATENCY)
    _run("tc", "-n", namespace, "qdisc", "replace", "dev", interface, "root", "tbf", *limits)


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """A terminated owner leaves its block as any other exception does."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, _leave) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)

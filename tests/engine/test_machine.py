"""The fingerprint, read from file systems made for the purpose."""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fabricbench.engine import machine

GIB = 1 << 30

SERVER = {
    "proc/sys/kernel/hostname": "node7\n",
    "proc/sys/kernel/osrelease": "6.8.0\n",
    "proc/cpuinfo": "processor : 0\nmodel name\t: EPYC 9654\nflags\t\t: fpu sse2\n",
    "proc/meminfo": "MemTotal: 1048576 kB\nMemAvailable: 524288 kB\nHugePages_Total:   16\n",
    "proc/self/cgroup": "0::/job/step\n",
    "etc/os-release": 'NAME="X"\nPRETTY_NAME="Debian GNU/Linux 12"\n',
    "sys/devices/system/cpu/online": "0-3\n",
    "sys/devices/system/cpu/smt/control": "on\n",
    "sys/devices/system/cpu/cpufreq/boost": "1\n",
    "sys/devices/system/node/online": "0-1,4\n",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
    "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
    "sys/class/net/lo/speed": "10\n",
    "sys/class/net/eth0/speed": "25000\n",
    "sys/class/net/eth0/operstate": "up\n",
    "sys/class/net/eth1/speed": "-1\n",
    "sys/class/infiniband/mlx5_0/ports/1/rate": "400 Gb/sec (4X NDR)\n",
    "sys/class/infiniband/mlx5_0/ports/1/state": "4: ACTIVE\n",
    "proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: \t\t NVIDIA H200\nIRQ: 1\n",
    "proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\n",
    **{
        f"sys/devices/system/cpu/cpu{cpu}/{name}": text
        for cpu in range(4)
        for name, text in {
            "topology/physical_package_id": f"{cpu // 2}\n",
            "topology/thread_siblings_list": f"{cpu // 2 * 2}-{cpu // 2 * 2 + 1}\n",
            "cpufreq/scaling_governor": "performance\n" if cpu else "powersave\n",
            "cache/index0/level": "1\n",
            "cache/index0/type": "Data\n",
            "cache/index0/size": "32K\n",
            "cache/index0/shared_cpu_list": "0-1\n",
            "cache/index3/level": "3\n",
            "cache/index3/type": "Unified\n",
            "cache/index3/size": "32768K\n",
            "cache/index3/shared_cpu_list": "0-3\n",
        }.items()
    },
}


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture(name="four_cores", autouse=True)
def make_four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})


def test_a_server_is_read(tmp_path: Path) -> None:
    found = machine.machine(tree(tmp_path, SERVER))
    del found["architecture"]  # the one thing that is asked of the running kernel
    assert found == {
        "hostname": "node7",
        "cpu": "EPYC 9654",
        "sockets": 2,
        "cores_physical": 2,
        "cores_logical": 4,
        "cores_usable": 2,
        "numa_nodes": 3,
        "caches": ["L1 data 32 KiB shared by 0-1", "L3 unified 32768 KiB shared by 0-3"],
        "governor": "performance, powersave",
        "turbo": "on",
        "smt": "on",
        "virtualised": False,
        "memory": GIB,
        "memory_limit": "none",
        "transparent_huge_pages": "madvise",
        "huge_pages": 16,
        "kernel": "6.8.0",
        "distribution": "Debian GNU/Linux 12",
        "clock_source": "tsc",
        "gpus": ["NVIDIA H200"],
        "gpu_driver": "580.65.06",
        "nics": [
            "eth0 25000 Mb/s, up",
            "eth1 speed unknown, unknown",
            "mlx5_0:1 400 Gb/sec (4X NDR), ACTIVE",
        ],
    }
    assert machine.last_level_cache(tmp_path) == 32 << 20


def test_nothing_is_guessed(tmp_path: Path) -> None:
    found = machine.machine(tmp_path)
    known = {"architecture": found["architecture"], "cores_usable": 4, "memory_limit": "none"}
    lists = {name: ["unknown"] for name in ("caches", "gpus", "nics")}
    assert found == {**dict.fromkeys(found, "unknown"), **lists, **known}
    assert machine.last_level_cache(tmp_path) is None


@pytest.mark.parametrize(
    ("files", "turbo"),
    [
        ({"intel_pstate/no_turbo": "1"}, "off"),
        ({"intel_pstate/no_turbo": "0", "cpufreq/boost": "0"}, "on"),
        ({"cpufreq/boost": "0"}, "off"),
        ({"cpufreq/boost": "maybe"}, "unknown"),
    ],
)
def test_turbo(tmp_path: Path, files: dict[str, str], turbo: str) -> None:
    tree(tmp_path, {f"sys/devices/system/cpu/{name}": text for name, text in files.items()})
    assert machine.machine(tmp_path)["turbo"] == turbo


def test_a_hypervisor_is_seen(tmp_path: Path) -> None:
    tree(tmp_path, {"proc/cpuinfo": "flags : fpu hypervisor sse2\n"})
    assert machine.machine(tmp_path)["virtualised"] is True


@pytest.mark.parametrize(
    ("vendor", "kind", "gpus"),
    [
        ("0x10de", "0x030200", ["PCI 0x10de:0x2330, no NVIDIA driver"]),
        ("0x1002", "0x120000", ["PCI 0x1002:0x2330, no NVIDIA driver"]),
        ("0x1a03", "0x030000", ["none found"]),
        ("0x10de", "0x040300", ["none found"]),
    ],
)
def test_cards_without_a_driver(tmp_path: Path, vendor: str, kind: str, gpus: list[str]) -> None:
    device = "sys/bus/pci/devices/0000:01:00.0"
    names = {"vendor": vendor, "class": kind, "device": "0x2330"}
    tree(tmp_path, {f"{device}/{name}": text for name, text in names.items()})
    assert machine.machine(tmp_path)["gpus"] == gpus


MEMINFO = {"proc/meminfo": "MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\n"}


@pytest.mark.parametrize(
    ("files", "available", "limit"),
    [
        ({}, 8 * GIB, "none"),
        (
            {
                "proc/self/cgroup": "0::/job/step\n",
                "sys/fs/cgroup/job/step/memory.max": "max\n",
                "sys/fs/cgroup/job/memory.max": f"{4 * GIB}\n",
                "sys/fs/cgroup/job/memory.current": f"{3 * GIB}\n",
                "sys/fs/cgroup/job/memory.stat": f"anon 1\ninactive_file {GIB}\n",
            },
            2 * GIB,
            4 * GIB,
        ),
        (  # a container: the path is the host's, only the top is mounted
            {
                "proc/self/cgroup": "0::/docker/abc\n",
                "sys/fs/cgroup/memory.max": f"{GIB}\n",
                "sys/fs/cgroup/memory.current": f"{2 * GIB}\n",
            },
            0,
            GIB,
        ),
        (
            {
                "proc/self/cgroup": "9:memory:/job\n0::/\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
                "sys/fs/cgroup/memory/job/memory.limit_in_bytes": f"{4 * GIB}\n",
                "sys/fs/cgroup/memory/job/memory.usage_in_bytes": f"{2 * GIB}\n",
                "sys/fs/cgroup/memory/job/memory.stat": f"total_inactive_file {GIB}\n",
            },
            3 * GIB,
            4 * GIB,
        ),
        ({"proc/self/cgroup": "9:memory:/\n"}, 8 * GIB, "none"),
    ],
    ids=["free", "version 2", "container", "version 1", "unlimited"],
)
def test_memory_has_the_limit_of_its_groups(
    tmp_path: Path, files: dict[str, str], available: int, limit: int | str
) -> None:
    tree(tmp_path, {**MEMINFO, **files})
    assert machine.available_memory(tmp_path) == available
    assert machine.machine(tmp_path)["memory_limit"] == limit


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 4),
        ({"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.max": "250000 100000\n"}, 2),
        ({"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.max": "max 100000\n"}, 4),
        ({"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1),
        ({"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/cpu.max": "6400000 100000\n"}, 4),
        (
            {
                "proc/self/cgroup": "3:cpu,cpuacct:/a\n",
                "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "300000\n",
                "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            },
            3,
        ),
    ],
)
def test_cores_have_the_quota_of_their_groups(tmp_path: Path, files: dict[str, str], cores: int) -> None:
    assert machine.usable_cores(tree(tmp_path, files)) == cores


def test_this_machine_can_be_read() -> None:
    found = machine.machine()
    assert isinstance(found["memory"], int)
    assert machine.available_memory() > 0
    assert 1 <= machine.usable_cores() <= 4


def test_versions_are_those_of_the_installed_packages() -> None:
    found = machine.software("Open MPI 5.0.11")
    assert found["mpi"] == "Open MPI 5.0.11"
    assert found["numpy"] == importlib.metadata.version("numpy")
    assert all(found.values())


def test_a_package_that_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    found = machine.software("none")
    assert (found["numba"], found["blas"]) == ("not installed", "unknown")


def test_the_fingerprint_loads_nothing_heavy() -> None:
    code = (
        "import sys; from fabricbench.engine import machine; machine.machine(); "
        "machine.software(''); "
        "sys.exit(str([n for n in ('numba', 'mpi4py', 'scipy', 'cupy') if n in sys.modules]))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.stderr.strip() == "[]"


def test_the_commit_of_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.commit(tmp_path) == "none"
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@b")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)

    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True, capture_output=True)

    git("init")
    assert machine.commit(tmp_path) == "unknown"
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-m", "first")
    clean = machine.commit(tmp_path)
    assert len(clean) == 12
    (tmp_path / "a").write_text("2")
    assert machine.commit(tmp_path) == f"{clean}+"
    monkeypatch.setenv("PATH", "")
    assert machine.commit(tmp_path) == "unknown"

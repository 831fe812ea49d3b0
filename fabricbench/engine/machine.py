"""What this machine is, read from the files of the kernel; what cannot be read is "unknown".

Functions take `root`, the folder that holds /proc, /sys and /etc. No GPU, MPI or numeric library is
loaded: a fingerprint must not change what is measured later.
"""

import importlib.metadata
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import fabricbench
from fabricbench.errors import UsageError
from fabricbench.model import Scalar
from fabricbench.quantity import parse_size

ROOT = Path("/")
UNKNOWN = "unknown"

_CPUS = "sys/devices/system/cpu"
_PACKAGES = ("numpy", "numba", "llvmlite", "mpi4py", "msgspec", "scipy")
_NVIDIA = "0x10de"
_DISPLAY, _ACCELERATOR = "0x03", "0x12"  # first digits of PCI classes
_UNLIMITED = 1 << 60  # cgroup v1 writes the largest multiple of a page for "no limit"


def machine(root: Path = ROOT) -> dict[str, Scalar | list[str]]:
    """The fingerprint for the run line. Sizes are bytes."""
    return {
        "hostname": _text(root / "proc/sys/kernel/hostname") or UNKNOWN,
        **_processor(root),
        **_memory(root),
        **_system(root),
        "gpus": _gpus(root),
        "gpu_driver": _gpu_driver(root),
        "nics": _nics(root) or [UNKNOWN],
    }


def software(mpi: str) -> dict[str, str]:
    """Versions by distribution name, none imported. mpi: what the MPI library calls itself."""
    versions = {name: _version(name) for name in _PACKAGES}
    return {
        "mpi": mpi,
        "python": platform.python_version(),
        **versions,
        "blas": _blas(),
        "commit": commit(Path(fabricbench.__file__).parent.parent),
    }


def kernel(root: Path = ROOT) -> str | None:
    """What all hosts of a machine have in common, containers included; None where it is not shown."""
    return _text(root / "proc/sys/kernel/random/boot_id")


def cgroup(root: Path = ROOT) -> str:
    """What processes under the same limits have in common.  A container shows a path of its own namespace."""
    try:
        inside = str((root / "proc/self/ns/cgroup").readlink())
    except OSError:
        inside = ""
    return f"{inside} {_text(root / 'proc/self/cgroup') or ''}"


def free_memory(root: Path = ROOT) -> int:
    """Bytes that the machine has for all its processes."""
    meminfo = _meminfo(root)
    return meminfo.get("MemAvailable", meminfo.get("MemFree", 0))


def available_memory(root: Path = ROOT) -> int:
    """Bytes that this process can still have, the limits of its cgroups included."""
    return max(0, min([free_memory(root), *(limit - used for limit, used in _memory_limits(root))]))


def physical_cores(cpus: Iterable[int], root: Path = ROOT) -> int:
    """Cores behind some logical CPUs; each CPU is a core where the kernel does not say which share one."""
    siblings = "topology/thread_siblings_list"
    return len({_text(root / _CPUS / f"cpu{cpu}" / siblings) or str(cpu) for cpu in cpus})


def usable_cores(root: Path = ROOT) -> int:
    """Cores that this process may run on at once: affinity, and the cgroups' quota. Two hyperthreads are one core."""
    allowed = physical_cores(os.sched_getaffinity(0), root)
    return max(1, min([allowed, *(int(quota) for quota in _core_quotas(root))]))


def core_quota(root: Path = ROOT) -> float | None:
    """Cores' worth of time that the cgroups allow; None where they set no limit."""
    return min(_core_quotas(root), default=None)


def last_level_cache(root: Path = ROOT) -> int | None:
    """Bytes of one instance of the largest cache that the first core sees."""
    caches = [(level, nbytes) for level, _, nbytes, _ in _caches(root)]
    return max(caches)[1] if caches else None


def commit(checkout: Path) -> str:
    """Commit of a checkout, with "+" where files differ from it; "none" outside a checkout."""
    if not (checkout / ".git").exists():
        return "none"
    head = _git(checkout, "rev-parse", "--short=12", "HEAD")
    changes = _git(checkout, "status", "--porcelain", "--untracked-files=no")
    if head is None or changes is None:
        return UNKNOWN
    return f"{head}+" if changes else head


def _processor(root: Path) -> dict[str, Scalar | list[str]]:
    cpus = sorted((root / _CPUS).glob("cpu[0-9]*"))
    return {
        "cpu": _cpuinfo(root, "model name") or UNKNOWN,
        "architecture": platform.machine() or UNKNOWN,
        "sockets": _distinct(cpus, "topology/physical_package_id"),
        "cores_physical": _distinct(cpus, "topology/thread_siblings_list"),
        "cores_logical": _count(_text(root / _CPUS / "online")),
        "cores_usable": usable_cores(root),
        "numa_nodes": _count(_text(root / "sys/devices/system/node/online")),
        "caches": [
            f"L{level} {kind} {nbytes // 1024} KiB shared by {shared}" for level, kind, nbytes, shared in _caches(root)
        ]
        or [UNKNOWN],
        "governor": _values(cpus, "cpufreq/scaling_governor"),
        "turbo": _turbo(root),
        "smt": _text(root / _CPUS / "smt/control") or UNKNOWN,
        "virtualised": _virtualised(root),
    }


def _memory(root: Path) -> dict[str, Scalar | list[str]]:
    meminfo = _meminfo(root)
    limits = [limit for limit, _ in _memory_limits(root)]
    pages = _text(root / "sys/kernel/mm/transparent_hugepage/enabled") or ""
    chosen = re.search(r"\[(\w+)\]", pages)
    return {
        "memory": meminfo.get("MemTotal", UNKNOWN),
        "memory_limit": min(limits) if limits else "none",
        "transparent_huge_pages": chosen[1] if chosen else UNKNOWN,
        "huge_pages": meminfo.get("HugePages_Total", UNKNOWN),
    }


def _system(root: Path) -> dict[str, Scalar | list[str]]:
    release = _text(root / "etc/os-release") or ""
    name = re.search(r'^PRETTY_NAME="?([^"\n]+)', release, re.MULTILINE)
    clock = root / "sys/devices/system/clocksource/clocksource0/current_clocksource"
    return {
        "kernel": _text(root / "proc/sys/kernel/osrelease") or UNKNOWN,
        "distribution": name[1] if name else UNKNOWN,
        "clock_source": _text(clock) or UNKNOWN,
    }


def _turbo(root: Path) -> str:
    """Whether cores may exceed their nominal clock; two drivers say it in opposite ways."""
    forbidden = _text(root / _CPUS / "intel_pstate/no_turbo")
    if forbidden is not None:
        return "off" if forbidden == "1" else "on"
    return {"1": "on", "0": "off"}.get(_text(root / _CPUS / "cpufreq/boost") or "", UNKNOWN)


def _virtualised(root: Path) -> bool | str:
    """Whether a hypervisor shows itself; only x86 has a flag for that."""
    flags = _cpuinfo(root, "flags")
    return UNKNOWN if flags is None else "hypervisor" in flags.split()


def _caches(root: Path) -> Iterator[tuple[int, str, int, str]]:
    """Level, kind, bytes and sharing cores of each cache of the first core."""
    for index in sorted((root / _CPUS / "cpu0/cache").glob("index*")):
        level, kind, size, shared = (_text(index / name) for name in ("level", "type", "size", "shared_cpu_list"))
        nbytes = _size(size)
        if level and level.isdigit() and nbytes:
            yield int(level), (kind or UNKNOWN).lower(), nbytes, shared or UNKNOWN


def _size(text: str | None) -> int | None:
    try:
        return parse_size(text or "")
    except UsageError:
        return None


def _gpus(root: Path) -> list[str]:
    """Models as the NVIDIA driver names them; without a driver what the PCI bus shows."""
    cards = sorted((root / "proc/driver/nvidia/gpus").glob("*/information"))
    models = [re.search(r"^Model:\s*(.+?)\s*$", _text(card) or "", re.MULTILINE) for card in cards]
    if models:
        return [model[1] if model else "NVIDIA, model unknown" for model in models]
    devices = root / "sys/bus/pci/devices"
    if not devices.is_dir():
        return [UNKNOWN]
    return [name for device in sorted(devices.iterdir()) if (name := _card(device))] or ["none found"]


def _gpu_driver(root: Path) -> str:
    """Version of the NVIDIA driver; "none" where none is loaded."""
    drivers = root / "proc/driver"
    text = _text(drivers / "nvidia/version")
    if text is None:
        return "none" if drivers.is_dir() else UNKNOWN
    found = re.search(r"Module(?: for \S+)?\s+(\d\S+)", text)
    return found[1] if found else UNKNOWN


def _card(device: Path) -> str | None:
    """Description of a PCI device that may compute; the plain screens of servers are left out."""
    vendor = _text(device / "vendor") or UNKNOWN
    kind = _text(device / "class") or ""
    if kind.startswith(_ACCELERATOR) or (kind.startswith(_DISPLAY) and vendor == _NVIDIA):
        return f"PCI {vendor}:{_text(device / 'device') or UNKNOWN}, no NVIDIA driver"
    return None


def _nics(root: Path) -> list[str]:
    """Name, speed and state of every interface but the loopback, then of every InfiniBand port."""
    interfaces = sorted((root / "sys/class/net").glob("*"))
    found = [_interface(folder) for folder in interfaces if folder.is_dir() and folder.name != "lo"]
    for port in sorted((root / "sys/class/infiniband").glob("*/ports/*")):
        rate, state = _text(port / "rate") or UNKNOWN, _text(port / "state") or UNKNOWN
        found.append(f"{port.parent.parent.name}:{port.name} {rate}, {state.split(': ')[-1]}")
    return found


def _interface(folder: Path) -> str:
    speed = _text(folder / "speed") or ""  # -1, or an error, where the driver does not know
    rate = f"{speed} Mb/s" if speed.isdigit() else "speed unknown"
    return f"{folder.name} {rate}, {(_text(folder / 'operstate') or UNKNOWN).lower()}"


def _memory_limits(root: Path) -> Iterator[tuple[int, int]]:
    """Limit and use in bytes of each cgroup around this process; file caches are not use."""
    for folder in _cgroups(root, "memory"):
        limit = _text(folder / "memory.max") or _text(folder / "memory.limit_in_bytes") or "max"
        used = _text(folder / "memory.current") or _text(folder / "memory.usage_in_bytes") or "0"
        if limit.isdigit() and int(limit) < _UNLIMITED:
            stat = _text(folder / "memory.stat") or ""
            cache = re.search(r"^(?:total_)?inactive_file (\d+)$", stat, re.MULTILINE)
            yield int(limit), int(used) - (int(cache[1]) if cache else 0)


def _core_quotas(root: Path) -> Iterator[float]:
    """Cores' worth of time that each cgroup around this process may use."""
    for folder in _cgroups(root, "cpu"):
        quota, _, period = (_text(folder / "cpu.max") or "").partition(" ")
        quota = quota or _text(folder / "cpu.cfs_quota_us") or "max"
        period = period or _text(folder / "cpu.cfs_period_us") or "100000"
        if quota.isdigit():  # "max" and -1 mean no quota
            yield int(quota) / int(period)


def _cgroups(root: Path, controller: str) -> Iterator[Path]:
    """Folders of the cgroups of this process, innermost first, for both versions of the interface.

    In a container the kernel may name a path of the host; then only the mounted top is there.
    """
    base = root / "sys/fs/cgroup"
    for line in (_text(root / "proc/self/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        top = base / controller if controllers else base
        inner = Path(path.lstrip("/"))
        yield from (top / part for part in (inner, *inner.parents) if (top / part).is_dir())


def _meminfo(root: Path) -> dict[str, int]:
    """Bytes, or numbers of pages, by the kernel's names."""
    lines = re.findall(r"^(\w+):\s+(\d+)( kB)?$", _text(root / "proc/meminfo") or "", re.MULTILINE)
    return {name: int(number) * (1024 if unit else 1) for name, number, unit in lines}


def _cpuinfo(root: Path, field: str) -> str | None:
    found = re.search(rf"^{field}\s*:\s*(.+)$", _text(root / "proc/cpuinfo") or "", re.MULTILINE)
    return found[1].strip() if found else None


def _distinct(folders: list[Path], name: str) -> int | str:
    """Number of different texts that one file has in several folders."""
    return len({text for folder in folders if (text := _text(folder / name))}) or UNKNOWN


def _values(folders: list[Path], name: str) -> str:
    """The different texts that one file has in several folders."""
    texts = {text for folder in folders if (text := _text(folder / name))}
    return ", ".join(sorted(texts)) or UNKNOWN


def _count(ranges: str | None) -> int | str:
    """Number of members of a kernel list: "0-3,8" has 5."""
    if not ranges or not re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", ranges):
        return UNKNOWN
    ends = [part.partition("-") for part in ranges.split(",")]
    return sum(int(last or first) - int(first) + 1 for first, _, last in ends)


def _text(path: Path) -> str | None:
    """Content of a file without surrounding space, None where it cannot be read or is empty."""
    try:
        return path.read_text(errors="replace").strip() or None
    except OSError:
        return None


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _blas() -> str:
    """The BLAS that NumPy's wheel carries; another one cannot be told without importing NumPy."""
    try:
        folder = Path(str(importlib.metadata.distribution("numpy").locate_file("numpy.libs")))
    except importlib.metadata.PackageNotFoundError:
        return UNKNOWN
    names = [library.name.split("-")[0].removeprefix("lib") for library in folder.glob("*blas*.so*")]
    return f"{names[0].rstrip('_')}, bundled" if names else UNKNOWN


def _git(checkout: Path, *words: str) -> str | None:
    try:
        finished = subprocess.run(
            ["git", "-C", str(checkout), *words],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return finished.stdout.strip()

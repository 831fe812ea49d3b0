"""What a fabric leaves in the kernel, and how it is removed: also that of an owner that was killed.

Everything of a fabric carries its name, which says whose it is: prefix, process id and start time of the owner, and the
how manieth of that owner. A process id alone would come back in another process.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

PREFIX = "fabricbench"
NAMED = re.compile(rf"({PREFIX}-(\d+)-(\d+)-\d+)(?:-\w+)?")
GONE_S = 10.0
"""How long a killed process may take to be gone."""


def started(pid: int) -> int | None:
    """When a process started, in the kernel's ticks since boot; None where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The command's name, in brackets, may hold anything; start time is field 22, the 20th after it.
    return int(text.rpartition(")")[2].split()[19])


def own_name(number: int) -> str:
    """Name of this process's fabric of that number."""
    return f"{PREFIX}-{os.getpid()}-{started(os.getpid())}-{number}"


def namespaces() -> list[str]:
    """Network namespaces of all fabrics there are."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    return [words[0] for words in map(str.split, listed.splitlines()) if words and NAMED.fullmatch(words[0])]


def folders() -> list[Path]:
    """Folders of all fabrics there are."""
    return [path for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}-*") if NAMED.fullmatch(path.name)]


def members(namespace: str) -> list[int]:
    """Processes that live in a network namespace."""
    done = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False)
    return [int(word) for word in done.stdout.split()]


def remove(fabric: str) -> None:
    """Kill what lives in the namespaces of one fabric, and remove them and its folder."""
    mine = [name for name in namespaces() if _fabric(name) == fabric]
    for namespace in mine:
        _kill_members(namespace)
        # Links vanish with the namespace of either end.
        subprocess.run(["ip", "netns", "delete", namespace], capture_output=True, check=False)
    for folder in folders():
        if folder.name == fabric:
            shutil.rmtree(folder, ignore_errors=True)


def remove_dead() -> None:
    """Remove what owners left that are no more."""
    for fabric in {_fabric(name) for name in (*namespaces(), *(folder.name for folder in folders()))}:
        if _owner_is_dead(fabric):
            remove(fabric)


def _fabric(name: str) -> str:
    found = NAMED.fullmatch(name)
    assert found is not None
    return found[1]


def _owner_is_dead(fabric: str) -> bool:
    found = NAMED.fullmatch(fabric)
    assert found is not None
    return started(int(found[2])) != int(found[3])


def _kill_members(namespace: str) -> None:
    """Until nobody is left: a process may start another while it is being killed."""
    end = time.monotonic() + GONE_S
    while time.monotonic() < end:
        found = members(namespace)
        if not found:
            return
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)

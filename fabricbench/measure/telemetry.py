"""Evidence beside the samples: load and clock frequency of the host, read by a thread while the loop runs."""

import os
import re
import threading
from pathlib import Path

from fabricbench.model import Telemetry

INTERVAL_S = 0.5
_FREQUENCY = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq")
_CPUINFO = Path("/proc/cpuinfo")
_STATUS = Path("/proc/self/status")


def megahertz() -> float | None:
    """Frequency of the first CPU as the kernel tells it, or None."""
    try:
        return int(_FREQUENCY.read_text()) / 1000
    except (OSError, ValueError):
        pass
    try:
        with _CPUINFO.open() as lines:
            found = next(
                (re.match(r"cpu MHz\s*:\s*([\d.]+)", line) for line in lines if line.startswith("cpu MHz")),
                None,
            )
    except OSError:
        return None
    return float(found[1]) if found else None


class Observer:
    """Reads every INTERVAL_S from `start` to `stop`, and at both ends."""

    def __init__(self) -> None:
        self._load: list[float] = []
        self._mhz: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._observe, name="telemetry", daemon=True)

    def __enter__(self) -> "Observer":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()

    def _observe(self) -> None:
        self._look()
        while not self._over.wait(INTERVAL_S):
            self._look()

    def _look(self) -> None:
        self._load.append(round(os.getloadavg()[0], 2))
        now = megahertz()
        if now is not None:
            self._mhz.append(round(now, 1))

    def report(self, memory_bytes: int | None = None) -> Telemetry:
        """What was seen. memory_bytes: what `most_held` says, of the rank where it is the most."""
        return Telemetry(
            interval_s=INTERVAL_S, load=list(self._load), mhz=list(self._mhz), memory_bytes=memory_bytes
        )  # fmt: skip


def most_held() -> int:
    """Bytes of this process in memory, the most so far."""
    # Not getrusage, whose figure begins with what the process had that forked this one.
    with _STATUS.open() as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

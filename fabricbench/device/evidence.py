"""What slowed a GPU while it was measured, as NVML tells it; what it does not tell is unknown, never "nothing"."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

INTERVAL_S = 0.1

REASONS = {
    0x04: "its power cap", 0x08: "a hardware slowdown", 0x20: "software that found it too hot",
    0x40: "hardware that found it too hot", 0x80: "a power brake from outside",
}  # fmt: skip
"""Bits of nvmlDeviceGetCurrentClocksEventReasons that hold a clock down; idling and clocks that were set do not count.

Source: nvml.h, nvmlClocksEventReason*.
"""


@dataclass
class Seen:
    """What was seen while a block ran. `unknown`: why nothing, or not all, could be seen; None where all was."""

    reasons: set[str] = field(default_factory=set)
    looks: int = 0
    unknown: str | None = None


class Reader:
    """NVML for one GPU.  nvml: the module pynvml, or a stand-in."""

    def __init__(self, nvml: Any, uuid: str) -> None:
        self._nvml = nvml
        self._handle = nvml.nvmlDeviceGetHandleByUUID(uuid)

    def reasons(self) -> set[str]:
        """What holds the clocks down now.  Raises pynvml.NVMLError where the driver does not tell."""
        bits = int(self._nvml.nvmlDeviceGetCurrentClocksEventReasons(self._handle))
        return {text for bit, text in REASONS.items() if bits & bit}


@cache
def reader(uuid: str) -> Reader | str:
    """NVML for the GPU of that UUID, or why there is none."""
    try:
        import pynvml
    except ImportError:
        return "nvidia-ml-py is not installed"
    try:
        pynvml.nvmlInit()
        return Reader(pynvml, uuid)
    except pynvml.NVMLError as error:
        return f"NVML says: {error}"


@contextmanager
def watching(uuid: str | None) -> Iterator[Seen]:
    """Look every INTERVAL_S while a block runs, and at both its ends; None is a rank without a GPU."""
    seen, over = Seen(), threading.Event()
    found = reader(uuid) if uuid is not None else None
    if not isinstance(found, Reader):
        seen.unknown = found
        yield seen
        return

    def observe() -> None:
        ended = False
        while True:
            try:
                seen.reasons |= found.reasons()
                seen.looks += 1
            except Exception as error:  # NVML's errors are made when it is imported; a thread may raise none
                seen.unknown = f"NVML says: {error}"
                return
            if ended:
                return
            ended = over.wait(INTERVAL_S)

    thread = threading.Thread(target=observe, name="nvml", daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()

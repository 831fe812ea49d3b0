"""Signals and time limits for one rank, heard even while the main thread is inside a compiled loop or an MPI call.

The C signal handler writes to a pipe at once; the interpreter would only look between two byte codes, which a rank that
hangs in a collective never reaches. A thread reads the pipe, says where the rank stood, and ends the process.
"""

import faulthandler
import os
import select
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType

import numpy as np
from numpy.typing import NDArray

from fabricbench.model import Ending

STATUS_TIMEOUT = 3
STATUS_INTERRUPTED = 130
DUMP_AFTER_S = 2.0
CLOSE, AGAIN = b"\0", b"\xff"
"""What is written into the pipe besides numbers of signals."""


@dataclass
class Standing:
    """Where this rank is; written by the session, read by the watchdog."""

    doing: str = "starting"
    cell: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    since: float = field(default_factory=time.monotonic)

    def at(self, doing: str) -> None:
        """A new activity begins."""
        self.doing, self.since = doing, time.monotonic()
        self.cell[0] = 0

    def text(self) -> str:
        """One phrase: the activity, its sample, and for how long."""
        return f"{self.doing}, sample {int(self.cell[0])}, for {time.monotonic() - self.since:.1f} s"


class Watchdog:
    """`ended(ending, status)` is called once, in the watchdog's thread, and must not return to the measurement."""

    def __init__(self, timeout_s: float | None, ended: Callable[[Ending, int], None]) -> None:
        self._ended = ended
        self._deadline = _deadline(timeout_s)
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _leave_to_thread)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while True:
            left = None if self._deadline is None else max(0.0, self._deadline - time.monotonic())
            heard, _, _ = select.select([self._reader], [], [], left)
            told = os.read(self._reader, 1) if heard else b""
            if told == CLOSE:
                return
            if told == AGAIN:
                continue
            # If ending hangs too (a lock, a dead file system), the stacks are printed and the process is gone.
            faulthandler.dump_traceback_later(DUMP_AFTER_S, exit=True)
            if heard:
                self._ended("interrupted", STATUS_INTERRUPTED)
            else:
                self._ended("timeout", STATUS_TIMEOUT)
            return

    def limit(self, timeout_s: float | None) -> None:
        """From now on there is so much time; None for any."""
        self._deadline = _deadline(timeout_s)
        os.write(self._writer, AGAIN)

    def close(self) -> None:
        """Stop watching; signals are ignored from here on, because the file is being closed."""
        os.write(self._writer, CLOSE)
        self._thread.join()
        signal.set_wakeup_fd(-1)


def _deadline(timeout_s: float | None) -> float | None:
    return None if timeout_s is None else time.monotonic() + timeout_s


def _leave_to_thread(number: int, frame: FrameType | None) -> None:
    """The byte in the pipe is all that is needed."""

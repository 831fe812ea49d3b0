"""A thread that lets the library work on a collective while its rank computes.

The rank hands the request over when it has started it, and takes it back before it waits for it: both never have it at
once. They speak through two numbers. `told` is the rank's: even while it has the request, odd while the thread has it,
below zero at the end. `seen` is the thread's: the last of these that it acted upon. The rank that takes the request
back waits until its number was seen, because the thread may be inside of the library until then.
"""

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from fabricbench import native
from fabricbench.entries import call, load_acquire, store_release, view
from fabricbench.measure.loop import Hook, hook
from fabricbench.spec import Array, block

OVER = -1
BODY = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)


def tend(b: Any) -> int:
    """The thread: look after the request whenever it has it, until the end."""
    code = view(b.code, 1, b.like)
    while True:
        told = load_acquire(b.told)
        if told % 2 == 1 and code[0] == 0:
            code[0] = call(b.look, b.look_block)
        store_release(b.seen, told)
        if told < 0:
            return 0


def hand_over(b: Any) -> int:
    """Start it; from now on it is the thread's."""
    code: int = call(b.start, b.start_block)
    if code == 0:
        store_release(b.told, load_acquire(b.told) + 1)
    return code


def take_back(b: Any) -> int:
    """Until the thread has let go of it, then until it is done."""
    told = load_acquire(b.told) + 1
    store_release(b.told, told)
    while load_acquire(b.seen) != told:
        pass
    code: int = view(b.code, 1, b.like)[0]
    return code if code != 0 else call(b.finish, b.finish_block)


@contextmanager
def tended(start: Hook, look: Hook, finish: Hook) -> Iterator[tuple[Hook, Hook]]:
    """The two halves of a collective as this rank is to call them while a thread calls `look` in between.

    Meanwhile each of the two stays on one CPU, the first and the last of those that the rank may use.
    """
    told, seen, code = (np.zeros(8, np.int64) for _ in range(3))  # a cache line each
    arguments = block(
        start=start.function, start_block=start.block, look=look.function, look_block=look.block,
        finish=finish.function, finish_block=finish.block, told=told.ctypes.data, seen=seen.ctypes.data,
        code=code.ctypes.data, like=np.int64(0),
    )  # fmt: skip
    halves = tuple(hook(body, arguments) for body in (hand_over, take_back))
    cpus = os.sched_getaffinity(0)
    thread = threading.Thread(target=_perform, args=(arguments, max(cpus)), name="progress", daemon=True)
    thread.start()
    os.sched_setaffinity(0, {min(cpus)})
    try:
        yield halves[0], halves[1]
    finally:
        os.sched_setaffinity(0, cpus)
        told[0] = OVER
        thread.join()


def _perform(arguments: Array, cpu: int) -> None:
    os.sched_setaffinity(0, {cpu})
    # ctypes lets go of the interpreter while a function of C runs.
    BODY(native.compile(tend, arguments).address)(int(arguments.ctypes.data))

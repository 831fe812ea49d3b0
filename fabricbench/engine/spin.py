"""Arithmetic that takes as long as it is told to: it counts instead of reading the clock."""

import time
from collections.abc import Callable
from functools import cache

from fabricbench import native


def spin(state: int, rounds: int) -> int:
    """The state after so many rounds; for compiled bodies."""
    # Each round needs the one before. A linear step alone would not do: a compiler folds several into one.
    for _ in range(rounds):
        state = (state * 6364136223846793005 + 1442695040888963407) ^ (state >> 13)
    return state


@cache
def spinner() -> Callable[[int, int], int]:
    """The same, for calls from Python."""
    return native.jit(spin, "int64(int64, int64)")


@cache
def round_s() -> float:
    """Seconds of one round, the best of several measurements."""
    perform, rounds, best = spinner(), 1_000_000, float("inf")
    for _ in range(5):
        start = time.perf_counter()
        perform(1, rounds)
        best = min(best, time.perf_counter() - start)
    return best / rounds

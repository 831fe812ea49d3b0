"""A process in which copies take their time: `python -m units.slow_copies`.

Before anything is compiled, the name memcpy is given to a function that now and then sleeps before it copies, so that
data come late or are read late, and after it, so that flags do. LLVM asks for names that it was told before it asks
libraries. Ranks are threads. Prints by variant how many copies were held up, and elements that were wrong with two
slots and with one.
"""

import ctypes
import json
import random
import time
from typing import Any

from llvmlite import binding
from units.mutants import SHARED, changed
from units.threads import case_of, wrong

from fabricbench.collectives import segments

RANKS = 3
SLOT_BYTES = 256
COUNT = 3000
LONGEST_S = 0.002
SHARE = 0.1
"""Of the moments before and after a copy, those that take time."""


class Copies:
    """What stands for memcpy, and how often it slept."""

    def __init__(self) -> None:
        self.held_up = 0
        self._chance = random.Random(1)
        form = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
        self._copy = form(ctypes.cast(ctypes.CDLL(None).memcpy, ctypes.c_void_p).value)
        self._kept: Any = form(self._slowly)
        binding.add_symbol("memcpy", ctypes.cast(self._kept, ctypes.c_void_p).value)

    def _slowly(self, into: int, source: int, nbytes: int) -> int:
        self._perhaps_sleep()
        result = int(self._copy(into, source, nbytes))
        self._perhaps_sleep()
        return result

    def _perhaps_sleep(self) -> None:
        if self._chance.random() < SHARE:
            self.held_up += 1
            time.sleep(self._chance.random() * LONGEST_S)


def main() -> None:
    copies, found = Copies(), {}
    segments.SLOT_BYTES = SLOT_BYTES
    for name in SHARED:
        before = copies.held_up
        case = case_of(name, RANKS, COUNT)
        two = sum(wrong(case, times=2))
        held_up = copies.held_up - before
        one = sum(wrong(case, times=2, change=lambda rank, step: changed(step, slots=1)))
        found[name] = {"held_up": held_up, "two slots": two, "one slot": one}
    print(json.dumps(found))


if __name__ == "__main__":
    main()

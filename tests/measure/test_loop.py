"""The loop: what it calls, in which order and how often, and what ends it."""

import gc
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabricbench.entries import view
from fabricbench.errors import NotMeasuredError
from fabricbench.measure import clock
from fabricbench.measure.loop import Loop, empty, hook, nothing, overwrite
from fabricbench.spec import Buffer, Step, block


def note(b: Any) -> int:
    """Append `b.mark` to the log; the code of the call whose number is `b.fails`."""
    cells = view(b.log, b.room, b.zero)
    at = cells[0] + 1
    cells[0] = at
    cells[at] = b.mark
    counter = view(b.count, 1, b.zero)
    counter[0] += 1
    return np.int32(7) if counter[0] == b.fails else np.int32(0)


class Log:
    """Marks in the order in which hooks and steps were called."""

    def __init__(self) -> None:
        self.cells = np.zeros(5000, np.int64)
        self.counts: list[Any] = []

    def block(self, mark: str, fails: int = -1) -> Any:
        count = np.zeros(1, np.int64)
        self.counts.append(count)
        return block(
            log=self.cells.ctypes.data, room=5000, count=count.ctypes.data, zero=np.int64(0), mark=ord(mark),
            fails=fails,
        )  # fmt: skip

    def mark(self, mark: str) -> None:
        self.cells[0] += 1
        self.cells[self.cells[0]] = ord(mark)

    @property
    def text(self) -> str:
        return "".join(map(chr, self.cells[1 : 1 + self.cells[0]]))


def make(log: Log, kind: str, *, window: int = 0, fails: int = -1, at: str = "s") -> Loop:
    """A loop that notes restore, sync, step and acknowledgement as r, y, s and a."""
    hooks = {mark: hook(note, log.block(mark, fails if mark == at else -1)) for mark in "rya"}
    if kind == "compiled":
        step = Step(call=note, block=log.block("s", fails if at == "s" else -1))
    else:
        step = Step(call=lambda: log.mark("s"))
    return Loop(step=step, restore=hooks["r"], sync=hooks["y"], ack=hooks["a"], window=window)


def expected(samples: int, repeats: int, window: int) -> str:
    one = "".join("s" + "a" * bool(window and (k + 1) % window == 0) for k in range(repeats))
    return ("ry" + one) * samples


@pytest.mark.parametrize("kind", ["compiled", "python"])
@given(samples=st.integers(1, 12), repeats=st.integers(1, 40), window=st.integers(0, 12))
@settings(deadline=None, max_examples=40)
def test_restore_and_sync_precede_each_sample_and_every_window_is_acknowledged(
    kind: str, samples: int, repeats: int, window: int
) -> None:
    log = Log()
    taken = make(log, kind, window=window).take(samples, repeats)
    assert log.text == expected(samples, repeats, window)
    assert taken.entered.shape == taken.left.shape == (samples,)
    assert (taken.left >= taken.entered).all()
    assert (taken.entered[1:] >= taken.left[:-1]).all()


@pytest.mark.parametrize(
    ("at", "fails", "said"),
    [("s", 1, "sample 0"), ("s", 8, "sample 2"), ("r", 3, "sample 2"), ("y", 2, "sample 1"), ("a", 2, "sample 1")],
)
def test_a_return_code_ends_the_loop_and_the_error_names_the_sample(at: str, fails: int, said: str) -> None:
    log = Log()
    with pytest.raises(NotMeasuredError, match=f"code 7 in {said}"):
        make(log, "compiled", window=3, fails=fails, at=at).take(10, 3)
    assert log.text == expected(10, 3, 3)[: len(log.text)]
    assert log.text.count(at) == fails
    assert log.text.endswith(at)


@pytest.mark.parametrize(("at", "fails"), [("r", 2), ("y", 2), ("a", 2)])
def test_a_return_code_of_a_hook_ends_a_python_step_too(at: str, fails: int) -> None:
    log = Log()
    with pytest.raises(NotMeasuredError, match="code 7 in sample 1"):
        make(log, "python", window=3, fails=fails, at=at).take(10, 3)
    assert log.text.endswith(at)


def test_an_exception_of_a_python_step_leaves_the_collector_as_it_was() -> None:
    def fail() -> None:
        assert not gc.isenabled()
        raise OSError("broken")

    assert gc.isenabled()
    with pytest.raises(OSError, match="broken"):
        Loop(step=Step(call=fail)).take(3, 1)
    assert gc.isenabled()


def test_input_in_place_is_brought_back_before_every_sample() -> None:
    source, output = Buffer(3, "float64"), Buffer(3, "float64")
    source.array[:] = (1, 2, 3)
    seen = []

    def double() -> None:
        seen.append(output.array.tolist())
        output.array *= 2

    restore = hook(overwrite, block(output=output.address, input=source.address, nbytes=output.nbytes))
    Loop(step=Step(call=double), restore=restore).take(3, 2)
    assert seen == [[1, 2, 3], [2, 4, 6]] * 3
    without: list[list[float]] = seen.copy()
    seen.clear()
    Loop(step=Step(call=double), restore=empty()).take(3, 1)
    assert seen != without[:3]


def test_blocks_are_laid_out_as_numba_reads_them() -> None:
    made = block(a=np.uint8(1), b=2, c=np.int16(3), d=np.float64(4.5), e=np.int32(5), f=np.uint8(6), g=7)
    assert made.dtype.isalignedstruct
    assert [made.dtype.fields[name][1] % made.dtype[name].alignment for name in made.dtype.names] == [0] * 7
    got = np.zeros(7)

    Loop(step=Step(call=unpack, block=block(**{name: made[name][0] for name in "abcdefg"}, out=got.ctypes.data,
                                            zero=0.0))).take(1, 1)  # fmt: skip
    assert got.tolist() == [1, 2, 3, 4.5, 5, 6, 7]


def unpack(b: Any) -> int:
    out = view(b.out, 7, b.zero)
    out[0], out[1], out[2], out[3], out[4], out[5], out[6] = b.a, b.b, b.c, b.d, b.e, b.f, b.g
    return 0


def test_the_clock_of_the_loop_is_the_one_of_python() -> None:
    loop = Loop(step=Step(call=nothing, block=block(unused=0)))
    before = time.monotonic_ns()
    taken = loop.take(5, 1)
    after = time.monotonic_ns()
    assert before <= taken.entered[0]
    assert taken.left[-1] <= after


def test_what_nothing_costs_is_positive() -> None:
    assert clock.read_cost_s() > 0
    assert clock.empty_step_s() > 0

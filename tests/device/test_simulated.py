"""Kernels in Python, run by Numba's simulator; test_numba_cuda.py starts this in a process of its own.

The simulator is chosen by NUMBA_ENABLE_CUDASIM=1 before Numba is first imported, and so for a whole process.
"""

import inspect
import itertools
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fabricbench.kernels import threads

if os.environ.get("NUMBA_ENABLE_CUDASIM") != "1":
    pytest.skip("for the simulator, which test_numba_cuda.py starts in a process of its own", allow_module_level=True)

from numba import cuda

from fabricbench.device import numba_cuda

BLOCKS, THREADS = 2, 32
COUNTS = (3, 2051)
"""The last is several rounds of 64 threads with 4 packs each, and a rest."""

FLOATS = ("float32", "float64")
Body = Callable[..., None]


def values(count: int, dtype: str, seed: int) -> Any:
    return np.random.default_rng(seed).integers(-50, 50, count).astype(dtype)


def launched(body: Body, dtype: str, *arguments: Any, **more: Any) -> None:
    kernel = cuda.jit(numba_cuda.resolved(body, threads.meanings(dtype, THREADS, **more)))
    kernel[BLOCKS, THREADS](*arguments)


STREAMS = {
    "copy": (threads.copied, 1, lambda b, c: b),
    "scale": (threads.scaled, 1, lambda b, c: 3 * b),
    "add": (threads.added, 2, lambda b, c: b + c),
    "triad": (threads.triad, 2, lambda b, c: b + 3 * c),
}


def streamed(body: Body, operation: str, dtype: str, count: int) -> tuple[Any, Any]:
    """What comes out, and what must."""
    element, arrays, definition = STREAMS[operation]
    inputs, a = [values(count, dtype, seed) for seed in (1, 2)], np.full(count, 7777, dtype)
    given = inputs if body is threads.stream_simple or "stream_simple" in body.__name__ else inputs[:arrays]
    launched(body, dtype, a, *given, np.dtype(dtype).type(3), element=element)
    return a, definition(*inputs)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("operation", STREAMS)
def test_a_stream_is_what_numpy_says(operation: str, dtype: str, count: int) -> None:
    fast = (threads.stream_one, threads.stream_two)[STREAMS[operation][1] - 1]
    for body in (threads.stream_simple, fast):
        found, expected = streamed(body, operation, dtype, count)
        assert np.array_equal(found, expected), body.__name__


def reduced(body: Body, dtype: str, count: int, inputs: list[Any], join: Any) -> Any:
    """The result of two launches in a row: the counter must be ready for the second."""
    into, partials, arrived = np.zeros(1, dtype), np.full(BLOCKS, 7777, dtype), np.zeros(1, np.uint32)
    for _ in range(2):
        into[0] = 7777
        launched(body, dtype, into, *inputs, partials, arrived, join=join)
    return into[0]


@pytest.mark.parametrize(("dtype", "count"), [("float32", 3), ("float32", 2051), ("float64", 2051)])
def test_reductions_are_what_numpy_says(dtype: str, count: int) -> None:
    b, c = values(count, dtype, 1), values(count, dtype, 2)
    assert reduced(threads.reduce, dtype, count, [b], threads.summed) == b.sum()
    assert reduced(threads.reduce, dtype, count, [b], threads.largest) == b.max()
    assert reduced(threads.dot, dtype, count, [b, c], threads.summed) == np.dot(b, c)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("times", [1, 7])
def test_multiplying_and_adding(dtype: str, times: int) -> None:
    a, b = values(300, dtype, 1), np.zeros(300, dtype)
    one = np.dtype(dtype).type(1)
    launched(threads.multiply_add, dtype, b, a, one, one, times)
    assert np.array_equal(b, a + times)


def test_a_walk() -> None:
    nodes, result = np.roll(np.arange(50), -1), np.zeros(3, np.int64)
    launched(threads.walk, "float64", result, nodes, 120)
    stops = [(hop + 1) % 50 for hop in range(120)]
    assert result.tolist() == [stops[-1], sum(stops), 120]


@pytest.mark.parametrize("packs", [1, 40])
def test_blocks_are_gathered_and_scattered(packs: int) -> None:
    blocks, width = 7, 4 * packs
    pool, order = np.arange(blocks * width, dtype=np.uint32), np.random.default_rng(1).permutation(blocks)
    table = order.astype(np.int32)
    packed = np.zeros_like(pool)
    launched(threads.gather, "uint32", packed, pool, table, packs)
    assert np.array_equal(packed, pool.reshape(blocks, width)[order].reshape(-1))
    back = np.zeros_like(pool)
    launched(threads.scatter, "uint32", back, packed, table, packs)
    assert np.array_equal(back, pool)
    wrong = mutated(threads.gather, "block * packs, table", "(block + 1) % table.size * packs, table")
    launched(wrong, "uint32", packed, pool, table, packs)
    assert not np.array_equal(packed, pool.reshape(blocks, width)[order].reshape(-1))


def test_one_more() -> None:
    into = np.zeros(1, np.int64)
    launched(threads.one_more, "float64", into, np.array([41]))
    assert into[0] == 42


def mutated(body: Body, right: str, wrong: str) -> Body:
    """The same function with something else in its source."""
    source = inspect.getsource(body)
    assert right in source
    scope = dict(vars(threads))
    exec(compile(source.replace(right, wrong), "mutant", "exec"), scope)
    made: Body = scope[body.__name__]
    return made


MUTANTS: dict[str, tuple[Body, str, str]] = {
    "a pack off": (threads.stream_two, "store16(a, i + stride, of_pack(b1", "store16(a, i + stride + 1, of_pack(b1"),
    "a round short": (threads.stream_two, "i += 4 * stride", "i += 5 * stride"),
    "no tail": (threads.stream_one, "a.size, stride):", "a.size - 1, stride):"),
    "an element off": (threads.stream_simple, "b[i], c[i]", "b[i], c[i - 1]"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_of_a_stream_is_found(name: str) -> None:
    body, right, wrong = MUTANTS[name]
    operation = "scale" if body is threads.stream_one else "triad"
    bad = mutated(body, right, wrong)
    assert any(differs(bad, operation, dtype, count) for dtype, count in itertools.product(FLOATS, COUNTS))


def differs(body: Body, operation: str, dtype: str, count: int) -> bool:
    try:
        found, expected = streamed(body, operation, dtype, count)
    except IndexError:
        return True  # the simulator refuses what lies outside of an array
    return not np.array_equal(found, expected)


REDUCING: dict[str, tuple[Body, str, str]] = {
    "a load left out": (threads.reduce, "join(joined_pack(b2), joined_pack(b3))", "joined_pack(b2)"),
    "no tail": (threads.reduce, "b.size, stride):", "b.size - 1, stride):"),
    "the counter is not reset": (threads.over_grid, "blocks - 1)", "blocks)"),
    "a block left out": (threads.over_grid, "range(me, blocks", "range(me, blocks - 1"),
}


@pytest.mark.parametrize("name", REDUCING)
def test_a_mutant_of_a_reduction_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body, right, wrong = REDUCING[name]
    bad = mutated(body, right, wrong)
    whole = bad
    if body is threads.over_grid:
        monkeypatch.setattr(threads, "over_grid", bad)
        whole = threads.reduce
    for dtype, count in itertools.product(FLOATS, (2051, 130)):
        b = values(count, dtype, 1) + 60
        if reduced(whole, dtype, count, [b], threads.summed) != b.sum():
            return
    pytest.fail("nobody noticed")

"""Pointer chase: the time of one dependent load, by working set; nbytes is the working set.

One pointer lies in each 64-byte line, and the lines form one cycle in random order, so neither the next line nor the
next page can be guessed. A step walks the whole cycle: fewer hops would find their lines in cache from the step before.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabricbench.entries import view
from fabricbench.kernels import threads
from fabricbench.kernels.launching import THREADS, array, placed
from fabricbench.model import Traffic
from fabricbench.spec import Array, Context, Layout, Operation, Question, Step, block

LINE = 8
"""Elements of 8 bytes in a line of 64."""

LEAST_HOPS = 1024


def cycles(question: Question) -> int:
    """How often one step walks the cycle."""
    return -(-LEAST_HOPS // (question.count // LINE))


@lru_cache(maxsize=1)
def order(seed: int, rank: int, lines: int) -> NDArray[np.int64]:
    """Lines in the order of the walk, line 0 first."""
    walk = np.random.default_rng((seed, rank)).permutation(lines)
    return np.asarray(np.roll(walk, -int(np.flatnonzero(walk == 0)[0])))


def fill(question: Question, array: int, start: int, stop: int) -> Array:
    """At the head of each line the element number of the next; zeros elsewhere, which nobody reads."""
    walk = order(question.seed, question.rank, question.count // LINE)
    successor = np.empty_like(walk)
    successor[walk] = np.roll(walk, -1) * LINE
    elements = np.arange(start, stop)
    return np.where(elements % LINE == 0, successor[elements // LINE], 0)


def visited(question: Question, start: int, stop: int) -> Array:
    """Where the walk ends, the sum of all elements it stood on, and its hops."""
    lines = question.count // LINE
    total = cycles(question) * LINE * (lines * (lines - 1) // 2)
    return np.array([0, total, cycles(question) * lines])[start:stop]


chase = Operation(
    name="chase",
    family="memory",
    layout=lambda question: Layout(inputs=(question.count,), output=3),
    reference=visited,
    fit=lambda count, ranks: count - count % LINE,
    fill=fill,
    traffic=lambda question: Traffic(sent=64.0, received=0.0, flops=0.0, resource="latency"),
    rates=(),
    dtypes=("int64",),
    sizes="16KiB,1MiB,32MiB",
)


def call(b: Any) -> int:
    """Follow the pointers; each load needs the one before."""
    nodes = view(b.nodes, b.count, b.zero)
    at, total = b.zero, b.zero
    for _ in range(b.hops):
        at = nodes[at]
        total += at
    result = view(b.result, 3, b.zero)
    result[0], result[1], result[2] = at, total, b.hops
    return 0


@chase.variant("numba")
def numba(context: Context) -> Iterator[Step]:
    """One compiled thread."""
    question = context.question
    hops = cycles(question) * (question.count // LINE)
    yield Step(
        call=call,
        block=block(
            nodes=context.inputs[0].address,
            result=context.output.address,
            count=question.count,
            hops=hops,
            zero=np.int64(0),
        ),
        operations=hops,
    )


@chase.variant("rawkernel", compiler="nvrtc")
def rawkernel(context: Context) -> Iterator[Step]:
    """CUDA C++: one thread of the GPU."""
    question = context.question
    hops = cycles(question) * (question.count // LINE)
    with placed(context, context.accelerator.kernel("chase.cuh", "chase_int64"), work=1) as kernel:
        yield kernel.step(np.uint64(kernel.output), np.uint64(kernel.inputs[0]), np.int64(hops), operations=hops)


@chase.variant("numba-cuda", compiler="numba-cuda")
def numba_cuda(context: Context) -> Iterator[Step]:
    """Python compiled by Numba: one thread of the GPU."""
    question = context.question
    hops = cycles(question) * (question.count // LINE)
    made = context.accelerator.python_kernel(
        threads.walk, "void(int64[::1], int64[::1], int64)", **threads.meanings("int64", THREADS)
    )
    with placed(context, made, work=1) as kernel:
        taken = (*array(kernel.output, 3, 8), *array(kernel.inputs[0], question.count, 8))
        yield kernel.step(*taken, np.int64(hops), operations=hops)

"""Broken answers, each wrong in a way that real ones are; the check must find every one of them."""

import ctypes
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from fabricbench.collectives import segments
from fabricbench.collectives.hops import exchange, first_of
from fabricbench.collectives.reductions import reduce
from fabricbench.engine import catalogue
from fabricbench.kernels import moving
from fabricbench.measure.loop import Loop, nothing
from fabricbench.spec import Buffer, Context, Operation, Step, Variant, block

MUTANTS: dict[str, Variant] = {}
LATE_S = 0.003


def mutant(name: str) -> Callable[[Callable[[Context, Step], Step]], Callable[[Context, Step], Step]]:
    """Register `spoil(context, step)` as a broken form of operation/variant; the rest of the name says how."""
    operation, original = name.split("/")[:2]

    def register(spoil: Callable[[Context, Step], Step]) -> Callable[[Context, Step], Step]:
        source = catalogue.operation(operation).variants[original]
        scratch = Operation(**{**vars(catalogue.operation(operation)), "variants": {}})

        @scratch.variant(
            original,
            step=source.step,
            needs=source.needs,
            uses_mpi=source.uses_mpi,
            refuse=source.refuse,
            scratch=source.scratch,
            dtypes=source.dtypes,
        )
        def prepare(context: Context) -> Iterator[Step]:
            with source.prepare(context) as step:
                yield spoil(context, step)

        MUTANTS[name] = scratch.variants[original]
        return spoil

    return register


def changed(step: Step, **fields: Any) -> Step:
    """The same step with other values in its block."""
    assert step.block is not None
    arguments = step.block.copy()
    for name, value in fields.items():
        arguments[name] = value
    return replace(step, block=arguments)


def is_last(context: Context) -> bool:
    return context.question.rank == context.question.ranks - 1


def one_hop_less(b: Any) -> int:
    """The ring of collectives/allreduce_ring.py without its last hop."""
    right, left = (b.rank + 1) % b.ranks, (b.rank + b.ranks - 1) % b.ranks
    source = b.send
    for hop in range(2 * (b.ranks - 1) - 1):
        out = (b.rank + 2 * b.ranks - hop) % b.ranks
        into = (out + b.ranks - 1) % b.ranks
        out_first, into_first = first_of(b, out), first_of(b, into)
        out_count, into_count = first_of(b, out + 1) - out_first, first_of(b, into + 1) - into_first
        here = b.receive + into_first * b.width
        reducing = hop < b.ranks - 1
        code = exchange(
            b, source + out_first * b.width, out_count, right,
            b.inbox if reducing else here, into_count, left,
        )  # fmt: skip
        if code != 0:
            return code
        if reducing:
            reduce(b, b.send + into_first * b.width, b.inbox, here, into_count)
        source = b.receive
    return 0


@mutant("allreduce/ring/one hop less")
def fewer_hops(context: Context, step: Step) -> Step:
    return replace(step, call=one_hop_less)


@mutant("allreduce/mpi/last element left out")
def one_short(context: Context, step: Step) -> Step:
    return changed(step, a2=context.question.count - 1)


@mutant("allreduce/mpi/output never written on the last rank")
def elsewhere(context: Context, step: Step) -> Step:
    if not is_last(context):
        return step
    scratch = Buffer(context.question.count, context.question.dtype)
    return replace(changed(step, a1=scratch.address), keep=(scratch, *step.keep))


@mutant("allreduce/recursive-doubling/its input is its output")
def input_overwritten(context: Context, step: Step) -> Step:
    return changed(step, receive=context.send.address)


@mutant("alltoall/mpi4py/two parts swapped")
def swapped(context: Context, step: Step) -> Step:
    parts = context.output.array.reshape(context.question.ranks, -1)

    def perform_and_swap() -> None:
        step.call()
        parts[[0, 1]] = parts[[1, 0]]

    return replace(step, call=perform_and_swap)


@mutant("allgather/mpi4py/one element behind the end")
def beyond(context: Context, step: Step) -> Step:
    import ctypes

    behind = ctypes.c_uint8.from_address(context.output.address + context.output.nbytes)

    def perform_and_overrun() -> None:
        step.call()
        behind.value = 1

    return replace(step, call=perform_and_overrun)


def entering_late(step: Step) -> Step:
    loop = Loop(step=step)

    def perform() -> None:
        time.sleep(LATE_S)
        loop.take(1, 1)

    return Step(call=perform)


def deaf(step: Step, ranks: int) -> Step:
    """The step of a rank that believes that all others have announced everything."""
    raised = np.full(segments.KINDS * ranks * segments.LINE // 8, 1 << 62)
    return replace(changed(step, flags=raised.ctypes.data), keep=(raised, *step.keep))


def reading_late(step: Step) -> Step:
    """The step of a rank that sleeps each time before it reduces what lies in others' slots."""
    assert step.block is not None
    body = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
    reduce = body(int(step.block["reducer"][0]))

    def sleep_and_reduce(asked: int) -> int:
        time.sleep(LATE_S)
        return int(reduce(asked))

    made = body(sleep_and_reduce)
    return replace(changed(step, reducer=ctypes.cast(made, ctypes.c_void_p).value), keep=(made, *step.keep))


SHARED = ("allreduce/shm", "allreduce/shm-one-shot", "alltoall/shm", "allgather/shm")


def unheard(context: Context, step: Step) -> Step:
    spoiled = deaf(step, context.question.ranks)
    return entering_late(spoiled) if is_last(context) else spoiled


def one_slot(context: Context, step: Step) -> Step:
    spoiled = changed(step, most=-(-context.question.count // 4), slots=1)  # four epochs
    return reading_late(spoiled) if is_last(context) else spoiled


for name in SHARED:
    mutant(f"{name}/nobody waits, and the last rank enters late")(unheard)
for name in SHARED[:2]:
    mutant(f"{name}/one slot, and the last rank reads late")(one_slot)


@mutant("barrier/mpi/returns at once")
def no_barrier(context: Context, step: Step) -> Step:
    return Step(call=nothing, block=block(unused=0))


@mutant("latency/mpi/message of the rank itself")
def own_message(context: Context, step: Step) -> Step:
    def echo() -> None:
        np.copyto(context.output.array, context.send.array)

    return Step(call=echo, operations=2)


@mutant("copy/numpy/one element off")
def one_off(context: Context, step: Step) -> Step:
    a, b = context.output.array, context.inputs[0].array
    return Step(call=lambda: np.copyto(a[1:], b[:-1]))


@mutant("reduction/numpy/tail left out")
def no_tail(context: Context, step: Step) -> Step:
    b, result = context.inputs[0].array, context.output.array

    def shorter() -> None:
        result[0] = b[:-30].sum()

    return Step(call=shorter)


@mutant("fma/numpy/one operation too many")
def once_more(context: Context, step: Step) -> Step:
    def perform_and_add() -> None:
        step.call()
        np.add(context.output.array, 1, out=context.output.array)

    return Step(call=perform_and_add)


@mutant("pack/numpy/in the order of the pool")
def unsorted(context: Context, step: Step) -> Step:
    return Step(call=lambda: np.copyto(context.output.array, context.inputs[0].array))


@mutant("unpack/numpy/the table the wrong way round")
def gathered(context: Context, step: Step) -> Step:
    shape = (-1, moving.elements(context.question))
    a, b = context.output.array.reshape(shape), context.inputs[0].array.reshape(shape)
    order = moving.table(context.question)

    def gather() -> None:
        a[:] = b[order]

    return Step(call=gather)

"""Broken answers, each wrong in a way that real ones are; the check must find every one of them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from fabricbench.collectives.hops import exchange, first_of
from fabricbench.collectives.reductions import reduce
from fabricbench.engine import catalogue
from fabricbench.measure.loop import nothing
from fabricbench.spec import Buffer, Context, Operation, Step, Variant, block

MUTANTS: dict[str, Variant] = {}


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

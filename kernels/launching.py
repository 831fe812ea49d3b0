"""What variants of a GPU share: memory of the device beside the host's, and a step that launches one kernel.

The step calls the driver's own C functions: launch, then wait until the device is done.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from fabricbench.entries import perform
from fabricbench.kernels import threads
from fabricbench.spec import Accelerator, Array, Context, Step, block

PACK = 16
"""Bytes that a thread of a GPU loads at once."""

THREADS = 256
"""Threads of a block: whole warps, and few enough that several blocks fit on a multiprocessor."""


def launch(b: Any) -> int:
    """One launch; returns before it is done."""
    return perform(  # type: ignore[no-any-return]
        b.launch, b.kernel, b.blocks, b.one, b.one, b.threads, b.one, b.one, b.none, b.stream, b.arguments, b.none
    )


def wait(b: Any) -> int:
    """Until all work of the stream is done; for every block that has `wait` and `stream`.

    As a half of a step only: of blocks with more fields Numba would think, in a call, that they are ones with fewer.
    """
    return perform(b.wait, b.stream)  # type: ignore[no-any-return]


def launch_and_wait(b: Any) -> int:
    """One launch, until it is done."""
    code: int = launch(b)
    if code != 0:
        return code
    return perform(b.wait, b.stream)  # type: ignore[no-any-return]


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A kernel with a grid of the device's size, and addresses in the device's memory of what the host holds."""

    context: Context
    kernel: int
    blocks: int
    inputs: tuple[int, ...]
    output: int
    stack: ExitStack

    @property
    def gpu(self) -> Accelerator:
        """The GPU of this rank."""
        return self.context.accelerator

    def constant(self, array: Array) -> np.uint64:
        """Address of a copy of an array on the device."""
        address = self.stack.enter_context(self.gpu.memory(array.nbytes))
        self.gpu.upload(address, array)
        return np.uint64(address)

    def zeros(self, nbytes: int) -> np.uint64:
        """Address of so many zero bytes on the device."""
        address = self.stack.enter_context(self.gpu.memory(nbytes))
        self.gpu.clear(address, nbytes)
        return np.uint64(address)

    def step(self, *values: np.generic, operations: int = 1) -> Step:
        """The step that launches the kernel with these arguments; each is as wide as the kernel's parameter."""
        kept = [np.array([value]) for value in values]
        arguments = np.array([value.ctypes.data for value in kept], np.uint64)
        gpu, one = self.gpu, np.int64(1)
        asked = block(
            launch=gpu.address("cuLaunchKernel"), wait=gpu.address("cuStreamSynchronize"), kernel=self.kernel,
            blocks=self.blocks, threads=THREADS, one=one, none=np.int64(0), stream=gpu.stream,
            arguments=arguments.ctypes.data,
        )  # fmt: skip
        return Step(
            call=launch_and_wait, start=launch, finish=wait, block=asked, ready=self.upload, settle=self.download,
            operations=operations, keep=(kept, arguments), why=gpu.why,
        )  # fmt: skip

    def upload(self) -> None:
        """Inputs and output as the host has them, to the device."""
        for address, buffer in zip(
            (*self.inputs, self.output), (*self.context.inputs, self.context.output), strict=True
        ):
            self.gpu.upload(address, buffer.array)

    def download(self) -> None:
        """The output, to the host."""
        self.gpu.download(self.context.output.array, self.output)


@contextmanager
def placed(context: Context, kernel: int, work: int) -> Iterator[Placed]:
    """A kernel of this rank's GPU ready for this case.  work: threads that have something to do."""
    blocks = max(1, min(context.accelerator.resident(kernel, THREADS), -(-work // THREADS)))
    with held(context, kernel, blocks) as made:
        yield made


@contextmanager
def held(context: Context, kernel: int = 0, blocks: int = 0) -> Iterator[Placed]:
    """Memory of the device for all that the host holds; without a kernel for who launches by himself."""
    gpu = context.accelerator
    with ExitStack() as stack:
        inputs = tuple(stack.enter_context(gpu.memory(buffer.nbytes)) for buffer in context.inputs)
        output = stack.enter_context(gpu.memory(context.output.nbytes))
        yield Placed(context=context, kernel=kernel, blocks=blocks, inputs=inputs, output=output, stack=stack)


def array(address: int | np.uint64, count: int, width: int) -> tuple[np.generic, ...]:
    """A contiguous array of one dimension as kernels compiled by Numba take it.

    Source: _prepare_args of numba.cuda.dispatcher: meminfo, parent, number, bytes of an element, data, shape, strides.
    """
    nobody, length, item = np.uint64(0), np.int64(count), np.int64(width)
    return (nobody, nobody, length, item, np.uint64(address), length, item)


def joined(context: Context, body: Callable[..., None], join: Callable[..., Any]) -> Iterator[Step]:
    """A kernel of `threads` that leaves one element of its inputs: body(into, inputs..., partials, arrived)."""
    question = context.question
    dtype, width = question.case.dtype, question.dtype.itemsize
    signature = f"void({f'{dtype}[::1], ' * (2 + len(context.inputs))}uint32[::1])"
    made = context.accelerator.python_kernel(body, signature, **threads.meanings(dtype, THREADS, join=join))
    with placed(context, made, work=question.count * width // PACK) as kernel:
        taken = [
            array(kernel.output, 1, width),
            *(array(address, question.count, width) for address in kernel.inputs),
            array(kernel.zeros(kernel.blocks * width), kernel.blocks, width),
            array(kernel.zeros(4), 1, 4),
        ]
        yield kernel.step(*chain.from_iterable(taken))

"""Graph-launch: what a kernel costs as one of many in a CUDA graph, which the host launches as a whole."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fabricbench.entries import perform
from fabricbench.kernels.launch import reference
from fabricbench.kernels.launching import THREADS, placed, wait
from fabricbench.model import Traffic
from fabricbench.spec import Context, Layout, Operation, Step, block

NODES = 100
"""Kernels of a graph, one after another."""

graph_launch = Operation(
    name="graph-launch",
    family="compute",
    layout=lambda question: Layout(inputs=(1,), output=1),
    reference=reference,
    traffic=lambda question: Traffic(sent=0.0, received=0.0, flops=0.0, resource="latency"),
    rates=(),
    dtypes=("int64",),
    sizes="0",
    sized=False,
)


def launch(b: Any) -> int:
    """One launch of the graph; returns before it is done."""
    return perform(b.launch, b.graph, b.stream)  # type: ignore[no-any-return]


def launch_and_wait(b: Any) -> int:
    """One launch of the graph, until it is done."""
    code: int = launch(b)
    if code != 0:
        return code
    return perform(b.wait, b.stream)  # type: ignore[no-any-return]


@graph_launch.variant("rawkernel", compiler="nvrtc", step="graph")
def rawkernel(context: Context) -> Iterator[Step]:
    """The kernel of `launch` in CUDA C++, 100 of them in a row, by the device's events."""
    gpu = context.accelerator
    with placed(context, gpu.kernel("launch.cuh", "launch_int64"), work=1) as kernel:

        def enqueue() -> None:
            for _ in range(NODES):
                gpu.launch(kernel.kernel, 1, THREADS, np.uint64(kernel.output), np.uint64(kernel.inputs[0]))

        with gpu.graph(enqueue) as graph:
            asked = block(
                launch=gpu.address("cuGraphLaunch"), wait=gpu.address("cuStreamSynchronize"), graph=graph,
                stream=gpu.stream,
            )  # fmt: skip
            yield Step(
                call=launch_and_wait, start=launch, finish=wait, block=asked, ready=kernel.upload,
                settle=kernel.download, operations=NODES, why=gpu.why,
            )  # fmt: skip

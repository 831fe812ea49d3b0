"""H2d: an array from the host's memory to a GPU's."""

from collections.abc import Iterator

from fabricbench.kernels.copies import copy_and_wait, copying, itself, over_link, start
from fabricbench.kernels.launching import wait
from fabricbench.spec import Context, Layout, Operation, Step

h2d = Operation(
    name="h2d",
    family="memory",
    layout=lambda question: Layout(inputs=(question.count,), output=question.count),
    reference=itself,
    traffic=over_link,
    rates=("bandwidth",),
    dtypes=("uint8",),
    sizes="4KiB,1MiB,256MiB",
)


def step(context: Context, target: int, *, queued: bool) -> Step:
    """One copy there; to see the result it is fetched into the output.  queued: copies may wait in line."""
    gpu, source = context.accelerator, context.inputs[0]
    asked = copying(gpu, "cuMemcpyHtoDAsync_v2", target, source.address, source.nbytes)
    return Step(
        call=copy_and_wait, start=start if queued else None, finish=wait if queued else None, block=asked,
        why=gpu.why,
        ready=lambda: gpu.clear(target, source.nbytes),
        settle=lambda: gpu.download(context.output.array, target),
    )  # fmt: skip


@h2d.variant("pinned", compiler="driver", memory="pinned")
def pinned(context: Context) -> Iterator[Step]:
    """From page-locked memory, by the GPU's copy engine: copies waiting in line, by the device's events."""
    gpu, source = context.accelerator, context.inputs[0]
    with gpu.memory(source.nbytes) as target, gpu.pinned(source.address, source.nbytes):
        yield step(context, target, queued=True)


@h2d.variant("pageable", compiler="driver", memory="host", step="compiled")
def pageable(context: Context) -> Iterator[Step]:
    """From ordinary memory, which the driver copies piece by piece: until it is there, by the host's clock."""
    with context.accelerator.memory(context.inputs[0].nbytes) as target:
        yield step(context, target, queued=False)

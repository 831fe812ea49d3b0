"""D2h: an array from a GPU's memory to the host's."""

from collections.abc import Iterator

from fabricbench.kernels.copies import copy_and_wait, copying, itself, over_link, start
from fabricbench.kernels.launching import wait
from fabricbench.spec import Context, Layout, Operation, Step

d2h = Operation(
    name="d2h",
    family="memory",
    layout=lambda question: Layout(inputs=(question.count,), output=question.count),
    reference=itself,
    traffic=over_link,
    rates=("bandwidth",),
    dtypes=("uint8",),
    sizes="4KiB,1MiB,256MiB",
)


def step(context: Context, source: int, *, queued: bool) -> Step:
    """One copy back of what was put there.  queued: copies may wait in line."""
    gpu, target = context.accelerator, context.output
    asked = copying(gpu, "cuMemcpyDtoHAsync_v2", target.address, source, target.nbytes)
    return Step(
        call=copy_and_wait, start=start if queued else None, finish=wait if queued else None, block=asked,
        why=gpu.why,
        ready=lambda: gpu.upload(source, context.inputs[0].array),
    )  # fmt: skip


@d2h.variant("pinned", compiler="driver", memory="pinned")
def pinned(context: Context) -> Iterator[Step]:
    """To page-locked memory, by the GPU's copy engine: copies waiting in line, by the device's events."""
    gpu, target = context.accelerator, context.output
    with gpu.memory(target.nbytes) as source, gpu.pinned(target.address, target.nbytes):
        yield step(context, source, queued=True)


@d2h.variant("pageable", compiler="driver", memory="host", step="compiled")
def pageable(context: Context) -> Iterator[Step]:
    """To ordinary memory, to which the driver copies piece by piece: until it is there, by the host's clock."""
    with context.accelerator.memory(context.output.nbytes) as source:
        yield step(context, source, queued=False)

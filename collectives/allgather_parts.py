"""What the all-gathers that hand on whole parts share: their memory, and the block that their bodies read."""

from collections.abc import Callable, Iterator
from typing import Any

from fabricbench.spec import Buffer, Context, Step, block


def handed_on(context: Context, call: Callable[[Any], int]) -> Iterator[Step]:
    """The step of a body that finds its part at `b.send` and leaves part i at `b.receive + i * b.stride`."""
    question, library = context.question, context.mpi
    part = question.count // question.ranks
    stride = part * question.dtype.itemsize
    status = Buffer(library.status_width, "uint8")
    yield Step(
        call=call,
        block=block(
            send=context.send.address + (question.rank * stride if question.case.in_place else 0),
            receive=context.output.address,
            status=status.address,
            part=part,
            stride=stride,
            rank=question.rank,
            ranks=question.ranks,
            type=library.datatype(question.dtype),
            comm=library.comm,
        ),
        keep=(status,),
    )

"""Gather of shares that may differ: the root ends with all ranks' shares, in order of rank."""

import numpy as np

from fabricbench.collectives import movement, portions, rooted
from fabricbench.collectives.library import Arguments, integers, own
from fabricbench.collectives.rooted import at_root, root
from fabricbench.spec import Array, Context, Layout, Operation, Question
from fabricbench.traffic import collective


def gathered(question: Question, start: int, stop: int) -> Array:
    """Share i of the root's answer is rank i's input."""
    return portions.joined(start, stop, portions.bounds(question), question.input)


def layout(question: Question) -> Layout:
    """In place the root's share lies where it belongs; the others only send."""
    edges = portions.bounds(question)
    first = edges[question.rank]
    if at_root(question):
        return Layout(inputs=(edges[question.rank + 1] - first,), output=question.count, place=first)
    return Layout(inputs=(edges[question.rank + 1] - first,), output=0, place=None)


gatherv = Operation(
    name="gatherv",
    family="collective",
    layout=layout,
    reference=gathered,
    traffic=lambda question: collective(question.case, question.ranks),
    rates=("algbw", "busbw"),
    dtypes=movement.DTYPES,
    sizes="8,1KiB,8KiB,64KiB,1MiB,8MiB",
    params={"counts": "equal", "root": 0},
    refuse=lambda case: portions.refuse(case) or rooted.refuse(case),
    in_place="possible",
    streaming_below=4096,
    window=16,
)


def arguments(context: Context) -> Arguments:
    """Of MPI_Gatherv."""
    question, given = context.question, movement.given(context)
    here, edges = question.case.in_place and at_root(question), portions.bounds(question)
    counts, displacements = integers(np.diff(edges), question.count), integers(edges[:-1], question.count)
    whole = movement.vector(context.output.array, counts, displacements, given.named)
    return Arguments(
        c=(
            given.in_place if here else context.inputs[0].address, context.inputs[0].array.size, given.type,
            context.output.address, counts.ctypes.data, displacements.ctypes.data, given.type, root(question),
        ),
        python=(
            given.python_in_place if here else [context.inputs[0].array, given.named],
            whole if at_root(question) else None,
            root(question),
        ),
        keep=(counts, displacements),
    )  # fmt: skip


own(gatherv, "Gatherv", arguments)

"""Scatter of shares that may differ: rank i ends with share i of the root's array."""

import numpy as np

from fabricbench.collectives import movement, portions, rooted
from fabricbench.collectives.library import Arguments, integers, own
from fabricbench.collectives.rooted import at_root, root
from fabricbench.spec import Array, Context, Layout, Operation, Question
from fabricbench.traffic import collective


def own_share(question: Question, start: int, stop: int) -> Array:
    """This rank's share of what the root holds."""
    first = portions.bounds(question)[question.rank]
    return question.input(root(question), first + start, first + stop)


def layout(question: Question) -> Layout:
    """Only the root has an input; in place its own share stays there."""
    edges = portions.bounds(question)
    share = edges[question.rank + 1] - edges[question.rank]
    if at_root(question):
        return Layout(inputs=(question.count,), output=0 if question.case.in_place else share, place=None)
    return Layout(inputs=(), output=share)


scatterv = Operation(
    name="scatterv",
    family="collective",
    layout=layout,
    reference=own_share,
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
    """Of MPI_Scatterv."""
    question, given = context.question, movement.given(context)
    here, edges = question.case.in_place and at_root(question), portions.bounds(question)
    counts, displacements = integers(np.diff(edges), question.count), integers(edges[:-1], question.count)
    share = edges[question.rank + 1] - edges[question.rank]
    held = context.inputs[0] if at_root(question) else context.output
    whole = movement.vector(held.array, counts, displacements, given.named)
    return Arguments(
        c=(
            held.address, counts.ctypes.data, displacements.ctypes.data, given.type,
            given.in_place if here else context.output.address, share, given.type, root(question),
        ),
        python=(
            whole if at_root(question) else None,
            given.python_in_place if here else [context.output.array, given.named],
            root(question),
        ),
        keep=(counts, displacements),
    )  # fmt: skip


own(scatterv, "Scatterv", arguments)

"""All-gather of shares that may differ: every rank ends with all ranks' shares, in order of rank."""

import numpy as np

from fabricbench.collectives import movement, portions
from fabricbench.collectives.library import Arguments, integers, own
from fabricbench.spec import Array, Context, Layout, Operation, Question
from fabricbench.traffic import collective


def gathered(question: Question, start: int, stop: int) -> Array:
    """Share i of the answer is rank i's input."""
    return portions.joined(start, stop, portions.bounds(question), question.input)


def layout(question: Question) -> Layout:
    """In place a rank's share lies where it belongs."""
    edges = portions.bounds(question)
    first = edges[question.rank]
    return Layout(inputs=(edges[question.rank + 1] - first,), output=question.count, place=first)


allgatherv = Operation(
    name="allgatherv",
    family="collective",
    layout=layout,
    reference=gathered,
    traffic=lambda question: collective(question.case, question.ranks),
    rates=("algbw", "busbw"),
    dtypes=movement.DTYPES,
    sizes="8,1KiB,8KiB,64KiB,1MiB,8MiB",
    params={"counts": "equal"},
    refuse=portions.refuse,
    in_place="possible",
    streaming_below=4096,
)


def arguments(context: Context) -> Arguments:
    """Of MPI_Allgatherv."""
    question, given = context.question, movement.given(context)
    here, edges = question.case.in_place, portions.bounds(question)
    counts, displacements = integers(np.diff(edges), question.count), integers(edges[:-1], question.count)
    return Arguments(
        c=(
            given.in_place if here else context.inputs[0].address, context.inputs[0].array.size, given.type,
            context.output.address, counts.ctypes.data, displacements.ctypes.data, given.type,
        ),
        python=(
            given.python_in_place if here else [context.inputs[0].array, given.named],
            movement.vector(context.output.array, counts, displacements, given.named),
        ),
        keep=(counts, displacements),
    )  # fmt: skip


own(allgatherv, "Allgatherv", arguments)

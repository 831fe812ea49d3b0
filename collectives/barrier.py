"""Barrier: no rank leaves before the last has entered."""

import time

import numpy as np

from fabricbench.collectives.library import Arguments, own
from fabricbench.model import Traffic
from fabricbench.spec import Array, Layout, Operation, Question, Witness

LATE_S = 0.002


def nothing(question: Question, start: int, stop: int) -> Array:
    """A barrier moves no data."""
    return np.empty(0, question.dtype)


def left_early(question: Question, witness: Witness) -> int:
    """How often this rank left before the last had entered, with each rank late in turn.

    Needs one clock for all ranks, else the witness answers with times that prove nothing and the row is unchecked.
    """
    broken = 0
    for late in range(question.ranks):
        witness.perform()
        if question.rank == late:
            time.sleep(LATE_S)
        entered = witness.now_s()
        witness.perform()
        left = witness.now_s()
        broken += left < witness.latest(entered)
    return broken


barrier = Operation(
    name="barrier",
    family="collective",
    layout=lambda question: Layout(inputs=(), output=0),
    reference=nothing,
    verify=left_early,
    traffic=lambda question: Traffic(sent=0.0, received=0.0, flops=0.0, resource="link"),
    rates=(),
    dtypes=("uint8",),
    sizes="0",
    sized=False,
    streaming_below=1,
)


own(barrier, "Barrier", lambda context: Arguments(c=(), python=()))

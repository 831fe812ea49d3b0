"""Bandwidth: a window of messages one way between two ranks, then one acknowledgement.

Every message of the window has memory of its own on both sides, so that each is checked and none overwrites another.
One operation is one message.
"""

from fabricbench.collectives.messages import Messages, operation, refuse_window, window
from fabricbench.spec import Question


def one_way(question: Question, rank: int) -> Messages:
    """A window from the first rank to the second."""
    slots = range(window(question))
    if rank == 0:
        return Messages(sends=[(1, slot) for slot in slots], receives=[], acknowledged=True)
    return Messages(sends=[], receives=[(0, slot) for slot in slots], acknowledged=True)


bandwidth = operation(
    "bandwidth",
    one_way,
    messages=window,
    busiest="sends",
    params={"distance": "same-host", "window": 32},
    pair=True,
    refuse=refuse_window,
)

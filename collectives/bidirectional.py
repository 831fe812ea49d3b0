"""Bidirectional bandwidth: two ranks send each other a window of messages at the same time.

One operation is one message each way. The rate `bandwidth` counts both ways; `messages` are those of one way.
"""

from fabricbench.collectives.messages import Messages, operation, refuse_window, window
from fabricbench.spec import Question


def both_ways(question: Question, rank: int) -> Messages:
    """A window to the other rank, and one from it; nobody runs ahead, because each waits for the other's window."""
    exchanged = [(1 - rank, slot) for slot in range(window(question))]
    return Messages(sends=exchanged, receives=exchanged)


bidirectional = operation(
    "bidirectional",
    both_ways,
    messages=window,
    params={"distance": "same-host", "window": 32},
    pair=True,
    refuse=refuse_window,
)

"""Message rate: every rank of the first half sends a window of messages to its partner in the second half.

The receiver acknowledges each window with an empty message. One operation is one message of any pair, so that the rates
are totals: `messages` and `bandwidth` of all pairs together. With an odd number of ranks the last has no partner.
"""

from fabricbench.collectives.messages import Messages, alone, operation, refuse_window, window
from fabricbench.model import Case
from fabricbench.spec import Question


def halves(question: Question, rank: int) -> Messages:
    """Rank i of the first half sends to rank i of the second."""
    half, slots = question.ranks // 2, range(window(question))
    if rank < half:
        return Messages(sends=[(rank + half, slot) for slot in slots], receives=[], acknowledged=True)
    if rank < 2 * half:
        return Messages(sends=[], receives=[(rank - half, slot) for slot in slots], acknowledged=True)
    return Messages(sends=[], receives=[])


def of_all_pairs(question: Question) -> int:
    """Messages that all pairs together send."""
    return window(question) * (question.ranks // 2)


def refuse(case: Case) -> str | None:
    """Why there are no pairs, or no such window."""
    return alone(case) or refuse_window(case)


message_rate = operation(
    "message-rate",
    halves,
    messages=of_all_pairs,
    busiest="sends",
    params={"window": 32},
    refuse=refuse,
)

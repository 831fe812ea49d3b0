"""Fan-out: the root sends everybody a message of their own at the same time.

One operation is one message that the root sends, of ranks - 1 in each round. The rates `bandwidth` and `messages` are
what leaves the root. All ranks wait for each other after every 16 rounds, because the root waits for nobody.
"""

from fabricbench.collectives import rooted
from fabricbench.collectives.messages import Messages, alone, operation
from fabricbench.model import Case
from fabricbench.spec import Question


def from_root(question: Question, rank: int) -> Messages:
    """One message to everybody but the root, in the order of ranks."""
    root = rooted.root(question)
    if rank != root:
        return Messages(sends=[], receives=[(root, 0)])
    others = [other for other in range(question.ranks) if other != root]
    return Messages(sends=[(other, slot) for slot, other in enumerate(others)], receives=[])


def refuse(case: Case) -> str | None:
    """Why there is nobody to receive, or no such root."""
    return alone(case) or rooted.refuse(case)


fan_out = operation(
    "fan-out",
    from_root,
    messages=lambda question: question.ranks - 1,
    busiest="sends",
    params={"root": 0},
    window=16,
    refuse=refuse,
)

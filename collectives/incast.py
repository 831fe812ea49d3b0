"""Incast: everybody sends the root a message at the same time.

One operation is one message that the root receives, of ranks - 1 in each round. The rates `bandwidth` and `messages`
are what arrives at the root. All ranks wait for each other after every 16 rounds: otherwise only the root would wait.
"""

from fabricbench.collectives import rooted
from fabricbench.collectives.messages import Messages, alone, operation
from fabricbench.model import Case
from fabricbench.spec import Question


def to_root(question: Question, rank: int) -> Messages:
    """One message from everybody but the root, which receives them in the order of ranks."""
    root = rooted.root(question)
    if rank != root:
        return Messages(sends=[(root, 0)], receives=[])
    others = [other for other in range(question.ranks) if other != root]
    return Messages(sends=[], receives=[(other, slot) for slot, other in enumerate(others)])


def refuse(case: Case) -> str | None:
    """Why there is nobody to send, or no such root."""
    return alone(case) or rooted.refuse(case)


incast = operation(
    "incast",
    to_root,
    messages=lambda question: question.ranks - 1,
    busiest="receives",
    params={"root": 0},
    window=16,
    refuse=refuse,
)

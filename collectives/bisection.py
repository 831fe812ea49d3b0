"""Bisection: all ranks in random pairs, both of a pair send each other one message at the same time.

`draw` chooses the pairs; with an odd number of ranks one has no partner. The rate `bandwidth` is what one rank sends
and receives together; `messages` are those that one rank sends. All pairs carry `ranks // 2` times the bandwidth.
"""

from fabricbench.collectives.draws import refuse, shuffled
from fabricbench.collectives.messages import Messages, operation
from fabricbench.spec import Question


def pairs(question: Question, rank: int) -> Messages:
    """The first and the second of the drawn order are a pair, and so on."""
    order = shuffled(int(question.case.params["draw"]), question.ranks)
    partner = order.index(rank) ^ 1
    exchanged = [(order[partner], 0)] if partner < len(order) else []
    return Messages(sends=exchanged, receives=exchanged)


bisection = operation("bisection", pairs, params={"draw": 0}, refuse=refuse)

"""Permutation: every rank sends one message to the next of a random cycle through all ranks.

So each sends and receives once, and nobody to itself; `draw` chooses the cycle. The rate `bandwidth` is what one rank
sends and receives together; `messages` are those that one rank sends. All ranks together carry `ranks` times as many.
"""

from fabricbench.collectives.draws import refuse, shuffled
from fabricbench.collectives.messages import Messages, operation
from fabricbench.spec import Question


def cycle(question: Question, rank: int) -> Messages:
    """One message to whoever follows in the drawn order, one from whoever stands before."""
    order = shuffled(int(question.case.params["draw"]), question.ranks)
    place = order.index(rank)
    return Messages(sends=[(order[(place + 1) % len(order)], 0)], receives=[(order[place - 1], 0)])


permutation = operation("permutation", cycle, params={"draw": 0}, refuse=refuse)

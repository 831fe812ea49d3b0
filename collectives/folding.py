"""Any number of ranks as a power of two of them: those too many fold in pairs with others.

The first ranks are the pairs. The even one of a pair gives its array to the odd one and rests; the odd ones and the
ranks after the pairs act, each in a place from 0 on. Source: Thakur, Rabenseifner & Gropp, IJHPCA 19 (2005).

Bodies keep in their block what `fields` gives.
"""

from typing import Any

from fabricbench.collectives.hops import receive
from fabricbench.collectives.reductions import reduce
from fabricbench.spec import Question


def fields(question: Question) -> dict[str, int]:
    """`power`: ranks that act; `folded`: pairs; `place`: that of this rank, or of the other of its pair."""
    power = 1 << (question.ranks.bit_length() - 1)
    folded = question.ranks - power
    return {
        "rank": question.rank,
        "power": power,
        "folded": folded,
        "place": max(question.rank // 2, question.rank - folded),
    }


def rank_at(b: Any, place: int) -> int:
    """The rank that has a place."""
    rank: int = 2 * place + 1 if place < b.folded else place + b.folded
    return rank


def fold(b: Any, work: int) -> int:
    """The odd one of a pair reduces the even one's array and its own to address `work`."""
    code = receive(b, b.inbox, b.count, b.rank - 1)
    return code if code != 0 else reduce(b, b.inbox, b.send, work, b.count)

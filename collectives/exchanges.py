"""Shares of an all-to-all that may differ from pair to pair: how many elements go from whom to whom.

The matrix of counts is symmetric, so that what a rank sends and what it receives are alike, as in-place calls require.
"""

import itertools

from fabricbench.collectives import portions
from fabricbench.spec import Array, Context, Layout, Question, Refused


def counts(question: Question, rank: int) -> list[int]:
    """Elements from `rank` to every rank; the same from every rank to it."""
    edges = portions.bounds(question)
    sizes = [end - first for first, end in itertools.pairwise(edges)]
    return [sizes[(rank + other) % question.ranks] for other in range(question.ranks)]


def edges(question: Question, rank: int) -> list[int]:
    """Where each share lies in a rank's array, and where the last one ends."""
    found = [0]
    for count in counts(question, rank):
        found.append(found[-1] + count)
    return found


def layout(question: Question) -> Layout:
    """A share for every rank, and one from every rank."""
    held = edges(question, question.rank)[-1]
    return Layout(inputs=(held,), output=held)


def exchanged(question: Question, start: int, stop: int) -> Array:
    """Share i of the answer is what rank i holds for this rank."""

    def held(source: int, low: int, high: int) -> Array:
        first = edges(question, source)[question.rank]
        return question.input(source, first + low, first + high)

    return portions.joined(start, stop, edges(question, question.rank), held)


def agreed(context: Context, sent: list[int], received: list[int]) -> None:
    """Ask every rank what it will send, before a library waits for what never comes.

    Raises Refused where this rank expects something else.
    """
    offered = context.mpi.communicator.alltoall(sent)
    for source, (offer, wanted) in enumerate(zip(offered, received, strict=True)):
        if offer != wanted:
            raise Refused(f"rank {source} sends {offer} elements and {wanted} are expected of it.")

"""What every algorithm written here sends, in closed form from theory: messages and bytes that leave one rank.

Empty messages count. `nbytes` is the case's: the whole gathered array, the whole send buffer; `width` is of one
element, which no part ends within. Ranks of a broadcast count from its root. For numbers of ranks that a variant
refuses the answer means nothing.
"""

from collections.abc import Callable, Iterator

Sent = Callable[[int, int, int, int], tuple[int, int]]

SEGMENT = 64 * 1024
"""Bytes that wander along the chain at a time."""

SLOT = 256 * 1024
"""Most bytes that a rank shares at a time."""


def rounds(ranks: int) -> int:
    """log2(ranks), rounded up: hops that a message needs to reach all where every hop doubles those who have it."""
    return (ranks - 1).bit_length()


def others(ranks: int, nbytes: int) -> int:
    """All parts of an array but one."""
    return nbytes - nbytes // ranks


def span(first: int, end: int, of: int, nbytes: int, width: int) -> int:
    """Parts first..end of an array in `of` parts that differ by at most one element."""
    count = nbytes // width
    return (end * count // of - first * count // of) * width


def each_part_once(rank: int, ranks: int, nbytes: int, width: int) -> tuple[int, int]:
    """One message for every part but one."""
    return ranks - 1, others(ranks, nbytes)


def doubling(rank: int, ranks: int, nbytes: int, width: int) -> tuple[int, int]:
    """Fewest messages, yet every part but one leaves only once."""
    return rounds(ranks), others(ranks, nbytes)


def in_pairs(rank: int, ranks: int, nbytes: int, width: int) -> tuple[int, int]:
    """The own part alone, then the others of ranks / 2 pairs but the last that came, two in a message."""
    return ranks // 2, others(ranks, nbytes)


def by_binary_distance(rank: int, ranks: int, nbytes: int, width: int) -> tuple[int, int]:
    """A part that must go i ranks leaves someone once for each 1 in i; all ranks are alike, so this one as well."""
    return rounds(ranks), sum(i.bit_count() for i in range(ranks)) * (nbytes // ranks)


def empty_messages(rank: int, ranks: int, nbytes: int, width: int) -> tuple[int, int]:
    """That a rank has come is all that is said, to as many as it takes until all have heard of all."""
    return rounds(ranks), 0


def nothing_is_sent(rank: int, ranks: int, nbytes: int, width: int) -> tuple[int, int]:
    """Memory that ranks share takes no messages."""
    return 0, 0


def allreduce_ring(rank: int, ranks: int, nbytes: int, width: int) -> tuple[int, int]:
    """Twice the array, but the part that it finishes to reduce, and the one that its neighbour finishes.

    Rank r finishes part r + 1, which thus it does not send while reducing; its right neighbour needs not be given part
    r + 2 while gathering.
    """
    kept = ((rank + 1) % ranks, (rank + 2) % ranks)
    return 2 * (ranks - 1), 2 * nbytes - sum(span(part, part + 1, ranks, nbytes, width) for part in kept)


def power(ranks: int) -> int:
    """The largest power of two that is not above the number of ranks."""
    return 1 << (ranks.bit_length() - 1)


def rests(rank: int, ranks: int) -> bool:
    """Of the ranks too many for a power of two, each makes a pair with another: the even one rests."""
    return rank % 2 == 0 and paired(rank, ranks)


def paired(rank: int, ranks: int) -> bool:
    """Whether a rank is of such a pair; they come first."""
    return rank < 2 * (ranks - power(ranks))


def acting(rank: int, ranks: int) -> int:
    """How many act before this one does; those of pairs come first."""
    return rank // 2 if paired(rank, ranks) else rank - (ranks - power(ranks))


def allreduce_recursive_doubling(rank: int, ranks: int, nbytes: int, width: int) -> tuple[int, int]:
    """The whole array in each message: log2 of them among the largest power of two of ranks.

    One that rests gives its array away once; the other of its pair gives the result back.
    """
    messages = 1 if rests(rank, ranks) else rounds(power(ranks)) + paired(rank, ranks)
    return messages, messages * nbytes


def rabenseifner(rank: int, ranks: int, nbytes: int, width: int) -> tuple[int, int]:
    """Among a power of two of ranks, halving sends every part but the own one.

    Doubling then sends what is there: 1, 2, 4, ... parts, those that the last bits of the own number can reach. Who
    rests gives its array away once; the other of its pair gives the result back.
    """
    if rests(rank, ranks):
        return 1, nbytes
    parts, own, given_back = power(ranks), acting(rank, ranks), paired(rank, ranks)
    halving = nbytes - span(own, own + 1, parts, nbytes, width)
    doubling = sum(
        span(own >> bit << bit, (own >> bit << bit) + (1 << bit), parts, nbytes, width) for bit in range(rounds(parts))
    )
    return 2 * rounds(parts) + given_back, halving + doubling + given_back * nbytes


def each_share_once(rank: int, ranks: int, nbytes: int, width: int) -> tuple[int, int]:
    """The same of shares that may differ by one element."""
    return ranks - 1, nbytes - span(rank, rank + 1, ranks, nbytes, width)


def recursive_halving(rank: int, ranks: int, nbytes: int, width: int) -> tuple[int, int]:
    """Every share but those that stay: one, or both of a pair, of which the other's is then given to it.

    Either way all shares but the own one leave. Who rests gives its array away once.
    """
    if rests(rank, ranks):
        return 1, nbytes
    return rounds(power(ranks)) + paired(rank, ranks), each_share_once(rank, ranks, nbytes, width)[1]


def reach(place: int, ranks: int) -> int:
    """Places of the subtree that begins at one: as many as its lowest bit says, if there are so many."""
    return min(place & -place, ranks - place) if place else ranks


def children(place: int, ranks: int) -> Iterator[tuple[int, int]]:
    """Where the subtrees below a place of a binomial tree begin and end."""
    for bit in range(rounds(reach(place, ranks))):
        child = place + (1 << bit)
        yield child, child + reach(child, ranks)


def binomial(place: int, ranks: int, nbytes: int, width: int) -> tuple[int, int]:
    """The whole array to each child: as many as there are bits below the lowest of the own place."""
    messages = len(list(children(place, ranks)))
    return messages, messages * nbytes


def pipelined_chain(place: int, ranks: int, nbytes: int, width: int) -> tuple[int, int]:
    """Every segment once, to the next; the last has nobody to send to."""
    return (-(-nbytes // SEGMENT), nbytes) if place + 1 < ranks else (0, 0)


def scatter_allgather(place: int, ranks: int, nbytes: int, width: int) -> tuple[int, int]:
    """Down the tree each child's parts; then around the ring all but those that the next one's subtree has."""
    below = list(children(place, ranks))
    beside = (place + 1) % ranks
    kept = range(beside, beside + reach(beside, ranks))
    around = [part for part in range(ranks) if part not in kept]
    parts = [*below, *((part, part + 1) for part in around)]
    return len(parts), sum(span(first, end, ranks, nbytes, width) for first, end in parts)


SENT: dict[str, Sent] = {
    "allgather/bruck": doubling,
    "allgather/neighbour-exchange": in_pairs,
    "allgather/recursive-doubling": doubling,
    "allgather/ring": each_part_once,
    "allgather/shm": nothing_is_sent,
    "allreduce/rabenseifner": rabenseifner,
    "allreduce/recursive-doubling": allreduce_recursive_doubling,
    "allreduce/ring": allreduce_ring,
    "allreduce/shm": nothing_is_sent,
    "allreduce/shm-one-shot": nothing_is_sent,
    "alltoall/bruck": by_binary_distance,
    "alltoall/pairwise": each_part_once,
    "alltoall/shm": nothing_is_sent,
    "alltoall/spread-out": each_part_once,
    "barrier/dissemination": empty_messages,
    "broadcast/binomial": binomial,
    "broadcast/pipelined-chain": pipelined_chain,
    "broadcast/scatter-allgather": scatter_allgather,
    "reduce_scatter/pairwise": each_share_once,
    "reduce_scatter/recursive-halving": recursive_halving,
    "reduce_scatter_block/pairwise": each_share_once,
    "reduce_scatter_block/recursive-halving": recursive_halving,
}


def two_shots(rank: int, ranks: int, nbytes: int, width: int) -> int:
    """Of each chunk all parts in but the own one, which is reduced straight from where it is, and all parts out."""
    chunks = [min(SLOT, nbytes - start) for start in range(0, nbytes, SLOT)]
    return sum(2 * chunk - span(rank, rank + 1, ranks, chunk, width) for chunk in chunks)


COPIED: dict[str, Callable[[int, int, int, int], int]] = {
    "allgather/shm": lambda rank, ranks, nbytes, width: nbytes // ranks * (ranks + 1),
    "allreduce/shm": two_shots,
    "allreduce/shm-one-shot": lambda rank, ranks, nbytes, width: nbytes,
    "alltoall/shm": lambda rank, ranks, nbytes, width: nbytes // ranks * (2 * ranks - 1),
}
"""Bytes that a rank copies, into memory that ranks share and out of it, and of its own part from input to output; what
it reads there while it reduces is not copied."""

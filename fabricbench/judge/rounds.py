"""Which rounds are measured: all of few hosts; of many some at random, then more of what those left open."""

from collections.abc import Iterable, Iterator, Sequence
from random import Random
from statistics import median

from fabricbench.judge.localise import bandwidths, one_round
from fabricbench.model import Round

Pair = tuple[int, int]

MOST_MEMBERS = 256
"""Hosts above which every pair would take too long."""
SPARSE_ROUNDS = 16
"""Of so many: enough partners of each host for a median, and for a slow host to be told from a slow pair."""
TARGETED_ROUNDS = 16
MOST_NEAR = 4
"""One in so many hosts at most is measured again: each wants a partner that is not."""
MOST_ALONE = 32
"""Pairs that are measured one by one: they take as long as so many rounds."""


def first(members: int, seed: int) -> list[list[Pair]]:
    """Every pair in rounds, in seeded order; of more than `MOST_MEMBERS` only `SPARSE_ROUNDS` of the rounds.

    Of these the hosts are shuffled, too: neighbours that share a leaf would meet all of another leaf in one round, and
    what the round has in common could not be told from what the two leaves have.
    """
    random = Random(seed)
    numbers = list(range(members - 1 + members % 2))
    random.shuffle(numbers)
    if members <= MOST_MEMBERS:
        return [one_round(members, number) for number in numbers]
    hosts = list(range(members))
    random.shuffle(hosts)
    sparse = [one_round(members, number) for number in numbers[:SPARSE_ROUNDS]]
    return [[(min(hosts[one], hosts[two]), max(hosts[one], hosts[two])) for one, two in pairs] for pairs in sparse]


def targeted(members: int, before: Sequence[Sequence[Pair]], near: Sequence[int], seed: int) -> list[list[Pair]]:
    """Rounds in which each host that is nearly slow meets partners that are not, and that it has not met.

    before: what was measured. near: hosts, deepest first, as the first rounds showed them (`Localised.near`). The rest
    are paired, too, with each other: a round costs no more time, and the fabric carries as much as before. None where
    nobody is near or everybody has met everybody.
    """
    met = {frozenset(pair) for pairs in before for pair in pairs}
    wanted = list(near[: members // MOST_NEAR])
    if not wanted or len(met) == members * (members - 1) // 2:
        return []
    random = Random(f"targeted {seed}")
    others = [host for host in range(members) if host not in set(wanted)]
    found = []
    for _ in range(TARGETED_ROUNDS):
        random.shuffle(others)
        pairs = list(_paired(wanted, others, met))
        taken = {host for pair in pairs for host in pair}
        rest = [host for host in others if host not in taken]
        pairs += _paired(rest, rest, met)
        met |= {frozenset(pair) for pair in pairs}
        found.append(pairs)
    return found


def crowded(lines: Sequence[Round]) -> list[Pair]:
    """Pairs, `MOST_ALONE` at most, of the round that had the least: alone they show what talking at once costs.

    lines: rounds measured one way. Where pairs share an uplink, rounds differ by how many of their pairs cross it.
    """
    forward = [line for line in lines if line.direction == "forward" and line.check != "wrong" and len(line.pairs) > 1]
    if not forward:
        return []
    least = min(forward, key=lambda line: median(median(rates) for rates in bandwidths([line]).values()))
    return [(one, two) for one, two in least.pairs[:MOST_ALONE]]


def _paired(hosts: Iterable[int], partners: Iterable[int], met: set[frozenset[int]]) -> Iterator[Pair]:
    """Each host with the first partner that is left and that it has not met; without one it rests."""
    left = dict.fromkeys(partners)
    taken: set[int] = set()
    for host in hosts:
        if host in taken:
            continue
        partner = next((one for one in left if one != host and frozenset((host, one)) not in met), None)
        if partner is None:
            continue
        taken |= {host, partner}
        left.pop(partner)
        left.pop(host, None)
        yield min(host, partner), max(host, partner)

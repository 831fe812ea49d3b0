"""Nodes that slow down an all-reduce and nothing else, from the all-reduces of parts that a diagnosis left.

Two parts of one launch that differ in a single member each say which of the two is slower in the same company: nothing
else differs. Parts are called by their ranks, such as `0-3+6`, in the parameter `communicator`.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from statistics import median

from fabricbench.judge.evidence import Evidence
from fabricbench.judge.localise import LEAST
from fabricbench.judge.nodes import TURN
from fabricbench.judge.outliers import MOSTLY, SOMETIMES
from fabricbench.judge.sides import Unit

TOPIC = "collectives"
OPERATION = "allreduce"

_PART = re.compile(r"\d+(-\d+)?(\+\d+(-\d+)?)*")
_LIMIT = 1 - LEAST

Part = frozenset[int]
Turns = Mapping[int, float]


def tested(units: Iterable[Unit]) -> dict[str, list[Evidence]]:
    """What is to be said of nodes that were slower than another one in their place; nothing of those that were not."""
    shares: dict[str, list[float]] = defaultdict(list)
    for unit in units:
        hosts = unit.launch.rank_hosts
        for member, share in _shares(_parts(unit)) if hosts is not None else ():
            if hosts is not None and member < len(hosts):
                shares[hosts[member]].append(share)
    return {host: [_evidence(found)] for host, found in shares.items() if min(found) < _LIMIT}


def _parts(unit: Unit) -> dict[Part, Turns]:
    """Seconds of every turn of the all-reduces of a launch, by who took part."""
    found: dict[Part, dict[int, float]] = defaultdict(dict)
    for key, seconds in unit.medians_s.items():
        record = unit.rows[key]
        name = str(record.case.params.get("communicator", ""))
        if record.case.operation == OPERATION and _PART.fullmatch(name) and record.check.status == "ok" and seconds > 0:
            found[_ranks(name)][int(record.case.params.get(TURN, 0))] = seconds
    return dict(found)


def _ranks(name: str) -> Part:
    ends = (part.partition("-") for part in name.split("+"))
    return frozenset(rank for first, _, last in ends for rank in range(int(first), int(last or first) + 1))


def _shares(parts: Mapping[Part, Turns]) -> Iterator[tuple[int, float]]:
    """Members that were compared with another in their place: their speed over its, the median over turns."""
    for one, two in combinations(parts, 2):
        first, second = one - two, two - one
        turns = parts[one].keys() & parts[two].keys()
        if len(first) == len(second) == 1 and turns:
            ratio = median(parts[two][turn] / parts[one][turn] for turn in turns)
            yield next(iter(first)), ratio
            yield next(iter(second)), 1 / ratio


def _evidence(shares: list[float]) -> Evidence:
    slow = sum(share < _LIMIT for share in shares)
    decided = len(shares) > 1
    mostly, sometimes = slow >= MOSTLY * len(shares), slow >= SOMETIMES * len(shares)
    return Evidence(
        test=TOPIC,
        verdict="INCONCLUSIVE" if not decided else "FAIL" if mostly else "WARN" if sometimes else "PASS",
        found=f"all-reduces with it run at {median(shares):.2f} of those with another in its place, slow in {slow} of "
        f"{len(shares)} comparisons",
        threshold=f"at least {_LIMIT:.2f}",
        source="peers: another node in its place",
    )

"""Victims and aggressors: which ranks they are, what aggressors do, and the cases in which a victim is measured.

After GPCNeT (Chunduri et al., SC'19): one half of the ranks, drawn by the seed, are victims, the others aggressors.
Cases that are measured together differ in `role`, or in `load`, the share of the aggressors that is at work:

victim      the victim's own operation; at load 0, with all aggressors asleep, it is the base
null        load 0 once more: what two measurements of one thing differ by
aggressor   what the aggressors do meanwhile, as a row of its own, which names its victim
"""

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from fabricbench.collectives.library import COUNT_LIMIT
from fabricbench.engine import catalogue
from fabricbench.engine.placement import Placement
from fabricbench.errors import UsageError, unknown
from fabricbench.model import Case, Scalar
from fabricbench.spec import Operation

FEWEST = 4
"""Ranks: two victims and two aggressors."""
LEAST_HOSTS = 4
"""Hosts from which whole hosts are drawn, so that two and two share a network and nothing else."""
PAIR = 2
LOADS = (0.25, 0.5, 0.75, 1.0)
BLOCKS = 25
"""Blocks of samples of each case, in as many rounds. They stand in the case, because intervals are drawn from them."""


class Shape(NamedTuple):
    """What aggressors do. `nbytes`: as the operation counts them; `times_ranks`: so many for each that is at work."""

    operation: str
    nbytes: int
    times_ranks: bool
    params: Mapping[str, Scalar]
    about: str


AGGRESSORS = {
    "checkpoint": Shape("gather", 4 << 20, True, {"root": 0}, "every rank writes shards to one, in place of storage"),
    "kv": Shape("incast", 1 << 20, False, {"root": 0}, "prefill ranks send blocks of KV cache to one decoding rank"),
    # 128 tokens to 8 experts each, 7168 elements of FP8 with their scales, as DeepEP counts them.
    "moe": Shape("alltoall", 128 * 8 * 7408, False, {}, "tokens are dispatched to the experts of all ranks"),
    "incast-4k": Shape("incast", 4096, False, {"root": 0}, "GPCNeT's incast"),
    "alltoall-4k": Shape("alltoall", 4096, True, {}, "GPCNeT's all-to-all, 4 KiB to each rank"),
}


def possible(operation: Operation) -> bool:
    """Whether an operation can be a victim: it has more than a pair of ranks, and they send each other something."""
    return operation.family in ("collective", "point-to-point") and not operation.pair


def combinations(params: Mapping[str, Scalar], ranks: int) -> Iterator[dict[str, Scalar]]:
    """The parameters of every case of a victim.  Raises UsageError for what makes no sense."""
    if params["aggressor"] not in AGGRESSORS:
        raise unknown("aggressor", str(params["aggressor"]), AGGRESSORS)
    if clash := {"arrival", "communicator", "overlap"} & params.keys():
        raise UsageError("A victim is measured with all victims entering together.", f"Leave out --param {min(clash)}.")
    if ranks < FEWEST:
        raise UsageError(
            f"Congestion needs at least {FEWEST} ranks, 2 victims and 2 aggressors; there are {ranks}.",
            f"Ask for -n {FEWEST} or more.",
        )
    load = params.get("load")
    if load is not None and (isinstance(load, bool | str) or not 0 < load <= 1):
        raise UsageError(f"A load of {load} makes no sense.", "Give shares above 0, up to 1; 0 is always measured.")
    asked = {**params, "blocks": BLOCKS}
    yield {**asked, "load": 0.0, "role": "victim"}
    yield {**asked, "load": 0.0, "role": "null"}
    yield from ({**asked, "load": float(share), "role": "victim"} for share in ([load] if load else LOADS))


def refuse(case: Case) -> str | None:
    """Why a victim cannot be loaded so; None where it can."""
    load = float(case.params.get("load", 0.0))
    if "aggressor" not in case.params or load == 0:
        return None
    aggressors, working = case.known_ranks - victims(case.known_ranks), at_work(case.known_ranks, load)
    if working < PAIR:
        return f"has no load {load:g}: {working} of {aggressors} aggressors has nobody to send to"
    lower = next((less for less in LOADS if less < load and at_work(case.known_ranks, less) == working), None)
    if lower is not None:
        return f"has no load {load:g}: {working} of {aggressors} aggressors are at work at {lower:g}, too"
    return None


def completed(cases: Collection[Case]) -> Iterator[Case]:
    """The same with the aggressors of every load.  Raises UsageError for a victim that has none."""
    loads: dict[tuple[Scalar, str], set[Scalar]] = {}
    for case in cases:
        if "aggressor" in case.params:
            loads.setdefault((case.params["aggressor"], case.victim), set()).add(case.params["load"])
    for (_, victim), measured in loads.items():
        if measured == {0.0}:
            raise UsageError(
                f"{victim} has no load: two aggressors at work are the least.", "Ask for more ranks or a larger load."
            )
    for case in cases:
        yield case
        if float(case.params.get("load", 0.0)) > 0:
            yield _aggressor(case)


def _aggressor(case: Case) -> Case:
    """What is done beside a victim."""
    shape = AGGRESSORS[str(case.params["aggressor"])]
    operation = catalogue.operation(shape.operation)
    load, working = case.params["load"], at_work(case.known_ranks, float(case.params["load"]))
    asked = {"aggressor": case.params["aggressor"], "blocks": BLOCKS, "load": load, "role": "aggressor"}
    params = {**shape.params, **asked, "victim": case.victim}
    nbytes = min(shape.nbytes * (working if shape.times_ranks else 1), COUNT_LIMIT)
    return msgspec.structs.replace(
        case, operation=operation.name, variant="mpi", dtype="uint8", nbytes=operation.fit(nbytes, working),
        cadence="streaming", mode=operation.mode, in_place=False, params=dict(sorted(params.items())),
    )  # fmt: skip


def place(case: Case) -> tuple[int, float]:
    """Where a case stands among those that are linked: the victim's first, by load."""
    return ("victim", "null", "aggressor").index(str(case.params["role"])), float(case.params["load"])


def victims(ranks: int) -> int:
    """Victims among so many ranks."""
    return ranks // 2


def at_work(ranks: int, load: float) -> int:
    """Aggressors that are at work at a load: whole ones, so never a larger share."""
    return int(load * (ranks - victims(ranks)))


def members(case: Case, placement: Placement, seed: int) -> tuple[int, ...]:
    """The ranks that perform a case."""
    order = _drawn(placement, seed)
    first = victims(placement.ranks)
    if case.params["role"] != "aggressor":
        return tuple(sorted(order[:first]))
    return tuple(sorted(order[first : first + at_work(placement.ranks, float(case.params["load"]))]))


def placed(placement: Placement, seed: int) -> str:
    """Where the ranks are and which of them are victims, such as "4x2, victims 0-1 6-7"."""
    return f"{placement.text}, victims {_ranges(sorted(_drawn(placement, seed)[: victims(placement.ranks)]))}"


def _drawn(placement: Placement, seed: int) -> list[int]:
    """Ranks in the order in which they are drawn: the victims, then the aggressors in that of their work.

    Of many hosts each is on one side; of few hosts each has half of its ranks on either, because two sides that share
    no host and no network would not meet.
    """
    draw = random.Random(f"{seed} victims")
    hosts = [
        [rank for rank in range(placement.ranks) if placement.hosts[rank] == host]
        for host in dict.fromkeys(placement.hosts)
    ]
    draw.shuffle(hosts)
    for ranks in hosts:
        draw.shuffle(ranks)
    order = [rank for ranks in hosts for rank in ranks]
    return order if len(hosts) >= LEAST_HOSTS else [*order[1::2], *order[::2]]


def _ranges(ranks: Sequence[int]) -> str:
    """Numbers in rising order, neighbours as one range."""
    starts = [rank for rank in ranks if rank - 1 not in ranks]
    ends = [rank for rank in ranks if rank + 1 not in ranks]
    spans = zip(starts, ends, strict=True)
    return " ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in spans)

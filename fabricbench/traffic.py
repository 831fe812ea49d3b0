"""Size conventions and bus-bandwidth factors by operation name; operations and importers both use them.

Sizes follow nccl-tests: `nbytes` is the size of the whole array that one rank holds before or after the operation,
whichever is larger. The factor turns nbytes / time into the bandwidth that each rank's link must have carried, whatever
the algorithm, as long as data moves point to point. Source: nccl-tests doc/PERFORMANCE.md and src/*.cu.
"""

from collections.abc import Callable, Mapping

from fabricbench.model import Case, RateKey, Traffic

BUS_FACTORS: dict[str, Callable[[int], float]] = {
    "allreduce": lambda ranks: 2 * (ranks - 1) / ranks,
    "reduce_scatter": lambda ranks: (ranks - 1) / ranks,
    "reduce_scatter_block": lambda ranks: (ranks - 1) / ranks,
    "allgather": lambda ranks: (ranks - 1) / ranks,
    "allgatherv": lambda ranks: (ranks - 1) / ranks,
    "alltoall": lambda ranks: (ranks - 1) / ranks,
    "alltoallv": lambda ranks: (ranks - 1) / ranks,
    "alltoallw": lambda ranks: (ranks - 1) / ranks,
    "gather": lambda ranks: (ranks - 1) / ranks,
    "gatherv": lambda ranks: (ranks - 1) / ranks,
    "scatter": lambda ranks: (ranks - 1) / ranks,
    "scatterv": lambda ranks: (ranks - 1) / ranks,
    "scan": lambda ranks: 1.0,
    "exscan": lambda ranks: 1.0,
    "broadcast": lambda ranks: 1.0,
    "reduce": lambda ranks: 1.0,
}

ROOT_SENDS = frozenset({"broadcast", "scatter", "scatterv"})
ROOT_RECEIVES = frozenset({"gather", "gatherv", "reduce"})
"""Operations in which no rank must do both: whoever is busiest only sends, or only receives."""

SIZES = {
    "allreduce": "bytes of one rank's array",
    "reduce": "bytes of one rank's array",
    "scan": "bytes of one rank's array",
    "exscan": "bytes of one rank's array",
    "broadcast": "bytes of the root's array",
    "allgather": "bytes of the gathered array",
    "allgatherv": "bytes of the gathered array",
    "gather": "bytes of the root's whole array",
    "gatherv": "bytes of the root's whole array",
    "scatter": "bytes of the root's whole array",
    "scatterv": "bytes of the root's whole array",
    "reduce_scatter": "bytes of one rank's whole input",
    "reduce_scatter_block": "bytes of one rank's whole input",
    "alltoall": "bytes of one rank's whole send buffer",
    "alltoallv": "bytes of one rank's whole send buffer",
    "alltoallw": "bytes of one rank's whole send buffer",
}


def bus_factor(operation: str, ranks: int) -> float:
    """Bytes on the busiest rank's link for each byte of `nbytes`. Raises KeyError for an operation without one."""
    return BUS_FACTORS[operation](ranks)


def rate(key: RateKey, case: Case, traffic: Traffic, seconds: float) -> float:
    """One rate of a row, from what the record itself carries: bytes, FLOP or messages per second."""
    amount = {
        "algbw": float(case.nbytes),
        "busbw": max(traffic.sent, traffic.received),
        "bandwidth": traffic.sent + traffic.received,
        "flops": traffic.flops,
        "messages": 1.0,
    }[key]
    return amount / seconds


def rates(
    keys: Mapping[RateKey, float] | tuple[RateKey, ...],
    case: Case,
    traffic: Traffic,
    seconds: float,
) -> dict[RateKey, float]:
    """All rates that the operation reports; none where the time is below the clock's resolution."""
    return {key: float(f"{rate(key, case, traffic, seconds):.6g}") for key in keys} if seconds > 0 else {}


def collective(case: Case, ranks: int, *, flops: float = 0.0) -> Traffic:
    """Traffic of a collective of so many ranks by its bus factor: what the busiest, the root if any, must move."""
    moved = case.nbytes * bus_factor(case.operation, ranks)
    return Traffic(
        sent=0.0 if case.operation in ROOT_RECEIVES else moved,
        received=0.0 if case.operation in ROOT_SENDS else moved,
        flops=flops,
        resource="link",
    )

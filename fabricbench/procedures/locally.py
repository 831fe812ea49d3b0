"""Local tests of a diagnosis: all ranks compute and move memory at once; who is slower than its peers does it again."""

from collections.abc import Sequence
from dataclasses import dataclass

from fabricbench.engine import catalogue
from fabricbench.judge import peers
from fabricbench.judge.localise import FEWEST, FEWEST_REPEATS
from fabricbench.judge.peers import Compared, Lagging
from fabricbench.model import Case
from fabricbench.procedures.measuring import Measuring

TESTS = (("gemm", "numpy", 2 << 20), ("triad", "numba", 32 << 20))
"""Operation, variant and bytes of an array: arithmetic inside of a core, and memory beyond most caches."""
DTYPE = "float64"


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What the local tests say, and what became of who was slower. `gaps`: why they say nothing."""

    compared: tuple[Compared, ...] = ()
    lagging: tuple[Lagging, ...] = ()
    gaps: tuple[str, ...] = ()


def examine(measuring: Measuring) -> Examined:
    """Measure, judge, measure what is slower again, in a launch of its own."""
    if measuring.ranks < FEWEST:
        return Examined(
            gaps=(f"{measuring.ranks} members are too few to compare what each computes; {FEWEST} are enough.",)
        )
    families = {operation: catalogue.operation(operation).family for operation, _, _ in TESTS}
    records = measuring.listed(cases([operation for operation, _, _ in TESTS], measuring.ranks))
    compared = peers.compare(records, measuring.names, families)
    slower = [one for one in compared if one.slower]
    retested = measuring.listed(cases([one.operation for one in slower], measuring.ranks)) if slower else []
    return Examined(
        compared=tuple(compared),
        lagging=tuple(found for one in slower for found in peers.again(one, retested, measuring.names)),
    )


def cases(operations: Sequence[str], ranks: int) -> list[Case]:
    """The tests of these operations, turn by turn."""
    return [
        Case(
            operation=operation, variant=variant, memory="host", dtype=DTYPE, nbytes=nbytes, ranks=ranks,
            cadence="isolated", mode="blocking", in_place=False, params={"turn": turn},
        )
        for turn in range(FEWEST_REPEATS)
        for operation, variant, nbytes in TESTS
        if operation in operations
    ]  # fmt: skip

"""A job in which something is broken on purpose: prints what a real session says of it.

A barrier that returns at once, beside the library's own; and an all-to-all in which one rank has other counts than its
partner expects, for which a library would wait for ever.
"""

import json
from collections.abc import Iterator
from typing import Any

from fabricbench import mpi
from fabricbench.collectives import exchanges
from fabricbench.engine import catalogue, session
from fabricbench.engine.placement import placement
from fabricbench.engine.setting import Setting
from fabricbench.engine.watchdog import Standing
from fabricbench.measure import clock
from fabricbench.model import Case
from fabricbench.spec import Context, Question, Step, block


def nothing(b: Any) -> int:
    """What this barrier does."""
    return 0


@catalogue.operation("barrier").variant("broken", uses_mpi=True)
def broken(context: Context) -> Iterator[Step]:
    """Returns at once."""
    yield Step(call=nothing, block=block(unused=0))


def disagree() -> None:
    """From now on this rank has one element more for rank 0 than rank 0 has for it."""
    honest = exchanges.counts

    def more(question: Question, rank: int) -> list[int]:
        found = honest(question, rank)
        return [found[0] + 1, *found[1:]]

    exchanges.counts = more


def main() -> None:
    """Measure all and print from rank 0."""
    group = mpi.connect()
    setting = Setting(
        group=group, placement=placement(group), clock=clock.report(group), cache_bytes=None, seed=1, launch=0,
        software={}, budget_s=0.05, tail=False, fault=None, standing=Standing(),
    )  # fmt: skip

    def measured(operation: str, variant: str, nbytes: int, **params: str) -> tuple[str, str]:
        case = Case(
            operation=operation, variant=variant, memory="host", dtype="uint8", nbytes=nbytes, ranks=group.ranks,
            cadence="streaming", mode="blocking", in_place=False, params=params,
        )  # fmt: skip
        record = session.measure(setting, case)
        return record.check.status, " ".join(doubt.text for doubt in record.doubts)

    found = {variant: measured("barrier", variant, 0) for variant in ("mpi", "broken")}
    if group.rank == 1:
        disagree()
    found |= {
        operation: measured(operation, "mpi", 1 << 10, counts="ragged") for operation in ("alltoallv", "alltoallw")
    }
    if group.rank == 0:
        print(json.dumps(found))
    mpi.finish(group)


if __name__ == "__main__":
    main()

"""A job in which one barrier returns at once: prints what a real session says of it and of the library's own."""

import json
from collections.abc import Iterator
from typing import Any

from fabricbench import mpi
from fabricbench.engine import catalogue, session
from fabricbench.engine.placement import placement
from fabricbench.engine.watchdog import Standing
from fabricbench.measure import clock
from fabricbench.model import Case
from fabricbench.spec import Context, Step, block


def nothing(b: Any) -> int:
    """What this barrier does."""
    return 0


@catalogue.operation("barrier").variant("broken", uses_mpi=True)
def broken(context: Context) -> Iterator[Step]:
    """Returns at once."""
    yield Step(call=nothing, block=block(unused=0))


def main() -> None:
    """Measure both and print from rank 0."""
    group = mpi.connect()
    setting = session.Setting(
        group=group, placement=placement(group), clock=clock.report(group), cache_bytes=None, seed=1, launch=0,
        software={}, budget_s=0.05, tail=False, fault=None, standing=Standing(),
    )  # fmt: skip
    found = {}
    for variant in ("mpi", "broken"):
        case = Case(
            operation="barrier", variant=variant, memory="host", dtype="uint8", nbytes=0, ranks=group.ranks,
            cadence="streaming", mode="blocking", in_place=False, params={},
        )  # fmt: skip
        found[variant] = session.measure(setting, case).check.status
    if group.rank == 0:
        print(json.dumps(found))
    mpi.finish(group)


if __name__ == "__main__":
    main()

"""Cases of one launch, measured in the order in which they are listed: `python -m fabricbench.engine.listed TASK`.

All ranks have as many threads as the one with the fewest, so that their times can be held against each other. Records
are written one by one: those before a rank died can be judged.
"""

import os
import socket
import sys
from functools import partial
from typing import ClassVar

from threadpoolctl import threadpool_limits

from fabricbench import mpi, native, store
from fabricbench.engine import inject, machine, session, suite, worker
from fabricbench.engine.placement import Placement, placement
from fabricbench.engine.setting import Setting
from fabricbench.engine.survey import names
from fabricbench.engine.watchdog import Standing, Watchdog
from fabricbench.engine.worker import Announce, Task
from fabricbench.errors import FabricbenchError, NotMeasuredError
from fabricbench.measure import clock
from fabricbench.model import Case


class Listed(Task, frozen=True, kw_only=True):
    """Cases for `ranks` ranks. Of a case: `budget_s` to measure in, `limit_s` to be over in. `inject`: a fault."""

    module: ClassVar[str] = "fabricbench.engine.listed"
    cases: list[Case]
    ranks: int
    budget_s: float
    limit_s: float
    output: str
    seed: int = 1
    inject: str | None = None


def work(listed: Listed, announce: Announce) -> None:
    """Measure every case; rank 0 appends a launch line and a record a case.  Raises FabricbenchError on all ranks."""
    standing, group = Standing(), mpi.connect()

    def ended(ending: str, status: int) -> None:
        where = {"rank": group.rank, "host": socket.gethostname(), "text": standing.text()}
        announce({"event": "stood", "ending": ending, **where})
        os._exit(status)

    places = placement(group).alike
    watchdog = Watchdog(None, ended)
    writer = store.Writer.create(listed.output, append=True) if group.rank == 0 else None
    try:
        if group.ranks != listed.ranks:
            raise NotMeasuredError(
                f"{listed.ranks} ranks were asked for and {group.ranks} were started.",
                "Let -n and --launcher say the same.",
            )
        if group.rank == 0:
            announce({"event": "nodes", "names": names(places)})
        _measure(listed, group, places, standing, watchdog, writer, announce)
        watchdog.limit(None)
        mpi.finish(group)
    except Exception as error:
        # Others may be waiting inside MPI for this rank, which can no longer agree on anything with them.
        text = str(error) if isinstance(error, FabricbenchError) else f"{type(error).__name__}: {error}"
        announce({"event": "error", "text": text, "status": getattr(error, "status", 3)})
        group.abort(getattr(error, "status", 3))
    finally:
        watchdog.close()
        if writer is not None:
            writer.close()


def _measure(
    listed: Listed, group: mpi.Group, places: Placement, standing: Standing, watchdog: Watchdog,
    writer: store.Writer | None, announce: Announce,
) -> None:  # fmt: skip
    available = min(group.gather(machine.available_memory()))
    suite.refuse_too_large(tuple(listed.cases), available, places.most_on_a_machine)
    threads = places.threads(group.rank)
    native.threads(threads)
    report = clock.report(group)
    if writer is not None:
        writer.write(worker.launch_line(listed.launch, group, places.binding, report))
    setting = Setting(
        group=group, placement=places, clock=report, cache_bytes=machine.last_level_cache(), seed=listed.seed,
        launch=listed.launch, software=machine.software(group.library), budget_s=listed.budget_s, tail=False,
        fault=inject.parse(listed.inject), standing=standing,
    )  # fmt: skip
    with threadpool_limits(threads):
        for case in listed.cases:
            watchdog.limit(listed.limit_s)
            record = session.measure(setting, case)
            if writer is not None:
                writer.write(record)
                announce({"event": "wave", "text": f"{case.text()}: {record.check.status}"})


if __name__ == "__main__":
    sys.exit(worker.serve(partial(work, Listed.decode(sys.argv[1]))))

"""One job of ranks, `mpirun -n 2 python -m procedures.in_c SOURCE`: what the C control moves, against the reference.

Rank 0 prints one JSON line: {"wrong": {case: elements}, "ordered": bool} or {"error": text}.
"""

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from fabricbench import mpi
from fabricbench.engine import catalogue, preparing, probe
from fabricbench.engine.watchdog import Standing
from fabricbench.errors import NotMeasuredError
from fabricbench.measure import control
from fabricbench.measure.validate import Validator

SIZES = {"latency/mpi": "1,1000,100000", "allreduce/mpi": "4,1000,100000"}


def look(group: mpi.World) -> dict[str, Any]:
    """Both operations at some sizes, on this rank."""
    library = control.build(group)
    setting = probe.setting_of(probe.Probe(), group, Standing())
    wrong, ordered = {}, True
    for case in (case for only, sizes in SIZES.items() for case in probe.cases(setting, only, sizes)):
        with ExitStack() as stack:
            made = preparing.prepare(setting, case, stack)
            loop = probe.in_c(library, case, made, made.loop)
            taken = loop.take(5, 3)
            stamps = np.stack(taken, axis=1).reshape(-1)
            ordered &= bool((np.diff(stamps) >= 0).all() and (taken.left > taken.entered).all())
            operation = catalogue.operation(case.operation)
            checked = Validator(operation, made.question, made.inputs, made.output, loop, group, made.party)
            wrong[case.text()] = checked.check().wrong
    return {"wrong": wrong, "ordered": all(group.gather(ordered))}


def main() -> None:
    control.SOURCE = Path(sys.argv[1])
    group = mpi.connect()
    assert isinstance(group, mpi.World)
    try:
        said = look(group)
    except NotMeasuredError as error:
        said = {"error": str(error)}
    if group.rank == 0:
        print(json.dumps(said), flush=True)
    mpi.finish(group)


if __name__ == "__main__":
    main()

"""One job of ranks, `mpirun -n 2 python -m procedures.in_c SOURCE`: what the C control moves, against the reference.

Rank 0 prints one JSON line: {"wrong": {case: elements}, "ordered": bool, "refused": bool}.
"""

import json
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from fabricbench import mpi
from fabricbench.engine import catalogue, probe, session
from fabricbench.engine.watchdog import Standing
from fabricbench.errors import NotMeasuredError
from fabricbench.measure import control, validate
from fabricbench.measure.loop import Loop
from fabricbench.measure.validate import Validator

SIZES = {"latency/mpi": "1,1000,100000", "allreduce/mpi": "4,1000,100000"}


def refuses(loop: Loop) -> bool:
    """Whether a return code that is not 0 ends the loop."""
    arguments = loop.step.block.copy()
    arguments["count"] = -1
    try:
        replace(loop, step=replace(loop.step, block=arguments)).take(1, 1)
    except NotMeasuredError as error:
        return "error code" in str(error)
    return False


def main() -> None:
    control.SOURCE = Path(sys.argv[1])
    group = mpi.connect()
    library = control.build(group)
    setting = probe.setting_of(probe.Probe(), group, Standing())
    wrong, ordered, refused = {}, True, True
    for only, sizes in SIZES.items():
        for case in probe.cases(setting, only, sizes):
            with ExitStack() as stack:
                made = session.prepare(setting, case, stack)
                loop = probe.in_c(library, case, made, made.loop)
                operation = catalogue.operation(case.operation)
                checked = Validator(operation, made.question, made.inputs, made.output, loop, group)
                validate.fill(operation, made.question, made.inputs)
                taken = loop.take(5, 3)
                stamps = np.stack(taken, axis=1).reshape(-1)
                ordered &= bool((np.diff(stamps) >= 0).all() and (taken.left > taken.entered).all())
                wrong[session.title(case)] = checked.check().wrong
                refused &= refuses(loop)
    heard = group.gather((ordered, refused))
    if group.rank == 0:
        ordered, refused = (all(column) for column in zip(*heard, strict=True))
        print(json.dumps({"wrong": wrong, "ordered": ordered, "refused": refused}), flush=True)
    mpi.finish(group)


if __name__ == "__main__":
    main()

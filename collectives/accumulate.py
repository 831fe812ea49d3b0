"""Accumulate: one rank combines its array with the memory of another, which does nothing.

The target's array is brought back before every sample. Nothing tells the target that the origin is done, so while
samples are taken it may do so during the operation; where results are compared, it does not.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fabricbench.collectives import reductions, windows
from fabricbench.collectives.windows import ORIGIN, TARGET, complete
from fabricbench.entries import MPI_Accumulate
from fabricbench.model import Case, Traffic
from fabricbench.spec import SMALL, Context, Layout, Operation, Question, Step

DTYPES = tuple(dtype for dtype in reductions.DTYPES if dtype not in SMALL)
"""No bfloat16, which MPI lacks, nor float16: Open MPI's wheel lacks it, MPICH 5.0.2 accumulates wrong sums of it."""


def layout(question: Question) -> Layout:
    """Both hold an array; only the target has an answer, in place of its own."""
    if question.rank == ORIGIN:
        return Layout((question.count,), 0, place=None)
    return Layout((question.count,), question.count)


def refuse(case: Case) -> str | None:
    """Why there is no such operator."""
    if case.params["op"] == "user":
        return "has no user-defined operator: MPI_Accumulate takes those of the library only"
    return windows.refuse(case) or reductions.refuse(case)


def traffic(question: Question) -> Traffic:
    """One array, and one operation an element."""
    return Traffic(sent=float(question.case.nbytes), received=0.0, flops=float(question.count), resource="link")


accumulate = Operation(
    name="accumulate",
    family="point-to-point",
    layout=layout,
    reference=reductions.reduced,
    fill=reductions.fill,
    traffic=traffic,
    rates=("bandwidth",),
    dtypes=DTYPES,
    sizes="8,64,1KiB,8KiB,64KiB,1MiB",
    params={**windows.PARAMS, "op": "sum"},
    refuse=refuse,
    in_place="always",
    pair=True,
    streaming_below=1 << 20,
)


def combine(b: Any) -> int:
    """Accumulate, and wait until it is done at the target."""
    code = MPI_Accumulate(b.local, b.count, b.type, np.int32(TARGET), 0, b.count, b.type, b.op, b.window)
    return code if code != 0 else complete(b)


@accumulate.variant("mpi", needs=("MPI_Accumulate", "MPI_Win_flush"))
def mpi(context: Context) -> Iterator[Step]:
    """MPI_Accumulate, completed by a flush."""
    op = context.mpi.op(str(context.question.case.params["op"]))
    yield from windows.compiled(context, context.output, combine, context.inputs[0], op=op)


@accumulate.variant("mpi4py", step="python", uses_mpi=True)
def mpi4py(context: Context) -> Iterator[Step]:
    """The same calls through mpi4py: the difference is what Python costs."""
    operator = context.mpi.operator(str(context.question.case.params["op"]))
    yield from windows.python(context, context.output, "Accumulate", context.inputs[0], operator)

"""Compute and memory operations with everything that can be asked of them, and ragged counts."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from units import ranks

from fabricbench import mpi
from fabricbench.engine import catalogue, suite
from fabricbench.engine.placement import placement
from fabricbench.model import Case
from fabricbench.spec import Operation, Variant, element_type

COUNTS = (1, 3, 1000, 4099, 40_007)

PARAMS: dict[str, list[dict[str, Any]]] = {
    "fma": [{"fmas": fmas} for fmas in (1, 7, 64)],
    "pack": [{"layout": layout, "block": block} for layout, block in itertools.product(("strided", "paged"), (512, 3))],
    "unpack": [{"layout": "strided", "block": 512}, {"layout": "paged", "block": 1}],
    "reduction": [{"op": "sum"}, {"op": "max"}],
}


def cases(operation: Operation, variant: Variant, counts: Sequence[int] = COUNTS) -> Iterator[Case]:
    """On one rank."""
    wanted = counts if operation.sized else (0,)
    for dtype, count, params in itertools.product(variant.dtypes, wanted, PARAMS.get(operation.name, [{}])):
        width = element_type(dtype).itemsize
        nbytes = suite.fit(operation, element_type(dtype), count * width, 1, strict=False)
        if nbytes is None:
            continue
        case = Case(
            operation=operation.name, variant=variant.name, memory=variant.memory, dtype=dtype, nbytes=nbytes, ranks=1,
            cadence="isolated", mode="blocking", in_place=False, params={**operation.params, **params},
        )  # fmt: skip
        if operation.refuse(case) is None and suite.refusal(variant, case) is None:
            yield case


def variants(*, on_gpu: bool) -> list[tuple[Operation, Variant]]:
    """All of them, on the host or on a GPU."""
    return [
        (operation, variant)
        for operation in catalogue.operations().values()
        for variant in operation.variants.values()
        if operation.family in ("compute", "memory") and bool(variant.compiler) is on_gpu
    ]


def found_wrong(operation: Operation, variant: Variant) -> list[str]:
    """What the check says of all cases of a variant."""
    alone, said, tried = mpi.Group(), [], 0
    for case in cases(operation, variant):
        trial = ranks.Trial(alone, placement(alone), case, variant)
        assert trial.run() is None, case.text()
        said += [f"{case.text()}: {wrong}" for wrong in trial.wrong]
        tried += 1
    assert tried
    return said

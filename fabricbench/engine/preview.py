"""What a run would do, before anything is started."""

from typing import Any

from fabricbench.engine import suite
from fabricbench.engine.suite import Plan

START_S = 3.0
CASE_S = 0.15
"""Starting Python, MPI and Numba once a launch, and preparing and checking one case: seen, not promised."""


def cases(plan: Plan) -> list[dict[str, Any]]:
    """Each case with the memory of one rank."""
    return [
        {
            "operation": case.operation, "variant": case.variant, "dtype": case.dtype, "nbytes": case.nbytes,
            "ranks": case.ranks, "cadence": case.cadence, "mode": case.mode, "memory": case.memory,
            "in_place": case.in_place, "params": case.params, "bytes_per_rank": suite.bytes_per_rank(case),
        }
        for case in plan.cases
    ]  # fmt: skip


def expected_s(plan: Plan, launches: int) -> float:
    """Expected time of all launches."""
    return launches * (START_S + plan.budget_s + CASE_S * len(plan.cases))

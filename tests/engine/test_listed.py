"""Listed cases in one launch: who takes part, who is slow, and what is refused."""

from pathlib import Path

import example_lines as example
import pytest

from fabricbench import mpi, store
from fabricbench.engine import launch, machine
from fabricbench.engine.listed import Listed
from fabricbench.errors import FabricbenchError
from fabricbench.judge import peers
from fabricbench.model import Case, Record, Scalar

pytestmark = [pytest.mark.mpi, pytest.mark.skipif(mpi.installed() is not None, reason="needs MPI")]

RANKS = 4


def case(operation: str, variant: str, nbytes: int, params: dict[str, Scalar]) -> Case:
    return Case(
        operation=operation, variant=variant, memory="host", dtype="float64", nbytes=nbytes, ranks=RANKS,
        cadence="isolated", mode="blocking", in_place=False, params=params,
    )  # fmt: skip


def measured(folder: Path, cases: list[Case], ranks: int = RANKS, inject: str | None = None) -> list[Record]:
    """The records that ranks of this machine write."""
    output = folder / "x.jsonl"
    with store.Writer.create(output, append=True) as writer:
        writer.write(example.run())
    task = Listed(cases=cases, ranks=ranks, budget_s=0.1, limit_s=60, output=str(output), inject=inject)
    launch.launch(task, launch.prefix(RANKS, machine.usable_cores()), lambda event: None)
    return list(store.load(output)[-1].records)


def test_a_slow_rank_is_named_and_groups_of_some_ranks_are_right(tmp_path: Path) -> None:
    computed = [case("gemm", "numpy", 1 << 17, {"turn": turn}) for turn in range(3)]
    reduced = [
        case("allreduce", "mpi", 1 << 12, {"communicator": group, "op": "sum", "turn": 0}) for group in ("0+2", "1+3")
    ]
    records = measured(tmp_path, [*computed, *reduced], inject="slow:gemm/numpy:20@2")
    assert [record.check.status for record in records] == ["ok"] * 5
    assert [len(record.ranks_s.median) for record in records] == [4, 4, 4, 2, 2]
    assert ["injected" in record.conditions.flags for record in records] == [True] * 3 + [False] * 2
    (one,) = peers.compare(records[:3], [f"a:{rank}" for rank in range(RANKS)], {"gemm": "compute"})
    assert [slower.member for slower in one.slower] == [2]


def test_other_ranks_than_the_cases_are_for_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FabricbenchError, match="3 ranks were asked for and 4 were started"):
        measured(tmp_path, [case("gemm", "numpy", 1 << 10, {"turn": 0})], ranks=3)

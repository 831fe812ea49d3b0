"""Faults on purpose: what is a fault, which rows it hits, what it does."""

import numpy as np
import pytest

from fabricbench.engine import inject, suite
from fabricbench.engine.suite import Request
from fabricbench.errors import UsageError
from fabricbench.measure.loop import nothing
from fabricbench.spec import Step, block


@pytest.mark.parametrize(
    "text",
    [
        "",
        "slow",
        "slow:allreduce:2",
        "slow:allreduce/mpi",
        "slow:a/b:1",
        "slow:a/b:x",
        "slow:a/b:2@",
        "slow:a/b:2@x",
        "flip:all",
        "die:x",
        "melt:1",
    ],
)
def test_what_is_no_fault_is_refused_with_the_forms_that_are(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no fault to inject.*slow:OPERATION/VARIANT:FACTOR"):
        inject.parse(text)


def test_a_fault_hits_the_rows_it_names() -> None:
    cases = suite.plan(Request(suite="ci"), ranks=2, distances=("same-host",), has_mpi=True).cases
    fault = inject.parse("slow:allreduce/ring,gemm/*:1.5")
    assert fault is not None
    hit = {f"{case.operation}/{case.variant}" for case in cases if fault.hits(case)}
    assert hit == {"allreduce/ring", "gemm/numpy"}
    dying = inject.parse("die:1")
    assert dying is not None
    assert dying.rank == 1
    assert not any(dying.hits(case) for case in cases)


def test_a_fault_may_be_of_one_rank() -> None:
    assert inject.parse("slow:gemm/*:1.5@2") == inject.Fault("slow", ("gemm/*",), 1.5, 2)
    assert inject.parse("slow:gemm/*:1.5") == inject.Fault("slow", ("gemm/*",), 1.5)


def test_a_flip_changes_one_bit() -> None:
    output = np.zeros(8, np.float32)
    inject.flip(output)
    assert np.unpackbits(output.view(np.uint8)).sum() == 1
    inject.flip(np.zeros(0, np.float32))


def test_a_slowed_python_step_still_performs() -> None:
    performed: list[int] = []
    slow = inject.slowed(Step(call=lambda: performed.append(1), operations=3), 1e-6, 1.5)
    slow.call()
    assert performed == [1]
    assert slow.operations == 3


def test_a_slowed_step_keeps_all_that_a_step_has() -> None:
    settled: list[int] = []
    step = Step(call=nothing, block=block(unused=0), operations=2, settle=lambda: settled.append(1))
    for slow in (inject.slowed(step, 1e-6, 1.5), inject.slowed(Step(call=lambda: None, settle=step.settle), 1e-6, 1.5)):
        assert slow.settle is step.settle
    assert inject.slowed(step, 1e-6, 1.5).operations == 2

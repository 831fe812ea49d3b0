"""Compute and memory operations of the host with everything that can be asked of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from units import varied

from fabricbench.kernels import moving, reduction
from fabricbench.model import Case
from fabricbench.spec import Operation, Question, Variant

ON_HOST = [
    pytest.param(operation, variant, id=f"{operation.name}/{variant.name}")
    for operation, variant in varied.variants(on_gpu=False)
    if operation.name in varied.PARAMS
]


@pytest.mark.parametrize(("operation", "variant"), ON_HOST)
def test_it_is_right_whatever_is_asked_of_it(operation: Operation, variant: Variant) -> None:
    assert varied.found_wrong(operation, variant) == []


def ask(operation: str, dtype: str, count: int, *, seed: int = 1, **params: str | int) -> Question:
    case = Case(
        operation=operation, variant="numpy", memory="host", dtype=dtype, nbytes=count * np.dtype(dtype).itemsize,
        ranks=1, cadence="isolated", mode="blocking", in_place=False, params=params,
    )  # fmt: skip
    return Question(case=case, rank=0, ranks=1, seed=seed)


@given(count=st.integers(1, 300_000), seed=st.integers(0, 1000))
def test_partial_sums_stay_exact_in_float32_whatever_the_order(count: int, seed: int) -> None:
    values = reduction.whole(ask("reduction", "float32", count, seed=seed, op="sum"), 0, count)
    # Of 32 threads in strides, as a GPU adds; and of the whole array.
    reached = max(np.abs(np.cumsum(values[first::32])).max(initial=0) for first in range(32))
    assert max(reached, np.abs(np.cumsum(values)).max()) < 1 << 24


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_elements_are_as_often_below_zero_as_above(dtype: str) -> None:
    drawn = range(ask("reduction", dtype.replace("bfloat16", "float16"), 8, op="sum").period)
    assert len(drawn) % reduction.KINDS == 0
    question = ask("reduction", dtype.replace("bfloat16", "float16"), 1 << 22, op="sum")
    values = reduction.whole(question, 0, 1 << 22)
    assert abs(int(values.sum())) < 6 * 2 * (1 << 11)  # six standard deviations, each element's being 2
    assert set(np.unique(values)) == set(range(-3, 4))


@given(count=st.integers(1, 5000), seed=st.integers(0, 1000))
def test_one_element_decides_a_maximum_and_it_is_the_last_for_every_other_seed(count: int, seed: int) -> None:
    values = reduction.whole(ask("reduction", "float32", count, seed=seed, op="max"), 0, count)
    (at,) = np.flatnonzero(values == reduction.LARGEST + 1)
    assert seed % 2 == 1 or at == count - 1


@given(value=st.integers(-(1 << 20), 1 << 20))
def test_a_sum_is_rounded_to_the_nearest_element(value: int) -> None:
    case = Case(
        operation="reduction", variant="numba", memory="host", dtype="bfloat16", nbytes=2, ranks=1,
        cadence="isolated", mode="blocking", in_place=False, params={"op": "sum"},
    )  # fmt: skip
    question = Question(case=case, rank=0, ranks=1, seed=1)
    found = float((reduction.rounded(question, value).astype(np.uint32) << 16).view(np.float32)[0])
    apart = abs(found - value)
    spacing = max(1.0, 2.0 ** (np.floor(np.log2(max(abs(value), 1))) - 7))
    assert apart <= spacing / 2


@given(blocks=st.integers(1, 300), layout=st.sampled_from(moving.LAYOUTS))
def test_every_block_of_a_pool_is_named_once(blocks: int, layout: str) -> None:
    question = ask("pack", "float32", blocks * 2, layout=layout, block=2)
    assert sorted(moving.table(question)) == list(range(blocks))


def test_strided_blocks_lie_a_stride_apart_and_paged_ones_anywhere() -> None:
    strided = moving.table(ask("pack", "float32", 1024, layout="strided", block=2)).tolist()
    assert strided[:4] == [0, 8, 16, 24]
    paged = moving.table(ask("pack", "float32", 1024, layout="paged", block=2)).tolist()
    assert paged != sorted(paged)

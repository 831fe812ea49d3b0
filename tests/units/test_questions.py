"""What goes in and what must come out: the same from every side."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from units import oracle, ranks

from fabricbench.engine import catalogue
from fabricbench.kernels import chase, gemm
from fabricbench.measure import validate
from fabricbench.model import Case
from fabricbench.spec import Operation, Question, cyclic_sum, element_type

SEEDS = st.integers(0, 2**31)
DTYPES = st.sampled_from(["float16", "float32", "float64", "int32", "int64", "uint8"])


def ask(name: str, count: int, rank: int = 0, members: int = 1, *, dtype: str | None = None, seed: int = 1) -> Question:
    operation = catalogue.operation(name)
    dtype = dtype or operation.dtypes[0]
    case = Case(
        operation=name, variant="mpi", memory="host", dtype=dtype, nbytes=count * np.dtype(dtype).itemsize,
        ranks=members, cadence="isolated", mode="blocking", in_place=False, params=dict(operation.params),
    )  # fmt: skip
    return Question(case=case, rank=rank, ranks=members, seed=seed)


@given(members=st.integers(1, 400), period=st.integers(1, 300), first=st.integers(0, 299))
@example(members=256, period=256, first=255)
@example(members=65, period=64, first=63)
def test_the_closed_form_is_the_sum_rank_by_rank(members: int, period: int, first: int) -> None:
    noise = np.arange(first, first + 5) % period
    assert cyclic_sum(noise, members, period).tolist() == [
        sum((int(value) + rank) % period for rank in range(members)) for value in noise
    ]


@given(members=st.integers(1, 400), seed=SEEDS, start=st.integers(0, 10_000), dtype=DTYPES)
@example(members=64, seed=1, start=0, dtype="float32")
@example(members=65, seed=1, start=0, dtype="float16")
def test_the_sum_of_inputs_is_the_sum_of_what_each_rank_sends(members: int, seed: int, start: int, dtype: str) -> None:
    question = ask("allreduce", 20_000, 0, members, dtype=dtype, seed=seed)
    sent = [question.input(rank, start, start + 9).astype(np.int64) for rank in range(members)]
    assert question.input_sum(start, start + 9).tolist() == np.sum(sent, axis=0).tolist()


@given(members=st.integers(2, 400), dtype=DTYPES, seed=SEEDS)
def test_sums_are_exact_in_the_type_of_the_elements(members: int, dtype: str, seed: int) -> None:
    if dtype in ("float16", "uint8"):
        members = min(members, 200)
    question = ask("allreduce", 64, 0, members, dtype=dtype, seed=seed)
    added = np.zeros(64, question.dtype)
    for rank in range(members):
        added += question.input(rank, 0, 64)
    expected = question.input_sum(0, 64)
    assert np.array_equal(added, expected.astype(question.dtype))
    if question.dtype.kind == "f":
        assert np.array_equal(added.astype(np.int64), expected)


@given(dtype=DTYPES, seed=SEEDS, rank=st.integers(0, 300), array=st.integers(0, 1))
def test_neighbours_seeds_and_arrays_have_different_inputs(dtype: str, seed: int, rank: int, array: int) -> None:
    question = ask("allreduce", 256, dtype=dtype, seed=seed)
    here = question.input(rank, 0, 256, array)
    assert not np.array_equal(here, question.input(rank + 1, 0, 256, array))
    assert not np.array_equal(here, question.input(rank, 0, 256, 1 - array))
    assert not np.array_equal(here, ask("allreduce", 256, dtype=dtype, seed=seed + 1).input(rank, 0, 256, array))
    assert np.unique(here).size > 4


@given(dtype=DTYPES, seed=SEEDS, rank=st.integers(0, 1000))
def test_no_input_looks_like_memory_that_was_never_written(dtype: str, seed: int, rank: int) -> None:
    poisoned = np.full(8, validate.POISON, np.uint8).view(dtype)[0]
    assert poisoned not in ask("allreduce", 512, dtype=dtype, seed=seed).input(rank, 0, 512)


@given(start=st.integers(0, 1 << 40), cut=st.integers(0, 50), seed=SEEDS)
def test_a_slice_of_an_input_does_not_depend_on_where_it_is_cut(start: int, cut: int, seed: int) -> None:
    question = ask("allreduce", 1 << 30, seed=seed)
    whole = question.input(3, start, start + 50)
    parts = [question.input(3, start, start + cut), question.input(3, start + cut, start + 50)]
    assert np.array_equal(whole, np.concatenate(parts))


SLICED = [name for name, operation in catalogue.operations().items() if operation.verify is None]


@pytest.mark.parametrize("name", SLICED)
@given(data=st.data())
def test_a_reference_answers_for_any_slice(name: str, data: st.DataObject) -> None:
    operation = catalogue.operation(name)
    members = 2 if operation.pair else data.draw(st.integers(1, 7), "ranks")
    rank = data.draw(st.integers(0, members - 1), "rank")
    count = operation.fit(data.draw(st.sampled_from([64, 1000, 4099]), "count"), members)
    question = ask(name, count, rank, members)
    size = operation.layout(question).output
    start = data.draw(st.integers(0, size), "start")
    stop = data.draw(st.integers(start, min(size, start + 500)), "stop")
    whole = operation.reference(question, 0, size)
    assert whole.shape == (size,)
    assert np.array_equal(operation.reference(question, start, stop), whole[start:stop])


def filled(operation: Operation, question: Question) -> list[np.ndarray]:
    layout = operation.layout(question)
    if operation.fill is not None:
        return [operation.fill(question, index, 0, size) for index, size in enumerate(layout.inputs)]
    return [question.input(question.rank, 0, size, index) for index, size in enumerate(layout.inputs)]


@pytest.mark.parametrize("name", sorted(set(SLICED) & set(oracle.DEFINITIONS)))
@given(data=st.data())
def test_a_reference_is_the_definition_for_many_ranks(name: str, data: st.DataObject) -> None:
    operation = catalogue.operation(name)
    members = 2 if operation.pair else data.draw(st.sampled_from([1, 3, 9, 64, 65, 130]), "ranks")
    rank = data.draw(st.integers(0, members - 1), "rank")
    count = operation.fit(2 * members * 8, members)
    inputs = [filled(operation, ask(name, count, other, members)) for other in range(members)]
    question = ask(name, count, rank, members)
    expected = oracle.encoded(question.case, oracle.DEFINITIONS[name](inputs, rank, question.case))
    found = operation.reference(question, 0, operation.layout(question).output)
    assert np.array_equal(found.astype(np.float64), expected.astype(np.float64))


@given(n=st.integers(1, 150), seed=SEEDS, data=st.data())
@example(n=61, seed=1, data=None)
@example(n=62, seed=1, data=None)
def test_the_product_is_the_product(n: int, seed: int, data: st.DataObject | None) -> None:
    question = ask("gemm", n * n, seed=seed)
    left, right = (whole.astype(np.int64).reshape(n, n) for whole in filled(catalogue.operation("gemm"), question))
    expected = (left @ right).reshape(-1)
    start = data.draw(st.integers(0, n * n)) if data else 0
    stop = data.draw(st.integers(start, n * n)) if data else n * n
    assert np.array_equal(gemm.product(question, start, stop), expected[start:stop])


@given(lines=st.integers(1, 300), rank=st.integers(0, 5), seed=SEEDS)
def test_the_walk_visits_every_line_and_ends_where_it_began(lines: int, rank: int, seed: int) -> None:
    question = ask("chase", lines * chase.LINE, rank, 6, seed=seed)
    nodes = filled(catalogue.operation("chase"), question)
    at, stops = 0, []
    for _ in range(lines):
        at = int(nodes[0][at])
        stops.append(at)
    assert at == 0
    assert sorted(stops) == [line * chase.LINE for line in range(lines)]
    walked = oracle.walked([nodes], 0, question.case)
    assert chase.visited(question, 0, 3).tolist() == walked.tolist()


@given(count=st.integers(1, 5000), members=st.integers(1, 9))
def test_what_fits_is_at_most_what_was_asked_and_fits_again(count: int, members: int) -> None:
    for operation in catalogue.operations().values():
        fitted = operation.fit(count, members)
        assert 0 <= fitted <= count
        assert operation.fit(fitted, members) == fitted


def test_counts_of_the_trial_are_ragged() -> None:
    counts = {
        case.nbytes // element_type(case.dtype).itemsize
        for case in ranks.cases(catalogue.operation("allreduce"), catalogue.operation("allreduce").variants["ring"], 3)
    }
    assert any(count % 3 for count in counts)
    assert min(counts) < 3


@pytest.mark.parametrize("dtype", ["float32", "uint8", "float16"])
def test_ranks_a_period_apart_hold_different_inputs(dtype: str) -> None:
    case = Case(
        operation="allgather", variant="mpi", memory="host", dtype=dtype, nbytes=4096, ranks=1000, cadence="isolated",
        mode="blocking", in_place=False, params={},
    )  # fmt: skip
    question = Question(case=case, rank=0, ranks=1000, seed=1)
    assert (question.input(3, 0, 100) != question.input(3 + question.period, 0, 100)).any()

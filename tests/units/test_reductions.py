"""Inputs of reductions, for more ranks than can be started here: results stay exact, and no rank is superfluous."""

from collections.abc import Iterator
from functools import reduce
from typing import Any

import numpy as np
import pytest

from fabricbench.collectives import reductions
from fabricbench.model import Case
from fabricbench.spec import Question

COUNT = 2048


def cases() -> Iterator[tuple[str, str]]:
    for dtype in reductions.DTYPES:
        for op in reductions.OPERATORS:
            if reductions.refuse(case(dtype, op)) is None:
                yield dtype, op


def case(dtype: str, op: str) -> Case:
    return Case(
        operation="allreduce", variant="mpi", memory="host", dtype=dtype, nbytes=COUNT, ranks=2, cadence="isolated",
        mode="blocking", in_place=False, params={"op": op},
    )  # fmt: skip


def questions(dtype: str, op: str, ranks: int) -> Question:
    return Question(case(dtype, op), 0, ranks, 3)


def whole(question: Question) -> np.ndarray[Any, Any]:
    """Every rank's inputs, (ranks, COUNT), exact."""
    return np.array([reductions.inputs(question, rank, 0, COUNT) for rank in range(question.ranks)])


def combined(rows: np.ndarray[Any, Any], op: str) -> np.ndarray[Any, Any]:
    return np.asarray(reduce(reductions.UFUNCS[op], rows))


@pytest.mark.parametrize("ranks", [9, 80, 300, 1100])
@pytest.mark.parametrize(("dtype", "op"), [one for one in cases() if one[1] in ("sum", "prod", "user")])
def test_arithmetic_stays_inside_of_what_the_type_holds_exactly(dtype: str, op: str, ranks: int) -> None:
    question = questions(dtype, op, ranks)
    result = combined(whole(question), op)
    parts = np.abs(np.stack([result.real, result.imag]))
    assert np.isfinite(parts).all()
    if op == "prod":
        assert parts.max() <= 2 ** reductions.MOST_TWOS[question.dtype.itemsize]
    else:
        assert parts.max() <= reductions.EXACT.get(dtype, 1 << 53)
    expected = question.encoded(result)
    assert np.array_equal(reductions.reduced(question, 0, COUNT), expected)


@pytest.mark.parametrize("ranks", [2, 9, 200])
@pytest.mark.parametrize(("dtype", "op"), list(cases()))
def test_a_rank_that_is_left_out_is_seen(dtype: str, op: str, ranks: int) -> None:
    question = questions(dtype, op, ranks)
    rows = whole(question)
    result = combined(rows, op)
    for left_out in {0, 1, ranks // 2, ranks - 1}:
        rest = combined(np.delete(rows, left_out, axis=0), op)
        assert (question.encoded(rest) != question.encoded(result)).any(), left_out

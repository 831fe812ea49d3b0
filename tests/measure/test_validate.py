"""The check: what it finds, and that it finds it in every block and on whatever value."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabricbench import mpi
from fabricbench.engine import catalogue, inject
from fabricbench.measure import validate
from fabricbench.measure.loop import Loop
from fabricbench.model import Case
from fabricbench.spec import Buffer, Question, Step

COUNT = 700_003
"""Elements of float64: more than two blocks of the check and a rest."""


def validator(spoil: Callable[[Any], None] | None = None, *, count: int = COUNT, write: bool = True) -> Any:
    """The check of copy, whose step is NumPy's."""
    operation = catalogue.operation("copy")
    case = Case(
        operation="copy", variant="numpy", memory="host", dtype="float64", nbytes=8 * count, ranks=1,
        cadence="isolated", mode="blocking", in_place=False, params={},
    )  # fmt: skip
    question = Question(case=case, rank=0, ranks=1, seed=1)
    source, output = Buffer(count, "float64"), Buffer(count, "float64")

    def copy() -> None:
        if write:
            np.copyto(output.array, source.array)

    loop = Loop(step=Step(call=copy))
    return validate.Validator(operation, question, (source,), output, loop, mpi.Group(), mpi.Group(), spoil)


def test_a_right_result_is_right() -> None:
    assert validator().check() == validate.Verdict(wrong=0, worst=0.0, bound=0.0)


def test_an_output_that_was_never_written_is_wrong_everywhere() -> None:
    checked = validator(write=False)
    assert checked.check().wrong == COUNT
    # And again: what an earlier, right run left there does not count.
    right = validator()
    right.check()
    stale = replace(right, loop=Loop(step=Step(call=lambda: None)))
    assert stale.check().wrong == COUNT


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1.0, 1e308])
def test_one_wrong_value_is_found(value: float) -> None:
    def spoil(output: Any) -> None:
        output[5] = value

    verdict = validator(spoil).check()
    assert verdict.wrong == 1
    assert verdict.worst > 0
    assert not np.isnan(verdict.worst)


SHARED = validator()


@given(at=st.integers(0, COUNT - 1))
@settings(max_examples=30, deadline=None)
def test_one_element_is_found_wherever_it_lies(at: int) -> None:
    def spoil(output: Any) -> None:
        output[at] += 1

    verdict = replace(SHARED, spoil=spoil).check()
    assert (verdict.wrong, verdict.worst) == (1, 1.0)


def test_blocks_cover_the_array_once_and_stay_small() -> None:
    for count in (0, 1, 262_143, 262_144, 262_145, COUNT):
        cut = validate.blocks(Buffer(count, "float64"))
        assert sum(stop - start for start, stop in cut) == count
        assert all((stop - start) * 8 * 8 <= validate.BLOCK_BYTES for start, stop in cut)
        assert all(ahead[1] == behind[0] for ahead, behind in pairwise(cut))


@given(value=st.integers(-(2**40), 2**40), off=st.integers(-3, 3), dtype=st.sampled_from(["int32", "uint8", "int64"]))
def test_a_wrapped_sum_is_right_and_any_other_is_not(value: int, off: int, dtype: str) -> None:
    exact = np.array([value])
    wrapped = (exact + off).astype(dtype)
    wrong, worst = validate.differences(wrapped, exact, 0.0)
    assert wrong == (off != 0)
    assert (worst > 0) == (off != 0)


@given(expected=st.floats(-1e6, 1e6), bound=st.floats(0, 10), apart=st.floats(-20, 20))
def test_floats_are_right_within_the_bound(expected: float, bound: float, apart: float) -> None:
    wrong, worst = validate.differences(np.array([expected + apart]), np.array([expected]), bound)
    assert wrong == (abs((expected + apart) - expected) > bound)
    assert worst == abs((expected + apart) - expected)


@pytest.mark.parametrize("expected", [np.inf, np.nan, 1.0])
def test_what_is_not_finite_is_wrong_whatever_was_expected_and_the_difference_can_be_written(expected: float) -> None:
    for found in (np.inf, -np.inf, np.nan):
        wrong, worst = validate.differences(np.array([found]), np.array([expected]), 1e300)
        assert wrong == 1
        assert np.isfinite(worst)


def test_a_flipped_bit_is_found() -> None:
    verdict = validator(inject.flip).check()
    assert verdict.wrong == 1


def test_wrong_before_or_after_is_wrong() -> None:
    right, wrong = validate.Verdict(0, 0.0, 0.0), validate.Verdict(3, 2.5, 0.0)
    assert validate.joined(right, right, "x").status == "ok"
    assert validate.joined(right, right, "x", proven=False).status == "unchecked"
    for pair in ((wrong, right), (right, wrong)):
        found = validate.joined(*pair, "x", proven=False)
        assert (found.status, found.wrong, found.worst) == ("wrong", 3, 2.5)
    assert validate.joined(wrong, wrong, "x").wrong == 6


def test_ranks_are_judged_together() -> None:
    class Three(mpi.Group):
        def gather(self, value: Any) -> list[Any]:
            return [value, (2, 0.5, 0.25), (0, 0.0, 0.0)]

    verdict = replace(validator(count=10), group=Three()).check()
    assert verdict == validate.Verdict(wrong=2, worst=0.5, bound=0.25)


def test_a_rank_without_a_part_has_nothing_wrong() -> None:
    assert replace(validator(count=10, write=False), question=None).check().wrong == 0


def test_fresh_input_replaces_what_was_there() -> None:
    checked = validator(count=100)
    checked.inputs[0].array[:] = 99
    assert checked.check().wrong == 0
    assert not (checked.inputs[0].array == 99).all()

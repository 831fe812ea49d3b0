"""How much was hidden, from records whose truth is known, and what is not told."""

import pytest
from builders import changed, make_case, make_record, skipped
from hypothesis import given
from hypothesis import strategies as st

from fabricbench.judge.overlap import Times, overlaps
from fabricbench.model import Check, Record
from fabricbench.show import overlaps as table

WRONG = Check(status="wrong", wrong=1, worst=1.0, bound=0.0, reference="numpy")
PARTS = ("communication", "computation", "both", "communication-in-both", "computation-in-both")

seconds = st.floats(1e-7, 1e2)


def linked(*medians_s: float, launch: int = 0, **fields: object) -> list[Record]:
    """The rows of one launch: communication, computation, both, and what was seen in both if it is given."""
    return [
        make_record(
            make_case(mode="non-blocking", params={"overlap": "none", "part": part, "ratio": 1.0}),
            median_s, launch=launch, **fields,
        )
        for part, median_s in zip(PARTS, medians_s, strict=False)
    ]  # fmt: skip


@given(seconds, seconds)
def test_a_communication_that_needs_no_processor_is_hidden_whole(communication_s: float, computation_s: float) -> None:
    # What a timer does: it runs out while something is computed, or is waited for afterwards.
    times = Times(communication_s, computation_s, max(communication_s, computation_s))
    assert times.efficiency == pytest.approx(1)
    assert times.exposed_s == pytest.approx(max(0, communication_s - computation_s), abs=1e-12)


@given(seconds, seconds)
def test_one_after_the_other_hides_nothing(communication_s: float, computation_s: float) -> None:
    times = Times(communication_s, computation_s, communication_s + computation_s)
    assert times.efficiency == pytest.approx(0, abs=1e-6)
    assert times.exposed_s == pytest.approx(communication_s, abs=1e-9)


def test_what_lies_outside_of_0_and_100_percent_is_told_as_it_is() -> None:
    (worse,) = overlaps(linked(1e-4, 1e-4, 3e-4))
    (better,) = overlaps(linked(1e-4, 1e-4, 5e-5))
    assert worse.efficiency == pytest.approx(-1)
    assert better.efficiency == pytest.approx(1.5)


def test_launches_are_judged_one_by_one() -> None:
    drifting = [linked(1e-4, 1e-4, 1e-4), linked(2e-4, 2e-4, 2e-4, launch=1), linked(4e-4, 4e-4, 8e-4, launch=2)]
    (one,) = overlaps(record for records in drifting for record in records)
    assert one.efficiency == pytest.approx(1)
    assert one.times.communication_s == pytest.approx(2e-4)
    assert one.case.params["part"] == "both"


def test_how_much_each_is_slowed_by_the_other_is_told_where_it_was_seen() -> None:
    (one,) = overlaps([*linked(1e-4, 2e-4, 3e-4, 2e-4, 3e-4), *linked(1e-4, 2e-4, 3e-4, 4e-4, 2e-4, launch=1)])
    assert one.communication_slowed == pytest.approx(3)
    assert one.computation_slowed == pytest.approx(1.25)
    (old,) = overlaps(linked(1e-4, 2e-4, 3e-4))
    assert (old.communication_slowed, old.computation_slowed) == (None, None)


def test_parts_of_different_launches_are_not_linked() -> None:
    first, second = linked(1e-4, 1e-4, 1e-4), linked(1e-4, 1e-4, 1e-4, launch=1)
    assert overlaps([*first[:2], second[2]]) == []
    assert overlaps([make_record()]) == []


def test_nothing_is_told_of_what_was_wrong_or_skipped() -> None:
    records = linked(1e-4, 1e-4, 1e-4)
    assert overlaps([*records[:2], changed(records[2], check=WRONG)]) == []
    assert overlaps([skipped(record.case) for record in records]) == []


@pytest.mark.parametrize("flag", ["oversubscribed", "injected"])
def test_ranks_that_share_a_core_are_given_no_efficiency_and_told_why(flag: str) -> None:
    found = overlaps(linked(1e-4, 1e-4, 1e-4, conditions={"flags": [flag]}))
    assert [(one.efficiency, one.exposed_s) for one in found] == [(None, None)]
    (shown,) = table.tables(found)
    assert shown.rows[0][-2:] == ("N/A", "N/A")
    assert flag in shown.notes[-1]


def test_the_table_tells_times_and_percent() -> None:
    (shown,) = table.tables(overlaps(linked(1e-4, 2e-4, 2.5e-4)))
    assert shown.rows == (
        ("allreduce/mpi float32", "overlap=none", "1048576", "100", "200", "250", "50.0", "50.0", "N/A", "N/A"),
    )  # fmt: skip
    assert table.tables([]) == ()

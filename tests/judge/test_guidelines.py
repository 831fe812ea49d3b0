"""Which calls of a library lose to its other calls, and which rows are not held against each other."""

from collections.abc import Mapping, Sequence

import pytest
from builders import changed, make_case, make_record, skipped
from hypothesis import given
from hypothesis import strategies as st

from fabricbench.judge.guidelines import LIMIT, MOCKUPS, Finding, findings
from fabricbench.model import Case, Check, Record

KIB = 1 << 10
WRONG = Check(status="wrong", wrong=1, worst=1.0, bound=0.0, reference="numpy")
PARAMS = {
    **{name: {"op": "sum"} for name in ("allreduce", "reduce_scatter_block", "reduce_scatter")},
    **{name: {"root": 0} for name in ("broadcast", "gather", "gatherv", "scatter", "scatterv")},
    "reduce": {"op": "sum", "root": 0},
}
OPERATIONS = sorted({*MOCKUPS, *(part for some in MOCKUPS.values() for parts in some for part in parts)})

rows = st.tuples(st.sampled_from(OPERATIONS), st.sampled_from([8, 16, 24, 64]))
times = st.lists(st.integers(1, 60).map(float), min_size=3, max_size=3)


def case(operation: str, nbytes: int = 64 * KIB, **fields: object) -> Case:
    return make_case(nbytes, **{"operation": operation, "params": PARAMS.get(operation, {}), **fields})


def launches(asked: Case, seconds: float | Sequence[float], **fields: object) -> list[Record]:
    """A row of five launches that take equally long, or of one launch for each of these times."""
    medians = [seconds] * 5 if isinstance(seconds, float) else seconds
    return [make_record(asked, value, launch=number, **fields) for number, value in enumerate(medians)]


def suite(seconds: Mapping[str, float]) -> list[Record]:
    return [record for operation, value in seconds.items() for record in launches(case(operation), value)]


def told(found: Sequence[Finding]) -> list[tuple[str, list[str]]]:
    return [(one.case.operation, [part.operation for part in one.parts]) for one in found]


def test_a_call_that_loses_to_its_mock_up_is_found_with_its_factor() -> None:
    (one,) = findings(suite({"allreduce": 9e-5, "reduce": 1e-5, "broadcast": 2e-5}))
    assert one.case == case("allreduce")
    assert one.parts == (case("reduce"), case("broadcast"))
    assert (one.times, one.launches) == (1, 5)
    assert one.factor == pytest.approx(3)
    assert (one.time_s, one.parts_s) == pytest.approx((9e-5, 3e-5))


def test_without_the_violation_nothing_is_found() -> None:
    assert findings(suite({"allreduce": 3e-5, "reduce": 1e-5, "broadcast": 2e-5})) == []
    assert findings([]) == []


@pytest.mark.parametrize(("operation", "parts"), [(name, parts) for name, some in MOCKUPS.items() for parts in some])
def test_every_mock_up_is_held_against_its_operation(operation: str, parts: tuple[str, ...]) -> None:
    alone = dict.fromkeys(parts, 1e-5)
    found = told(findings(suite({operation: 1e-4, **alone})))
    assert (operation, list(parts)) in found
    assert operation not in dict(told(findings(suite({operation: 1e-5, **alone}))))


def test_broadcast_is_not_held_against_shared_elements() -> None:
    assert findings(suite({"broadcast": 1e-4, "allgatherv": 1e-5})) == []


def test_only_the_worst_mock_up_of_a_case_is_told() -> None:
    found = findings(suite({"allgather": 1e-4, "alltoall": 2e-5, "allgatherv": 1e-5, "allreduce": 5e-5}))
    assert told(found) == [("allgather", ["allgatherv"])]


def test_the_worst_case_comes_first() -> None:
    found = findings(suite({"alltoall": 2e-5, "alltoallv": 1e-5, "scatter": 9e-5, "scatterv": 1e-5}))
    assert [one.case.operation for one in found] == ["scatter", "alltoall"]


@pytest.mark.parametrize(("factor", "count"), [(1.049, 0), (1.051, 1)])
def test_the_margin(factor: float, count: int) -> None:
    assert len(findings(suite({"alltoall": factor * 1e-5, "alltoallv": 1e-5}))) == count


def test_a_larger_size_must_not_be_faster() -> None:
    records = [*launches(case("alltoall", 8), 3e-6), *launches(case("alltoall", 64), 1e-6)]
    (one,) = findings(records)
    assert (one.case.nbytes, [part.nbytes for part in one.parts], one.times) == (8, [64], 1)
    assert one.factor == pytest.approx(3)


@pytest.mark.parametrize(("nbytes", "times"), [(64, [8]), (60, []), (0, [])])
def test_pieces_must_not_be_faster_than_the_whole(nbytes: int, times: list[int]) -> None:
    records = [*launches(case("alltoall", nbytes), 2e-5), *launches(case("alltoall", 8), 1e-6)]
    assert [one.times for one in findings(records) if one.case.nbytes > 8] == times


def test_pieces_count_with_their_number() -> None:
    small = launches(case("alltoall", 8), 1e-6)
    assert findings([*small, *launches(case("alltoall", 64), 8e-6)]) == []
    (one,) = findings([*small, *launches(case("alltoall", 64), 1.6e-5)])
    assert one.parts_s == pytest.approx(8e-6)
    assert one.factor == pytest.approx(2)


@pytest.mark.parametrize(
    "differing",
    [
        *({"dtype": "int8"}, {"nbytes": KIB - 1}, {"ranks": 4}, {"cadence": "streaming"}, {"in_place": True}),
        *({"memory": "device"}, {"mode": "persistent"}, {"variant": "mpi4py"}, {"params": {"communicator": "half"}}),
    ],
)
def test_what_was_asked_otherwise_is_not_held_against_a_row(differing: dict[str, object]) -> None:
    slow, fast = launches(case("alltoall"), 1e-4), case("alltoallv")
    assert len(findings([*slow, *launches(fast, 1e-5)])) == 1
    assert findings([*slow, *launches(changed(fast, **differing), 1e-5)]) == []
    other = changed(slow[0].case, **differing)
    assert [one for one in findings([*launches(other, 1e-4), *launches(fast, 1e-5)]) if one.case == other] == []


@pytest.mark.parametrize(
    "fields",
    [
        *({"conditions": {"step": "python"}}, {"conditions": {"sync": "barrier"}}, {"time": "maxlocal"}),
        *({"conditions": one} for one in ({"threads": 2}, {"placement": "2x1"}, {"library": "MPICH 4.2"})),
        *({"conditions": {"flags": [flag]}} for flag in ("oversubscribed", "injected", "throttled")),
        {"check": WRONG},
    ],
)
@pytest.mark.parametrize("which", ["alltoall", "alltoallv"])
def test_what_was_found_otherwise_is_not_judged(fields: dict[str, object], which: str) -> None:
    records = [
        record
        for operation, seconds in (("alltoall", 1e-4), ("alltoallv", 1e-5))
        for record in launches(case(operation), seconds, **(fields if operation == which else {}))
    ]
    assert findings(records) == []


@pytest.mark.parametrize("flag", ["oversubscribed", "injected"])
def test_rows_that_share_a_bad_flag_are_not_judged(flag: str) -> None:
    records = suite({"alltoall": 1e-4, "alltoallv": 1e-5})
    flagged = [changed(one, conditions=changed(one.conditions, flags=[flag])) for one in records]
    assert findings(flagged) == []


def test_another_algorithm_is_no_other_condition() -> None:
    slow = launches(case("alltoall"), 1e-4, conditions={"algorithm": "pairwise"})
    assert len(findings([*slow, *launches(case("alltoallv"), 1e-5)])) == 1


def test_a_row_wrong_in_one_launch_is_no_alternative() -> None:
    slow, fast = launches(case("alltoall"), 1e-4), launches(case("alltoallv"), 1e-5)
    assert findings([*slow, *fast[1:], changed(fast[0], check=WRONG)]) == []


@pytest.mark.parametrize(("op", "root", "count"), [("sum", 0, 1), ("max", 0, 0), ("sum", 1, 0)])
def test_parameters_are_the_usual_ones_where_a_row_has_none(op: str, root: int, count: int) -> None:
    slow = launches(case("allgather"), 1e-4)
    parts = [case("gather", params={"root": root}), case("broadcast"), case("allreduce", params={"op": op})]
    assert len(findings([*slow, *(one for part in parts[:2] for one in launches(part, 1e-5))])) == (root == 0)
    assert len(findings([*slow, *launches(parts[2], 1e-5)])) == (op == "sum")
    gather = launches(case("gather"), 1e-4)
    reduce = launches(case("reduce", params={"op": op, "root": root}), 1e-5)
    assert len(findings([*gather, *reduce])) == count


def test_parts_must_have_the_operator_of_the_row() -> None:
    slow = launches(case("allreduce", params={"op": "max"}), 1e-4)
    rest = launches(case("broadcast"), 1e-5)
    for op, count in (("sum", 0), ("max", 1)):
        reduce = launches(case("reduce", params={"op": op, "root": 0}), 1e-5)
        assert len(findings([*slow, *rest, *reduce])) == count


def test_a_broadcast_serves_in_place_and_not() -> None:
    slow, reduce = (
        launches(case(name, in_place=True), value) for name, value in (("allreduce", 1e-4), ("reduce", 1e-5))
    )
    assert len(findings([*slow, *reduce, *launches(case("broadcast"), 1e-5)])) == 1


def test_streaming_rows_are_not_added_up() -> None:
    names = {"allreduce": 1e-4, "reduce": 1e-5, "broadcast": 1e-5}
    records = [one for name in names for one in launches(case(name, cadence="streaming"), names[name])]
    assert findings(records) == []


def test_every_launch_must_show_it() -> None:
    fast = launches(case("alltoallv"), 1e-5)
    assert findings([*launches(case("alltoall"), [1e-4] * 4 + [1.04e-5]), *fast]) == []
    (one,) = findings([*launches(case("alltoall"), [1e-4] * 4 + [1.06e-5]), *fast])
    assert one.launches == 5


def test_launches_that_lack_a_part_are_not_judged() -> None:
    slow, fast = launches(case("alltoall"), [1e-4] * 4 + [1e-6]), launches(case("alltoallv"), 1e-5)
    (one,) = findings([*slow, *fast[:4], skipped(case("alltoallv"), launch=4)])
    assert one.launches == 4
    (one,) = findings([slow[0], fast[0]])
    assert one.launches == 1
    assert findings([slow[0], fast[1]]) == []


@given(st.dictionaries(rows, times, max_size=12), st.integers(-20, 20))
def test_a_slower_machine_has_the_same_findings(seconds: dict[tuple[str, int], list[float]], power: int) -> None:
    records = [one for (name, size), values in seconds.items() for one in launches(case(name, size), values)]
    scaled = [changed(one, samples_s=[2.0**power * value for value in one.samples_s]) for one in records]
    assert [_unscaled(one) for one in findings(scaled)] == [_unscaled(one) for one in findings(records)]


@given(st.dictionaries(rows, times, max_size=12))
def test_removing_violations_leaves_none(seconds: dict[tuple[str, int], list[float]]) -> None:
    records = [one for (name, size), values in seconds.items() for one in launches(case(name, size), values)]
    while found := findings(records):
        assert all(one.factor > LIMIT for one in found)
        accused = found[0].case.key()
        records = [record for record in records if record.case.key() != accused]


def _unscaled(one: Finding) -> tuple[object, ...]:
    return one.case.key(), [part.key() for part in one.parts], one.times, one.launches, one.factor


def test_rows_beside_aggressors_are_no_findings_about_a_library() -> None:
    slower = {8: 4e-5, 64 * KIB: 1e-5}  # what is larger is faster
    plain = [make_record(case("allreduce", nbytes), median_s) for nbytes, median_s in slower.items()]
    beside = {"aggressor": "moe", "blocks": 25, "load": 1.0, "role": "victim"}
    assert len(findings(plain)) == 1
    assert findings(changed(row, case=changed(row.case, params={"op": "sum", **beside})) for row in plain) == []

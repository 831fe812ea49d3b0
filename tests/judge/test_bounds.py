"""What a row reached of a ceiling, and when that is not believed."""

import pytest
from builders import changed, make_case, make_ceiling, make_record

from fabricbench.judge.bounds import bounds, ceiling_text, tightest
from fabricbench.model import Record, Traffic
from fabricbench.traffic import collective

RING = {"algorithm": "ring"}
AT_LIMIT = (1 << 20) / 1e-4
"""Bus bandwidth in B/s of the record that `make_record` builds."""


def copying(**fields: object) -> Record:
    """A copy on every rank: one array read, one written."""
    moved = Traffic(sent=1e6, received=1e6, flops=0.0, resource="memory")
    case = make_case(10**6, operation="copy", dtype="float64", params={})
    return make_record(case, 1e-4, traffic=moved, rate_keys=("bandwidth",), **fields)


def test_the_share_is_of_the_bus_bandwidth() -> None:
    (bound,) = bounds(make_record(), [make_ceiling(2 * AT_LIMIT)])
    assert bound.ratio == pytest.approx(0.5)
    assert bound.doubt is None
    assert not bound.invalid


@pytest.mark.parametrize(("operation", "counted"), [("broadcast", 1), ("reduce", 1), ("allreduce", 2)])
def test_a_root_passes_memory_once(operation: str, counted: int) -> None:
    case = make_case(10**6, operation=operation)
    moved = changed(collective(case, case.ranks), resource="memory")
    (bound,) = bounds(make_record(case, 1e-4, traffic=moved), [make_ceiling(1e11, resource="memory")])
    assert bound.ratio == pytest.approx(counted * 1e6 / 1e-4 / 1e11)


def test_memory_counts_what_is_read_and_what_is_written() -> None:
    ceiling = make_ceiling(4e10, resource="memory")
    assert bounds(copying(), [ceiling])[0].ratio == pytest.approx(2e6 / 1e-4 / 4e10)


@pytest.mark.parametrize(("placement", "sharing"), [("1x2", 2), ("2x1", 1), ("4x16", 2), ("2x1+2", 2)])
def test_ranks_of_a_host_share_its_ceiling(placement: str, sharing: int) -> None:
    record = make_record(conditions={"placement": placement})
    bound = tightest(record, [make_ceiling(100 * AT_LIMIT, scope="host")])
    assert bound is not None
    assert bound.ratio == pytest.approx(sharing / 100)


def test_a_floor_in_seconds_and_a_rate_of_arithmetic() -> None:
    moved = Traffic(sent=0, received=0, flops=1e6, resource="compute")
    record = make_record(traffic=moved, rate_keys=("flops",))
    ceilings = [
        make_ceiling(1e-5, resource="compute", unit="s"),
        make_ceiling(2e10, resource="compute", unit="FLOP/s"),
        make_ceiling(1.0, resource="compute", unit="fortnight"),
    ]
    assert [bound.ratio for bound in bounds(record, ceilings)] == pytest.approx([0.1, 0.5])


@pytest.mark.parametrize("fields", [{"launch": 1}, {"resource": "memory"}, {"scope": "rack"}, {"unit": "fortnight"}])
def test_another_launch_resource_scope_or_unit_bounds_nothing(fields: dict[str, object]) -> None:
    assert bounds(make_record(), [changed(make_ceiling(), **fields)]) == []


@pytest.mark.parametrize("launch", [0, 1])
def test_every_launch_has_its_own_ceiling(launch: int) -> None:
    ceilings = [make_ceiling(2 * AT_LIMIT), make_ceiling(4 * AT_LIMIT, launch=1)]
    bound = tightest(make_record(launch=launch), ceilings)
    assert bound is not None
    assert bound.ratio == pytest.approx((0.5, 0.25)[launch])


def test_only_samples_that_were_kept_count() -> None:
    pattern = (0.001, *[1.0] * 6)
    record = make_record(pattern=pattern, excluded=[(0, 0, "too early")], conditions=RING)
    bound = tightest(record, [make_ceiling(AT_LIMIT, nature="physical")])
    assert bound is not None
    assert bound.ratio == pytest.approx(1)


@pytest.mark.parametrize(
    ("nature", "above", "code"),
    [
        ("physical", 1.06, "invalid"),
        ("physical", 1.04, None),
        ("measured", 1.06, "in-cache"),
        ("declared", 1.06, "in-cache"),
        ("measured", 1.04, None),
    ],
)
def test_above_a_ceiling(nature: str, above: float, code: str | None) -> None:
    record = make_record(conditions=RING)
    (bound,) = bounds(record, [make_ceiling(AT_LIMIT / above, nature=nature)])
    assert bound.invalid is (code == "invalid")
    assert (bound.doubt and bound.doubt.code) == code
    if bound.doubt:
        assert f"106.0 % of the {nature} link ceiling" in bound.doubt.text
        assert bound.doubt.remedy


@pytest.mark.parametrize("algorithm", ["nvls", "SHARP", "CollNetDirect", "unknown"])
def test_a_reduction_inside_the_network_is_never_invalid(algorithm: str) -> None:
    record = make_record(conditions={"algorithm": algorithm})
    (bound,) = bounds(record, [make_ceiling(AT_LIMIT / 1.9, nature="physical")])
    assert not bound.invalid
    assert bound.doubt is not None
    assert bound.doubt.code == "in-network"


def test_what_no_network_can_do_is_invalid_whatever_the_algorithm() -> None:
    link = make_ceiling(AT_LIMIT / 1.9, nature="physical")
    gather = make_record(make_case(operation="allgather"))
    assert bounds(gather, [link])[0].invalid
    memory = make_ceiling(1e10, nature="physical", resource="memory")
    assert bounds(copying(), [memory])[0].invalid


def test_an_invalidating_ceiling_comes_before_a_nearer_one() -> None:
    ceilings = [
        make_ceiling(AT_LIMIT / 3, source="far"),
        make_ceiling(AT_LIMIT / 2, nature="physical", source="attributes"),
    ]
    bound = tightest(make_record(conditions=RING), ceilings)
    assert bound is not None
    assert bound.ceiling.source == "attributes"


def test_a_ceiling_names_its_source() -> None:
    text = "20.0 GB/s of link a rank, measured (ping-pong, 4 MiB)"
    assert ceiling_text(make_ceiling(2e10)) == text
    assert ceiling_text(make_ceiling(1e-6, unit="s")).startswith("1.00 us of link")

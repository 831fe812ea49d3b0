"""Bandwidth formulas against those of nccl-tests, operation by operation."""

import example_lines as example
import msgspec
import pytest

from fabricbench import traffic
from fabricbench.model import Traffic

RANKS = (1, 2, 3, 8, 72)

# nccl-tests src/*.cu, each collective's GetBw: what multiplies algbw to give busbw on n ranks.
NCCL_TESTS = {
    "allreduce": lambda n: 2 * (n - 1) / n,
    "reduce_scatter": lambda n: (n - 1) / n,
    "allgather": lambda n: (n - 1) / n,
    "broadcast": lambda n: 1.0,
    "reduce": lambda n: 1.0,
    "alltoall": lambda n: (n - 1) / n,
    "alltoallv": lambda n: (n - 1) / n,
    "gather": lambda n: (n - 1) / n,
    "scatter": lambda n: (n - 1) / n,
}


@pytest.mark.parametrize("operation", NCCL_TESTS)
@pytest.mark.parametrize("ranks", RANKS)
def test_bus_factors_are_those_of_nccl_tests(operation: str, ranks: int) -> None:
    assert traffic.bus_factor(operation, ranks) == NCCL_TESTS[operation](ranks)


@pytest.mark.parametrize("operation", traffic.BUS_FACTORS)
def test_one_rank_has_no_bus_but_a_root_s(operation: str) -> None:
    assert traffic.bus_factor(operation, 1) in (0.0, 1.0)
    assert 0 < traffic.bus_factor(operation, 2) <= 1.0


@pytest.mark.parametrize("operation", ["barrier", "latency", ""])
def test_an_operation_without_a_bus_has_no_factor(operation: str) -> None:
    with pytest.raises(KeyError):
        traffic.bus_factor(operation, 8)


def test_allreduce_of_a_gigabyte_on_eight_ranks() -> None:
    case = msgspec.structs.replace(example.record().case, nbytes=10**9, ranks=8)
    sent = traffic.bus_factor("allreduce", 8) * case.nbytes
    moved = Traffic(sent=sent, received=sent, flops=0.0, resource="memory")
    rates = traffic.rates(("algbw", "busbw"), case, moved, 10e-3)
    assert rates == {"algbw": 100e9, "busbw": 175e9}


@pytest.mark.parametrize("operation", traffic.BUS_FACTORS)
@pytest.mark.parametrize("ranks", RANKS)
def test_the_bus_bandwidth_of_a_collective_is_that_of_nccl_tests(operation: str, ranks: int) -> None:
    case = msgspec.structs.replace(example.record().case, operation=operation, nbytes=10**9, ranks=ranks)
    moved = traffic.collective(case, case.ranks, flops=7.0)
    assert traffic.rate("busbw", case, moved, 1.0) == 1e9 * traffic.bus_factor(operation, ranks)
    assert (moved.flops, moved.resource) == (7.0, "link")


@pytest.mark.parametrize(
    ("operation", "sent", "received"),
    [
        ("broadcast", 1, 0),
        ("scatter", 0.75, 0),
        ("reduce", 0, 1),
        ("gather", 0, 0.75),
        ("allreduce", 1.5, 1.5),
        ("allgather", 0.75, 0.75),
        ("alltoall", 0.75, 0.75),
        ("reduce_scatter_block", 0.75, 0.75),
    ],
)
def test_a_root_only_sends_or_only_receives(operation: str, sent: float, received: float) -> None:
    case = msgspec.structs.replace(example.record().case, operation=operation, nbytes=1000, ranks=4)
    moved = traffic.collective(case, case.ranks)
    assert (moved.sent, moved.received) == (1000 * sent, 1000 * received)


def test_every_rate_counts_what_its_name_says() -> None:
    case = msgspec.structs.replace(example.record().case, nbytes=100)
    moved = Traffic(sent=10.0, received=30.0, flops=7.0, resource="memory")
    rates = traffic.rates(("algbw", "busbw", "bandwidth", "flops", "messages"), case, moved, 2.0)
    assert rates == {
        "algbw": 50.0,
        "busbw": 15.0,
        "bandwidth": 20.0,
        "flops": 3.5,
        "messages": 0.5,
    }


def test_no_time_is_no_rate() -> None:
    record = example.record()
    assert traffic.rates(("algbw",), record.case, record.traffic, 0.0) == {}

"""Every row of every tool is read as it was printed, at all widths and of all ages, through `api.import_`."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from show.imports import printers

from fabricbench import api
from fabricbench.model import Record
from fabricbench.store import Result

TABLE = [(1 << power, 0.75 * 1.6**power) for power in range(2, 24, 3)]

SIZES = st.lists(st.integers(1, 1 << 34), min_size=1, max_size=8, unique=True)
FIGURES = st.floats(0.01, 9e6, allow_nan=False).map(lambda value: round(value, 2))


def imported(folder: Path, *texts: str, **options: Any) -> Result:
    """The result of importing these logs."""
    output = folder / "out.jsonl"
    output.unlink(missing_ok=True)
    paths = []
    for number, text in enumerate(texts):
        paths.append(folder / f"log{number}.txt")
        paths[-1].write_bytes(text.encode())
    api.import_([str(path) for path in paths], str(output), **options)
    (result,) = api.load([str(output)])
    return result


def rows(folder: Path, text: str, **options: Any) -> list[Record]:
    return list(imported(folder, text, **options).records)


def times(records: Sequence[Record]) -> dict[int, float]:
    return {record.case.nbytes: record.summary.median_s or 0.0 for record in records}


@pytest.mark.parametrize(
    ("text", "scale", "precision"),
    [
        (printers.osu, 1e-6, 0.01),
        (printers.osu_full, 1e-6, 0.01),
        (lambda rows: printers.osu(rows, "OSU MPI_Put Latency Test", head="Latency (us)"), 1e-6, 0.01),
        (lambda rows: printers.osu(rows, version="v5.6", datatype=None, head="Avg Latency(us)", width=20), 1e-6, 0.01),
        (printers.imb, 1e-6, 0.01),
        (lambda rows: printers.imb(rows, "PingPong", heads=("t[usec]", "Mbytes/sec")), 1e-6, 0.01),
        (printers.perftest_lat, 1e-6, 0.01),
        (printers.nixlbench, 1e-6, 0.1),
        (printers.mpi4py_bench, 1.0, 1e-7),
    ],
    ids=["osu", "osu -f -c -z", "osu put", "osu 5.6", "imb", "imb pingpong", "perftest", "nixlbench", "mpi4py.bench"],
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=SIZES, figures=st.data())
def test_tables_of_times_at_all_widths(
    text: Callable[[list[printers.Row]], str], scale: float, precision: float, sizes: list[int], figures: st.DataObject,
    tmp_path: Path,
) -> None:  # fmt: skip
    table = [(size, figures.draw(FIGURES)) for size in sizes]
    found = rows(tmp_path, text(table), ranks=2)
    assert len(found) == len(table)
    for record, (size, figure) in zip(found, table, strict=True):
        assert record.case.nbytes == size
        # Half a printed digit, and half of the six that a file keeps.
        allowed = max(precision * scale / 2 * 1.01, figure * scale * 1e-5)
        assert math.isclose(record.summary.median_s or 0.0, figure * scale, rel_tol=0, abs_tol=allowed)


@pytest.mark.parametrize("age", [0, 1, 2])
@pytest.mark.parametrize(
    "options", [{}, {"per_iteration": True}, {"stamps": True}, {"per_iteration": True, "stamps": True}]
)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=st.lists(st.tuples(st.integers(0, 1 << 40), st.floats(0.01, 1e9)), min_size=1, unique_by=lambda row: row[0])
)
def test_nccl_text_of_all_ages_and_columns(
    age: int, options: dict[str, bool], table: list[printers.Row], tmp_path: Path
) -> None:
    found = rows(tmp_path, printers.nccl(table, age=age, **options))
    assert [record.case.in_place for record in found] == [False, True] * len(table)
    for (size, time_us), record in zip(table, found[::2], strict=True):
        assert record.case.nbytes == size
        shown = float(printers.nccl_number(time_us, 7))
        assert record.summary.median_s == pytest.approx(shown * 1e-6, rel=1e-5)
        assert record.summary.p99_s == (pytest.approx(8e-6) if "per_iteration" in options else None)
        assert record.case.operation == ("allreduce" if age == 2 else "unknown")
        assert record.case.ranks == 8
        assert ("algbw" in record.rates) == (size > 0)


def test_nccl_says_what_its_header_says(tmp_path: Path) -> None:
    (out, into) = rows(tmp_path, printers.nccl([(1 << 20, 45.92)]))
    assert out.case.text() == "allreduce/nccl float32 1MiB device streaming"
    assert into.case.in_place
    assert out.case.params == {"op": "sum"}
    assert out.rates == pytest.approx({"algbw": 22.83e9, "busbw": 39.96e9}, rel=1e-3)
    assert out.check.status == "ok"
    assert out.repeats == 20
    assert out.origin is not None
    assert (out.origin.tool, out.origin.version, out.origin.statistic) == ("nccl-tests", "2.19.6", "mean")
    assert out.origin.over_ranks is None, "-a is not printed"
    assert out.origin.line == 17
    assert out.samples_s == []
    assert out.conditions.step == out.conditions.sync == out.time == "unknown"


@pytest.mark.parametrize(
    ("program", "operation", "params"),
    [
        ("all_gather", "allgather", {}), ("reduce_scatter", "reduce_scatter_block", {"op": "sum"}),
        ("alltoall", "alltoall", {}), ("broadcast", "broadcast", {"root": 3}), ("sendrecv", "sendrecv", {}),
        ("hypercube", "hypercube", {}),
    ],
)  # fmt: skip
def test_nccl_operations(program: str, operation: str, params: dict[str, Any], tmp_path: Path) -> None:
    redop = str(params["op"]) if "op" in params else "none"
    text = printers.nccl([(1 << 20, 10.0)], program, redop=redop, root=params.get("root", -1))
    (out, _) = rows(tmp_path, text)
    assert (out.case.operation, out.case.params, out.case.nbytes) == (operation, params, 1 << 20)


def test_nccl_json_is_read_in_full_precision(tmp_path: Path) -> None:
    (out, into) = rows(tmp_path, printers.nccl_json([(1 << 20, 45.921234)], args=["-a", "3"]))
    assert out.summary.median_s == 4.59212e-5
    assert out.summary.p99_s == pytest.approx(7.7e-6)
    assert out.origin is not None
    assert out.origin.over_ranks == "maximum"
    assert out.conditions.library == "NCCL 2.27.7"
    assert (out.case.ranks, into.case.in_place) == (8, True)
    (out, _) = rows(tmp_path, printers.nccl_json([(1 << 20, 45.9)]))
    assert out.origin is not None
    assert out.origin.over_ranks == "mean", "what nccl-tests does without -a"


def test_nccl_counts_processes_because_their_lists_are_cut(tmp_path: Path) -> None:
    text = printers.nccl([(1024, 5.0)], ranks=2).replace("nGpus 1", "nGpus 8")
    assert {row.case.ranks for row in rows(tmp_path, text)} == {16}
    split = text.replace("Rank  1 Group  0", "Rank  1 Group  1")
    assert {row.case.ranks for row in rows(tmp_path, split)} == {1}


def test_rccl_is_told_from_nccl(tmp_path: Path) -> None:
    plain = printers.nccl([(1024, 5.0)], age=1)
    for text in (
        f"rccl-tests: Version develop:abc\n{plain}",
        plain.replace("# Using devices", "# Using devices\nRCCL version : 2.21.5-HEAD:9a0e6a1\nHIP version  : 6.3"),
    ):
        (out, _) = rows(tmp_path, text)
        assert (out.case.variant, out.origin and out.origin.tool) == ("rccl", "rccl-tests")
    assert out.conditions.library == "RCCL 2.21.5-HEAD:9a0e6a1"
    (out, _) = rows(tmp_path, printers.nccl([(1024, 5.0)], age=1), tool="rccl-tests")
    assert out.case.variant == "rccl"


@pytest.mark.parametrize(
    ("title", "operation", "mode", "per_rank"),
    [
        ("OSU MPI Allreduce Latency Test", "allreduce", "blocking", False),
        ("OSU MPI Allreduce Persistent Latency Test", "allreduce", "persistent", False),
        ("OSU MPI All-to-All Personalized Exchange Latency Test", "alltoall", "blocking", True),
        ("OSU MPI All-to-Allv Personalized Exchange Persistent Latency Test", "alltoallv", "persistent", True),
        ("OSU MPI Allgather Latency Test", "allgather", "blocking", True),
        ("OSU MPI Allgatherv Latency Test", "allgatherv", "blocking", True),
        ("OSU MPI Broadcast Latency Test", "broadcast", "blocking", False),
        ("OSU MPI Gather Latency Test", "gather", "blocking", True),
        ("OSU MPI Scatterv Latency Test", "scatterv", "blocking", True),
        ("OSU MPI Reduce_scatter Latency Test", "reduce_scatter", "blocking", False),
        ("OSU MPI Reduce_scatter_block Latency Test", "reduce_scatter_block", "blocking", False),
        ("OSU MPI Latency Test", "latency", "blocking", False),
        ("OSU MPI Latency Persistent Test", "latency", "persistent", False),
        ("OSU MPI Multi Latency Test", "multi-latency", "blocking", False),
        ("OSU MPI Multi-threaded Latency Test", "multi-threaded-latency", "blocking", False),
        ("OSU MPI_Put Latency Test", "put", "blocking", False),
        ("OSU MPI_Get latency Test", "get", "blocking", False),
        ("OSU MPI_Accumulate latency Test", "accumulate", "blocking", False),
        ("OSU MPI_Get_accumulate latency Test", "get_accumulate", "blocking", False),
        ("OSU MPI_Compare_and_swap latency Test", "compare_and_swap", "blocking", False),
        ("OSU MPI Neighborhood Alltoall Latency Test", "neighbor_alltoall", "blocking", False),
        ("OSU MPI Non-blocking Neighborhood Allgather Latency Test", "neighbor_allgather", "non-blocking", False),
    ],
)
def test_osu_titles(title: str, operation: str, mode: str, per_rank: bool, tmp_path: Path) -> None:
    (row,) = rows(tmp_path, printers.osu([(1024, 5.0)], title), ranks=4)
    assert (row.case.operation, row.case.mode) == (operation, mode)
    assert row.case.nbytes == (4096 if per_rank else 1024)


@pytest.mark.parametrize(
    ("title", "memory"),
    [
        ("OSU MPI-CUDA Allreduce Latency Test", "device"), ("OSU MPI-ROCM Latency Test", "device"),
        ("OSU MPI_Put-CUDA Latency Test", "device"), ("OSU MPI-CUDA MANAGED Allreduce Latency Test", "unknown"),
        ("OSU MPI Allreduce Latency Test", "host"),
    ],
)  # fmt: skip
def test_osu_memory(title: str, memory: str, tmp_path: Path) -> None:
    (row,) = rows(tmp_path, printers.osu([(1024, 5.0)], title))
    assert row.case.memory == memory
    assert row.case.operation in ("allreduce", "latency", "put")


@pytest.mark.parametrize("layer", ["NCCL", "RCCL"])
def test_osu_over_another_library(layer: str, tmp_path: Path) -> None:
    (row,) = rows(tmp_path, printers.osu([(1024, 5.0)], f"OSU {layer}-CUDA Allgather Latency Test"), ranks=4)
    assert (row.case.operation, row.case.variant, row.case.memory) == ("allgather", layer.lower(), "device")
    assert row.case.nbytes == 4096


def test_osu_says_how_it_joined_ranks(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, printers.osu_full([(1024, 5.0)]))
    assert row.origin is not None
    assert (row.origin.tool, row.origin.version) == ("osu", "v7.4")
    assert (row.origin.statistic, row.origin.over_ranks) == ("mean", "mean")
    assert (row.summary.n, row.summary.p99_s, row.repeats) == (1000, pytest.approx(7.7e-6), 1)
    assert (row.case.ranks, row.check.status, row.case.dtype) == (None, "ok", "float32")
    (row,) = rows(tmp_path, printers.osu([(1024, 5.0)], "OSU MPI Latency Test"))
    assert row.origin is not None
    assert (row.origin.over_ranks, row.case.ranks, row.case.cadence) == ("rank 0", 2, "streaming")


def test_osu_size_of_one_rank_stays_one_ranks_where_ranks_are_unknown(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, printers.osu([(1024, 5.0)], "OSU MPI Allgather Latency Test"))
    assert row.case.nbytes == 1024
    assert row.case.params == {"size": "one-rank's-part"}
    assert row.rates == {}


def test_osu_overlap_is_three_rows(tmp_path: Path) -> None:
    found = rows(tmp_path, printers.osu_overlap([(1024, 4.0)]), ranks=2)
    assert {str(row.case.params.get("part")): row.summary.median_s for row in found} == {
        "None": 4e-6, "both": 8e-6, "computation": 6e-6,
    }  # fmt: skip
    assert {row.case.mode for row in found} == {"non-blocking"}
    assert [bool(row.rates) for row in found] == [True, False, False]


def test_osu_rates(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, printers.osu([(1000, 500.0)], "OSU MPI Bandwidth Test", head="Bandwidth (MB/s)"))
    assert row.summary.median_s == pytest.approx(2e-6)
    assert row.rates == {"bandwidth": 5e8}
    text = printers.osu([(1000, 500.0)], "OSU MPI Bi-Directional Bandwidth Test", head="Bandwidth (MB/s)")
    (row,) = rows(tmp_path, text)
    assert row.summary.median_s == pytest.approx(4e-6), "a message each way, and the rate counts both"
    (row,) = rows(tmp_path, printers.osu_rates([(1000, 500.0)], pairs=4))
    assert (row.case.operation, row.case.ranks, row.case.params) == ("message-rate", 8, {"window": 64})
    assert row.rates == {"bandwidth": 5e8, "messages": 5e5}


def test_osu_windows_and_barrier(tmp_path: Path) -> None:
    comments = ("# Window creation: MPI_Win_create", "# Synchronization: MPI_Win_lock/unlock")
    (row,) = rows(
        tmp_path, printers.osu([(8, 1.0)], "OSU MPI_Put Latency Test", head="Latency (us)", comments=comments)
    )
    assert row.case.params == {"win": "create", "sync": "lock"}
    (row,) = rows(tmp_path, printers.osu_barrier(1.25))
    assert (row.case.operation, row.case.nbytes, row.summary.median_s) == ("barrier", 0, 1.25e-6)


def test_omb_py(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, printers.omb_py([(1024, 5.0)]), ranks=4)
    assert (row.case.variant, row.case.nbytes, row.origin and row.origin.tool) == ("mpi4py", 4096, "omb-py")
    (row,) = rows(tmp_path, printers.omb_py([(1000, 500.0)], "Bi-Directional Bandwidth", bandwidth=True))
    assert (row.case.operation, row.summary.median_s) == ("bidirectional", pytest.approx(4e-6))


@pytest.mark.parametrize(
    ("name", "heads", "operation", "nbytes", "time_s"),
    [
        ("Allreduce", printers.IMB_RANGE, "allreduce", 1000, 8e-6),
        ("PingPong", ("t[usec]", "Mbytes/sec"), "latency", 1000, 8e-6),
        ("PingPing", ("t[usec]", "Mbytes/sec"), "bidirectional", 1000, 8e-6),
        ("Sendrecv", (*printers.IMB_RANGE, "Mbytes/sec"), "sendrecv", 1000, 8e-6),
        ("Exchange", (*printers.IMB_RANGE, "Mbytes/sec"), "exchange", 1000, 8e-6),
        ("Reduce_scatter", printers.IMB_RANGE, "reduce_scatter", 1000, 8e-6),
        ("Reduce_scatter_block", printers.IMB_RANGE, "reduce_scatter_block", 2000, 8e-6),
        ("Allgather", printers.IMB_RANGE, "allgather", 2000, 8e-6),
        ("Bcast", printers.IMB_RANGE, "broadcast", 1000, 8e-6),
        ("Uniband", ("Mbytes/sec", "Msg/sec"), "bandwidth", 1000, 1 / 8),
        ("Biband", ("Mbytes/sec", "Msg/sec"), "bidirectional", 1000, 2 / 8),
        ("Bcast_persist", printers.IMB_RANGE, "broadcast", 1000, 8e-6),
        ("P_Write_Priv", printers.IMB_RANGE, "p_write_priv", 1000, 8e-6),
        ("Unidir_put", ("t[usec]", "Mbytes/sec"), "put", 1000, 8e-6),
    ],
)  # fmt: skip
def test_imb_benchmarks(
    name: str, heads: tuple[str, ...], operation: str, nbytes: int, time_s: float, tmp_path: Path
) -> None:
    (row,) = rows(tmp_path, printers.imb([(1000, 8.0)], name, heads=heads))
    assert (row.case.operation, row.case.nbytes, row.case.ranks) == (operation, nbytes, 2)
    assert row.summary.median_s == pytest.approx(time_s)
    assert row.origin is not None
    assert (row.origin.version, row.origin.statistic, row.origin.over_ranks) == ("2021.11", "mean", "maximum")
    assert row.repeats == 20


def test_imb_overlap_defects_and_several_numbers_of_ranks(tmp_path: Path) -> None:
    heads = ("t_ovrl[usec]", "t_pure[usec]", "t_CPU[usec]", "overlap[%]")
    found = rows(tmp_path, printers.imb([(1000, 8.0)], "Iallreduce", heads=heads))
    assert {str(row.case.params.get("part")) for row in found} == {"None", "both", "computation"}
    assert {row.case.mode for row in found} == {"non-blocking"}
    two, four = (printers.imb([(8, 1.0)], processes=number, defects=True) for number in (2, 4))
    found = rows(tmp_path, two + four)
    assert [(row.case.ranks, row.check.status) for row in found] == [(2, "ok"), (4, "ok")]


def test_imb_says_what_it_did_not_measure(tmp_path: Path) -> None:
    text = printers.imb([(8, 1.0)]).replace("\n\n# All", "\n           64 time-out.; Time limit is over;\n\n# All")
    done, given_up = rows(tmp_path, text)
    assert (done.check.status, given_up.check.status, given_up.case.nbytes) == ("unchecked", "skipped", 64)
    assert given_up.summary.median_s is None
    assert "time-out" in given_up.doubts[0].text


def test_nvbandwidth_cells(tmp_path: Path) -> None:
    cells = [[None, 276.07], [275.5, None]]
    for text in (printers.nvbandwidth(cells), printers.nvbandwidth_json(cells)):
        found = rows(tmp_path, text)
        assert {(row.case.params["row"], row.case.params["column"]): row.rates["bandwidth"] for row in found} == {
            ("0", "1"): 276.07e9, ("1", "0"): 275.5e9,
        }  # fmt: skip
        assert {(row.case.operation, row.case.variant, row.summary.median_s) for row in found} == {("peer", "ce", None)}
    what = "memory latency SM CPU(row) <-> GPU(column) (ns)"
    (row,) = rows(tmp_path, printers.nvbandwidth([[812.5]], "host_device_latency_sm", what))
    assert row.summary.median_s == pytest.approx(8.125e-7)
    assert row.rates == {}


@pytest.mark.parametrize(("unit", "rate"), [("MiB", 1024.0), ("MB", 1024.0), ("Gb", 8.589934592)])
def test_perftest_units(unit: str, rate: float, tmp_path: Path) -> None:
    (row,) = rows(tmp_path, printers.perftest_bw([(65536, rate)], unit=unit))
    assert row.rates["bandwidth"] == pytest.approx(1 << 30, rel=2e-3)
    assert row.summary.median_s == pytest.approx(65536 / (1 << 30), rel=2e-3)
    assert (row.case.operation, row.case.variant, row.repeats) == ("put-bandwidth", "verbs", 5000)


@pytest.mark.parametrize("unit", ["MiB", "Gb"])
@pytest.mark.parametrize("sl", [False, True])
def test_perftest_json_even_where_it_is_none(unit: str, sl: bool, tmp_path: Path) -> None:
    (row,) = rows(tmp_path, printers.perftest_json(65536, 500.0, unit=unit, sl=sl))
    assert row.rates["bandwidth"] == pytest.approx(500.0 * {"MiB": 1 << 20, "Gb": 1e9 / 8}[unit])
    assert row.case.params == ({"sl": 3} if sl else {})


def test_perftest_latency_is_the_typical_one(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, printers.perftest_lat([(2, 1.66)]))
    assert (row.case.operation, row.summary.median_s, row.summary.p99_s) == ("latency", 1.66e-6, 3.32e-6)
    assert row.origin is not None
    assert (row.origin.statistic, row.summary.n) == ("median", 1000)


@pytest.mark.parametrize("csv", [False, True])
@pytest.mark.parametrize("unit", printers.BABEL_UNITS)
def test_babelstream_units(unit: str, csv: bool, tmp_path: Path) -> None:
    (row,) = rows(tmp_path, printers.babelstream([(1 << 25, 0.00131)], unit=unit, csv=csv))
    rate = 3 * 8 * (1 << 25) / 0.00131
    assert row.rates["bandwidth"] == pytest.approx(rate, rel=1e-2 if unit[0] == "T" else 1e-4, abs=1e9)
    assert (row.case.operation, row.case.nbytes, row.case.dtype) == ("triad", 1 << 28, "float64")
    assert row.origin is not None
    assert (row.origin.statistic, row.summary.n, row.summary.median_s) == ("minimum", 99, 0.00131)


def test_mpi4py_bench_without_its_statistics(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, printers.mpi4py_bench([(1000, 2e-6)], stats=False))
    assert (row.case.operation, row.case.variant) == ("latency", "mpi4py")
    assert row.summary.median_s == pytest.approx(2e-6)
    (row,) = rows(tmp_path, "time for 10 loops = 4e-05 seconds (3 processes, 7 bytes)\n")
    assert (row.case.operation, row.case.ranks, row.case.nbytes, row.summary.median_s) == ("ring", 3, 7, 4e-6)


def test_nixlbench_options(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, printers.nixlbench([(4096, 6.5)]))
    assert (row.case.operation, row.case.variant, row.case.memory) == ("put-bandwidth", "ucx", "device")
    assert row.rates["bandwidth"] == pytest.approx(4096 / 6.5e-6, rel=1e-4)


def test_google_benchmark(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, printers.google([(8, 250.0)]))
    assert (row.case.operation, row.case.params, row.summary.median_s) == ("bm_copy", {"args": "8"}, 2.5e-7)
    assert row.rates == {"bandwidth": 1e9}
    found = rows(tmp_path, printers.google([(8, 250.0)], version=None, repetitions=3))
    kinds = [(row.origin and row.origin.statistic, row.case.params.get("repetition")) for row in found]
    assert kinds == [("mean", 0), ("mean", 1), ("mean", 2), ("mean", None), ("median", None)]


def test_nvbench(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, printers.nvbench([(1024, 1.25e-5)]))
    assert (row.case.operation, row.case.params) == ("copy", {"device": 0, "elements": "1024"})
    assert (row.summary.median_s, row.summary.n, row.rates) == (1.25e-5, 100, {"bandwidth": 1e12})


EVERY = {
    "nccl-tests": printers.nccl(TABLE), "nccl-tests JSON": printers.nccl_json(TABLE), "osu": printers.osu(TABLE),
    "omb-py": printers.omb_py(TABLE), "imb": printers.imb(TABLE), "nvbandwidth": printers.nvbandwidth([[1.0, None]]),
    "nvbandwidth JSON": printers.nvbandwidth_json([[1.0, None]]), "perftest": printers.perftest_bw(TABLE),
    "perftest JSON": printers.perftest_json(65536, 500.0), "babelstream": printers.babelstream([(1024, 0.5)]),
    "babelstream CSV": printers.babelstream([(1024, 0.5)], csv=True), "google-benchmark": printers.google(TABLE),
    "mpi4py.bench": printers.mpi4py_bench([(8, 1e-6)]), "nixlbench": printers.nixlbench(TABLE),
    "nvbench": printers.nvbench(TABLE),
}  # fmt: skip


@pytest.mark.parametrize("which", EVERY)
def test_every_tool_is_recognised_and_its_rows_say_where_they_stand(which: str, tmp_path: Path) -> None:
    lines = EVERY[which].split("\n")
    for record in rows(tmp_path, EVERY[which]):
        assert record.origin is not None
        assert record.origin.tool == which.partition(" ")[0]
        assert 1 <= record.origin.line <= len(lines)
        assert record.samples_s == []
        if "JSON" not in which:
            assert lines[record.origin.line - 1][:1] != "#"


@pytest.mark.parametrize("which", EVERY)
def test_what_is_read_does_not_depend_on_the_name_of_the_tool_being_given(which: str, tmp_path: Path) -> None:
    text, tool = EVERY[which], which.partition(" ")[0]
    assert rows(tmp_path, text) == rows(tmp_path, text, tool=tool)

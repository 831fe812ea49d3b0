"""Logs as the tools print them: written from their print formats, with values that the test chooses.

Each function is one tool's printing code in Python; `%` formats and widths are those of its sources.
"""

import json
from collections.abc import Sequence
from typing import Any

Row = tuple[int, float]
"""Size as the tool counts it, and its figure in the tool's unit."""


def osu(  # noqa: PLR0913 - all that varies between versions and options
        rows: Sequence[Row], title: str = "OSU MPI Allreduce Latency Test", *, head: str = "Avg Latency(us)",
        version: str = "v7.4", datatype: str | None = "MPI_FLOAT", width: int = 18, extra: Sequence[str] = (),
        cells: Sequence[str] = (), comments: Sequence[str] = ()) -> str:  # fmt: skip
    """c/util/osu_util_mpi.c. extra: heads of further columns; cells: their contents in every row."""
    lines = ["", f"# {title} {version}".rstrip(), *comments, *([f"# Datatype: {datatype}."] if datatype else [])]
    lines.append(f"{'# Size':<10}" + "".join(f"{one:>{width}}" for one in (head, *extra)))
    lines += [f"{size:<10d}{value:>{width}.2f}" + "".join(f"{one:>{width}}" for one in cells) for size, value in rows]
    return "\n".join(lines) + "\n"


def osu_full(rows: Sequence[Row], **fields: Any) -> str:
    """With -f -c -z."""
    return osu(
        rows, extra=("Min Latency(us)", "Max Latency(us)", "Iterations", "Validation", "P50 Tail Lat(us)",
                     "P99 Tail Lat(us)"), cells=("0.10", "99.90", "1000", "Pass", "0.50", "7.70"), **fields,
    )  # fmt: skip


def osu_overlap(rows: Sequence[Row], *, width: int = 18) -> str:
    """print_only_header_nbc: overall, compute, pure communication, overlap."""
    heads = ("Overall(us)", "Compute(us)", "Pure Comm.(us)", "Overlap(%)")
    lines = ["", "# OSU MPI Non-blocking Allreduce Latency Test v7.4",
             "# Overall = Coll. Init + Compute + MPI_Test + MPI_Wait", "", "# Datatype: MPI_FLOAT.",
             f"{'# Size':<10}" + "".join(f"{head:>{width}}" for head in heads)]  # fmt: skip
    lines += [
        f"{size:<10d}{2 * t:>{width}.2f}{1.5 * t:>{width}.2f}{t:>{width}.2f}{50.0:>{width}.2f}" for size, t in rows
    ]
    return "\n".join(lines) + "\n"


def osu_barrier(time_us: float) -> str:
    return f"\n# OSU MPI Barrier Latency Test v7.4\n# Avg Latency(us)\n{time_us:>17.2f}\n"


def osu_rates(rows: Sequence[Row], *, pairs: int = 2, window: int = 64) -> str:
    """osu_mbw_mr."""
    lines = ["# OSU MPI Multiple Bandwidth / Message Rate Test v7.4", f"# [ pairs: {pairs} ] [ window size: {window} ]",
             "# Datatype: MPI_CHAR.", f"{'# Size':<10}{'MB/s':>18}{'Messages/s':>18}"]  # fmt: skip
    lines += [f"{size:<10d}{rate:>18.2f}{rate * 1e6 / size:>18.2f}" for size, rate in rows]
    return "\n".join(lines) + "\n"


def omb_py(rows: Sequence[Row], name: str = "Allgather", *, bandwidth: bool = False) -> str:
    """python/util/osu_util_mpi.py."""
    title = f"# OMB-Py MPI {name} Test" if bandwidth else f"# OMB Python MPI {name} Test"
    head = f"# {'Size (B)':<8}{'Bandwidth (MB/s)' if bandwidth else 'Latency (us)':>18}"
    return "\n".join([title, head, *(f"{size:<10d}{value:>18.2f}" for size, value in rows)]) + "\n"


IMB_RANGE = ("t_min[usec]", "t_max[usec]", "t_avg[usec]")


def imb(rows: Sequence[Row], name: str = "Allreduce", *, processes: int = 2, heads: Sequence[str] = IMB_RANGE,
        defects: bool = False, version: str = "2021.11") -> str:  # fmt: skip
    """src_c/IMB_output.c, every field 13 wide. The figure is the one of t_max, t, or Mbytes/sec."""
    heads = (*heads, *(["defects"] if defects else []))
    lines = ["#" + "-" * 64, f"#    Intel(R) MPI Benchmarks {version}, MPI-1 part", "#" + "-" * 64,
             "# MPI_Datatype                   :   MPI_BYTE ", "# MPI_Datatype for reductions    :   MPI_FLOAT ",
             "# MPI_Op                         :   MPI_SUM  ", "", "#" + "-" * 50,
             f"# Benchmarking {name} ", f"# #processes = {processes} ", "#" + "-" * 50,
             "".join(f"{head:>13}" for head in ("#bytes", "#repetitions", *heads))]  # fmt: skip
    for size, value in rows:
        cells = {"t_min[usec]": value / 2, "t_avg[usec]": value * 0.75, "defects": 0.0}
        lines.append(f"{size:>13d}{20:>13d}" + "".join(f"{cells.get(head, value):>13.2f}" for head in heads))
    return "\n".join([*lines, "", "# All processes entering MPI_Finalize", ""])


def nccl_number(value: float, width: int) -> str:
    """getFloatStr: as many digits as fit."""
    for text in (f"{value:{width}.2f}", f"{value:{width}.1f}", f"{value:{width}.0f}"):
        if len(text) <= width:
            return text
    return f"{value:{width}.1e}" if width >= 7 else f"{value:{width}.0e}"


def nccl(  # noqa: PLR0913 - all that varies between versions and options
        rows: Sequence[Row], name: str = "all_reduce", *, ranks: int = 8, age: int = 2, wrong: str = "0",
         per_iteration: bool = False, stamps: bool = False, factor: float = 1.75, redop: str = "sum",
         root: int = -1) -> str:  # fmt: skip
    """src/util.cu. age: 0 without root and with `error`, 1 with both, 2 with the program's name."""
    lines = []
    if age == 2:
        lines += ["# nccl-tests version 2.19.6 nccl-headers=22707 nccl-library=22707",
                  f"# Collective test starting: {name}_perf"]  # fmt: skip
    lines += ["# nThread 1 nGpus 1 minBytes 8 maxBytes 1024 step: 2(factor) warmup iters: 1 iters: 20 agg iters: 1 "
              "validation: 1 graph: 0 ", "#", "# Using devices"]  # fmt: skip
    lines += [
        f"#  Rank {rank:2d} Group  0 Pid {100 + rank:6d} on {'node':>10} device {rank:2d} [0000:1b:00] NVIDIA H200"
        for rank in range(ranks)
    ]
    side = ["time", "algbw", "busbw", "#wrong" if age else "error"]
    side += ["i_min", "i_max", "i_p99", "i_cv%"] if per_iteration else []
    heads = ["size", "count", "type", "redop", *(["root"] if age else []), *side, *side]
    lines += ["#", f"# {' '.join(f'{head:>10}' for head in heads)}{' timestamp' if stamps else ''}",
              "#        (B)    (elements)"]  # fmt: skip
    for size, time_us in rows:
        rate = size / time_us / 1e3 if time_us else 0.0
        cells = f"  {nccl_number(time_us, 7)}  {nccl_number(rate, 6)}  {nccl_number(rate * factor, 6)}  {wrong:>6}"
        cells += (
            f"  {nccl_number(1, 7)}  {nccl_number(9, 7)}  {nccl_number(8, 7)}  {nccl_number(3, 7)}"
            if per_iteration
            else ""
        )
        front = f"{size:12d}  {size // 4:12d}  {'float':>8}  {redop:>6}" + (f"  {root:6d}" if age else "")
        lines.append(front + cells + cells + ("  2026-11-25 15:00:00" if stamps else ""))
    lines += ["# Out of bounds values : 0 OK", "# Avg bus bandwidth    : 68.4048 ", "#"]
    return "\n".join(lines) + "\n"


def nccl_json(rows: Sequence[Row], name: str = "all_reduce", *, ranks: int = 8, version: int = 3,
              args: Sequence[str] = ()) -> str:  # fmt: skip
    """-J: one line; numbers by %lf, booleans and roots as texts."""
    side = [{"time": t, "alg_bw": size / t / 1e3 if t else 0.0, "bus_bw": size / t / 1e3 * 1.75 if t else 0.0,
             "nwrong": 0.0} for size, t in rows]  # fmt: skip
    results = [
        {"size": size, "count": size // 4, "type": "float", "redop": "sum", "root": "    -1", "out_of_place": one,
         "out_of_place_per_iter": {"skipped_iterations": 0, "p99_us": 7.7, "times_us": [1.0, 2.0]}, "in_place": one,
         "actual_iterations": 20, "experiment_name": "x"}
        for (size, _), one in zip(rows, side, strict=True)
    ]  # fmt: skip
    devices = [{"rank": rank, "group": 0, "pid": 1, "hostname": "n", "device": rank} for rank in range(ranks)]
    return json.dumps(
        {"version": version, "start_time": "2026-11-25 15:00:00", "args": [f"./build/{name}_perf", *args], "env": [],
         "nccl_version": 22707, "config": {"iterations": 20, "aggregated_iterations": 1, "devices": devices},
         "results": results, "out_of_bounds": {"count": 0, "okay": "true"}, "end_time": "2026-11-25 15:01:00"},
        separators=(",", ":"),
    )  # fmt: skip


def nvbandwidth(cells: Sequence[Sequence[float | None]], test: str = "device_to_device_memcpy_read_ce",
                what: str = "memcpy CE GPU(row) -> GPU(column) bandwidth (GB/s)") -> str:  # fmt: skip
    """output.cpp and operator<< of inline_common.h."""
    lines = ["nvbandwidth Version: v0.8", "Built from Git version: v0.8", "", f"Running {test}.", what]
    lines.append("  " + "".join(f"{column:10d}" for column in range(len(cells[0]))))
    for number, row in enumerate(cells):
        lines.append(f"{number:2d}" + "".join(f"{'N/A':>10}" if one is None else f"{one:10.2f}" for one in row))
    total = sum(one or 0.0 for row in cells for one in row)
    lines += ["", f"SUM {test} {total:.2f}", "", "NOTE: The reported results may not reflect the full capabilities."]
    return "\n".join(lines) + "\n"


def nvbandwidth_json(cells: Sequence[Sequence[float | None]], test: str = "device_to_device_memcpy_read_ce") -> str:
    """json_output.cpp: cells are texts, and `min` counts N/A as 0."""
    matrix = [["N/A" if one is None else f"{one:.6g}" for one in row] for row in cells]
    cases = [
        {"bandwidth_description": "memcpy CE GPU(row) -> GPU(column) bandwidth (GB/s)", "bandwidth_matrix": matrix,
         "min": 0.0, "name": test, "status": "Passed", "sum": 1.0},
        {"name": "multinode_bisect_write_ce", "status": "Waived"},
    ]  # fmt: skip
    return json.dumps({"nvbandwidth": {"testcases": cases, "version": "v0.8"}}, indent=1)


def perftest_bw(rows: Sequence[Row], *, title: str = "RDMA_Write BW Test", unit: str = "MiB") -> str:
    """RESULT_FMT and REPORT_FMT of src/perftest_parameters.h."""
    scale = {"MiB": 1 << 20, "MB": 1 << 20, "Gb": 1e9 / 8}[unit]
    lines = ["-" * 87, f"                    {title}", " Dual-port       : OFF\t\tDevice         : mlx5_0",
             " Number of qps   : 1\t\tTransport type : IB", "-" * 87,
             f" #bytes     #iterations    BW peak[{unit}/sec]    BW average[{unit}/sec]   MsgRate[Mpps]"]  # fmt: skip
    for size, rate in rows:
        front = f" {size:<7d}    {5000:<10d}       {rate * 1.1:<7.2f}            {rate:<7.2f}"
        lines.append(f"{front}\t\t     {rate * scale / size / 1e6:<7.6f}")
    return "\n".join([*lines, "-" * 87, ""])


def perftest_lat(rows: Sequence[Row], *, title: str = "Send Latency Test", unit: str = "usec") -> str:
    head = (f" #bytes #iterations    t_min[{unit}]    t_max[{unit}]  t_typical[{unit}]    t_avg[{unit}]    "
            f"t_stdev[{unit}]   99% percentile[{unit}]   99.9% percentile[{unit}] ")  # fmt: skip
    row = " %-7d %d          %-7.2f        %-7.2f      %-7.2f  \t       %-7.2f     \t%-7.2f\t\t%-7.2f \t\t%-7.2f"
    lines = ["-" * 87, f"                    {title}", "-" * 87, head]
    lines += [row % (size, 1000, t / 2, t * 9, t, t * 1.1, 0.05, t * 2, t * 3) for size, t in rows]
    return "\n".join([*lines, "-" * 87, ""])


def perftest_json(size: int, rate: float, *, unit: str = "MiB", sl: bool = False) -> str:
    """--out_json; the writer with QoS forgets the quotes of `sl`."""
    scale = {"MiB": 1 << 20, "Gb": 1e9 / 8}[unit]
    return (
        '{\n"test_info": {\n"test": "RDMA_Write_BW_Test",\n"Dual_port": "OFF",\n"Device": "mlx5_0",\n'
        '"Use_ROCm_memory": "OFF",\n"Data_ex_method": "Ethernet"\n},\n"results": {\n'
        f'"MsgSize": {size},\n{"sl: 3," + chr(10) if sl else ""}"n_iterations": 5000,\n"BW_peak": {rate * 1.1:.2f},\n'
        f'"BW_average": {rate:.2f},\n"MsgRate": {rate * scale / size / 1e6:.6f}\n}}\n}}\n'
    )


BABEL_UNITS = {"MB": 1e6, "GB": 1e9, "TB": 1e12, "MiB": float(1 << 20), "GiB": float(1 << 30), "TiB": float(1 << 40)}


def babelstream(rows: Sequence[Row], *, unit: str = "MB", kernel: str = "Triad", arrays: int = 3, csv: bool = False,
                version: str = "5.0") -> str:  # fmt: skip
    """src/main.cpp. Rows: elements and seconds of the shortest run."""
    lines = []
    for elements, seconds in rows:
        rate = arrays * elements * 8 / seconds / BABEL_UNITS[unit]
        if csv:
            lines.append(f"function,num_times,n_elements,sizeof,max_{unit}_per_sec,min_runtime,max_runtime,avg_runtime")
            lines.append(f"{kernel},100,{elements},8,{rate:.6g},{seconds:.6g},{seconds * 2:.6g},{seconds * 1.5:.6g}")
            continue
        lines += ["BabelStream", f"Version: {version}", "Implementation: OpenMP",
                  "Running  Classic kernels 100 times in  Classic order ", f"Number of elements: {elements}",
                  "Precision: double", f"{'Function':<12}{unit + '/s':<12}{'Min (sec)':<12}{'Max':<12}{'Average':<12}",
                  f"{kernel:<12}{rate:<12.3f}{seconds:<12.5f}{seconds * 2:<12.5f}{seconds * 1.5:<12.5f}"]  # fmt: skip
    return "\n".join(lines) + "\n"


def mpi4py_bench(rows: Sequence[Row], *, stats: bool = True) -> str:
    """src/mpi4py/bench.py, ping-pong. Rows: bytes and seconds."""
    lines = [
        "# MPI PingPong Test",
        "# Size [B]  Bandwidth [MB/s]" + (" | Time Mean [s] \u00b1 StdDev [s]  Samples" if stats else ""),
    ]
    for size, mean in rows:
        lines.append(
            f"{size:10d}{size / mean / 1e6:18.2f}" + (f" | {mean:.7e} \u00b1 {mean / 2:.4e} {1000:8d}" if stats else "")
        )
    return "\n".join(lines) + "\n"


def nixlbench(rows: Sequence[Row]) -> str:
    """benchmark/nixlbench/src/utils/utils.cpp. Rows: bytes of a block and microseconds."""
    parts = [f"{which} {part} (us)" for part in ("Prep", "Post", "Tx") for which in ("Avg", "P99")]
    heads = [("Block Size (B)", 20), *((head, 15) for head in ("Batch Size", "B/W (GB/Sec)", "Avg Lat. (us)", *parts))]
    lines = ["*" * 70, "NIXLBench Configuration", "*" * 70,
             f"{'Backend (--backend=[UCX,GDS,GDS_MT,POSIX])':<60}: UCX",
             f"{'Initiator seg type (--initiator_seg_type=[DRAM,VRAM])':<60}: VRAM",
             f"{'Target seg type (--target_seg_type=[DRAM,VRAM])':<60}: VRAM",
             f"{'Op type (--op_type=[READ,WRITE])':<60}: WRITE", "-" * 70,
             "".join(f"{head:<{width}}" for head, width in heads), "-" * 160]  # fmt: skip
    for size, time_us in rows:
        cells = [
            f"{size:<20d}{1:<15d}{min(size / time_us / 1e3, 9e5):<15.6f}",
            *(f"{time_us:<15.1f}" for _ in range(7)),
        ]
        lines.append("".join(cells))
    return "\n".join(lines) + "\n"


def google(rows: Sequence[Row], *, version: int | None = 1, repetitions: int = 1) -> str:
    """--benchmark_format=json. Rows: the argument of BM_copy and nanoseconds."""
    benchmarks: list[dict[str, Any]] = []
    for size, time_ns in rows:
        name = f"BM_copy/{size}"
        for index in range(repetitions):
            benchmarks.append(
                {"name": name, "run_name": name, "run_type": "iteration", "repetitions": repetitions,
                 "repetition_index": index, "threads": 1, "iterations": 1000, "real_time": time_ns + index,
                 "cpu_time": time_ns, "time_unit": "ns", "bytes_per_second": 1e9})  # fmt: skip
        if repetitions > 1:
            benchmarks += [
                {"name": f"{name}_{one}", "run_name": name, "run_type": "aggregate", "repetitions": repetitions,
                 "aggregate_name": one, "aggregate_unit": "percentage" if one == "cv" else "time", "iterations": 1,
                 "real_time": time_ns, "cpu_time": time_ns, "time_unit": "ns"}
                for one in ("mean", "median", "stddev", "cv")
            ]  # fmt: skip
    context: dict[str, Any] = {"date": "2026-11-25", "host_name": "n", "num_cpus": 2, "library_build_type": "release"}
    context |= {"json_schema_version": version} if version is not None else {}
    return json.dumps({"context": context, "benchmarks": benchmarks}, indent=2)


def nvbench(rows: Sequence[Row], *, major: int = 1) -> str:
    """nvbench/json_printer.cu: values are texts. Rows: an axis value and seconds."""

    def value(number: float) -> list[dict[str, str]]:
        return [{"name": "value", "type": "float64", "value": str(number)}]

    states = [
        {"name": f"Elements={size}", "device": 0, "is_skipped": False,
         "axis_values": [{"name": "Elements", "type": "int64", "value": str(size)}],
         "summaries": [{"tag": "nv/cold/sample_size", "data": value(100)},
                       {"tag": "nv/cold/time/gpu/mean", "data": value(seconds)},
                       {"tag": "nv/cold/bw/global/bytes_per_second", "data": value(1e12)}]}
        for size, seconds in rows
    ]  # fmt: skip
    meta = {"version": {"json": {"major": major, "minor": 0}, "nvbench": {"string": "0.1.0"}}}
    return json.dumps({"meta": meta, "devices": [], "benchmarks": [{"name": "copy", "states": states}]}, indent=2)

"""Traps that others paid for: launchers' prefixes, odd numbers, broken ends, lines in between, wrong averages."""

from pathlib import Path

import pytest
from show.imports import printers
from show.imports.test_rows import EVERY, TABLE, imported, rows, times

from fabricbench import api
from fabricbench.errors import UnreadableError

NOISE = ("node1:3442:3442 [0] NCCL INFO Launch mode Parallel", "[warn] Epoll MOD(1) on fd 26 failed", "8 lanes are up")

PREFIXES = {
    "srun --label": " 3: ",
    "mpirun --output tag": "[1,0]<stdout>: ",
    "mpirun --tag-output": "[1,0]<stdout>:",
    "prterun": "[prterun-vm-394@1,0]<stdout>: ",
    "MPICH -prepend-rank": "[0] ",
}


@pytest.mark.parametrize("which", EVERY)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_prefixes_of_launchers(prefix: str, which: str, tmp_path: Path) -> None:
    plain, lines = rows(tmp_path, EVERY[which]), EVERY[which].splitlines()
    labelled = "".join(f"{PREFIXES[prefix]}{line}\n" for line in lines)
    assert rows(tmp_path, labelled) == plain


@pytest.mark.parametrize("which", EVERY)
def test_lines_that_end_as_on_windows(which: str, tmp_path: Path) -> None:
    assert rows(tmp_path, EVERY[which].replace("\n", "\r\n")) == rows(tmp_path, EVERY[which])


@pytest.mark.parametrize("which", EVERY)
def test_the_mark_that_windows_puts_before_a_text(which: str, tmp_path: Path) -> None:
    assert rows(tmp_path, "\ufeff" + EVERY[which]) == rows(tmp_path, EVERY[which])


@pytest.mark.parametrize("which", [name for name in EVERY if "JSON" not in name and not EVERY[name].startswith("{")])
def test_lines_of_libraries_in_between_are_counted_and_shown(which: str, tmp_path: Path) -> None:
    lines = EVERY[which].split("\n")
    mixed = [part for number, line in enumerate(lines) for part in (NOISE[number % 3], line)]
    path = tmp_path / "mixed.txt"
    path.write_text("\n".join(mixed))
    (log,) = api.import_([str(path)], str(tmp_path / "mixed.jsonl"))
    assert log.strange >= len(lines) - 1
    assert [line.text for line in log.shown] == list(NOISE)
    assert len(log.found) == len(rows(tmp_path, EVERY[which]))


def test_the_command_above_an_old_log_names_the_collective(tmp_path: Path) -> None:
    text = "+ mpirun -n 8 ./build/all_gather_perf -b 8 -e 1M\n" + printers.nccl(TABLE, age=1)
    assert {row.case.operation for row in rows(tmp_path, text)} == {"allgather"}


def test_not_available_and_exponents(tmp_path: Path) -> None:
    (out, _) = rows(tmp_path, printers.nccl([(1 << 34, 123456789.0)], wrong="N/A"))
    assert out.summary.median_s == 120.0, "printed as 1.2e+08"
    assert out.check.status == "unchecked"


def test_wrong_elements_make_a_wrong_row(tmp_path: Path) -> None:
    (out, _) = rows(tmp_path, printers.nccl([(8, 5.0)], wrong="1e+06"))
    assert (out.check.status, out.check.wrong) == ("wrong", 1_000_000)
    (row,) = rows(tmp_path, printers.osu_full([(8, 5.0)]).replace("Pass", "Fail") + "DATA VALIDATION ERROR: x\n")
    assert row.check.status == "wrong"


def test_a_size_of_nothing_keeps_its_time_and_has_no_rate(tmp_path: Path) -> None:
    for text in (printers.nccl([(0, 5.0)]), printers.imb([(0, 5.0)]), printers.osu([(0, 5.0)])):
        record = rows(tmp_path, text, ranks=8)[0]
        assert (record.case.nbytes, record.summary.median_s, record.rates) == (0, 5e-6, {})


def test_a_time_of_nothing_is_no_rate(tmp_path: Path) -> None:
    record = rows(tmp_path, printers.osu([(8, 0.0)]), ranks=8)[0]
    assert (record.summary.median_s, record.rates) == (0.0, {})


def test_one_rank_has_no_bus_bandwidth(tmp_path: Path) -> None:
    (out, _) = rows(tmp_path, printers.nccl([(1 << 20, 5.0)], ranks=1, factor=0.0))
    assert out.rates["busbw"] == 0.0
    assert out.case.ranks == 1


def test_no_average_over_sizes_is_a_row(tmp_path: Path) -> None:
    assert len(rows(tmp_path, printers.nccl(TABLE))) == 2 * len(TABLE)


def test_the_minimum_of_nvbandwidth_counts_what_is_not_there(tmp_path: Path) -> None:
    found = rows(tmp_path, printers.nvbandwidth_json([[None, 276.07], [275.5, None]]))
    assert min(record.rates["bandwidth"] for record in found) == 275.5e9


def test_several_tables_of_several_tools_in_one_log(tmp_path: Path) -> None:
    text = printers.osu(TABLE) + printers.osu(TABLE, "OSU MPI Broadcast Latency Test") + "\n" + printers.imb(TABLE)
    text += printers.nvbandwidth_json([[1.0]]) + "\n"
    result = imported(tmp_path, text)
    assert {(record.case.operation, record.origin and record.origin.tool) for record in result.records} == {
        ("allreduce", "osu"), ("broadcast", "osu"), ("allreduce", "imb"),
    }  # fmt: skip
    assert len(result.launches) == 2, "one a log and tool"


def test_a_table_printed_again_counts_once(tmp_path: Path) -> None:
    text = printers.osu(TABLE)
    assert len(rows(tmp_path, text + text)) == len(TABLE)


@pytest.mark.parametrize("which", ["osu", "nccl-tests", "imb", "perftest", "nixlbench", "mpi4py.bench"])
def test_a_cut_log_has_no_wrong_figure(which: str, tmp_path: Path) -> None:
    text = EVERY[which]
    whole = {(row.case.nbytes, row.case.in_place): row.summary.median_s for row in rows(tmp_path, text)}
    for cut in range(len(text) - 1, len(text) // 2, -7):
        try:
            found = rows(tmp_path, text[:cut])
        except UnreadableError:
            continue
        assert {(row.case.nbytes, row.case.in_place): row.summary.median_s for row in found}.items() <= whole.items()


def test_a_last_line_without_its_end_is_a_row_where_its_length_tells(tmp_path: Path) -> None:
    text = printers.osu(TABLE)
    assert times(rows(tmp_path, text.removesuffix("\n"))) == times(rows(tmp_path, text))
    path = tmp_path / "cut.txt"
    path.write_text(text[:-2])
    (log,) = api.import_([str(path)], str(tmp_path / "cut.jsonl"))
    assert log.cut == text.count("\n")
    assert len(log.found) == len(TABLE) - 1


@pytest.mark.parametrize("which", ["nccl-tests JSON", "nvbandwidth JSON", "google-benchmark", "nvbench"])
def test_a_cut_document_gives_what_is_whole_when_asked(which: str, tmp_path: Path) -> None:
    text = EVERY[which]
    whole = [(row.case, row.summary.median_s, row.rates) for row in rows(tmp_path, text)]
    best = 0
    for cut in range(len(text) - 2, len(text) // 3, -max(1, len(text) // 40)):
        with pytest.raises(UnreadableError, match=r"no end|no table"):
            rows(tmp_path, text[:cut])
        try:
            found = [(row.case, row.summary.median_s, row.rates) for row in rows(tmp_path, text[:cut], partial=True)]
        except UnreadableError:
            continue
        assert all(one in whole for one in found)
        best = max(best, len(found))
    assert best >= len(whole) - 2


def test_a_document_among_other_lines(tmp_path: Path) -> None:
    text = "Loading modules\n" + '{"level": "info"}\n' * 3 + EVERY["nvbandwidth JSON"] + "\nDone\n"
    assert len(rows(tmp_path, text)) == 1


def test_columns_are_found_by_their_heads(tmp_path: Path) -> None:
    text = printers.osu([(1024, 5.0)], extra=("Max Latency(us)", "Iterations"), cells=("7.00", "99"))
    (plain,) = rows(tmp_path, text)
    *before, head, row, end = text.split("\n")
    moved = [" ".join([head[:6], "Iterations", head[6:].replace("Iterations", "")]), "1024 99 5.00 7.00"]
    assert row.split() == ["1024", "5.00", "7.00", "99"]
    (other,) = rows(tmp_path, "\n".join([*before, *moved, end]))
    assert (other.summary, other.case) == (plain.summary, plain.case)


def test_the_log_wins_over_what_the_user_says_of_its_ranks(tmp_path: Path) -> None:
    for text in (printers.nccl(TABLE), printers.nccl_json(TABLE), printers.imb(TABLE, processes=8)):
        assert {row.case.ranks for row in rows(tmp_path, text, ranks=3)} == {8}


def test_a_last_line_that_is_no_row_needs_no_end(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text(printers.nccl(TABLE).rstrip("\n") + "\n# Collective test concluded: all_reduce_perf")
    (log,) = api.import_([str(path)], str(tmp_path / "out.jsonl"))
    assert log.cut is None
    path.write_text(printers.osu(TABLE) + "8 -")
    (log,) = api.import_([str(path)], str(tmp_path / "more.jsonl"))
    assert (log.cut, log.strange) == (None, 1)

"""`fabricbench run` as a user types it: real ranks, real files, real exit statuses."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fabricbench import mpi, store

pytestmark = [
    pytest.mark.mpi,
    pytest.mark.skipif(mpi.installed() is not None, reason="needs MPI"),
]

TINY = ("--only", "barrier/mpi", "--only", "copy/numpy", "--sizes", "8KiB", "--budget", "0.1")
LONG = ("--only", "allreduce/mpi", "--sizes", "1MiB", "--budget", "600")
LIMIT_S = 120


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "fabricbench", *words]


def run(folder: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command("run", *words), cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True,
        timeout=LIMIT_S, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


def started(folder: Path, *words: str) -> "subprocess.Popen[str]":
    """A run in a process group of its own, as a terminal would start it."""
    return subprocess.Popen(
        command("run", *words), cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=listen,  # noqa: PLW1509 - no other thread of the tests holds a lock here
    )  # fmt: skip


def listen() -> None:
    """Hear SIGINT even where these tests are a background job of a shell, for which it is ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def wait_for_launch_line(file: Path) -> None:
    """Until the ranks have begun to write."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        if file.exists() and b'"kind":"launch"' in file.read_bytes():
            time.sleep(2.0)
            return
        time.sleep(0.1)
    pytest.fail(f"nothing was written to {file}")


def test_two_ranks_measure_and_the_path_is_the_last_line(tmp_path: Path) -> None:
    done = run(tmp_path, "-n", "2", *TINY)
    assert done.returncode == 0, done.stderr
    path = tmp_path / done.stdout.splitlines()[-1]
    (result,) = store.load(path)
    assert {(record.case.operation, record.check.status) for record in result.records} == {
        ("barrier", "ok"),
        ("copy", "ok"),
    }
    assert result.end is not None
    assert (result.end.status, result.end.records, result.end.wrong) == ("complete", 2, 0)
    assert {ceiling.resource for ceiling in result.ceilings} == {"memory", "step", "clock"}
    assert len(result.records[0].ranks_s.median) == 2


def test_launches_are_repeated_in_another_order_of_cases(tmp_path: Path) -> None:
    done = run(tmp_path, "-n", "2", "--launches", "3", "-o", "three.jsonl.gz", *TINY)
    assert done.returncode == 0, done.stderr
    (result,) = store.load(tmp_path / "three.jsonl.gz")
    assert [launch.launch for launch in result.launches] == [0, 1, 2]
    assert len({launch.id for launch in result.launches}) == 3
    assert len(result.records) == 6


def test_more_ranks_than_cores_are_said_in_capitals_and_flagged(tmp_path: Path) -> None:
    ranks = str((os.cpu_count() or 1) + 1)
    done = run(tmp_path, "-n", ranks, "-o", "many.jsonl", *TINY)
    assert done.returncode == 0, done.stderr
    assert "MORE RANKS THAN CORES" in done.stderr
    (result,) = store.load(tmp_path / "many.jsonl")
    assert all("oversubscribed" in record.conditions.flags for record in result.records)
    assert all(record.conditions.sync != "round-time" for record in result.records)


def test_json_is_records_and_nothing_else(tmp_path: Path) -> None:
    done = run(tmp_path, "-n", "2", "--format", "json", *TINY)
    assert [json.loads(line)["kind"] for line in done.stdout.splitlines()] == ["record", "record"]


def test_a_dry_run_starts_and_writes_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, "ci", "--dry-run")
    assert done.returncode == 0
    assert "cases would be measured" in done.stdout
    assert "expected time" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("quik",), "no suite 'quik'"),
        (("--only", "allreduce/mpi", "--sizes", "3"), "do not divide"),
        (("-n", "0"), "0 ranks"),
        (("--launches", "0"), "0 launches"),
        (("--inject", "melt:1"), "no fault"),
        (("--resume",), "--resume needs the file"),
        (("--launcher", " "), "--launcher is empty"),
        (("--launcher", '"mpirun'), "quotation mark that is not closed"),
        (("-n", "2", "--inject", "die:9"), "no rank 9 of 2"),
        (("-n", "1", "--only", "latency/mpi"), "ask for -n 2"),
        (("--only", "allreduce/mpi", "--sizes", ""), "size"),
        (("--only", "allreduce/mpi", "--in-place", "--cadence", "streaming"), "every operation is measured alone"),
        (("--only", "allreduce/mpi", "--param", "op=sum,,max"), "is no parameter"),
        (("--only", "bidirectional/mpi", "--param", "partitions=4"), "Add --mode partitioned"),
        (("--only", "latency/mpi", "-n", "2", "--param", "distance=other-host"), "no distance of two ranks here"),
        (("--only", "allreduce/mpi", *("--algorithm", "allreduce=ring") * 2), "given two algorithms"),
        (("--only", "allreduce/mpi", "--mode", "non-blocking", "--algorithm", "allreduce=ring"), "blocking calls only"),
        (("congestion", "-n", "3"), "at least 4 ranks, 2 victims and 2 aggressors; there are 3"),
        (("-n", "4", "--only", "allreduce/mpi", "--param", "aggressor=melt"), "no aggressor 'melt'"),
        (("-n", "4", "--only", "allreduce/mpi", "--param", "load=1"), "Add --param aggressor="),
    ],
)
def test_bad_words_exit_2_and_leave_no_file(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = run(tmp_path, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_launcher_that_starts_nobody_is_said(tmp_path: Path) -> None:
    done = run(tmp_path, "--launcher", "true", *TINY)
    assert done.returncode == 3
    assert "nothing was written" in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_measured_at_all_is_no_success(tmp_path: Path) -> None:
    words = ("--only", "allreduce/mpi", "--sizes", "1KiB", "--param", "communicator=across", "--budget", "0.1")
    done = run(tmp_path, "-n", "2", *words)
    assert done.returncode == 3
    assert "None of 1 rows could be measured" in done.stderr
    assert "no communicator across" in done.stderr


def test_a_barrier_of_a_part_of_the_ranks_is_right_and_ends(tmp_path: Path) -> None:
    # Of five ranks two are a half each, and one has no part.
    words = ("--only", "barrier/mpi", "--param", "communicator=half", "--budget", "0.1", "--timeout", "100")
    done = run(tmp_path, "-n", "5", "-o", "half.jsonl", *words)
    assert done.returncode == 0, done.stderr
    (record,) = store.load(tmp_path / "half.jsonl")[-1].records
    assert (record.check.status, record.check.wrong) == ("ok", 0)


def test_a_parameter_that_is_named_again_has_more_values(tmp_path: Path) -> None:
    words = ("--only", "bandwidth/mpi", "--sizes", "1KiB", "--param", "window=64", "--param", "window=32", "--dry-run")
    done = run(tmp_path, "-n", "2", *words)
    assert done.returncode == 0
    assert "2 cases would be measured" in done.stdout
    assert "window=64" in done.stdout


def test_an_output_that_exists_is_refused_before_measuring_and_kept(tmp_path: Path) -> None:
    kept = tmp_path / "kept.jsonl"
    kept.write_text("precious\n")
    done = run(tmp_path, "-o", "kept.jsonl", *TINY)
    assert done.returncode == 2
    assert "exists already" in done.stderr
    assert "--append" in done.stderr
    assert kept.read_text() == "precious\n"


def test_an_output_that_cannot_be_written_is_found_before_measuring(tmp_path: Path) -> None:
    done = run(tmp_path, "-o", "/proc/nowhere/x.jsonl", *TINY)
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert "copy/numpy" not in done.stderr


def test_append_adds_a_run_to_the_file(tmp_path: Path) -> None:
    for _ in range(2):
        assert run(tmp_path, "-n", "2", "--append", "-o", "two.jsonl", *TINY).returncode == 0
    first, second = store.load(tmp_path / "two.jsonl")
    assert first.run.id != second.run.id


def test_a_flipped_byte_makes_the_row_wrong_and_the_run_exit_1(tmp_path: Path) -> None:
    done = run(tmp_path, "-n", "2", "--inject", "flip:copy/numpy", "-o", "wrong.jsonl", *TINY)
    assert done.returncode == 1, done.stderr
    assert "WRONG" in done.stderr
    (result,) = store.load(tmp_path / "wrong.jsonl")
    found = {record.case.operation: record for record in result.records}
    assert (found["copy"].check.status, found["copy"].check.wrong) == ("wrong", 2)
    assert "injected" in found["copy"].conditions.flags
    assert found["barrier"].check.status == "ok"


def test_a_slowed_row_is_flagged_and_right(tmp_path: Path) -> None:
    done = run(tmp_path, "-n", "2", "--inject", "slow:*/*:1.5", "-o", "slow.jsonl", *TINY)
    assert done.returncode == 0, done.stderr
    (result,) = store.load(tmp_path / "slow.jsonl")
    assert all("injected" in record.conditions.flags for record in result.records)
    assert all(record.check.status == "ok" for record in result.records)


def test_a_rank_that_dies_ends_the_run_with_3_and_a_readable_file(tmp_path: Path) -> None:
    done = run(tmp_path, "-n", "2", "--inject", "die:1", "-o", "died.jsonl", *TINY)
    assert done.returncode == 3
    assert "before all cases were measured" in done.stderr
    (result,) = store.load(tmp_path / "died.jsonl")
    assert len(result.records) == 1
    assert result.end is not None
    assert result.end.status == "failed"


def test_a_rank_that_hangs_is_ended_by_the_timeout_and_says_where_it_stood(tmp_path: Path) -> None:
    done = run(tmp_path, "-n", "2", "--inject", "hang:1", "--timeout", "6", "-o", "hung.jsonl", *TINY)
    assert done.returncode == 3
    assert "did not end within its 6 s" in done.stderr
    assert "rank 0 on" in done.stderr
    assert "rank 1 on" in done.stderr
    (result,) = store.load(tmp_path / "hung.jsonl")
    assert result.end is not None
    assert result.end.status == "timeout"


def test_ctrl_c_in_a_compiled_loop_exits_130_and_resume_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "cut.jsonl"
    words = ("-n", "2", "--launches", "2", "-o", file.name, "--seed", "3")
    with started(tmp_path, *words, *LONG) as process:
        wait_for_launch_line(file)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130, said
    assert "stood in" in said
    (result,) = store.load(file)
    assert result.end is not None
    assert result.end.status == "interrupted"
    shown = subprocess.run(
        command("show", file.name), cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert shown.returncode == 0


def test_resume_measures_what_an_interrupted_run_lacks(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    assert run(tmp_path, "-n", "2", "--launches", "2", "-o", whole.name, *TINY).returncode == 0
    lines = whole.read_bytes().splitlines(keepends=True)
    first = next(index for index, line in enumerate(lines) if b'"kind":"record"' in line)
    cut.write_bytes(b"".join(lines[: first + 1]) + lines[first + 1][:40])
    done = run(tmp_path, "--resume", "-o", cut.name)
    assert done.returncode == 0, done.stderr
    (resumed,), (complete,) = store.load(cut), store.load(whole)
    assert resumed.end is not None
    assert resumed.end.status == "complete"
    rows = [sorted(str(record.case.key()) for record in result.records) for result in (resumed, complete)]
    assert rows[0] == rows[1]
    again = run(tmp_path, "--resume", "-o", cut.name)
    assert again.returncode == 2
    assert "nothing to resume" in again.stderr


def under_mpirun(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """The same as a user's own mpirun starts it."""
    launcher = str(mpi.launcher_path())
    open_mpi = mpi.library_name().startswith("Open MPI")
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    extra = ["--map-by", ":OVERSUBSCRIBE"] if open_mpi else []
    return subprocess.run(
        [launcher, "-n", "2", *extra, *command("run", *words)], cwd=folder, env={**os.environ, **root},
        capture_output=True, text=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


def test_under_a_users_mpirun_it_joins_and_one_rank_speaks(tmp_path: Path) -> None:
    done = under_mpirun(tmp_path, "-o", "joined.jsonl", *TINY)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("joined.jsonl") >= 1
    assert done.stdout.splitlines()[-1].strip().endswith("joined.jsonl")
    (result,) = store.load(tmp_path / "joined.jsonl")
    assert result.launches[0].ranks == 2
    assert result.end is not None
    assert result.end.status == "complete"


def test_under_a_users_mpirun_launches_cannot_be_repeated(tmp_path: Path) -> None:
    done = under_mpirun(tmp_path, "--launches", "2", *TINY)
    assert done.returncode == 2
    assert done.stderr.count("--launches 2 cannot be had") == 1


def test_an_output_that_exists_is_refused_under_mpirun_by_all_ranks(tmp_path: Path) -> None:
    (tmp_path / "kept.jsonl").write_text("precious\n")
    done = under_mpirun(tmp_path, "-o", "kept.jsonl", *TINY)
    assert done.returncode == 2
    assert done.stderr.count("exists already") == 1


def test_a_launcher_of_another_library_is_refused_and_both_are_named(tmp_path: Path) -> None:
    foreign = {"PMI_SIZE": "2", "PMI_RANK": "0"}
    if not mpi.library_name().startswith("Open MPI"):
        foreign = {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "0"}
    done = run(tmp_path, "-o", "never.jsonl", *TINY, **foreign)
    assert done.returncode == 3
    assert "promises 2 ranks" in done.stderr
    assert mpi.library_name() in done.stderr
    assert not (tmp_path / "never.jsonl").exists()


@pytest.fixture
def no_mpi(tmp_path: Path) -> dict[str, str]:
    """An environment in which mpi4py finds no library."""
    shadow = tmp_path / "shadow" / "mpi4py"
    shadow.mkdir(parents=True)
    (shadow / "__init__.py").write_text("class rc:\n    pass\n")
    (shadow / "MPI.py").write_text("raise RuntimeError('cannot load MPI library')\n")
    return {"PYTHONPATH": str(shadow.parent), "MPI4PY_LIBMPI": ""}


def test_without_mpi_compute_is_measured_and_the_rest_is_said_in_capitals(
    tmp_path: Path, no_mpi: dict[str, str]
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('about="x"\nbudget=0.2\n[[case]]\noperation="copy"\nsizes="8KiB"\n[[case]]\noperation="barrier"\n')
    done = run(tmp_path, str(file), "-o", "alone.jsonl", **no_mpi)
    assert done.returncode == 0, done.stderr
    assert "NO MPI LIBRARY" in done.stderr
    assert "pip install" in done.stderr
    (result,) = store.load(tmp_path / "alone.jsonl")
    assert {record.case.operation for record in result.records} == {"copy"}
    assert result.launches[0].ranks == 1


def test_without_mpi_communication_alone_exits_3(tmp_path: Path, no_mpi: dict[str, str]) -> None:
    done = run(tmp_path, "--only", "allreduce/mpi", "-o", "never.jsonl", **no_mpi)
    assert done.returncode == 3
    assert "pip install" in done.stderr
    assert not (tmp_path / "never.jsonl").exists()

"""Variants that share memory, as a user runs them: real ranks that are killed, crowded, or short of memory."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from fabricbench import mpi, store
from fabricbench.collectives import segments
from fabricbench.model import Record

pytestmark = [
    pytest.mark.mpi,
    pytest.mark.skipif(mpi.installed() is not None, reason="needs MPI"),
]

ALL = ("--only", "all*/shm*")
LIMIT_S = 120
SMALL = "192k"
"""A file system for shared memory into which two segments do not fit."""

TIGHT = f"mount -t tmpfs -o size={SMALL} tmpfs {segments.FOLDER} && exec "
ELSEWHERE = {"OMPI_MCA_btl_sm_backing_directory": "/tmp"}
"""What keeps Open MPI from needing that memory itself."""


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "fabricbench", "run", *words]


def run(folder: Path, *words: str, prefix: tuple[str, ...] = (), **environment: str) -> list[Record]:
    done = subprocess.run(
        [*prefix, *command("-o", "rows.jsonl", *words)], cwd=folder, env={**os.environ, **environment},
        capture_output=True, text=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (result,) = store.load(folder / "rows.jsonl")
    return list(result.records)


def test_rows_say_that_memory_was_used_and_no_library_timed(tmp_path: Path) -> None:
    rows = run(tmp_path, "-n", "2", *ALL, "--sizes", "64KiB", "--budget", "0.4")
    assert {(row.case.operation, row.case.variant) for row in rows} == {
        ("allreduce", "shm"), ("allreduce", "shm-one-shot"), ("alltoall", "shm"), ("allgather", "shm"),
    }  # fmt: skip
    for row in rows:
        assert (row.check.status, row.traffic.resource) == ("ok", "memory")
        assert re.fullmatch(r"numba [\d.]+", row.conditions.library)
        assert row.conditions.algorithm == row.case.variant


def test_many_ranks_on_few_cores_end_and_are_right(tmp_path: Path) -> None:
    cores = len(os.sched_getaffinity(0))
    ranks = min(4 * cores, cores + 6)
    rows = run(tmp_path, "-n", str(ranks), *ALL, "--sizes", "1MiB", "--budget", "0.4")
    assert [row.check.status for row in rows] == ["ok"] * 4
    assert all("oversubscribed" in row.conditions.flags for row in rows)


def test_a_killed_rank_leaves_nothing_in_shared_memory(tmp_path: Path) -> None:
    words = command("-n", "2", "--only", "allreduce/shm", "--sizes", "1MiB", "--budget", "600", "-o", "cut.jsonl")
    with subprocess.Popen(
        words, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        ranks = sharing(process.pid)
        ranks[0].kill()
        _, said = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 3, said
    assert [list(segments.FOLDER.glob(f"fabricbench-{rank.pid}-*")) for rank in ranks] == [[], []]


def sharing(parent: int) -> list[psutil.Process]:
    """The two ranks, once both have mapped two segments whose names are gone."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        found = [process for process in psutil.Process(parent).children(recursive=True) if mapped(process.pid) == 2]
        if len(found) == 2:
            return found
        time.sleep(0.1)
    pytest.fail("no two ranks share memory")


def mapped(pid: int) -> int:
    try:
        maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    except OSError:
        return 0
    return sum(f"{segments.FOLDER}/fabricbench-" in line and line.endswith(" (deleted)") for line in maps)


@pytest.mark.skipif(
    mpi.installed() is None and mpi.library_name().startswith("MPICH"),
    reason="MPICH keeps memory of its own there, and dies",
)
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root and unshare")
def test_too_little_shared_memory_is_said_in_the_row(tmp_path: Path) -> None:
    tight = ("unshare", "--mount", "sh", "-c", f'{TIGHT}"$@"', "sh")
    tried = subprocess.run([*tight, "true"], capture_output=True, check=False)
    if tried.returncode != 0:
        pytest.skip("this machine lets nobody mount a file system of its own")
    rows = run(
        tmp_path, "-n", "2", "--only", "allreduce/shm", "--sizes", "8,1MiB", "--budget", "0.2", prefix=tight,
        **ELSEWHERE,
    )  # fmt: skip
    said = {row.case.nbytes: (row.check.status, "".join(doubt.text for doubt in row.doubts)) for row in rows}
    assert said[8] == ("ok", "")
    status, why = said[1 << 20]
    assert status == "skipped"
    assert re.search(rf"2 segments of \d+ bytes do not fit into {segments.FOLDER}, which has \d+ bytes free", why)

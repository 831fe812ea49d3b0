"""`doctor --beside`: the table of a peer is read, both sides are launched in turn, and what is missing is said."""

import contextlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fabricbench import mpi
from fabricbench.engine import catalogue
from fabricbench.engine.start import Order
from fabricbench.errors import NotMeasuredError, UsageError
from fabricbench.procedures import beside, osu
from fabricbench.procedures.osu import Peer

MISSING = mpi.installed()
needs_mpi = pytest.mark.skipif(MISSING is not None, reason=MISSING or "")

PEERS = {peer.program: peer for peer in osu.PEERS}
ALLREDUCE = """# HOST: allocated 16 bytes

# OSU MPI Allreduce Latency Test v7.4
# Datatype: MPI_CHAR.
# Size         Avg Latency(us)     Min Latency(us)     Max Latency(us)  Iterations
4                       1.11                1.11                1.12        1000
# HOST: allocated 16 bytes
8                       0.70                0.67                0.73        1000
"""
RATE = "# OSU MPI Bandwidth Test v7.4\n# Size      Bandwidth (MB/s)\n1000                   500.00\n"
BARRIER = "# OSU MPI Barrier Latency Test v7.4\n# Avg Latency(us)\n             0.25\n"

FAKE = """#!{python}
import os, sys
if os.environ.get("OMPI_COMM_WORLD_RANK", os.environ.get("PMI_RANK", "0")) == "0":
    print("# OSU MPI Allreduce Latency Test v7.4")
    print("# Datatype: MPI_FLOAT.")
    print("# Size       Avg Latency(us)")
    for k in range({rows}):
        print("%-10d%18.2f" % (4 << k, 0.5 * 2 ** (k / 2)))
    print("trouble", file=sys.stderr)
    sys.exit({status})  # the other rank leaves well: else the launcher ends this one before it has spoken
"""


def fake(folder: Path, name: str = "osu_allreduce", *, rows: int = 19, status: int = 0) -> Path:
    """A program that prints what OSU's would."""
    path = folder / "libexec" / "mpi" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(FAKE.format(python=sys.executable, rows=rows, status=status))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_full_table_is_read() -> None:
    printed = osu.parse(ALLREDUCE, PEERS["osu_allreduce"])
    assert printed.version == "v7.4"
    assert {size: figure.time_s for size, figure in printed.figures.items()} == pytest.approx({4: 1.11e-6, 8: 0.7e-6})
    assert printed.figures[4].step_s == pytest.approx(1e-8)


def test_a_rate_is_the_time_of_a_message() -> None:
    figure = osu.parse(RATE, PEERS["osu_bw"]).figures[1000]
    assert figure.time_s == pytest.approx(2e-6)
    assert figure.step_s == pytest.approx(2e-6 * 0.01 / 500)
    assert osu.parse(RATE, PEERS["osu_bibw"]).figures[1000].time_s == pytest.approx(4e-6)


def test_a_program_without_sizes_is_read() -> None:
    assert osu.parse(BARRIER, PEERS["osu_barrier"]).figures[0].time_s == pytest.approx(0.25e-6)


@pytest.mark.parametrize("cut", range(len(ALLREDUCE)))
def test_a_cut_table_has_no_wrong_figure(cut: int) -> None:
    whole = osu.parse(ALLREDUCE, PEERS["osu_allreduce"]).figures
    read = {}
    with contextlib.suppress(NotMeasuredError):
        read = osu.parse(ALLREDUCE[:cut], PEERS["osu_allreduce"]).figures
    assert read.items() <= whole.items()


@pytest.mark.parametrize("text", ["", "usage: osu_allreduce\n", "4 1.0\n", ALLREDUCE.partition("4   ")[0]])
def test_no_table_is_said(text: str) -> None:
    with pytest.raises(NotMeasuredError, match="osu_allreduce printed no table"):
        osu.parse(text, PEERS["osu_allreduce"])


def test_sizes_of_one_rank_become_sizes_of_the_array() -> None:
    sized = Peer(program="osu_x", operation="x", per_rank=True)
    assert [sized.size(4, 8), PEERS["osu_allreduce"].size(4, 8)] == [32, 4]
    per_rank = {peer.operation for peer in osu.PEERS if peer.per_rank}
    assert per_rank == {
        "allgather", "allgatherv", "alltoall", "alltoallv", "alltoallw", "gather", "gatherv", "scatter", "scatterv",
    }  # fmt: skip


def test_the_block_variant_moves_nothing_up_to_an_element_a_rank() -> None:
    assert min(beside._sizes(PEERS["osu_reduce_scatter_block"], 2)) == 16


@pytest.mark.parametrize("program", [peer.program for peer in osu.PEERS if peer.operation in catalogue.operations()])
def test_every_peer_has_sizes_and_its_type_here(program: str) -> None:
    peer = PEERS[program]
    assert beside._sizes(peer, 2)
    assert peer.dtype in catalogue.operation(peer.operation).variants[beside.VARIANT].dtypes


def test_programs_are_found_however_deep(tmp_path: Path) -> None:
    path = fake(tmp_path)
    (path.parent / "osu_bcast").write_text("not executable")
    fake(tmp_path, "osu_init")
    assert osu.programs(tmp_path) == {"osu_allreduce": path.resolve()}
    (tmp_path / "other").mkdir()
    fake(tmp_path / "other")
    with pytest.raises(UsageError, match="one installation"):
        osu.programs(tmp_path)


def test_launches_alternate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    printed = osu.parse(ALLREDUCE, PEERS["osu_allreduce"])
    monkeypatch.setattr(beside, "_ours", lambda *_: order.append("ours") or {4: 1.0, 8: 1.0})
    monkeypatch.setattr(beside, "_bare", lambda *_: 1.0)
    monkeypatch.setattr(beside, "_theirs", lambda *_: order.append("osu") or printed)
    series = beside.Series(PEERS["osu_allreduce"], tmp_path, {4: 4, 8: 8})
    said: list[str] = []
    assert beside._measure([series], Order(), [], 4, lambda event: said.append(event["text"])) == [1.0] * 4
    assert order == ["osu", "ours", "ours", "osu", "osu", "ours", "ours", "osu"]
    assert said[0] == "launch 1 of 4: allreduce and OSU"
    figures = beside._figures(series)
    assert figures.ours_s == {4: [1.0] * 4, 8: [1.0] * 4}
    assert figures.theirs_s[8] == pytest.approx([0.7e-6] * 4)


def doctor(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fabricbench", "doctor", *words],
        env=dict(os.environ), capture_output=True, text=True, timeout=250, check=False,
    )  # fmt: skip


def test_a_folder_without_programs_is_said(tmp_path: Path) -> None:
    done = doctor("--beside", str(tmp_path), "-n", "2")
    assert done.returncode == 2
    assert "no program of the OSU micro-benchmarks" in done.stderr
    assert "make install" in done.stderr


@needs_mpi
@pytest.mark.mpi
class TestLaunched:
    def test_both_sides_are_compared(self, tmp_path: Path) -> None:
        fake(tmp_path)
        done = doctor("--beside", str(tmp_path), "-n", "2", "--format", "json")
        assert done.returncode == 0, done.stderr
        assert "launch 1 of 1: allreduce and OSU" in done.stderr
        report = json.loads(done.stdout)
        (row,) = report["rows"]
        assert (row["operation"], row["sizes"], row["spread"]) == ("allreduce", 19, None)
        assert (report["ranks"], report["launches"]) == (2, 1)
        assert "v7.4" in report["peer"]
        assert all(report["answer"][name] > 0 for name in ("bare_s", "first_s", "measuring_s"))
        assert any(text.startswith("osu_bcast: not in the folder") for text in report["left_out"])

    def test_a_program_that_fails_is_named(self, tmp_path: Path) -> None:
        fake(tmp_path, status=7)
        done = doctor("--beside", str(tmp_path), "-n", "2")
        assert done.returncode == 3
        assert "osu_allreduce ended with status 7" in done.stderr
        assert "trouble" in done.stderr

    @pytest.mark.parametrize(
        ("rows", "what"), [(0, "printed no table"), (3, "no figure for 16 sizes, the first of 32 B")]
    )
    def test_a_table_that_is_cut_is_named(self, tmp_path: Path, rows: int, what: str) -> None:
        fake(tmp_path, rows=rows)
        done = doctor("--beside", str(tmp_path), "-n", "2")
        assert done.returncode == 3
        assert "osu_allreduce" in done.stderr
        assert what in done.stderr

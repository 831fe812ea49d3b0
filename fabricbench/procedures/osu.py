"""The OSU micro-benchmarks as a peer: which program asks what one of our operations asks, how, and what it prints."""

import os
from dataclasses import dataclass
from pathlib import Path

from fabricbench.errors import NotMeasuredError, UsageError
from fabricbench.model import Cadence
from fabricbench.show.imports.osu import Tables

SMALLEST, LARGEST = 4, 1 << 20
WINDOW = 32
"""Messages in flight of our `bandwidth`; each has memory of its own, so OSU is asked for the same."""

_SCALES = {"us": 1e-6, "MB/s": 1e6}
_HEADS = {"Avg Latency(us)": "us", "Latency (us)": "us", "Bandwidth (MB/s)": "MB/s", "MB/s": "MB/s"}
"""Columns that hold the figure of a row, and their units."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One program and the operation of ours that does the same.

    `per_rank`: OSU's size is one rank's part, ours the whole array. `cadence`: how our calls follow each other where
    the default is not how OSU's do; None is the default. `moves`: messages that OSU's rate counts for one of our
    operations. `whole`: OSU moves nothing unless there are more elements than ranks.
    """

    program: str
    operation: str
    dtype: str = "uint8"
    cadence: Cadence | None = "isolated"
    words: tuple[str, ...] = ()
    per_rank: bool = False
    moves: int = 1
    whole: bool = False
    sized: bool = True

    def size(self, nbytes: int, ranks: int) -> int:
        """Our size of a size of OSU's."""
        return nbytes * ranks if self.per_rank else nbytes

    def command(self, path: Path) -> list[str]:
        """The program with its arguments."""
        sizes = ["-m", f"{SMALLEST}:{LARGEST}"] if self.sized else []
        return [str(path), *sizes, *self.words]


_FLOATS = ("-T", "mpi_float")
"""Named because OSU adds single bytes unless told otherwise, which libraries do far slower."""
_FLOW = ("-W", str(WINDOW), "-b", "multiple")

PEERS = (
    Peer(program="osu_latency", operation="latency", cadence="streaming"),
    Peer(program="osu_bw", operation="bandwidth", cadence="streaming", words=_FLOW),
    Peer(program="osu_bibw", operation="bidirectional", cadence="streaming", words=_FLOW, moves=2),
    Peer(program="osu_mbw_mr", operation="message-rate", cadence="streaming", words=("-W", str(WINDOW))),
    Peer(program="osu_allreduce", operation="allreduce", dtype="float32", words=_FLOATS),
    Peer(program="osu_reduce", operation="reduce", dtype="float32", words=_FLOATS),
    Peer(program="osu_reduce_scatter", operation="reduce_scatter", dtype="float32", words=_FLOATS),
    Peer(
        program="osu_reduce_scatter_block", operation="reduce_scatter_block", dtype="float32", words=_FLOATS,
        whole=True,
    ),
    Peer(program="osu_allgather", operation="allgather", per_rank=True),
    Peer(program="osu_allgatherv", operation="allgatherv", per_rank=True),
    Peer(program="osu_alltoall", operation="alltoall", per_rank=True),
    Peer(program="osu_alltoallv", operation="alltoallv", per_rank=True),
    Peer(program="osu_alltoallw", operation="alltoallw", per_rank=True),
    Peer(program="osu_bcast", operation="broadcast"),
    Peer(program="osu_gather", operation="gather", per_rank=True),
    Peer(program="osu_gatherv", operation="gatherv", per_rank=True),
    Peer(program="osu_scatter", operation="scatter", per_rank=True),
    Peer(program="osu_scatterv", operation="scatterv", per_rank=True),
    Peer(program="osu_barrier", operation="barrier", cadence=None, sized=False),
    Peer(program="osu_put_latency", operation="put", cadence="streaming"),
    Peer(program="osu_get_latency", operation="get", cadence="streaming"),
    Peer(program="osu_acc_latency", operation="accumulate", dtype="float32", words=_FLOATS),
)  # fmt: skip
"""Collectives of OSU are timed call by call with a barrier between them, all others back to back."""


@dataclass(frozen=True)
class Figure:
    """Seconds of one operation, and the smallest difference that the printed digits can show."""

    time_s: float
    step_s: float


@dataclass(frozen=True)
class Printed:
    """What one launch of a program printed: figures by OSU's size, 0 for a program without sizes."""

    version: str
    figures: dict[int, Figure]


def programs(folder: Path) -> dict[str, Path]:
    """Programs of the table in a folder, however deep.  Raises UsageError for none, or for two of one name."""
    known = {peer.program for peer in PEERS}
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("osu_*")):
        if path.name not in known or not path.is_file() or not os.access(path, os.X_OK):
            continue
        if path.name in found:
            raise UsageError(f"{path} and {found[path.name]} are both there.", "Name the folder of one installation.")
        found[path.name] = path.resolve()
    if not found:
        raise UsageError(
            f"There is no program of the OSU micro-benchmarks in {folder}, such as osu_allreduce.",
            "Build them with the mpicc of this MPI library, `make install`, and name the folder of --prefix.",
        )
    return found


def parse(text: str, peer: Peer) -> Printed:
    """Figures of one launch.  Raises NotMeasuredError where there is no table.

    A last line without its end is no row: digits may be missing.
    """
    tables, version, figures = Tables(), "unknown", {}
    for line in text.split("\n")[:-1]:
        cells = tables.take(line)
        if isinstance(cells, bool):
            continue
        version = cells.title.version or version
        for head, unit in _HEADS.items():
            if head in cells.fields:
                figures[cells.size] = _figure(cells.fields[head], unit, cells.size * peer.moves)
                break
    if not figures:
        raise NotMeasuredError(f"{peer.program} printed no table.", "Start it by hand and look.")
    return Printed(version, figures)


def _figure(shown: str, unit: str, nbytes: int) -> Figure:
    """Seconds: printed as such, or as what moves the message at the printed rate."""
    _, _, digits = shown.partition(".")
    value, step = float(shown), 10.0 ** -len(digits)
    if unit == "us":
        return Figure(value * _SCALES[unit], step * _SCALES[unit])
    if value == 0:
        return Figure(0.0, 0.0)
    time_s = nbytes / (value * _SCALES[unit])
    return Figure(time_s, time_s * step / value)

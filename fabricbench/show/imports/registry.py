"""The tools whose output is read, in the order in which JSON documents are held against their marks."""

from fabricbench.show.imports.babelstream import BABELSTREAM
from fabricbench.show.imports.google import GOOGLE
from fabricbench.show.imports.imb import IMB
from fabricbench.show.imports.mpi4py_bench import MPI4PY_BENCH
from fabricbench.show.imports.nccl import NCCL
from fabricbench.show.imports.nixlbench import NIXLBENCH
from fabricbench.show.imports.nvbandwidth import NVBANDWIDTH
from fabricbench.show.imports.nvbench import NVBENCH
from fabricbench.show.imports.osu import OSU
from fabricbench.show.imports.perftest import PERFTEST
from fabricbench.show.imports.tool import Tool

TOOLS: tuple[Tool, ...] = (
    NCCL, OSU, IMB, NVBANDWIDTH, PERFTEST, BABELSTREAM, MPI4PY_BENCH, NIXLBENCH, NVBENCH, GOOGLE,
)  # fmt: skip

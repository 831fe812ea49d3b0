"""The C control: what the same operation costs in a loop written in C, in the same ranks, with the same buffers.

Compiled where it is used, with the mpicc of the library that the ranks use, and alternated with the program's own loop
in short blocks, so that what remains of their ratio is what this instrument adds.
"""

import ctypes
import hashlib
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabricbench import mpi, native
from fabricbench.errors import UnavailableError
from fabricbench.measure.loop import Loop, Taken
from fabricbench.measure.stop import repeats_for
from fabricbench.spec import block

SOURCE = Path(__file__).with_name("control.c")
FLAGS = ("-O3", "-shared", "-fPIC")
COMPILE_S = 60
SAID = 200
FIELDS = ("send", "receive", "count", "type", "op", "comm", "peer", "status")
"""`struct asked` of control.c, all 64 bits; what a step has no field for is 0."""

ALLREDUCE = {"a0": "send", "a1": "receive", "a2": "count", "a3": "type", "a4": "op", "a5": "comm"}
"""Names of the arguments of MPI_Allreduce, which a step of the library's own has by number."""

ROUNDS = 25
IN_A_ROUND = np.array([-1, 1, 1, -1, 1, -1, -1, 1]) / 4
"""Weights of the logarithms of a round's blocks, so that their sum is the logarithm of ours over theirs."""

SAMPLES = 10
PILOT = 20


def build(group: mpi.World) -> ctypes.CDLL:
    """The control as a shared object: the first rank of each host compiles it, all load it.

    Compiled at every call, so that it never outlives the compiler, the library's header or its own source.
    Raises UnavailableError, on every rank alike, where there is no compiler or nowhere to put what it makes.
    """
    trouble, path = None, None
    try:
        path = _path()
        if group.hosts.index(group.hosts[group.rank]) == group.rank:
            _compile(path)
    except (UnavailableError, OSError) as error:
        trouble = str(error)
    trouble = group.agree(trouble)
    if trouble is not None or path is None:
        raise UnavailableError(trouble or "")
    return ctypes.CDLL(str(path))


def compiler() -> Path:
    """The mpicc that stands beside the launcher of the library.  Raises UnavailableError where there is none."""
    launcher = mpi.launcher_path()
    if launcher is None:
        raise UnavailableError(f"No mpicc is known that belongs to {mpi.library_path()}.")
    # Debian's mpirun.openmpi has a sibling mpicc.openmpi.
    found = launcher.with_name(re.sub("^(mpirun|mpiexec)", "mpicc", launcher.name))
    if not os.access(found, os.X_OK):
        raise UnavailableError(f"There is no {found}.")
    return found


def _path() -> Path:
    folder = native.cache_folder()
    if folder is None:
        raise UnavailableError("The user's cache folder cannot be written.")
    digest = hashlib.sha256(mpi.library_path().encode()).hexdigest()[:12]
    return folder / f"control-{digest}.so"


def _compile(path: Path) -> None:
    """Make the shared object under another name first: a rank of another job may be loading it."""
    program, made = compiler(), path.with_suffix(f".{os.getpid()}")
    command = [str(program), *FLAGS, "-o", str(made), str(SOURCE)]
    try:
        finished = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_S, check=False)
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"{program} did not end within {COMPILE_S} s.") from None
    if finished.returncode != 0:
        raise UnavailableError(f"{program} finds no C compiler that works: {_first_words(finished.stderr)}")
    made.replace(path)


def _first_words(said: str) -> str:
    """Of what a compiler said, without the lines that wrappers draw around it."""
    words = (line.strip() for line in said.splitlines() if any(map(str.isalnum, line)))
    return " ".join(words)[:SAID] or "it says nothing."


@dataclass(kw_only=True)
class Control(Loop):
    """A loop in C over the buffers and handles of a prepared step; `function` is the one of control.c to use.

    There are no hooks in it: samples follow each other without restored input or a synchronised start.
    """

    function: Any
    asked: NDArray[Any] = field(init=False)

    def __post_init__(self) -> None:
        arguments = self.step.block
        assert arguments is not None
        assert arguments.dtype.names is not None
        named = {ALLREDUCE.get(name, name): np.int64(arguments[name][0]) for name in arguments.dtype.names}
        self.asked = block(**{name: named.get(name, 0) for name in FIELDS})

    def _take_compiled(self, taken: Taken, repeats: int) -> int:
        samples = ctypes.c_int64(taken.entered.size)
        addresses = [ctypes.c_void_p(array.ctypes.data) for array in (self.asked, taken.entered, taken.left)]
        return int(self.function(addresses[0], samples, ctypes.c_int64(repeats), *addresses[1:]))


def ratio(group: mpi.Group, ours: Loop, theirs: Loop) -> float:
    """How many times as long as `theirs` an operation of `ours` takes; the same on every rank.

    Short blocks alternate theirs-ours-ours-theirs and then the other way round: within such a round a drift cancels,
    and so does what the place in the round does. The median over rounds of their ratios, so that a disturbance of the
    machine spoils one of many.
    """
    repeats = _repeats(group, theirs)
    rows = []
    for _ in range(ROUNDS):
        for weight in IN_A_ROUND:
            group.barrier()
            taken = (ours if weight > 0 else theirs).take(SAMPLES, repeats)
            rows.append(taken.left - taken.entered)
    longest = group.highest(np.array(rows))
    blocks = np.log(np.median(longest, axis=1)).reshape(ROUNDS, len(IN_A_ROUND))
    return float(np.exp(np.median(blocks @ IN_A_ROUND)))


def _repeats(group: mpi.Group, loop: Loop) -> int:
    """Operations that make a sample long enough, agreed between ranks."""
    group.barrier()
    taken = loop.take(SAMPLES, PILOT)
    spent = group.highest(np.array([np.median(taken.left - taken.entered)]))
    return repeats_for(float(spent[0]) * 1e-9 / PILOT, 0.0)

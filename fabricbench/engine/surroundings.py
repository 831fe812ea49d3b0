"""What is around the ranks, seen by the process that starts them: who else computes, and whose `mpirun` is found."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

from fabricbench import mpi

LOOK_S = 0.5
ANSWER_S = 10


def busy_cores() -> float:
    """Cores' worth of time that all processes of this host together use now; ours sleeps meanwhile."""
    return float(psutil.cpu_percent(interval=LOOK_S)) / 100 * (psutil.cpu_count() or 1)


@dataclass(frozen=True)
class Launchers:
    """The first `mpirun` on PATH with what it calls itself, and that of mpi4py's library; None where there is none."""

    found: str | None
    says: str
    own: str | None

    @property
    def same(self) -> bool:
        """Whether a plain `mpirun` starts ranks that the library can join."""
        return self.found is None or (self.own is not None and Path(self.found).resolve() == Path(self.own).resolve())


def launchers() -> Launchers:
    """Which mpirun is there, and which one is ours; MPI is loaded for that, and not started."""
    found = shutil.which("mpirun")
    own = mpi.launcher_path() if mpi.installed() is None else None
    return Launchers(found, _says(found) if found else "", str(own) if own else None)


def _says(program: str) -> str:
    try:
        finished = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=ANSWER_S, check=False)
    except (OSError, subprocess.SubprocessError):
        return "does not answer"
    lines = finished.stdout.split("\n") if finished.returncode == 0 else []
    return next((" ".join(line.split()).rstrip(":") for line in lines if line.strip()), "does not tell its version")

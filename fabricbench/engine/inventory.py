"""What every host of a launch is, runs and is told, said as the difference from rank 0's host.

That one is described whole. So a cluster of a thousand equal hosts has a short inventory, and what is in it is what an
operator looks for.
"""

import os
import re

from fabricbench import mpi
from fabricbench.engine import machine
from fabricbench.model import Facts

UNSET = "not set"
"""What stands for a variable that a host does not have and rank 0's has."""

_STEERING = (
    "OMPI_MCA_",
    "PRTE_MCA_",
    "PMIX_MCA_",
    "MPIR_CVAR_",
    "UCX_",
    "FI_",
    "NCCL_",
    "OMP_",
    "NUMBA_",
    "SLURM_JOB_ID",
)

_OF_A_RANK = re.compile(r"rank|vpid|uri|jobid|daemon|hnp|session", re.IGNORECASE)
"""By these a launcher tells a rank its place: they differ from rank to rank and say nothing of a host."""

_OF_A_NAME = frozenset({"hostname"})


def environment() -> dict[str, str]:
    """Variables that steer MPI, the network and threads."""
    return {name: value for name, value in sorted(os.environ.items()) if name.startswith(_STEERING)}


def taken(group: mpi.Group, software: dict[str, str]) -> dict[str, Facts]:
    """By host, what is otherwise there than on rank 0's host; of each host its first rank speaks.  Every rank calls."""
    own = facts(software)
    first = group.broadcast(own)
    speaks = group.hosts.index(group.hosts[group.rank]) == group.rank
    heard = group.gather(differing(first, own) if speaks else None)
    return {host: found for host, found in zip(group.hosts, heard, strict=True) if found is not None}


def facts(software: dict[str, str]) -> Facts:
    """All that can be compared between hosts."""
    steering = {name: value for name, value in environment().items() if not _OF_A_RANK.search(name)}
    found: Facts = {**machine.machine(), **software, **steering}
    return {name: value for name, value in found.items() if name not in _OF_A_NAME}


def differing(first: Facts, own: Facts) -> Facts:
    """What of `own` is not as in `first`."""
    return {
        name: own.get(name, UNSET) for name in (*first, *(own.keys() - first.keys()))
        if own.get(name, UNSET) != first.get(name, UNSET)
    }  # fmt: skip

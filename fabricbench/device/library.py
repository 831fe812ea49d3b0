"""The kernels as CMake built them, where the installation found nvcc: kernels/cuda/library.cu."""

import ctypes
from functools import cache
from importlib import metadata
from pathlib import Path

from fabricbench.errors import UnavailableError

NAME = "libfabricbench_kernels.so"


@cache
def path() -> Path:
    """Where it is.  Raises UnavailableError where it was not built."""
    for file in metadata.files("fabricbench") or ():
        if file.name == NAME:
            return Path(str(file.locate()))
    raise UnavailableError(
        "The kernels were not built: the installation found no nvcc.", "Install again with nvcc on PATH, or in CUDACXX."
    )


@cache
def address(function: str) -> int:
    """Where a function of it begins, for a compiled step.  Raises UnavailableError where it was not built."""
    loaded = ctypes.CDLL(str(path()))
    return int(ctypes.cast(getattr(loaded, function), ctypes.c_void_p).value or 0)

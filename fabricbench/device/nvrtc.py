"""Device code in kernels/cuda/ to machine code, by NVRTC; that needs neither a GPU nor a driver.

One header of CUDA C++ holds the kernels of one operation; here it is a program of its own, in CMakeLists.txt part of a
library. No header of the toolkit is needed.
"""

import ctypes
import importlib.util
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fabricbench.errors import FabricbenchError, UnavailableError

FOLDER = Path(__file__).parents[1] / "kernels" / "cuda"
TARGETS = ("sm_80", "sm_90a", "sm_100")
"""What every kernel is compiled for in the tests and by CMake."""

OPTIONS = ("--std=c++17", "--ptxas-options=-v", "--ptxas-options=-warn-spills")
SYSTEM = ("libnvrtc.so.13", "libnvrtc.so.12")
BUILTINS = "libnvrtc-builtins.so.*"
INSTALL = "pip install 'fabricbench[cuda13]', or [cuda12] where the driver is older."


@dataclass(frozen=True)
class Usage:
    """What one kernel takes: registers a thread, bytes of shared memory a block, bytes spilled a thread."""

    registers: int
    shared: int
    spilled: int


@dataclass(frozen=True)
class Compiled:
    """Machine code for one kind of GPU, the portable code it was made from, and the compiler's words."""

    source: str
    architecture: str
    cubin: bytes
    ptx: str
    log: str

    @property
    def usage(self) -> dict[str, Usage]:
        """What each kernel takes, by name, as ptxas says it."""
        parts = re.split(r"Compiling entry function '(\w+)'", self.log)
        return {name: _usage(text) for name, text in zip(parts[1::2], parts[2::2], strict=True)}

    @property
    def warnings(self) -> list[str]:
        """Lines of the log that warn; NVRTC 13.0 has no option that makes errors of them."""
        return [line for line in self.log.splitlines() if "warning" in line.lower()]


class Nvrtc:
    """One NVRTC library."""

    def __init__(self, library: Any) -> None:
        self._library = library
        library.nvrtcGetErrorString.restype = ctypes.c_char_p
        major, minor = ctypes.c_int(), ctypes.c_int()
        self._call("nvrtcVersion", ctypes.byref(major), ctypes.byref(minor))
        self.version = (major.value, minor.value)

    def compile(self, name: str, text: str, headers: dict[str, str], architecture: str) -> Compiled:
        """A program.  Raises FabricbenchError with the compiler's log where it is not one.

        headers: what it may include, by name.
        """
        program, given = ctypes.c_void_p(), [part.encode() for part in headers.values()]
        strings = ctypes.c_char_p * len(headers)
        self._call(
            "nvrtcCreateProgram", ctypes.byref(program), text.encode(), name.encode(), len(headers),
            strings(*given), strings(*(header.encode() for header in headers)),
        )  # fmt: skip
        try:
            words = [option.encode() for option in (*OPTIONS, f"--gpu-architecture={architecture}")]
            code = self._library.nvrtcCompileProgram(program, len(words), (ctypes.c_char_p * len(words))(*words))
            log = self._read(program, "ProgramLog").rstrip(b"\0").decode(errors="replace")
            if code != 0:
                raise FabricbenchError(f"{name} cannot be compiled for {architecture}: {self._says(code)}.\n{log}")
            return Compiled(
                source=name, architecture=architecture, cubin=self._read(program, "CUBIN"),
                ptx=self._read(program, "PTX").rstrip(b"\0").decode(), log=log,
            )  # fmt: skip
        finally:
            self._library.nvrtcDestroyProgram(ctypes.byref(program))

    def _read(self, program: ctypes.c_void_p, what: str) -> bytes:
        size = ctypes.c_size_t()
        self._call(f"nvrtcGet{what}Size", program, ctypes.byref(size))
        found = ctypes.create_string_buffer(size.value)
        self._call(f"nvrtcGet{what}", program, found)
        return found.raw

    def _call(self, name: str, *arguments: Any) -> None:
        code = getattr(self._library, name)(*arguments)
        if code != 0:
            raise UnavailableError(f"{name} failed: {self._says(code)}.")

    def _says(self, code: int) -> str:
        return str(self._library.nvrtcGetErrorString(code).decode())


@cache
def nvrtc() -> Nvrtc:
    """The NVRTC of this environment, else of the machine.  Raises UnavailableError where there is none."""
    return loaded(ctypes.CDLL)


def loaded(load: Callable[[str], Any]) -> Nvrtc:
    """The first NVRTC that can be loaded.  Raises UnavailableError."""
    for path in (*_installed(), *map(Path, SYSTEM)):
        try:
            for builtins in sorted(path.parent.glob(BUILTINS)) if path.is_absolute() else ():
                load(str(builtins))  # NVRTC asks for it by name; in a wheel it lies where the loader does not look
            return Nvrtc(load(str(path)))
        except OSError:
            continue
    raise UnavailableError("There is no NVRTC, which compiles the kernels.", INSTALL)


def _installed() -> Iterator[Path]:
    """Libraries that NVIDIA's wheels brought, the newest toolkit first."""
    package = importlib.util.find_spec("nvidia")
    for place in (package.submodule_search_locations or ()) if package is not None else ():
        for pattern in ("cu[0-9]*/lib/libnvrtc.so.[0-9]*", "cuda_nvrtc/lib/libnvrtc.so.[0-9]*"):
            yield from sorted(Path(place).resolve().glob(pattern), reverse=True)


def sources() -> dict[str, str]:
    """Every file of device code by name."""
    return {path.name: path.read_text() for path in sorted(FOLDER.glob("*.cuh"))}


def programs() -> list[str]:
    """Names of the files that hold kernels; the others are included by them."""
    return [name for name, text in sources().items() if 'extern "C" __global__' in text]


@cache
def compiled(name: str, architecture: str) -> Compiled:
    """One file of kernels/cuda for one kind of GPU.  Raises FabricbenchError."""
    known = sources()
    return nvrtc().compile(name, known[name], known, architecture)


def _usage(text: str) -> Usage:
    def number(pattern: str) -> int:
        found = re.search(pattern, text)
        return int(found[1]) if found else 0

    return Usage(
        registers=number(r"Used (\d+) registers"), shared=number(r"(\d+) bytes smem"),
        spilled=number(r"(\d+) bytes spill stores") + number(r"(\d+) bytes spill loads"),
    )  # fmt: skip

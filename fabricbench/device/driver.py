"""The CUDA driver through its C functions; no CUDA runtime and no Python binding of it has to be installed.

Handles and device addresses are integers. Sources: CUDA Driver API, cuda.h.
"""

import ctypes
from functools import cache
from typing import Any, Protocol

from fabricbench.errors import UnavailableError

LIBRARY = "libcuda.so.1"
OUT_OF_MEMORY = 2

_TAKES = {
    "cuCtxSetCurrent": "p",
    "cuDeviceGet": "pi",
    "cuDeviceGetAttribute": "pii",
    "cuDeviceGetCount": "p",
    "cuDeviceGetName": "pii",
    "cuDeviceGetUuid_v2": "pi",
    "cuDevicePrimaryCtxRetain": "pi",
    "cuDeviceTotalMem_v2": "pi",
    "cuDriverGetVersion": "p",
    "cuEventCreate": "pu",
    "cuEventElapsedTime": "ppp",
    "cuEventRecord": "pp",
    "cuGraphDestroy": "p",
    "cuGraphExecDestroy": "p",
    "cuGraphInstantiateWithFlags": "ppz",
    "cuGraphLaunch": "pp",
    "cuInit": "u",
    "cuLaunchKernel": "puuuuuuuppp",
    "cuMemAlloc_v2": "pz",
    "cuMemFree_v2": "p",
    "cuMemGetInfo_v2": "pp",
    "cuMemHostAlloc": "pzu",
    "cuMemHostGetDevicePointer_v2": "ppu",
    "cuMemHostRegister_v2": "pzu",
    "cuMemHostUnregister": "p",
    "cuMemcpyDtoDAsync_v2": "ppzp",
    "cuMemcpyDtoHAsync_v2": "ppzp",
    "cuMemcpyHtoDAsync_v2": "ppzp",
    "cuMemsetD8Async": "pczp",
    "cuModuleGetFunction": "pps",
    "cuModuleLoadData": "pp",
    "cuOccupancyMaxActiveBlocksPerMultiprocessor": "ppiz",
    "cuStreamBeginCapture_v2": "pi",
    "cuStreamCreate": "pu",
    "cuStreamEndCapture": "pp",
    "cuStreamSynchronize": "p",
}
"""Functions with their arguments: p an address or handle, i int, u unsigned, z size_t, c unsigned char, s a string."""

TYPES: dict[str, Any] = {
    "p": ctypes.c_void_p, "i": ctypes.c_int, "u": ctypes.c_uint, "z": ctypes.c_size_t, "c": ctypes.c_ubyte,
    "s": ctypes.c_char_p,
}  # fmt: skip

_REMEDIES = {
    OUT_OF_MEMORY: "Ask for a smaller size, or end what else uses the GPU.",
    34: "libcuda.so.1 is the stub of a toolkit: put the driver's before it on LD_LIBRARY_PATH.",
    46: "Somebody else holds the GPU exclusively: see nvidia-smi.",
    100: "The driver sees no GPU: see nvidia-smi, and CUDA_VISIBLE_DEVICES.",
    101: "There is no GPU of that number.",
    200: "The driver is older than the toolkit that compiled the kernel: install the extra of the driver's version.",
    209: "The kernel was compiled for another kind of GPU.",
    218: "The driver is older than the toolkit that compiled the kernel: install the extra of the driver's version.",
    222: "The driver is older than the toolkit that compiled the kernel: install the extra of the driver's version.",
    802: "The GPUs of this machine are not ready: is nvidia-fabricmanager running?",
    803: "Library and kernel module of the driver are of different versions: reboot, or load the new module.",
    804: "The driver is too old for this CUDA compatibility package.",
}
"""What to do about errors that users meet, by CUresult."""


class Library(Protocol):
    """A loaded libcuda, or a stand-in whose attributes are C functions."""

    def __getattr__(self, name: str) -> Any: ...


class Driver:
    """Calls of the driver; each raises UnavailableError with the driver's own words where it fails."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def call(self, name: str, *arguments: Any) -> None:
        """One function. Raises UnavailableError, also where the driver lacks it."""
        code = self._function(name)(*arguments)
        if code != 0:
            raise UnavailableError(f"{name} failed: {self.says(code)}.", _REMEDIES.get(code, ""))

    def integer(self, name: str, *arguments: Any, kind: Any = ctypes.c_int) -> int:
        """What a function writes to its first argument. kind: the C type that it writes."""
        found = kind()
        self.call(name, ctypes.byref(found), *arguments)
        return int(found.value or 0)

    def handle(self, name: str, *arguments: Any) -> int:
        """The handle or address that a function writes to its first argument."""
        return self.integer(name, *arguments, kind=ctypes.c_void_p)

    def address(self, name: str) -> int:
        """Where a function begins, for a compiled step."""
        return int(ctypes.cast(self._function(name), ctypes.c_void_p).value or 0)

    def says(self, code: int) -> str:
        """The driver's name for an error, with its number."""
        text = ctypes.c_char_p()
        named = getattr(self._library, "cuGetErrorName", None)
        if named is None or named(ctypes.c_int(code), ctypes.byref(text)) != 0 or not text.value:
            return f"error {code}"
        return f"{text.value.decode()} ({code})"

    def _function(self, name: str) -> Any:
        function = getattr(self._library, name, None)
        if function is None:
            raise UnavailableError(f"This NVIDIA driver has no {name}.", "Install a newer driver.")
        function.argtypes = [TYPES[letter] for letter in _TAKES[name]]
        function.restype = ctypes.c_int
        return function


@cache
def driver() -> Driver:
    """The driver of this machine, started.  Raises UnavailableError where there is none or it does not start.

    Never in a process that forks afterwards: CUDA does not survive a fork.
    """
    try:
        found = Driver(ctypes.CDLL(LIBRARY))
    except OSError:
        raise UnavailableError(f"There is no NVIDIA driver ({LIBRARY} cannot be loaded).") from None
    found.call("cuInit", 0)
    return found

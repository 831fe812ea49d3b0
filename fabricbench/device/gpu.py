"""One GPU as a variant uses it: `spec.Accelerator`. Memory is plain device memory, never managed."""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabricbench.device import library, numba_cuda, nvrtc, probe
from fabricbench.device.driver import Driver, driver
from fabricbench.errors import UnavailableError
from fabricbench.quantity import about_size

NON_BLOCKING = 1
"""A stream that does not wait for the default stream, nor lets it wait."""

RELAXED = 2
"""A capture that forbids other threads nothing."""

MAPPED = 2
"""Page-locked memory of the host that the device reads where it lies."""


@dataclass(frozen=True)
class Shared:
    """A number in the host's memory that the device sees: `value` (1,) uint32, and its address for the device."""

    value: NDArray[np.uint32]
    address: int


class Gpu:
    """A card with a context and a stream of its own; handles and addresses are integers."""

    def __init__(self, of: Driver, card: probe.Card) -> None:
        self.card = card
        self._driver = of
        self._kernels: dict[Any, int] = {}
        self._modules: dict[str, int] = {}
        # The primary context is the one that every other library in this process uses as well.
        of.call("cuCtxSetCurrent", of.handle("cuDevicePrimaryCtxRetain", of.integer("cuDeviceGet", card.index)))
        self.stream = of.handle("cuStreamCreate", NON_BLOCKING)

    def text(self, compiler: str) -> str:
        """What does the work, with the versions that matter.  compiler: as in `spec.Variant`."""
        major, minor = divmod(self._driver.integer("cuDriverGetVersion"), 1000)
        made = {
            "nvrtc": lambda: f", NVRTC {'.'.join(map(str, nvrtc.nvrtc().version))}",
            "numba-cuda": lambda: f", {numba_cuda.installed()}",
        }.get(compiler, str)()
        return f"{self.card.name}, driver for CUDA {major}.{minor // 10}{made}"

    @contextmanager
    def memory(self, nbytes: int) -> Iterator[int]:
        """Address of so many bytes, at a multiple of 256.  Raises UnavailableError where they are not free."""
        free, whole = ctypes.c_size_t(), ctypes.c_size_t()
        self._driver.call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(whole))
        if nbytes > free.value:
            raise UnavailableError(
                f"{about_size(nbytes)} more do not fit: {about_size(free.value)} of {self.card.name} are free.",
                "Ask for a smaller size.",
            )
        address = self._driver.handle("cuMemAlloc_v2", max(nbytes, 1))
        try:
            yield address
        finally:
            self._driver.call("cuMemFree_v2", address)

    @contextmanager
    def pinned(self, address: int, nbytes: int) -> Iterator[None]:
        """Meanwhile memory of the host stays where it is, so that the device copies it by itself."""
        self._driver.call("cuMemHostRegister_v2", address, nbytes, 0)
        try:
            yield
        finally:
            self._driver.call("cuMemHostUnregister", address)

    def upload(self, address: int, array: NDArray[Any]) -> None:
        """Copy an array to the device; over when this returns."""
        self._driver.call("cuMemcpyHtoDAsync_v2", address, array.ctypes.data, array.nbytes, self.stream)
        self.wait()

    def download(self, array: NDArray[Any], address: int) -> None:
        """Copy device memory into an array; over when this returns."""
        self._driver.call("cuMemcpyDtoHAsync_v2", array.ctypes.data, address, array.nbytes, self.stream)
        self.wait()

    def clear(self, address: int, nbytes: int) -> None:
        """Zero bytes."""
        self._driver.call("cuMemsetD8Async", address, 0, nbytes, self.stream)
        self.wait()

    def wait(self) -> None:
        """Until all work of the stream is done.  Raises UnavailableError where some of it failed."""
        self._driver.call("cuStreamSynchronize", self.stream)

    def kernel(self, source: str, name: str) -> int:
        """A kernel of kernels/cuda/SOURCE, compiled for this card at its first use.  Raises FabricbenchError."""
        if (source, name) not in self._kernels:
            if source not in self._modules:
                code = nvrtc.compiled(source, self.card.architecture).cubin
                self._modules[source] = self._driver.handle("cuModuleLoadData", code)
            found = self._driver.handle("cuModuleGetFunction", self._modules[source], name.encode())
            self._kernels[source, name] = found
        return self._kernels[source, name]

    def python_kernel(self, body: Callable[..., None], signature: str, **names: Any) -> int:
        """A kernel in Python as `numba_cuda.compiled` makes it, at its first use.  Raises FabricbenchError."""
        key = (body, signature, *sorted((name, str(value)) for name, value in names.items()))
        if key not in self._kernels:
            made = numba_cuda.compiled(body, signature, self.card.capability, **names)
            module = self._driver.handle("cuModuleLoadData", made.ptx.encode() + b"\0")
            self._kernels[key] = self._driver.handle("cuModuleGetFunction", module, made.name.encode())
        return self._kernels[key]

    def resident(self, kernel: int, threads: int) -> int:
        """Blocks of so many threads that run at once on the whole card."""
        each = self._driver.integer("cuOccupancyMaxActiveBlocksPerMultiprocessor", kernel, threads, 0)
        return each * self.card.multiprocessors

    def launch(self, kernel: int, blocks: int, threads: int, *values: np.generic) -> None:
        """Enqueue one launch, outside of every timing; each value is as wide as the kernel's parameter."""
        held = [np.array([value]) for value in values]
        arguments = np.array([value.ctypes.data for value in held], np.uint64)
        self._driver.call(
            "cuLaunchKernel", kernel, blocks, 1, 1, threads, 1, 1, 0, self.stream, arguments.ctypes.data, None
        )

    @contextmanager
    def graph(self, enqueue: Callable[[], None]) -> Iterator[int]:
        """A graph of all that a function puts into the stream, ready to be launched; none of it is done meanwhile."""
        found = ctypes.c_void_p()
        self._driver.call("cuStreamBeginCapture_v2", self.stream, RELAXED)
        try:
            enqueue()
        finally:
            self._driver.call("cuStreamEndCapture", self.stream, ctypes.byref(found))
        ready = self._driver.handle("cuGraphInstantiateWithFlags", found, 0)
        try:
            yield ready
        finally:
            self._driver.call("cuGraphExecDestroy", ready)
            self._driver.call("cuGraphDestroy", found)

    @cached_property
    def events(self) -> tuple[int, int]:
        """Two points in the stream, between which can be timed."""
        return self._driver.handle("cuEventCreate", 0), self._driver.handle("cuEventCreate", 0)

    def record(self, event: int) -> None:
        """Let the stream pass the event when all work before it is done."""
        self._driver.call("cuEventRecord", event, self.stream)

    def elapsed_s(self, first: int, last: int) -> float:
        """Seconds between two events that were passed."""
        milliseconds = ctypes.c_float()
        self._driver.call("cuEventElapsedTime", ctypes.byref(milliseconds), first, last)
        return milliseconds.value * 1e-3

    @cached_property
    def signals(self) -> tuple[Shared, Shared]:
        """Two numbers that both see, at first 0: one for the host to write, one for the device."""
        return self._shared(), self._shared()

    def _shared(self) -> Shared:
        host = self._driver.handle("cuMemHostAlloc", 4, MAPPED)
        value: NDArray[np.uint32] = np.ctypeslib.as_array((ctypes.c_uint32 * 1).from_address(host))
        value[0] = 0
        return Shared(value, self._driver.handle("cuMemHostGetDevicePointer_v2", host, 0))

    def why(self, code: int) -> str:
        """What a code means that a step returned, in the driver's words."""
        return f"The step returned {self._driver.says(code)}"

    def library(self, function: str) -> int:
        """Where a function of the library of kernels begins.  Raises UnavailableError where it was not built."""
        return library.address(function)

    def address(self, function: str) -> int:
        """Where a C function of the driver begins, for a compiled step."""
        return self._driver.address(function)


@cache
def opened(local_rank: int) -> Gpu:
    """The GPU of a rank of this host: each takes the next, in turn.  Raises UnavailableError where there is none."""
    found = probe.cards()
    return Gpu(driver(), probe.chosen(local_rank % len(found), found))

"""Which GPUs there are, or why none can be used."""

import ctypes
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from fabricbench.device import library, numba_cuda, nvrtc
from fabricbench.device.driver import Driver, driver
from fabricbench.errors import UnavailableError, UsageError
from fabricbench.quantity import about_size

LEAST = (8, 0)
"""Compute capability from which on the kernels are compiled and tried."""

COMPILERS: dict[str, Callable[[], object]] = {
    "nvrtc": nvrtc.nvrtc,
    "numba-cuda": numba_cuda.installed,
    "native": library.path,
    "driver": nvrtc.nvrtc,
}
"""What compiles kernels, with what raises UnavailableError where it cannot; timing takes a kernel of NVRTC as well."""

_NAME_BYTES, _UUID_BYTES = 256, 16
_MULTIPROCESSORS, _MEMORY_KHZ, _BUS_BITS, _L2_BYTES, _MAJOR, _MINOR = 16, 36, 37, 38, 75, 76


@dataclass(frozen=True, kw_only=True)
class Card:
    """One GPU, as its driver describes it.

    `uuid`: as NVML spells it. `bandwidth`: bytes per second that its memory's pins carry, 0 if unknown.
    """

    index: int
    name: str
    uuid: str
    capability: tuple[int, int]
    multiprocessors: int
    memory_bytes: int
    l2_bytes: int
    bandwidth: float

    @property
    def architecture(self) -> str:
        """What code for it is called."""
        return f"sm_{self.capability[0]}{self.capability[1]}"

    def text(self) -> str:
        """In a phrase."""
        return f"{self.name}, {self.architecture}, {self.multiprocessors} SMs, {about_size(self.memory_bytes)}"


def cards(of: Driver | None = None) -> list[Card]:
    """Every GPU that the driver shows.  Raises UnavailableError where there is no driver or no GPU."""
    asked = of or driver()
    count = asked.integer("cuDeviceGetCount")
    if count == 0:
        raise UnavailableError("The NVIDIA driver shows no GPU.", "See nvidia-smi, and CUDA_VISIBLE_DEVICES.")
    return [card(asked, index) for index in range(count)]


def card(of: Driver, index: int) -> Card:
    """One GPU.  Raises UnavailableError."""
    device = of.integer("cuDeviceGet", index)
    name = ctypes.create_string_buffer(_NAME_BYTES)
    of.call("cuDeviceGetName", name, _NAME_BYTES, device)

    identity = ctypes.create_string_buffer(_UUID_BYTES)
    of.call("cuDeviceGetUuid_v2", identity, device)

    def attribute(number: int) -> int:
        return of.integer("cuDeviceGetAttribute", number, device)

    # Both edges of a memory clock carry data: hence twice.
    bandwidth = 2.0 * attribute(_MEMORY_KHZ) * 1e3 * attribute(_BUS_BITS) / 8
    return Card(
        index=index, name=name.value.decode(errors="replace"), uuid=f"GPU-{uuid.UUID(bytes=identity.raw)}",
        capability=(attribute(_MAJOR), attribute(_MINOR)),
        multiprocessors=attribute(_MULTIPROCESSORS), l2_bytes=attribute(_L2_BYTES), bandwidth=bandwidth,
        memory_bytes=of.integer("cuDeviceTotalMem_v2", device, kind=ctypes.c_size_t),
    )  # fmt: skip


def chosen(index: int, found: list[Card]) -> Card:
    """The GPU of that number.  Raises UsageError where there is none, UnavailableError where it is too old."""
    if not 0 <= index < len(found):
        raise UsageError(f"There is no GPU {index}.", f"Here are {len(found)}, numbered from 0.")
    if found[index].capability < LEAST:
        raise UnavailableError(
            f"{found[index].name} is {found[index].architecture}; the kernels need sm_{LEAST[0]}{LEAST[1]} or newer."
        )
    return found[index]


@cache
def absences() -> dict[str, str]:
    """Why kernels cannot run on a GPU here, by what would compile them; empty where all can.

    Asks the driver, and makes no context.
    """
    try:
        chosen(0, cards())
    except UnavailableError as error:
        return dict.fromkeys(COMPILERS, f"no GPU: {error}")
    found = {}
    for compiler, load in COMPILERS.items():
        try:
            load()
        except UnavailableError as error:
            found[compiler] = str(error)
    return found

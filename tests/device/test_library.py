"""The kernels as a shared library, where the installation found a compiler of the CUDA toolkit."""

import ctypes
import re
from importlib import metadata
from pathlib import Path

import pytest

from fabricbench.device import nvrtc, probe

NAME = "libfabricbench_kernels.so"
NO_DRIVER, INVALID = 35, 1


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    found = [Path(str(file.locate())) for file in metadata.files("fabricbench") or () if file.name == NAME]
    if not found:
        pytest.skip("the installation found no nvcc: PATH and CUDACXX were searched")
    return ctypes.CDLL(str(found[0]))


def declared() -> list[str]:
    return re.findall(r"^ENTRY (\w+)\(", (nvrtc.FOLDER / "library.cu").read_text(), re.MULTILINE)


def test_it_is_loaded_without_a_driver_and_has_every_function(library: ctypes.CDLL) -> None:
    assert len(declared()) > 3
    for name in declared():
        assert hasattr(library, name), name
    assert library.fabricbench_cuda_version() >= 12_000


def stream(library: ctypes.CDLL, operation: int, elements: int) -> int:
    nowhere = ctypes.c_void_p()
    function = library.fabricbench_stream
    function.argtypes = [ctypes.c_int, ctypes.c_int, *[ctypes.c_void_p] * 3, *[ctypes.c_longlong] * 2, ctypes.c_void_p]
    return int(function(operation, elements, nowhere, nowhere, nowhere, 3, 0, nowhere))


def test_without_a_driver_every_launch_says_so(library: ctypes.CDLL) -> None:
    if "nvrtc" not in probe.absences():
        pytest.skip("there is a GPU here")
    assert stream(library, 3, 0) == NO_DRIVER
    assert library.fabricbench_wait(ctypes.c_void_p()) == NO_DRIVER


@pytest.mark.parametrize(("operation", "elements"), [(4, 0), (-1, 0), (0, 2), (0, -1)])
def test_what_there_is_no_kernel_for_is_refused(library: ctypes.CDLL, operation: int, elements: int) -> None:
    assert stream(library, operation, elements) == INVALID

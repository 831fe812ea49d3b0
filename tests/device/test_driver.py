"""What is believed of the CUDA driver is what cuda.h of the toolkit says."""

import re
from importlib import metadata
from pathlib import Path

import pytest

from fabricbench.device import driver, evidence, gpu, probe

LETTERS = {
    "int": "i",
    "unsigned int": "u",
    "size_t": "z",
    "unsigned char": "c",
    "unsigned long long": "z",
    "const char *": "s",
}
INTEGERS = ("CUdevice", "CUdevice_attribute", "CUstreamCaptureMode")
ADDRESSES = ("CUdeviceptr", "CUstream", "CUevent", "CUfunction", "CUmodule", "CUcontext", "CUgraph", "CUgraphExec")


@pytest.fixture(scope="module")
def header() -> str:
    files = metadata.files("nvidia-cuda-runtime") if "nvidia-cuda-runtime" in installed() else None
    found = [Path(str(file.locate())) for file in files or () if file.name == "cuda.h"]
    if not found:
        pytest.skip("there is no cuda.h: it comes with nvidia-cuda-runtime")
    return found[0].read_text(errors="replace")


def installed() -> set[str]:
    return {str(one.metadata["Name"]) for one in metadata.distributions()}


def letter(parameter: str) -> str:
    """How the table of the driver spells a parameter such as "unsigned int Flags"."""
    kind = re.sub(r"\w+$", "", parameter.strip()).strip()
    if kind in LETTERS:
        return LETTERS[kind]
    return "i" if kind in INTEGERS else "p" if kind.endswith("*") or kind in ADDRESSES else f"?{kind}"


@pytest.mark.parametrize("name", driver._TAKES)
def test_a_function_takes_what_its_declaration_says(header: str, name: str) -> None:
    # The header gives functions the names that the library exports by macros.
    renamed = re.search(rf"#\s*define (\w+)\s+(?:__CUDA_API_\w+\()?{name}\b", header)
    assert renamed is not None or not name.endswith("_v2")
    plain = renamed[1] if renamed is not None else name
    found = re.search(rf"^CUresult CUDAAPI {plain}\((.*?)\);", header, re.DOTALL | re.MULTILINE)
    assert found is not None, name
    assert "".join(map(letter, found[1].split(","))) == driver._TAKES[name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT", probe._MULTIPROCESSORS),
        ("CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE", probe._MEMORY_KHZ),
        ("CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH", probe._BUS_BITS),
        ("CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE", probe._L2_BYTES),
        ("CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR", probe._MAJOR),
        ("CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR", probe._MINOR),
        ("CU_STREAM_NON_BLOCKING", gpu.NON_BLOCKING),
        ("CU_MEMHOSTALLOC_DEVICEMAP", gpu.MAPPED),
        ("CU_STREAM_CAPTURE_MODE_RELAXED", gpu.RELAXED),
        ("CUDA_ERROR_OUT_OF_MEMORY", driver.OUT_OF_MEMORY),
        ("CUDA_ERROR_STUB_LIBRARY", 34),
        ("CUDA_ERROR_DEVICE_UNAVAILABLE", 46),
        ("CUDA_ERROR_NO_DEVICE", 100),
        ("CUDA_ERROR_INVALID_DEVICE", 101),
        ("CUDA_ERROR_INVALID_IMAGE", 200),
        ("CUDA_ERROR_NO_BINARY_FOR_GPU", 209),
        ("CUDA_ERROR_INVALID_PTX", 218),
        ("CUDA_ERROR_UNSUPPORTED_PTX_VERSION", 222),
        ("CUDA_ERROR_SYSTEM_NOT_READY", 802),
        ("CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", 803),
        ("CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE", 804),
    ],
)
def test_a_number_means_what_its_name_says(header: str, name: str, value: int) -> None:
    found = re.search(rf"^\s*(?:#define )?{name}\s*=?\s*(0x[0-9a-fA-F]+|\d+)\b", header, re.MULTILINE)
    assert found is not None, name
    assert int(found[1], 0) == value


def test_every_error_with_a_remedy_is_one_of_those() -> None:
    assert set(driver._REMEDIES) == {2, 34, 46, 100, 101, 200, 209, 218, 222, 802, 803, 804}


def test_reasons_of_nvml_are_its_bits() -> None:
    pynvml = pytest.importorskip("pynvml")
    names = ("SwPowerCap", "HwSlowdown", "SwThermalSlowdown", "HwThermalSlowdown", "HwPowerBrakeSlowdown")
    found = {
        getattr(pynvml, f"nvmlClocksEventReason{name}", None) or getattr(pynvml, f"nvmlClocksThrottleReason{name}")
        for name in names
    }
    assert found == set(evidence.REASONS)

"""What slowed a GPU is seen and said, and what is not known is called so."""

import subprocess
import sys
from pathlib import Path

import pytest
from device import emulator

from fabricbench.device import evidence
from fabricbench.engine.recording import Slowed

UUID = "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f"


class Nvml:
    """Stands for the module pynvml."""

    def __init__(self, *bits: int) -> None:
        self.bits = list(bits)

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        return uuid

    def nvmlDeviceGetCurrentClocksEventReasons(self, handle: str) -> int:
        if not self.bits:
            raise RuntimeError("GPU is lost")
        return self.bits.pop(0) if len(self.bits) > 1 else self.bits[0]


def watched(nvml: Nvml, monkeypatch: pytest.MonkeyPatch) -> evidence.Seen:
    monkeypatch.setattr(evidence, "reader", lambda uuid: evidence.Reader(nvml, uuid))
    with evidence.watching(UUID) as seen:
        pass
    return seen


@pytest.mark.parametrize(
    ("bits", "reasons"),
    [
        (0x00, set()),
        (0x01, set()),  # idle
        (0x02, set()),  # clocks that were set
        (0x04, {"its power cap"}),
        (0x48, {"a hardware slowdown", "hardware that found it too hot"}),
        (0x80, {"a power brake from outside"}),
    ],
)
def test_what_holds_a_clock_down_is_named(bits: int, reasons: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = watched(Nvml(bits), monkeypatch)
    assert seen.reasons == reasons
    assert seen.unknown is None
    assert seen.looks >= 2  # at both ends


def test_what_is_over_at_the_end_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watched(Nvml(0x04, 0x00), monkeypatch).reasons == {"its power cap"}


def test_a_gpu_that_is_lost_meanwhile_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = watched(Nvml(), monkeypatch)
    assert seen.unknown == "NVML says: GPU is lost"
    assert seen.reasons == set()


def test_a_rank_without_a_gpu_sees_nothing_and_misses_nothing() -> None:
    with evidence.watching(None) as seen:
        pass
    assert (seen.looks, seen.unknown) == (0, None)


def test_the_row_says_it() -> None:
    (doubt,) = Slowed(reasons=("its power cap",)).doubts()
    assert (doubt.code, doubt.text) == ("throttled", "A GPU's clock was held down by its power cap.")
    (doubt,) = Slowed(unknown="nvidia-ml-py is not installed").doubts()
    assert doubt.code == "unobserved"
    assert "is unknown: nvidia-ml-py is not installed" in doubt.text
    assert Slowed().doubts() == []


PROGRAM = f"""
from fabricbench.device import evidence
with evidence.watching("{UUID}") as seen:
    pass
print(sorted(seen.reasons), seen.looks > 0, seen.unknown)
with evidence.watching("GPU-ff") as seen:
    pass
print(seen.unknown)
"""


@emulator.needs_compiler
@pytest.mark.parametrize(
    ("environment", "said", "other"),
    [
        ({"NVML_REASONS": "0x44"}, "['hardware that found it too hot', 'its power cap'] True None", "NVML says: "),
        ({"NVML_DENIES": "1"}, "[] False NVML says: Insufficient Permissions", "NVML says: "),
        ({"NVML_FAILS": "1"}, "[] False NVML says: Driver Not Loaded", "NVML says: Driver Not Loaded"),
    ],
)
def test_the_real_reader(tmp_path: Path, environment: dict[str, str], said: str, other: str) -> None:
    pytest.importorskip("pynvml")
    words = ["g++", "-x", "c", "-shared", "-fPIC", "-o", str(tmp_path / "libnvidia-ml.so.1")]
    subprocess.run([*words, str(Path(__file__).with_name("nvml.c"))], check=True)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={"LD_LIBRARY_PATH": str(tmp_path), **environment},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    first, second = done.stdout.splitlines()
    assert first == said
    assert second.startswith(other)

"""Every file of device code is compiled for every kind of GPU, without one."""

import ctypes
import re
from pathlib import Path

import pytest

from fabricbench.device import nvrtc
from fabricbench.errors import FabricbenchError, UnavailableError

WIDE = r"\.(?:v4\.[fbu]32|v2\.[fbu]64)"
"""Sixteen bytes at once, as PTX says it."""


PROGRAMS = [pytest.param(name, target, id=f"{name}-{target}") for name in nvrtc.programs() for target in nvrtc.TARGETS]


@pytest.mark.parametrize(("name", "target"), PROGRAMS)
def test_it_compiles_without_a_warning_and_spills_nothing(name: str, target: str) -> None:
    made = nvrtc.compiled(name, target)
    assert made.warnings == []
    assert made.cubin.startswith(b"\x7fELF")
    assert made.usage
    for kernel, usage in made.usage.items():
        print(f"{target} {kernel}: {usage.registers} registers, {usage.shared} bytes shared")
        assert usage.spilled == 0, kernel
        assert usage.registers <= 128, kernel  # two blocks of 256 threads on a multiprocessor


def entries(ptx: str) -> dict[str, str]:
    parts = re.split(r"\.entry (\w+)\(", ptx)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("target", nvrtc.TARGETS)
@pytest.mark.parametrize(("name", "loads"), [("stream.cuh", 4), ("reduction.cuh", 8), ("fma.cuh", 4), ("pack.cuh", 4)])
def test_fast_kernels_move_sixteen_bytes_and_have_several_loads_under_way(name: str, loads: int, target: str) -> None:
    found = 0
    for kernel, body in entries(nvrtc.compiled(name, target).ptx).items():
        if "_fast_" not in kernel or re.search(r"pack_fast_(?!16)", kernel):
            continue
        found += 1
        accesses = re.findall(rf"\b(ld|st)\.global(?:\.nc)?(?:{WIDE})|(\bld|\bst)\.global", body)
        order = "".join("L" if wide == "ld" else "S" if wide == "st" else "." for wide, _ in accesses)
        assert "L" * loads in order, f"{kernel}: {order}"
        assert "S" in order or not kernel.startswith(("copy", "scale", "add", "triad", "fma")), kernel
    assert found


def test_simple_kernels_do_not_pass_for_fast_ones() -> None:
    simple = entries(nvrtc.compiled("stream.cuh", "sm_80").ptx)["triad_simple_float32"]
    assert not re.search(rf"ld\.global(?:\.nc)?{WIDE}", simple)


def test_what_is_wrong_in_a_kernel_is_said_with_the_line() -> None:
    with pytest.raises(FabricbenchError, match=r"broken\.cuh cannot be compiled for sm_80") as caught:
        nvrtc.nvrtc().compile("broken.cuh", "\n\n__global__ void f() { return 1 }", {}, "sm_80")
    assert "broken.cuh(3)" in str(caught.value)


def test_a_warning_and_a_spill_are_seen() -> None:
    spilling = """
    extern "C" __global__ void __launch_bounds__(1024, 2) spill(double* a) {
      double kept[64];
    #pragma unroll
      for (int i = 0; i < 64; i++) kept[i] = a[i * 1024 + threadIdx.x];
      __syncthreads();
    #pragma unroll
      for (int i = 0; i < 64; i++) a[i * 1024 + threadIdx.x] = kept[(i * 7 + 3) % 64] * kept[i];
    }
    """
    made = nvrtc.nvrtc().compile("spill.cuh", spilling, {}, "sm_80")
    assert made.usage["spill"].spilled > 0
    assert made.warnings
    unused = nvrtc.nvrtc().compile("unused.cuh", 'extern "C" __global__ void f() { int unused; }', {}, "sm_80")
    assert any("unused" in line for line in unused.warnings)


def test_an_unknown_kind_of_gpu_is_refused() -> None:
    with pytest.raises(FabricbenchError, match="sm_70"):
        nvrtc.nvrtc().compile("f.cuh", "", {}, "sm_70")


def test_without_nvrtc_it_is_said_how_to_get_it() -> None:
    def load(path: str) -> None:
        raise OSError(path)

    with pytest.raises(UnavailableError, match=r"no NVRTC.*pip install 'fabricbench\[cuda13\]'"):
        nvrtc.loaded(load)


def test_nothing_is_loaded_from_the_folder_one_happens_to_be_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "libnvrtc-builtins.so.13").write_text("not a library")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(nvrtc, "_installed", lambda: iter(()))
    asked: list[str] = []

    def load(path: str) -> ctypes.CDLL:
        asked.append(path)
        raise OSError(path)

    with pytest.raises(UnavailableError):
        nvrtc.loaded(load)
    assert asked == list(nvrtc.SYSTEM)


def test_a_held_stream_looks_again_and_again_and_at_its_watch() -> None:
    ptx = nvrtc.compiled("hold.cuh", "sm_80").ptx
    loop = re.search(r"^(\$L\w+):(.*?)bra(?:\.uni)?\s+\1;", ptx, re.DOTALL | re.MULTILINE)
    assert loop is not None
    assert re.search(r"ld\.volatile\.global\.u32|ld\.relaxed\.sys\.global\.u32", loop[2]), (
        "a value is kept in a register"
    )
    assert "%globaltimer" in loop[2]

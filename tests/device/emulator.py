"""A GPU for the tests: a stand-in for the driver that runs the sources in kernels/cuda on the host.

It is built with g++ into a folder, as libcuda.so.1: the real code loads it as it loads the driver, in this process
(`plugged_in`) or, with the folder on LD_LIBRARY_PATH, in another. It says nothing about time.
"""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fabricbench.device import driver, gpu, nvrtc, probe
from fabricbench.device import library as native

HERE = Path(__file__).parent / "emulation"
ARCHITECTURE = "sm_80"
COMPILER = shutil.which("g++")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no g++, with which the stand-in for the driver is built")

BINDING = """
struct Emulated { const char* name; const void* code; std::function<void()> (*bind)(void**); };
template <typename... A, std::size_t... I>
std::function<void()> held(void (*kernel)(A...), void** arguments, std::index_sequence<I...>) {
  return [kernel, values = std::make_tuple(*static_cast<A*>(arguments[I])...)] { std::apply(kernel, values); };
}
template <typename... A>
std::function<void()> spread(void (*kernel)(A...), void** arguments) {
  return held(kernel, arguments, std::index_sequence_for<A...>());
}
template <auto kernel>
std::function<void()> bound(void** arguments) { return spread(kernel, arguments); }
"""


def unchanged(name: str, text: str) -> str:
    """The source as it is."""
    return text


def build(folder: Path, change: Callable[[str, str], str] = unchanged, *, fast_only: bool = False) -> Path:
    """libcuda.so.1 in a folder.

    change(name, text): another source in its place, for mutants.  fast_only: with the kernels alone that are measured.
    """
    assert COMPILER is not None
    for name, text in nvrtc.sources().items():
        (folder / name).write_text(change(name, text))
    for path in HERE.iterdir():
        shutil.copy(path, folder)  # half.cuh replaces the one with the device's instructions
    names = [name for source in nvrtc.programs() for name in nvrtc.compiled(source, ARCHITECTURE).usage]
    if fast_only:
        names = [name for name in names if "_simple_" not in name and "_reference_" not in name]
    lines = [
        *(f'#include "{source}"' for source in nvrtc.programs()),
        BINDING,
        "const Emulated KERNELS[] = {",
        *(f'  {{"{name}", (const void*){name}, bound<{name}>}},' for name in names),
        "};",
    ]
    (folder / "kernels.inc").write_text("\n".join(lines) + "\n")
    library = folder / "libcuda.so.1"
    words = [COMPILER, "-std=c++17", "-O1", "-shared", "-fPIC", "-fno-strict-aliasing", "-o", str(library)]
    subprocess.run([*words, str(folder / "driver.cpp")], check=True, capture_output=True, text=True)
    return library


def build_native(folder: Path) -> Path:
    """The library of kernels, for the stand-in that was built in this folder."""
    assert COMPILER is not None
    shutil.copy(nvrtc.FOLDER / "library.cu", folder)
    made = folder / native.NAME
    words = [COMPILER, "-std=c++17", "-O1", "-shared", "-fPIC", "-fno-strict-aliasing", f"-I{folder}", "-o", str(made)]
    driver_there = [str(folder / "libcuda.so.1"), f"-Wl,-rpath,{folder}"]
    subprocess.run([*words, str(folder / "library.cpp"), *driver_there], check=True, capture_output=True, text=True)
    return made


CACHES = (driver.driver, probe.absences, gpu.opened)


@contextmanager
def plugged_in(library: Path) -> Iterator[None]:
    """Meanwhile this process has a GPU, which is this library."""
    usual = driver.LIBRARY
    driver.LIBRARY = str(library)
    for cache in CACHES:
        cache.cache_clear()
    try:
        yield
    finally:
        driver.LIBRARY = usual
        for cache in CACHES:
            cache.cache_clear()

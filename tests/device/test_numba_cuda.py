"""Kernels in Python: simulated, and compiled for every kind of GPU, without one."""

import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from units import varied

from fabricbench import mpi
from fabricbench.device import numba_cuda
from fabricbench.engine import preparing
from fabricbench.errors import UnavailableError
from fabricbench.kernels import launching, threads
from fabricbench.model import Case
from fabricbench.spec import Operation, Question, Step, Variant

ROOT = Path(__file__).parents[2]
LIMIT_S = 200


def missing() -> str | None:
    try:
        numba_cuda.loaded()
    except UnavailableError as error:
        return str(error)
    return None


pytestmark = pytest.mark.skipif(missing() is not None, reason=missing() or "")

PTXAS = shutil.which("ptxas")
"""The assembler of the toolkit; where there is none, only the driver of a GPU would tell that PTX is wrong."""

CAPABILITIES = ((9, 0), (8, 0), (10, 0))
WIDE = r"\b(ld|st)\.global(?:\.nc)?\.(?:v4\.[fbu]32|v2\.[fbu]64)"
"""Sixteen bytes at once, as PTX says it."""

WIDE_LOADS = {"copy": 4, "scale": 4, "add": 8, "triad": 8, "reduction": 4, "pack": 1, "unpack": 1}
"""Loads of sixteen bytes that stand in a row; the others have none."""


def test_every_kernel_is_right_in_the_simulator_and_mutants_are_not() -> None:
    file = str(Path(__file__).parent / "test_simulated.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", file],
        cwd=ROOT, env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}, capture_output=True, text=True, timeout=LIMIT_S,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    (passed,) = re.findall(r"(\d+) passed", done.stdout)
    assert int(passed) >= 30
    assert "skipped" not in done.stdout


class Notebook:
    """Stands for a GPU: compiles what it is asked for and notes it; nothing runs."""

    stream = 1

    def __init__(self, capability: tuple[int, int]) -> None:
        self.capability = capability
        self.made: list[numba_cuda.Written] = []

    def python_kernel(self, body: Callable[..., None], signature: str, **names: Any) -> int:
        self.made.append(numba_cuda.compiled(body, signature, self.capability, **names))
        return 1

    def kernel(self, source: str, name: str) -> int:
        raise AssertionError("this is no variant of NVRTC")

    def pinned(self, address: int, nbytes: int) -> Any: ...
    def launch(self, kernel: int, blocks: int, threads: int, *values: Any) -> None: ...
    def graph(self, enqueue: Callable[[], None]) -> Any: ...
    def library(self, function: str) -> int:
        return 1

    def resident(self, kernel: int, threads: int) -> int:
        return 4

    @contextmanager
    def memory(self, nbytes: int) -> Iterator[int]:
        yield 4096

    def upload(self, address: int, array: Any) -> None: ...
    def download(self, array: Any, address: int) -> None: ...
    def clear(self, address: int, nbytes: int) -> None: ...

    def address(self, function: str) -> int:
        return 1

    def says(self, code: int) -> str:
        return str(code)


def cases() -> Iterator[Any]:
    for operation, variant in varied.variants(on_gpu=True):
        if variant.compiler == "numba-cuda":
            params = varied.PARAMS.get(operation.name, [{}]) if operation.name == "reduction" else [{}]
            # Every kernel for every kind of GPU; with its other types and operators for one.
            for place, (dtype, chosen) in enumerate(itertools.product(variant.dtypes, params)):
                for major, minor in CAPABILITIES[: 1 if place else None]:
                    name = f"{operation.name}-{dtype}-{chosen}-sm_{major}{minor}"
                    yield pytest.param(operation, variant, dtype, chosen, (major, minor), id=name)


PTX = {"uint64": "u64", "int64": "u64", "int32": "u32", "float32": "f32", "float64": "f64"}


@pytest.mark.parametrize(("operation", "variant", "dtype", "params", "capability"), list(cases()))
def test_it_compiles_and_is_launched_with_what_it_takes(
    operation: Operation, variant: Variant, dtype: str, params: dict[str, Any], capability: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    given: list[np.generic] = []

    def noted(self: launching.Placed, *values: np.generic, operations: int = 1) -> Step:
        given.extend(values)
        return Step(call=lambda: None)

    notebook = Notebook(capability)
    monkeypatch.setattr(launching.Placed, "step", noted)
    monkeypatch.setattr(preparing.Place, "accelerator", property(lambda self: notebook))
    case = Case(
        operation=operation.name, variant=variant.name, memory="device", dtype=dtype,
        nbytes=(1 << 16) * operation.sized, ranks=1,
        cadence="isolated", mode="blocking", in_place=False, params={**operation.params, **params},
    )  # fmt: skip
    question = Question(case=case, rank=0, ranks=1, seed=1)
    inputs, output = preparing.buffers(operation, question)
    with variant.prepare(preparing.Place(question, inputs, output, 1, mpi.Group(), (0,))):
        pass
    (made,) = notebook.made
    assert f".target sm_{capability[0]}{capability[1]}" in made.ptx
    assert [PTX[value.dtype.name] for value in given] == made.takes
    if PTXAS is not None and capability == CAPABILITIES[0]:
        words = [PTXAS, f"-arch=sm_{capability[0]}{capability[1]}", "-v", "-o", os.devnull, "-"]
        assembled = subprocess.run(words, input=made.ptx, capture_output=True, text=True, check=True)
        assert "0 bytes spill stores, 0 bytes spill loads" in assembled.stderr
    assert ".local" not in made.ptx  # nothing lies on a thread's stack
    order = "".join(wide[0] for wide in re.findall(rf"{WIDE}|\b(?:ld|st)\.global", made.ptx) if wide)
    loads = "l" * WIDE_LOADS.get(operation.name, 0)
    assert loads in order
    assert bool(loads) == bool(order)


def test_what_cannot_be_compiled_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnavailableError, match="Numba cannot compile stream_simple: "):
        numba_cuda.compiled(threads.stream_simple, "void(float32[::1])", (9, 0))

    class Bare:
        def compile_ptx(self, *given: object, **more: object) -> None:
            raise RuntimeError("libnvvm cannot be found")

    monkeypatch.setattr(numba_cuda, "loaded", Bare)
    with pytest.raises(UnavailableError, match=r"libnvvm cannot be found\. pip install 'fabricbench\[cuda13\]'"):
        numba_cuda.compiled(threads.walk, "void(int64[::1], int64[::1], int64)", (9, 0))


def test_what_a_body_may_not_name_is_an_error() -> None:
    from fabricbench.entries import cuda

    with pytest.raises(TypeError, match=r"cuda\.grid can be used in a kernel only"):
        cuda.grid(1)

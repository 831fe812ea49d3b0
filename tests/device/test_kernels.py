"""Kernels in CUDA C++, run by the stand-in for the driver: the real sources, launched by the real step.

They are checked as every other variant is. What the stand-in cannot show is how fast they are, and what only happens
where threads really run at once.
"""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from device import emulator
from units import oracle, varied

from fabricbench.device import gpu, library, nvrtc
from fabricbench.engine import catalogue
from fabricbench.kernels import copies, d2h, h2d
from fabricbench.model import Case
from fabricbench.spec import Operation, Variant

ON_GPU = [
    pytest.param(operation, variant, id=f"{operation.name}/{variant.name}")
    for operation, variant in varied.variants(on_gpu=True)
]


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize(
    ("operation", "variant"), [one for one in ON_GPU if one.values[1].compiler in ("nvrtc", "driver")]
)
def test_every_variant_of_a_gpu_is_right(operation: Operation, variant: Variant) -> None:
    assert varied.found_wrong(operation, variant) == []


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize(("operation", "variant"), [one for one in ON_GPU if one.values[1].compiler == "native"])
def test_every_function_of_the_library_is_right(
    operation: Operation, variant: Variant, native: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "path", lambda: native)
    library.address.cache_clear()
    try:
        assert varied.found_wrong(operation, variant) == []
    finally:
        library.address.cache_clear()


@pytest.mark.gpu
@pytest.mark.parametrize(("operation", "variant"), ON_GPU)
def test_every_variant_of_a_gpu_is_right_on_a_real_one(operation: Operation, variant: Variant) -> None:
    from fabricbench.device import probe

    if variant.compiler in probe.absences():
        pytest.skip(probe.absences()[variant.compiler])
    assert varied.found_wrong(operation, variant) == []


# One index, bound or step off in each file, where people go wrong: (file, what is there, what stands there instead).
MUTATIONS = {
    "copy": ("stream.cuh", "store(a, i + k * stride, result);", "store(a, i + k * stride - (k == 3), result);"),
    "dot": ("stream.cuh", "e < count; e += stride) sums[0]", "e < count - 1; e += stride) sums[0]"),
    "reduction": ("reduction.cuh", "i += LOADS * stride) {", "i += (LOADS + 1) * stride) {"),
    "pack": ("pack.cuh", "target[unit] = source[unit];\n  }", "target[unit] = source[unit + (unit == 33)];\n  }"),
    "fma": ("fma.cuh", "time < times; time++", "time < times - 1; time++"),
    "chase": ("chase.cuh", "hop < hops", "hop < hops - 1"),
}


def mutated(name: str, text: str) -> str:
    for file, right, wrong in MUTATIONS.values():
        if name == file:
            assert right in text, f"{file} has no {right!r} any more"
            text = text.replace(right, wrong)
    return text


@pytest.fixture(scope="module")
def mutants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if emulator.COMPILER is None:
        pytest.skip("no g++")
    return emulator.build(tmp_path_factory.mktemp("mutants"), mutated, fast_only=True)


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_kernel_that_is_one_off_is_found(mutants: Path, name: str) -> None:
    operation = catalogue.operation(name)
    with emulator.plugged_in(mutants):
        assert varied.found_wrong(operation, operation.variants["rawkernel"])


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize("name", ["h2d/pinned", "h2d/pageable", "d2h/pinned", "d2h/pageable", "copy/driver"])
def test_a_copy_that_is_a_byte_short_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    operation = catalogue.operation(name.split("/", maxsplit=1)[0])
    honest = copies.copying
    monkeypatch.setattr(copies, "copying", lambda *given: honest(*given[:-1], given[-1] - 1))
    for unit in (h2d, d2h):
        monkeypatch.setattr(unit, "copying", copies.copying)
    assert varied.found_wrong(operation, operation.variants[name.split("/")[1]])


THREADS = 64


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize("form", ["reference", "simple", "fast"])
@pytest.mark.parametrize(("operation", "arrays"), [("copy", 1), ("scale", 1), ("add", 2), ("triad", 2)])
def test_all_forms_of_a_stream_are_the_same(operation: str, arrays: int, form: str) -> None:
    count = 5003
    generator = np.random.default_rng(1)
    inputs = [generator.integers(0, 100, count).astype(np.float32) for _ in range(2)]
    blocks = -(-count // THREADS) if form == "reference" else 3
    found = launched("stream.cuh", f"{operation}_{form}_float32", inputs[:arrays], count, blocks, np.float32(3))
    expected = oracle.DEFINITIONS[operation]([inputs], 0, case_of(operation))
    assert np.array_equal(found, expected)


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize("form", ["reference", "simple", "fast"])
@pytest.mark.parametrize("op", ["sum", "max"])
def test_all_forms_of_a_reduction_are_the_same_and_can_be_launched_again(op: str, form: str) -> None:
    values = np.random.default_rng(2).integers(-100, 100, 5003).astype(np.float64)
    card = gpu.opened(0)
    with card.memory(values.nbytes) as source, card.memory(8) as into, card.memory(64) as rest, card.memory(4) as done:
        card.upload(source, values)
        card.clear(done, 4)
        for _ in range(2):
            perform(card, "reduction.cuh", f"{op}_{form}_float64", 3, into, source, np.int64(values.size), rest, done)
            result = np.zeros(1)
            card.download(result, into)
            assert result[0] == getattr(np, op)(values)


def case_of(operation: str) -> Case:
    return Case(
        operation=operation, variant="rawkernel", memory="device", dtype="float32", nbytes=4, ranks=1,
        cadence="isolated", mode="blocking", in_place=False, params={},
    )  # fmt: skip


def launched(source: str, name: str, inputs: list[Any], count: int, blocks: int, scalar: Any) -> Any:
    """The output of a stream's kernel over a grid of so many blocks."""
    card, result = gpu.opened(0), np.zeros(count, np.float32)
    with card.memory(4 * count) as a, card.memory(4 * count) as b, card.memory(4 * count) as c:
        for address, array in zip((b, c), inputs, strict=False):
            card.upload(address, array)
        perform(card, source, name, blocks, a, b, c, scalar, np.int64(count))
        card.download(result, a)
    return result


def perform(card: gpu.Gpu, source: str, name: str, blocks: int, *values: Any) -> None:
    import ctypes

    held = [np.array([value if isinstance(value, np.generic) else np.uint64(value)]) for value in values]
    pointers = np.array([value.ctypes.data for value in held], np.uint64)
    launch = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_int64] * 11)(card.address("cuLaunchKernel"))
    kernel = card.kernel(source, name)
    assert launch(kernel, blocks, 1, 1, THREADS, 1, 1, 0, card.stream, pointers.ctypes.data, 0) == 0
    card.wait()


def test_every_kernel_is_named_after_its_form_and_type() -> None:
    names = {name for source in nvrtc.programs() for name in nvrtc.compiled(source, "sm_80").usage}
    for operation, dtype in itertools.product(("copy", "scale", "add", "triad", "dot"), ("float32", "float64")):
        assert {f"{operation}_{form}_{dtype}" for form in ("reference", "simple", "fast")} <= names

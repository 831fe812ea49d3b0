"""What variants `native` share: a step that calls a function of the library which CMake built.

The function launches its kernel on the stream that it is given. Elements are spelled as library.cu spells them.
"""

from typing import Any

import numpy as np

from fabricbench.entries import invoke, perform
from fabricbench.kernels.launching import Placed, wait
from fabricbench.spec import Step, block

ELEMENTS = {"float64": 0, "float32": 1, "bfloat16": 2, "float16": 3}

MOST_BLOCKS = 4096
"""Partial results that dot and reduction may have."""


def launch(b: Any) -> int:
    """One call of the library; returns before its kernel is done."""
    return invoke(b)  # type: ignore[no-any-return]


def launch_and_wait(b: Any) -> int:
    """One call, until its kernel is done."""
    # Not through `launch`: see `launching.wait`.
    code: int = invoke(b)
    if code != 0:
        return code
    return perform(b.wait, b.stream)  # type: ignore[no-any-return]


def step(of: Placed, function: str, *values: int | np.uint64) -> Step:
    """The step that calls a function of the library with these arguments and the stream."""
    gpu = of.gpu
    given = {f"a{place}": np.int64(value) for place, value in enumerate((*values, gpu.stream))}
    asked = block(function=gpu.library(function), wait=gpu.address("cuStreamSynchronize"), stream=gpu.stream, **given)
    return Step(
        call=launch_and_wait, start=launch, finish=wait, block=asked, ready=of.upload, settle=of.download,
        why=gpu.why,
    )  # fmt: skip

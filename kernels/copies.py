"""What copies by the driver share: a step of one asynchronous copy, waited for or put behind others."""

from typing import Any

import numpy as np

from fabricbench.entries import perform
from fabricbench.model import Traffic
from fabricbench.spec import Accelerator, Array, Question, block


def itself(question: Question, start: int, stop: int) -> Array:
    """What a copy leaves: the input itself."""
    return question.input(question.rank, start, stop)


def over_link(question: Question) -> Traffic:
    """The payload once, in one direction."""
    return Traffic(sent=float(question.case.nbytes), received=0.0, flops=0.0, resource="host-link")


def start(b: Any) -> int:
    """Enqueue the copy."""
    return perform(b.copy, b.to, b.source, b.nbytes, b.stream)  # type: ignore[no-any-return]


def copy_and_wait(b: Any) -> int:
    """One copy, until it is done."""
    code: int = start(b)
    if code != 0:
        return code
    return perform(b.wait, b.stream)  # type: ignore[no-any-return]


def copying(gpu: Accelerator, function: str, to: int, source: int, nbytes: int) -> Array:
    """The block of those bodies.  function: of the driver, taking (to, from, bytes, stream)."""
    return block(
        copy=gpu.address(function), wait=gpu.address("cuStreamSynchronize"), to=to, source=source,
        nbytes=np.int64(nbytes), stream=gpu.stream,
    )  # fmt: skip

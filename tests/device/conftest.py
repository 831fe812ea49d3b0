"""The stand-in for the driver is built once for all tests of the room."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from device import emulator


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in, in a folder of its own."""
    if emulator.COMPILER is None:
        pytest.skip("no g++, with which the stand-in for the driver is built")
    return emulator.build(tmp_path_factory.mktemp("emulated"))


@pytest.fixture(scope="session")
def native(library: Path) -> Path:
    """The library of kernels for the stand-in."""
    return emulator.build_native(library.parent)


@pytest.fixture
def card(library: Path) -> Iterator[None]:
    """An emulated GPU in this process."""
    with emulator.plugged_in(library):
        yield

"""The traps of compiled step bodies, each seen to close."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fabricbench import mpi, native
from fabricbench.measure.loop import Loop, hook
from fabricbench.spec import Step, block

OTHER = os.environ.get("FABRICBENCH_OTHER_PYTHON")


def run(code: str, python: str = sys.executable, **environment: str) -> str:
    """What a fresh interpreter prints."""
    ours = {**os.environ, **environment}
    done = subprocess.run([python, "-c", code], env=ours, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def test_a_body_that_closes_over_a_value_is_refused() -> None:
    handle = 42

    def body(b: Any) -> int:
        return b.count + handle

    with pytest.raises(TypeError, match="closes over handle"):
        native.compile(body, block(count=1))


def answer(b: Any) -> int:
    """Reads fields of unequal width across padding."""
    return int(b.small + b.large + b.last)


def test_a_body_reads_fields_of_unequal_width_where_the_block_has_them() -> None:
    arguments = block(small=np.int8(1), large=10**12, last=np.int32(5), rest=np.float32(0.5))
    assert arguments.dtype.isalignedstruct
    arguments["large"] = 36
    with pytest.raises(Exception, match="error code 42"):
        Loop(step=Step(call=answer, block=arguments)).take(3, 1)


def test_each_mpi_library_has_a_cache_folder_of_its_own(tmp_path: Path) -> None:
    code = (
        "import ctypes.util; from fabricbench import native; "
        "native.attach('{}', ctypes.util.find_library('c')); print(native.cache_folder())"
    )
    folders = [run(code.format(name), XDG_CACHE_HOME=str(tmp_path)) for name in ("Open MPI 5.0.11", "MPICH 5.0.2")]
    assert folders[0] != folders[1]
    assert all(folder.startswith(str(tmp_path)) for folder in folders)


def test_a_cache_folder_that_cannot_be_written_only_costs_time() -> None:
    code = (
        "from fabricbench import native; from fabricbench.measure.clock import empty_step_s; "
        "print(empty_step_s() > 0, native.cache_folder())"
    )
    assert run(code, XDG_CACHE_HOME="/proc/nowhere") == "True None"


@pytest.mark.mpi
@pytest.mark.skipif(mpi.installed() is not None, reason="needs MPI")
def test_a_missing_symbol_is_known_before_it_is_called() -> None:
    code = "from fabricbench import mpi; g = mpi.connect(); print(g.has('MPI_Allreduce'), g.has('MPI_No_such'))"
    assert run(code).splitlines()[-1] == "True False"


@pytest.mark.mpi
@pytest.mark.skipif(OTHER is None, reason="FABRICBENCH_OTHER_PYTHON names no interpreter with another MPI library")
def test_two_libraries_share_one_user_cache_without_harm(tmp_path: Path) -> None:
    assert OTHER is not None
    for python in (sys.executable, OTHER, sys.executable):
        words = ["run", "-n", "2", "--only", "allreduce", "--sizes", "1KiB", "--budget", "0.4"]
        done = subprocess.run(
            [python, "-m", "fabricbench", *words],
            cwd=tmp_path,
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
            timeout=200,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    libraries = [folder.name for folder in (tmp_path / "cache" / "fabricbench").glob("*/*")]
    assert len(libraries) == 2


def test_hooks_keep_what_they_point_at() -> None:
    made = hook(answer, block(small=np.int8(0), large=0, last=np.int32(0)))
    assert made.function != 0
    assert made.owner[1].ctypes.data == made.block

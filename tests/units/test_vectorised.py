"""The loops that reduce are vectorised: read in the machine code that is made of them here."""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

# The instruction of the sum and of the maximum, of several elements at once.
PACKED = {
    ("float32", "sum"): r"v?addps",
    ("float64", "sum"): r"v?addpd",
    ("float32", "max"): r"v?maxps",
    ("int32", "sum"): r"v?paddd",
    ("int64", "sum"): r"v?paddq",
    ("uint8", "max"): r"v?pmaxub",
}
PROGRAM = """
import sys
import numpy as np
from fabricbench import native
from fabricbench.collectives import reductions
from fabricbench.spec import block

asked = block(left=0, right=0, into=0, count=0, op=0, zero=np.dtype(sys.argv[1]).type(0))
print(native.compile(reductions._by_loop, asked).owner._library.get_asm_str())
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="names of x86-64's instructions")
@pytest.mark.parametrize(("dtype", "op"), PACKED)
def test_the_reduction_adds_several_elements_at_once(tmp_path: Path, dtype: str, op: str) -> None:
    # A cache of its own: of code that was loaded there is no assembly to read.
    made = subprocess.run(
        [sys.executable, "-c", PROGRAM, dtype], env=os.environ | {"XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert re.search(rf"^\s+{PACKED[dtype, op]}\s.*%[xyz]mm", made.stdout, re.MULTILINE)


MULTIPLY_ADD = """
import numpy as np
from fabricbench import native
from fabricbench.kernels import fma
from fabricbench.spec import block

asked = block(a=0, b=0, count=0, fmas=0, zero=np.float32(0), one=np.float32(1))
print(native.compile(fma.call, asked).owner._library.get_asm_str())
"""


@pytest.mark.skipif(" fma " not in Path("/proc/cpuinfo").read_text(), reason="a processor without the instruction")
def test_multiply_and_add_is_one_instruction_for_several_elements(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-c", MULTIPLY_ADD], env=os.environ | {"XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert len(re.findall(r"^\s+vfmadd\w+ps\s.*%[yz]mm", made.stdout, re.MULTILINE)) >= 8

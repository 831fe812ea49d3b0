"""The README's example of an operation, as a reader would type it in."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

from fabricbench import mpi
from fabricbench.engine import catalogue, session
from fabricbench.engine.placement import placement
from fabricbench.engine.setting import Setting
from fabricbench.engine.watchdog import Standing
from fabricbench.measure import clock
from fabricbench.model import Case

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.parametrize("variant", ["numpy", "numba"])
def test_the_operation_in_the_readme_is_measured_and_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variant: str
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    file = tmp_path / "cumsum.py"
    file.write_text(code)
    spec = importlib.util.spec_from_file_location("cumsum", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "cumsum", module)
    spec.loader.exec_module(module)
    known = {**catalogue.operations(), "cumsum": module.cumsum}
    monkeypatch.setattr(catalogue, "operations", lambda: known)
    group = mpi.Group()
    setting = Setting(
        group=group, placement=placement(group), clock=clock.report(group), cache_bytes=None, seed=1, launch=0,
        software={}, budget_s=0.05, tail=False, fault=None, standing=Standing(),
    )  # fmt: skip
    case = Case(
        operation="cumsum", variant=variant, memory="host", dtype="float64", nbytes=8 * 1001, ranks=1,
        cadence="streaming", mode="blocking", in_place=False, params={},
    )  # fmt: skip
    record = session.measure(setting, case)
    assert (record.check.status, record.check.wrong) == ("ok", 0)
    assert record.rates["bandwidth"] > 0

"""The floors of docs/architecture.md, enforced over every import of the package."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ARCHITECTURE = ROOT / "docs" / "architecture.md"
RESULT = ROOT / "tests" / "data" / "schema-1.jsonl"

UNITS = ("kernels", "collectives", "storage")
UNIT_IMPORTS = (
    "numpy",
    *(f"fabricbench.{room}" for room in ("spec", "entries", "traffic", "model")),
)
GROUND, WEST, EAST, ROOF = range(4)

# The longest name that fits an import decides: (rooms that may import it, only inside functions).
OWNERS = {
    **dict.fromkeys(("cupy", "numba.cuda", "pynvml", "nccl", "kvikio", "cuda"), (("device",), True)),
    "numba": (("native", "measure"), True),
    "llvmlite": (("native", "measure", "device"), True),
    "mpi4py.MPI": (("mpi",), True),
    "scipy": (("judge", "statistics"), True),
    **dict.fromkeys(("rich", "rich_argparse"), (("show", "cli"), False)),
    **dict.fromkeys(("jinja2", "plotly"), (("show",), True)),
}


@dataclass(frozen=True)
class Import:
    """One imported name of one module."""

    path: Path
    line: int
    name: str
    lazy: bool


@dataclass(frozen=True)
class Floors:
    """Height and wing of every room."""

    height: dict[str, int]
    wing: dict[str, int]

    @classmethod
    def read(cls, page: Path) -> "Floors":
        text = page.read_text()
        order, ground = (_fenced(text, name) for name in ("floors", "ground"))
        height: dict[str, int] = {}
        wing: dict[str, int] = {}
        for number, part in enumerate(order.split("||"), start=WEST):
            for floor in part.split("|"):
                for room in floor.split():
                    assert room not in height, f"{room} has two floors"
                    wing[room] = GROUND if room in ground.split() else number
                    height[room] = max(height.values(), default=0) + (room == floor.split()[0])
        return cls(height, wing)

    def fault(self, room: str, target: str) -> str | None:
        """The rule that an import of one room by another breaks."""
        if room == target:
            return None
        if target not in self.height:
            return f"{target} has no floor"
        if self.wing[target] not in (GROUND, self.wing[room]) and self.wing[room] != ROOF:
            return f"{room} must not see {target}: they are in different wings"
        if self.height[target] == self.height[room]:
            return f"{room} must not import {target}: they are on the same floor"
        if self.height[target] > self.height[room]:
            return f"{room} must not import {target}: it is on a higher floor"
        return None


def _fenced(text: str, name: str) -> str:
    found = re.findall(rf"^```{name}\n(.*)\n```$", text, re.MULTILINE)
    assert len(found) == 1, f"docs/architecture.md must hold one ```{name} block of one line"
    return str(found[0])


def modules(package: Path) -> Iterator[Path]:
    """Every Python file, also behind the links to the unit folders."""
    for folder, _, files in os.walk(package, followlinks=True):
        yield from (Path(folder) / name for name in sorted(files) if name.endswith(".py"))


def room_of(path: Path, package: Path) -> str:
    return path.relative_to(package).parts[0].removesuffix(".py")


def imports(path: Path, package: Path) -> Iterator[Import]:
    """Every name that a file imports, with `lazy` for those that its own import does not reach."""
    dotted = ("fabricbench", *path.relative_to(package).parts[:-1])

    def walk(node: ast.AST, lazy: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(path, child.lineno, alias.name, lazy)
            elif isinstance(child, ast.ImportFrom):
                above = dotted[: len(dotted) + 1 - child.level] if child.level else ()
                module = ".".join([*above, *([child.module] if child.module else [])])
                for alias in child.names:
                    yield Import(path, child.lineno, f"{module}.{alias.name}", lazy)
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            checking = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            yield from walk(child, lazy or function or checking)

    yield from walk(ast.parse(path.read_text(), str(path)), False)


def below(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


def owner_fault(room: str, found: Import) -> str | None:
    """The rule about heavy modules that an import breaks."""
    known = [name for name in OWNERS if below(found.name, name)]
    if not known:
        return None
    name = max(known, key=len)
    rooms, lazy_only = OWNERS[name]
    if room not in rooms:
        return f"{name} belongs to {' and '.join(rooms)}, not to {room}"
    if lazy_only and not found.lazy:
        return f"{name} must be imported inside functions only"
    return None


def unit_fault(room: str, found: Import) -> str | None:
    """The rule about unit files that an import breaks."""
    allowed = (*UNIT_IMPORTS, f"fabricbench.{room}")
    if room not in UNITS or any(below(found.name, name) for name in allowed):
        return None
    if found.name.split(".")[0] in sys.stdlib_module_names:
        return None
    return f"a unit must not import {found.name}, only {', '.join(allowed)}"


def package_fault(floors: Floors, room: str, found: Import, rooms: set[str]) -> str | None:
    """The rule about floors that an import breaks."""
    top, _, rest = found.name.partition(".")
    target = rest.split(".")[0]
    if top != "fabricbench" or target not in rooms:
        return None  # someone else's module, or an attribute of the package such as its version
    if room == "__main__":
        return None if target == "cli" else "__main__ must import cli only"
    if room == "__init__":
        return None if found.lazy else "the package must import its modules inside functions only"
    return floors.fault(room, target)


def faults(package: Path, page: Path) -> list[str]:
    """Every broken rule as "file:line: rule"."""
    floors = Floors.read(page)
    paths = list(modules(package))
    rooms = {room_of(path, package) for path in paths}
    found: list[str] = []
    for path in paths:
        room, place = room_of(path, package), path.relative_to(package.parent)
        if room not in floors.height and room not in ("__init__", "__main__"):
            found.append(f"{place}:1: {room} has no floor in docs/architecture.md")
            continue
        for name in imports(path, package):
            broken = (
                package_fault(floors, room, name, rooms),
                owner_fault(room, name),
                unit_fault(room, name),
            )
            found += [f"{place}:{name.line}: {rule}" for rule in broken if rule]
    return found


def test_the_house_keeps_its_rules() -> None:
    assert faults(ROOT / "fabricbench", ARCHITECTURE) == []


def test_the_links_to_the_units_are_followed() -> None:
    rooms = {room_of(path, ROOT / "fabricbench") for path in modules(ROOT / "fabricbench")}
    assert {"kernels", "collectives", "store", "cli"} <= rooms


def test_the_floors_are_as_written() -> None:
    floors = Floors.read(ARCHITECTURE)
    heights = [floors.height[room] for room in ("errors", "quantity", "store", "spec", "cli")]
    assert heights == sorted(set(heights))
    assert floors.height["mpi"] == floors.height["spec"] == floors.height["device"]
    assert [floors.wing[room] for room in ("store", "engine", "judge", "api")] == [0, 1, 2, 3]


PLANTED = {
    "upward": ("store.py", "x = 1\nimport fabricbench.cli\n", 2, "different wings"),
    "upward in a wing": ("measure/loop.py", "from fabricbench.engine import x\n", 1, "higher"),
    "upward, hidden in a function": (
        "model.py",
        "def f():\n    from fabricbench import store\n",
        2,
        "store: it is on a higher floor",
    ),
    "same floor": ("statistics.py", "from fabricbench.traffic import rate\n", 1, "same floor"),
    "relative": ("judge/bounds.py", "from ..show import x\n", 1, "higher"),
    "west to east": ("engine/x.py", "import fabricbench.judge\n", 1, "different wings"),
    "east to west": ("show/x.py", "from fabricbench import engine\n", 1, "different wings"),
    "east to a low west": ("judge/x.py", "import fabricbench.mpi\n", 1, "different wings"),
    "one unit folder to another": (
        "kernels/x.py",
        "from fabricbench.collectives.allreduce import allreduce\n",
        1,
        "same floor",
    ),
    "unit to a lower floor": (
        "collectives/x.py",
        "from fabricbench import mpi\n",
        1,
        "a unit must",
    ),
    "unit to a package": ("kernels/x.py", "import msgspec\n", 1, "a unit must not import msgspec"),
    "cupy elsewhere": ("measure/x.py", "def f():\n    import cupy\n", 2, "cupy belongs to device"),
    "cupy at the top": ("device/x.py", "import cupy as cp\n", 1, "inside functions"),
    "numba.cuda elsewhere": (
        "native.py",
        "def f():\n    from numba import cuda\n",
        2,
        "numba.cuda",
    ),
    "pynvml elsewhere": ("engine/x.py", "def f():\n    import pynvml\n", 2, "pynvml belongs"),
    "numba at the top": ("native.py", "from numba import njit\n", 1, "numba must be imported in"),
    "numba elsewhere": ("spec.py", "def f():\n    import numba\n", 2, "numba belongs to native"),
    "numba in a class": ("measure/x.py", "class A:\n    import numba\n", 2, "inside functions"),
    "MPI at the top": ("mpi.py", "from mpi4py import MPI\n", 1, "mpi4py.MPI must be imported"),
    "MPI elsewhere": ("cli/run.py", "def f():\n    import mpi4py.MPI\n", 2, "mpi4py.MPI belongs"),
    "rich elsewhere": ("judge/x.py", "from rich.table import Table\n", 1, "rich belongs to show"),
    "scipy at the top": ("judge/x.py", "import scipy.stats\n", 1, "inside functions"),
    "plotly at the top": ("show/x.py", "from plotly.offline import get_plotlyjs\n", 1, "inside functions"),
    "jinja2 elsewhere": ("cli/x.py", "def f():\n    import jinja2\n", 2, "jinja2 belongs to show"),
    "no floor": ("helpers.py", "", 1, "helpers has no floor"),
    "no floor, as a package": ("tools/__init__.py", "", 1, "tools has no floor"),
    "eager package": ("__init__.py", "from fabricbench import store\n", 1, "inside functions"),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_named(tmp_path: Path, fault: str) -> None:
    name, text, line, rule = PLANTED[fault]
    package = tmp_path / "fabricbench"
    for room in ("errors", "traffic", "store", "mpi", "device/a", "engine/a", "judge/a", "show/a"):
        path = package / f"{room}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    for room in ("kernels", "collectives"):
        (tmp_path / room).mkdir()
        (package / room).symlink_to(Path("..") / room)
        (tmp_path / room / "allreduce.py").write_text("import numpy as np\nimport math\n")
    for room in ("cli", "spec"):
        (package / f"{room}.py").write_text("from fabricbench import __version__, errors\n")
    assert faults(package, ARCHITECTURE) == []
    (package / name).parent.mkdir(exist_ok=True)
    (package / name).write_text(text)
    found = faults(package, ARCHITECTURE)
    assert found, fault
    assert found[0].startswith(f"fabricbench/{name}:{line}: ")
    assert any(rule in text for text in found), found


def test_a_planted_fault_in_the_real_house_is_found(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "fabricbench", tmp_path / "fabricbench")
    target = tmp_path / "fabricbench" / "quantity.py"
    lines = target.read_text().count("\n")
    target.write_text(f"{target.read_text()}\nfrom fabricbench import store\n")
    assert faults(tmp_path / "fabricbench", ARCHITECTURE) == [
        f"fabricbench/quantity.py:{lines + 2}: quantity must not import store: it is on a higher floor"
    ]


LOADED = """
import sys
from fabricbench.cli import main
status = main(sys.argv[1:])
heavy = [name for name in ("mpi4py.MPI", "numba", "cupy", "pynvml", "jinja2", "plotly") if name in sys.modules]
sys.exit(f"loaded: {heavy}" if heavy else status)
"""


@pytest.mark.parametrize(
    "words",
    [["list"], ["show", str(RESULT)], ["compare", str(RESULT)]],
    ids=lambda words: words[0],
)
def test_reading_loads_nothing_heavy(words: list[str]) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", LOADED, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr

"""docs/detection.md: written from the stored runs, which keep its promise; what its program does with other files."""

import importlib.util
from pathlib import Path
from types import ModuleType

import example_lines as example
import pytest

from fabricbench import store
from fabricbench.judge import detection

CHECKOUT = Path(__file__).parents[1]
PAGE = CHECKOUT / "docs" / "detection.md"
FILES = sorted((CHECKOUT / "results" / "hosts").glob("*.jsonl.gz"))
stored = pytest.mark.skipif(not FILES, reason="no clean runs in results/hosts; `make calibration-hosts` makes some")


@pytest.fixture(scope="module")
def program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("detection_page", CHECKOUT / "docs" / "detection.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@stored
def test_the_page_is_of_the_stored_runs(program: ModuleType) -> None:
    """Its long tables take minutes and are not counted again."""
    text = PAGE.read_text()
    assert text.startswith(program.head()), "run `make detection`"
    assert program.live() in text
    assert program.text(next(program.tables(program.read(FILES)))) in text


@stored
def test_stored_noise_hides_no_fault_of_a_fifth_and_blames_nobody(program: ModuleType) -> None:
    found = detection.outcomes([one for _, one in program.read(FILES)], 16, 60)
    assert sum(one.blamed for one in found) <= 0.01 * sum(one.runs for one in found)
    for one in found:
        if one.fault is None or one.severity >= 0.2:
            assert one.found >= 57, one


def test_files_without_enough_hosts_are_refused(
    program: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "few.jsonl"
    with store.Writer.create(file) as writer:
        writer.write(example.run())
    for name, why in ((file, "no rounds of 8 hosts"), (tmp_path / "none.jsonl", "none.jsonl")):
        monkeypatch.setattr("sys.argv", ["detection.py", str(name)])
        assert program.main() == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("Error: ")
        assert why in said.err

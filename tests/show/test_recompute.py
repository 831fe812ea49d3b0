"""`show --recompute`: the same bytes from samples alone, and a summary that samples do not give is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from builders import changed, make_case, make_ceiling, make_launch, make_record, make_result, make_side, skipped, write

from fabricbench import store
from fabricbench.cli import main
from fabricbench.model import Check, Doubt, Summary
from fabricbench.show.results import page
from fabricbench.show.screen import page_text
from fabricbench.store import Result

ROOT = Path(__file__).parents[2]
COMMITTED = sorted(
    [
        *(file for file in ROOT.glob("results/*/*.jsonl*") if file.parent.name not in ("local", "calibration")),
        *ROOT.glob("tests/data/*.jsonl"),
    ]
)
"""Every result in the repository; a calibration fixture is no result file."""


def rich() -> Result:
    """What tables have: intervals, p99, excluded samples, rates, ceilings, flags, arrivals, wrong and skipped rows."""
    wrong = Check(status="wrong", wrong=3, worst=1.0, bound=0.0, reference="numpy float64")
    tail = [1 + number / 1000 for number in range(-200, 200)]
    records = [
        record
        for launch in range(6)
        for record in (
            make_record(make_case(8), 1e-6 * (1 + launch / 50), launch=launch, pattern=tail),
            make_record(make_case(1 << 20), 1e-4, launch=launch, excluded=[(0, 1, "late-start")]),
            make_record(make_case(64, params={"op": "sum", "arrival": "linear"}), 1e-5, launch=launch),
            make_record(make_case(64, cadence="streaming"), 2e-6, launch=launch, conditions={"flags": ["in-cache"]}),
        )
    ]
    records += [make_record(make_case(512), 3e-6, check=wrong), skipped(make_case(256), launch=1)]
    records += [make_record(make_case(1 << 20, variant="ring"), 1e-6, doubts=[Doubt(code="odd", text="x", remedy="")])]
    ceilings = [make_ceiling(launch=launch) for launch in range(6)]
    return make_result("rich", records, launches=[make_launch(number) for number in range(6)], ceilings=ceilings)


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["show", *words]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("file", COMMITTED, ids=lambda path: path.name)
def test_every_committed_result_is_recomputed_to_the_byte(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored = shown(capsys, str(file))
    assert stored
    assert shown(capsys, "--recompute", str(file)) == stored


@pytest.mark.parametrize("result", [rich(), make_side("few", {8: [1e-6] * 3, 64: [2e-9] * 3})], ids=["rich", "few"])
def test_every_kind_of_row_is_recomputed_to_the_byte(
    result: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(result, tmp_path / "a.jsonl")
    assert shown(capsys, "--recompute", path) == shown(capsys, path)


def test_nothing_stored_beside_the_samples_is_used() -> None:
    """Stored figures that are nonsense, which no file can hold, change nothing."""
    nonsense = Summary(n=9, median_s=9.0, low_s=9.0, high_s=9.0, p99_s=9.0, stop="converged")
    result = rich()
    records = [
        changed(record, summary=nonsense, rates=dict.fromkeys(record.rates, 9.0))
        if record.samples_s
        else changed(record, summary=changed(nonsense, stop="skipped"))
        for record in result.records
    ]
    spoilt = replace(result, records=tuple(records))
    truth = page_text(page(result, recompute=False))
    assert page_text(page(spoilt, recompute=True)) == truth
    assert page_text(page(spoilt, recompute=False)) != truth


@pytest.mark.parametrize(
    ("part", "name"),
    [("summary", "median_s"), ("summary", "low_s"), ("summary", "high_s"), ("summary", "p99_s"), ("rates", "busbw")],
)
@pytest.mark.parametrize("recompute", [[], ["--recompute"]], ids=["stored", "recomputed"])
def test_a_figure_that_was_altered_is_refused_with_its_line(
    part: str, name: str, recompute: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(write(rich(), tmp_path / "a.jsonl"))
    lines = path.read_text().splitlines()
    number = next(place for place, line in enumerate(lines) if '"nbytes":8,' in line)
    record = json.loads(lines[number])
    record[part][name] *= 1.001
    lines[number] = json.dumps(record)
    path.write_text("\n".join(lines) + "\n")
    assert main(["show", *recompute, str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"a.jsonl, line {number + 1}: {part}.{name} is" in captured.err


def test_an_altered_copy_of_a_committed_result_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = store.load(COMMITTED[0])[0]
    path = Path(write(result, tmp_path / "copy.jsonl"))
    median = next(record.summary.median_s for record in result.records if record.summary.median_s)
    text = path.read_text()
    assert shown(capsys, "--recompute", str(path)) == shown(capsys, str(path))
    path.write_text(text.replace(f'"median_s":{json.dumps(median)}', f'"median_s":{json.dumps(median * 1.01)}'))
    assert path.read_text() != text
    assert main(["show", str(path)]) == 2

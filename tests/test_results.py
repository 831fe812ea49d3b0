"""The reference results: readable for ever, and their page written from them."""

import importlib.util
from pathlib import Path

import pytest

from fabricbench.judge import calibration, experiments
from fabricbench.procedures import calibrate
from fabricbench.show import calibrations, screen

RESULTS = Path(__file__).parents[1] / "results"
FIXTURES = sorted(RESULTS.glob("calibration/*.jsonl.gz"))


def test_the_page_is_what_the_files_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(RESULTS.parent)
    spec = importlib.util.spec_from_file_location("render", RESULTS / "render.py")
    assert spec is not None
    assert spec.loader is not None
    render = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(render)
    assert (RESULTS / "README.md").read_text() == render.page(), "run `make results`"


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: path.name)
def test_the_rule_keeps_its_promise_on_stored_launches(fixture: Path) -> None:
    judged = calibration.judge(calibrate.load(fixture))
    assert judged.tables >= 40
    assert judged.alarmed <= 1
    assert judged.eligible >= 4  # rows that would see a quarter: on a machine whose launches have two levels not many
    assert judged.found >= 0.95 * judged.slowed


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: path.name)
def test_a_rule_that_asks_for_less_invents_more(fixture: Path) -> None:
    """The best of the new launches against the best of the base, a common habit, and its price."""
    launches = [noted for noted in calibrate.load(fixture) if noted.series == "unchanged"]
    tables = [launches[start : start + 10] for start in range(0, len(launches), 10)]

    def invents(table: list[calibration.Noted]) -> bool:
        return any(
            min(noted.medians_s[row] for noted in table if noted.side == "new")
            > 1.05 * min(noted.medians_s[row] for noted in table if noted.side == "base")
            for row in table[0].medians_s
        )

    assert sum(map(invents, tables)) > calibration.judge(calibrate.load(fixture)).alarmed


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: path.name)
def test_the_page_of_experiments_says_what_is_counted_here(fixture: Path) -> None:
    """All that needs no drawing; the drawn figures take minutes and have seeds of their own."""
    counts = experiments.exact(calibrate.load(fixture))
    page = (RESULTS.parent / "docs" / "calibration.md").read_text()
    for line in screen.table_lines(calibrations.counts(counts, "disjoint")):
        assert line in page, "run `make results`"


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: path.name)
def test_ab_invents_less_than_it_promises_and_finds_a_quarter(fixture: Path) -> None:
    found = experiments.perform(calibrate.load(fixture), draws=20)
    drawn = {(count.kind, count.what): count for count in found.counts}
    assert drawn["drawn", "`ab` with its looks, a row worse or better"].found <= 2
    assert drawn["synthetic", "8 + 8, 100 rows, one worse or better"].found <= 2
    assert drawn["synthetic", "the same, 5 rows slowed by 50 %, all found"].found >= 18
    power = {one.factor: one for one in found.power}
    assert power[1.25].found >= 18
    assert power[1.5].launches <= power[1.25].launches <= power[1.1].launches
    samples = next(count for count in found.counts if count.what.startswith("rank test"))
    assert samples.interval[0] > 0.2  # the price of taking samples for launches

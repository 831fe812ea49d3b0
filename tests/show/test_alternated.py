"""The page of a series: which looks it took, how it ended, what is promised; and of one that is only planned."""

import pytest
from builders import make_side

from fabricbench.judge.compare import compare
from fabricbench.judge.rule import Verdict
from fabricbench.judge.sequential import LOOKS, Look, Report
from fabricbench.show import alternated
from fabricbench.show.screen import page_text

PLAN = {
    "cases": [
        {
            "operation": "copy", "variant": "numpy", "dtype": "float64", "nbytes": 8192, "ranks": 2,
            "cadence": "isolated", "mode": "blocking", "in_place": False, "params": {}, "bytes_per_rank": 16384,
        }
    ],
    "expected_s": 4.0,
}  # fmt: skip


def report(*verdicts: dict[Verdict, int], alike: bool = False) -> Report:
    base = make_side("base", [1e-4] * 5, positions=[0, 3, 4, 7, 8])
    new = make_side("new", [1.2e-4] * 5, positions=[1, 2, 5, 6, 9], side="new")
    looks = tuple(Look(launches=each, verdicts=found) for each, found in zip(LOOKS, verdicts, strict=False))
    return Report(
        file="ab.jsonl", alike=alike, planned=LOOKS, promise=0.041, looks=looks,
        comparison=compare([base], [new], margin=0.05),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (({"unclear": 2}, {"worse": 1, "unclear": 1}), "Stopped after 8 launches a side: a row is worse."),
        (({"same": 1, "missing": 1},), "Stopped after 5 launches a side: no row is left"),
        (({"unclear": 1},) * 4, "No answer for 1 of the rows after 20 launches a side, which was the last look."),
    ],
)
def test_it_says_how_the_series_ended(verdicts: tuple[dict[Verdict, int], ...], said: str) -> None:
    assert said in " ".join(page_text(alternated.page(report(*verdicts))).split())


def test_the_looks_and_the_promise_stand_above_the_table() -> None:
    text = page_text(alternated.page(report({"unclear": 2}, {"worse": 1, "unclear": 1}, alike=True)))
    assert text.startswith("BOTH SIDES ARE THE SAME")
    assert "5: 2 unclear; 8: 1 worse" in text
    assert "at most 4.1 % of tables" in text


def test_a_plan_shows_both_commands_and_what_they_measure_once() -> None:
    page = alternated.preview(("a", "b"), (PLAN, PLAN), looks=LOOKS, alike=False, expected_s=160.0)
    text = page_text(page)
    assert "after 5, 8, 12 or 20 launches a side" in text
    assert text.count("copy/numpy") == 1
    other = {**PLAN, "expected_s": 5.0}
    assert len(alternated.preview(("a", "b"), (PLAN, other), looks=(5,), alike=False, expected_s=1.0).tables) == 2


def test_a_side_that_cannot_say_what_it_measures_is_said() -> None:
    page = alternated.preview(("a", "b"), (PLAN, None), looks=(5,), alike=False, expected_s=None)
    assert "not known" in dict(page.facts)["expected time"]
    assert "after 5 launches a side" in dict(page.facts)["looks"]

"""The page as a document: well-formed, whole in itself, the same for the same input, and safe whatever names hold."""

import base64
import hashlib
import html
import re
import subprocess
import sys
from dataclasses import replace
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from builders import changed, make_case, make_launch, make_record, make_result, make_side, skipped, write
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from show.html.reading import HTML, elements, figures, tags, text_of, tree, written

from fabricbench import store
from fabricbench.model import Doubt, Origin
from fabricbench.show.html import render, report
from fabricbench.show.html.texts import plain, visible
from fabricbench.store import Result

ROOT = Path(__file__).parents[3]
MEASURED = ROOT / "results/2-core-vm/2026-11-23-8a62914-quick-openmpi.jsonl.gz"

TEXTS = st.text(min_size=1, max_size=20)
"""Whatever a name may hold, lone surrogates of undecodable file names included."""
NASTY = "</script><script>alert(1)</script><!--<img src=x onerror=y>\"'&amp;{{7*7}}${x}%{y}<br>"
NASTY += "\r\n\x00\x1b\u202e\ufffe\udcff"


@pytest.fixture(scope="module")
def whole() -> str:
    """With plotly.js, five million characters of it."""
    return written(store.load(MEASURED))


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """A word in place of plotly.js, where that is not what is tested."""
    monkeypatch.setattr("plotly.offline.get_plotlyjs", lambda: "var Plotly;")


@pytest.fixture
def measured(light: None) -> str:
    return written(store.load(MEASURED))


def named(text: str) -> Result:
    """A result in which everything that can be a text of somebody else's is this one."""
    params = {"op": text}
    doubt = Doubt(code="few-samples", text=text, remedy=text)
    origin = Origin(tool=text, version=None, statistic=text, over_ranks=None, file=text, line=1)
    records = [
        *(make_record(make_case(size, params=params), 1e-4, conditions={"library": text}) for size in (8, 64)),
        make_record(make_case(512, params={"op": text, text: "sum"}), 1e-4, doubts=[doubt]),
        skipped(make_case(1 << 12), doubts=[doubt]),
        changed(make_record(make_case(1 << 14), 1e-4), samples_s=[], skew_s=[], origin=origin),
    ]
    result = make_result(
        "named", records, machine={"hostname": text, "cpu": text}, path=text,
        launches=[make_launch(0, hosts=[text], binding=text)], lost=text,
    )  # fmt: skip
    run = changed(result.run, command=[text], software={"mpi": text, "commit": text}, id=text)
    return replace(result, run=run)


class TestDocument:
    def test_it_is_well_formed_and_its_parts_are_named(self, measured: str) -> None:
        page = tree(measured)
        assert page.get("lang") == "en"
        ids = [one.get("id") for one in page.iter() if one.get("id")]
        assert len(ids) == len(set(ids))
        targets = [one.get("href", "")[1:] for one in elements(page, "a")]
        assert targets
        assert set(targets) <= set(ids)
        assert {one.get("aria-labelledby") for one in page.iter() if one.get("aria-labelledby")} <= set(ids)
        for table in elements(page, "table"):
            assert text_of(elements(table, "caption")[0])
            assert all(one.get("scope") in ("col", "row") for one in elements(table, "th"))
        levels = [int(one.tag[-1]) for one in page.iter() if re.fullmatch(rf"{re.escape(HTML)}h[1-6]", str(one.tag))]
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))

    def test_it_loads_nothing(self, measured: str) -> None:
        page = tree(measured)
        for one in page.iter():
            for name in ("src", "href", "srcset", "data", "action", "poster", "background"):
                assert re.match(r"#|data:,$", one.get(name, "#")), (one.tag, one.attrib)
        style = elements(page, "style")[0].text or ""
        assert "url(" not in style
        assert "@import" not in style

    def test_its_policy_allows_its_own_scripts_and_no_address(self, whole: str) -> None:
        (content,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="(.*?)">', whole)
        policy = dict(part.strip().split(" ", 1) for part in html.unescape(content).split(";"))
        assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
        assert policy["img-src"] == "data: blob:"
        scripts = re.findall(r"<script>(.*?)</script>", whole, re.DOTALL)
        assert len(scripts) == 2
        hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
        assert policy["script-src"].split() == [f"'sha256-{one}'" for one in hashes]

    def test_plotly_is_there_once_and_only_where_something_is_drawn(self, whole: str) -> None:
        assert whole.count("plotly.js v") == 1
        without = written([make_result("a", [make_record(make_case(8), 1e-6)])])
        assert "plotly" not in without
        assert not elements(tree(without), "script")
        assert "script-src 'none'" in html.unescape(without)

    def test_the_same_input_gives_the_same_bytes(self, measured: str) -> None:
        assert written(store.load(MEASURED)) == measured

    def test_the_same_bytes_whatever_the_order_of_sets(self, tmp_path: Path) -> None:
        records = [
            make_record(make_case(size, variant=variant), 1e-6, launch=launch, conditions={"flags": flags})
            for launch in range(2)
            for variant in ("mpi", "ring")
            for size, flags in ((8, ["in-cache", "throttled"]), (64, ["scaled"]))
        ]
        paths = [write(make_result(name, records), tmp_path / f"{name}.jsonl") for name in ("a", "b")]
        code = "import sys; from fabricbench import api; print(hash(tuple(api.report(sys.argv[1:]).encode())))"
        found = {
            subprocess.run(
                [sys.executable, "-c", code, *paths], env={"PYTHONHASHSEED": seed, "PATH": ""}, cwd=ROOT,
                capture_output=True, text=True, check=True,
            ).stdout
            for seed in ("1", "2")
        }  # fmt: skip
        assert len(found) == 1

    def test_the_package_carries_what_it_is_made_of(self) -> None:
        here = resources.files(render.__package__)
        assert all((here / name).is_file() for name in ("page.html", "style.css", "charts.js"))


class TestColours:
    """Contrast as WCAG 2.2 defines it: 4.5 for text, 3 for what is drawn."""

    @staticmethod
    def luminance(colour: str) -> float:
        parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
        red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    def contrast(self, one: str, other: str) -> float:
        high, low = sorted((self.luminance(one), self.luminance(other)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    @pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
    def test_all_can_be_read(self, theme: int) -> None:
        style = resources.files(render.__package__).joinpath("style.css").read_text()
        block = style.split(":root")[theme + 1]
        colours = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", block))
        for ground in ("page", "stripe"):
            for name in ("text", "soft", "link", "bad", "doubt", "good"):
                assert self.contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
        for name in ("level", *(f"colour-{number}" for number in range(8))):
            assert self.contrast(colours[name], colours["page"]) >= 3, name


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS)
@example(NASTY)
@example("<b>")
@example("]]>")
def test_names_stay_text(light: None, text: str) -> None:
    page, usual = (tree(written([named(one)])) for one in (text, "plain"))
    assert tags(page) == tags(usual), "a name became an element"
    attributes = [sorted(one.attrib) for one in page.iter()]
    assert attributes == [sorted(one.attrib) for one in usual.iter()]
    shown = re.sub(r"\s+", " ", visible(text)).strip()
    said = text_of(elements(page, "dl")[0])
    assert said.count(shown) >= 5  # file, run, command, machine, software, launches
    for _, figure in figures(page):
        for one in texts(figure):
            assert not re.search(r"<(?!/?b>|br>)", one), one


def texts(value: Any) -> list[str]:
    """Every text in a figure."""
    if isinstance(value, str):
        return [value]
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for one in members for text in texts(one)]


@given(TEXTS)
def test_what_is_made_visible_can_be_printed_and_told_apart(text: str) -> None:
    assert visible(text).isprintable()
    assert "<" not in plain(text)
    assert visible(visible(text)) == visible(text)


def test_a_page_can_be_written_whatever_its_names_are(tmp_path: Path) -> None:
    from fabricbench.show.export import output

    page = written([named(NASTY)])
    output.write(str(tmp_path / "x.html"), page)
    assert (tmp_path / "x.html").read_text(encoding="utf-8") == page


@pytest.mark.usefixtures("light")
def test_many_rows_make_a_page_and_what_is_not_drawn_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MOST_POINTS", 600)
    records = [
        make_record(make_case(8 * size, operation=f"op{number}"), 1e-6 * size)
        for number in range(20)
        for size in range(1, 101)
    ]
    page = written([make_result("big", records)])
    assert page.count("<tbody>") == 20
    assert page.count('<th scope="row"') == 2000
    assert page.count("<figure>") == 2
    assert "Without a chart: 19 tables; a page has charts of 600 points at most" in page


def test_sides_are_of_one_series_only() -> None:
    sides = [
        make_side(name, [1e-4] * 5, side=name, positions=range(start, 10, 2))
        for start, name in enumerate(("base", "new"))
    ]
    found = report.of([[sides[0]], [sides[1]], [make_side("other", [1e-4] * 3)]])
    assert [one.id for one in found.sections] == ["verdicts-1", "run-1", "run-2", "run-3"]

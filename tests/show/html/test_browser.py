"""The page in a browser: it draws its charts under its own policy, asks for nothing, and can be read by everybody."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from show.html import browsing
from show.html.browsing import Tab
from show.html.reading import written

from fabricbench import store

MEASURED = Path(__file__).parents[3] / "results/2-core-vm/2026-11-23-8a62914-quick-openmpi.jsonl.gz"
CHARTS = "[...document.querySelectorAll('.chart')]"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("page") / "page.html"
    file.write_text(written(store.load(MEASURED)))
    return file.as_uri()


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    browser = browsing.program()
    if browser is None:
        pytest.skip(f"there is none of {', '.join(browsing.BROWSERS)}")
    with browsing.tab(browser, tmp_path_factory.mktemp("profile")) as found:
        yield found


def seen_through(tab: Tab) -> None:
    """Scroll through the whole page, as a reader does, until every chart is drawn."""
    for number in range(tab.value(f"{CHARTS}.length")):
        tab.value(f"{CHARTS}[{number}].scrollIntoView()")
        tab.until(f"{CHARTS}[{number}].querySelector('svg.main-svg') !== null")


def test_charts_are_drawn_when_they_are_looked_at_and_nothing_else_is_asked_for(tab: Tab, address: str) -> None:
    tab.ask("Emulation.setDeviceMetricsOverride", width=1280, height=800, deviceScaleFactor=1, mobile=False)
    tab.open(address)
    charts = tab.value(f"{CHARTS}.length")
    assert charts > 10
    assert tab.value(f"{CHARTS}.filter(one => one.querySelector('svg')).length") < charts
    seen_through(tab)
    assert tab.value("document.querySelectorAll('.chart > p').length") == 0
    asked = [
        event["request"]["url"].partition(":")[0]
        for method, event in tab.events
        if method == "Network.requestWillBeSent"
    ]
    assert asked.count("file") == 1
    assert set(asked) <= {"file", "data", "blob"}
    complaints = [event for method, event in tab.events if method in ("Log.entryAdded", "Runtime.exceptionThrown")]
    assert complaints == []


@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_sticks_out(tab: Tab, address: str, width: int) -> None:
    tab.ask("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
    tab.open(address)
    seen_through(tab)
    assert tab.value("document.documentElement.scrollWidth") <= width
    widest = f"Math.max(...{CHARTS}.map(one => one.querySelector('svg').getBoundingClientRect().right))"
    assert tab.value(widest) <= width


def test_it_is_dark_where_the_reader_wants_it_and_light_on_paper(tab: Tab, address: str) -> None:
    tab.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    tab.open(address)
    seen_through(tab)
    ground = f"{CHARTS}[0].layout.paper_bgcolor"
    assert tab.value("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 28)"
    assert tab.value(ground) == "#14171c"
    tab.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
    tab.until(f"{ground} === '#ffffff'")
    tab.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    tab.value(f"window.addEventListener('beforeprint', () => {{ window.printed = {ground}; }})")
    assert base64.b64decode(tab.ask("Page.printToPDF")["data"]).startswith(b"%PDF")
    assert tab.value("window.printed") == "#ffffff"
    tab.until(f"{ground} === '#14171c'")
    tab.ask("Emulation.setEmulatedMedia", features=[])


def test_all_charts_are_on_paper(tab: Tab, address: str) -> None:
    tab.open(address)
    drawn = f"{CHARTS}.filter(one => one.querySelector('svg')).length"
    tab.value(f"window.addEventListener('beforeprint', () => {{ window.printed = {drawn}; }})")
    charts = tab.value(f"{CHARTS}.length")
    assert tab.value(drawn) < charts
    tab.ask("Page.printToPDF")
    assert tab.value("window.printed") == charts


def test_without_javascript_the_tables_are_there(tab: Tab, address: str) -> None:
    tab.ask("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.ask("Page.reload")
        tab.open(address)
        assert tab.value("document.querySelectorAll('.chart > p').length") == tab.value(f"{CHARTS}.length")
        assert tab.value("document.querySelector('table').getBoundingClientRect().height") > 50
    finally:
        tab.ask("Emulation.setScriptExecutionDisabled", value=False)


def test_the_policy_stops_what_is_not_the_pages_own(tab: Tab, address: str, tmp_path: Path) -> None:
    """What the tests above rest on: a script that slipped in would not run, and would be complained of."""
    page = written(store.load(MEASURED)).replace("</body>", "<script>window.slipped = true</script></body>")
    (tmp_path / "page.html").write_text(page)
    tab.open((tmp_path / "page.html").as_uri())
    assert tab.value("window.slipped") is None
    assert any(
        method == "Log.entryAdded" and "Content Security Policy" in event["entry"]["text"]
        for method, event in tab.events
    )

"""The page in a browser: it draws its charts under its own policy, and asks for nothing."""

import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from show.html.reading import written

from fabricbench import store

MEASURED = Path(__file__).parents[3] / "results/2-core-vm/2026-11-23-8a62914-quick-openmpi.jsonl.gz"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"there is none of {', '.join(BROWSERS)}")
    return found


@pytest.fixture(scope="module")
def page() -> str:
    return written(store.load(MEASURED))


@pytest.fixture
def served(page: str) -> Iterator[tuple[str, list[str]]]:
    """Where the page can be had, and what was asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, format: str, *words: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/page", asked
        server.shutdown()
        thread.join()


def test_charts_are_drawn_and_nothing_else_is_asked_for(
    browser: str, served: tuple[str, list[str]], page: str, tmp_path: Path
) -> None:
    address, asked = served
    finished = subprocess.run(
        [
            browser, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}",
            "--window-size=1280,20000", "--virtual-time-budget=10000", "--enable-logging=stderr", "--dump-dom", address,
        ],
        capture_output=True, text=True, timeout=240, check=True,
    )  # fmt: skip
    charts = page.count('<div class="chart">')
    assert charts > 10
    assert finished.stdout.count('<svg class="main-svg" ') >= charts
    assert "This chart is drawn where JavaScript runs" not in finished.stdout
    said = [line for line in finished.stderr.splitlines() if "CONSOLE" in line]
    assert said == []
    assert asked == ["/page"]

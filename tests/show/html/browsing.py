"""A browser driven through its DevTools protocol over two pipes; nothing but the browser is needed."""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_S = 120.0


def program() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)


class Tab:
    """One page. `events` are those that came meanwhile, by their method."""

    def __init__(self, sending: int, reading: int) -> None:
        self._sending, self._reading = sending, reading
        self._left, self._number = b"", 0
        self._session: str | None = None
        self.events: list[tuple[str, dict[str, Any]]] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method and wait for its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self._sending, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append((answer.get("method", ""), answer.get("params", {})))

    def value(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.value(expression):
            assert time.monotonic() < deadline, f"never true: {expression}"
            time.sleep(0.05)

    def open(self, address: str) -> None:
        self.ask("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            data = os.read(self._reading, 1 << 16)
            assert data, "the browser went away"
            self._left += data
        line, self._left = self._left.split(b"\0", 1)
        found: dict[str, Any] = json.loads(line)
        return found


@contextlib.contextmanager
def tab(browser: str, profile: Path) -> Iterator[Tab]:
    """A page in a browser of its own."""
    theirs_in, sending = os.pipe()
    reading, theirs_out = os.pipe()
    # The protocol wants descriptors 3 and 4, which may be taken here.
    high = [fcntl.fcntl(one, fcntl.F_DUPFD, 10) for one in (theirs_in, theirs_out)]
    words = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", f"--user-data-dir={profile}"]
    process = subprocess.Popen(
        ["bash", "-c", f'exec "$@" 3<&{high[0]} 4>&{high[1]}', "bash", browser, *words],
        pass_fds=high, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    for one in (theirs_in, theirs_out, *high):
        os.close(one)
    try:
        yield Tab(sending, reading)
    finally:
        os.close(sending)  # the browser ends when nobody is left to speak to it
        os.close(reading)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

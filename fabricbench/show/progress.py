"""What happens while ranks measure: drawn on a terminal, one line a case elsewhere."""

import sys
from typing import Any, TextIO

from fabricbench.quantity import time_text


class Progress:
    """Takes events of a running measurement; everything goes to standard error.

    {"event": "case", "index", "of", "case", "median_s", "wrong", "launch", "launches"}: one case is
    done; index and launch count from 0. {"event": "notice", "text"} and {"event": "stood", "rank",
    "host", "text"}: where a rank that stopped answering was last seen. {"event": "error", "text"}:
    what ended a rank. {"event": "ready", "ceilings_s"}: the first case follows; nothing is shown.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._bar = _Bar(self._stream) if self._stream.isatty() else None

    def __call__(self, event: dict[str, Any]) -> None:
        """Show one event. Raises KeyError for an event of no known kind."""
        show = {
            "case": self._case, "notice": self._notice, "stood": self._stood, "error": self._error, "ready": _nothing,
        }  # fmt: skip
        show[event["event"]](event)

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.close()

    def _case(self, event: dict[str, Any]) -> None:
        done = f"[{event['index'] + 1}/{event['of']}]"
        launch = f"launch {event['launch'] + 1} of {event['launches']} "
        shown = "not measured" if event["median_s"] is None else time_text(event["median_s"])
        wrong = f"  WRONG: {event['wrong']} elements" if event["wrong"] else ""
        line = f"{launch if event['launches'] > 1 else ''}{done} {event['case']}  {shown}{wrong}"
        if self._bar is None:
            self._print(line)
            return
        if wrong:
            self._bar.say(line)
        self._bar.move(event["index"] + 1, event["of"], line)

    def _notice(self, event: dict[str, Any]) -> None:
        self._print(event["text"])

    def _error(self, event: dict[str, Any]) -> None:
        self._print(f"Error: {event['text']}")

    def _stood(self, event: dict[str, Any]) -> None:
        self._print(f"rank {event['rank']} on {event['host']} stood in {event['text']}")

    def _print(self, line: str) -> None:
        if self._bar is None:
            print(line, file=self._stream, flush=True)
        else:
            self._bar.say(line)


def _nothing(event: dict[str, Any]) -> None:
    pass


class _Bar:
    """One line at the bottom of a terminal."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self._progress = RichProgress(
            BarColumn(bar_width=20),
            TextColumn("{task.description}", markup=False),
            console=Console(file=stream, highlight=False),
            transient=True,
        )
        self._task = self._progress.add_task("", total=None)
        self._progress.start()

    def move(self, done: int, of: int, line: str) -> None:
        self._progress.update(self._task, completed=done, total=of, description=line)

    def say(self, line: str) -> None:
        from rich.text import Text

        self._progress.console.print(Text(line))

    def close(self) -> None:
        self._progress.stop()

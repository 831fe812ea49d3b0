"""A log, whoever wrote it -> rows, and everything about it that was not read."""

import functools
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fabricbench.errors import UnreadableError, unknown
from fabricbench.show.imports.lines import Document, Line, Source
from fabricbench.show.imports.printed import Printed, described
from fabricbench.show.imports.registry import TOOLS
from fabricbench.show.imports.tool import Reader, Tool

LONGEST_NOISE, MOST_NOISE = 64 << 20, 2_000_000
"""Bytes and lines without a row, after which no more is looked for."""
MOST_ROWS = 100_000
"""Rows of one log; what is kept of each takes more memory than its line."""
SHOWN = 3
_SHOWN_WIDTH = 100
_BEFORE = 20
"""Lines above the first that only one tool prints; the command may be among them."""
_PARTIAL = "What can be read is imported with --partial."
_BARE = re.compile(r"[\W_]*")

_SIGNS = re.compile("|".join(f"(?P<t{n}>{tool.sign.pattern})" for n, tool in enumerate(TOOLS) if tool.sign))


@dataclass(frozen=True, slots=True)
class Found:
    """A row, and who printed it."""

    tool: str
    version: str | None
    row: Printed


@dataclass(slots=True)
class Log:
    """What one file held. `faults`: what was left out under --partial; `cut`: number of a last line without its end."""

    path: str
    found: list[Found] = field(default_factory=list)
    repeated: int = 0
    strange: int = 0
    shown: list[Line] = field(default_factory=list)
    cut: int | None = None
    faults: list[str] = field(default_factory=list)

    def tools(self) -> list[str]:
        """Tools whose rows it holds, in their order."""
        return list(dict.fromkeys(one.tool for one in self.found))


def tool_named(name: str) -> Tool:
    """The importer of a tool. Raises UsageError, naming the nearest."""
    for tool in TOOLS:
        if name in tool.names:
            return tool
    raise unknown("importer for", name, [name for tool in TOOLS for name in tool.names])


def read(path: str, *, named: str | None = None, ranks: int | None = None, partial: bool = False) -> Log:
    """All rows of a log. named: the tool that must have written it; ranks: how many, where it does not say.

    Raises UnreadableError for a log that is not as its tool writes it; with `partial` only where nothing can be read.
    """
    return _Reading(path, named, ranks, partial).run()


class _Reading:
    """One file being read: the tool whose table we are in, and the rows so far."""

    def __init__(self, path: str, named: str | None, ranks: int | None, partial: bool) -> None:
        self.log = Log(path)
        self._named, self._ranks, self._partial = named, ranks, partial
        self._wanted = tool_named(named) if named else None
        self._tool: Tool | None = None
        self._seen_tool: Tool | None = None
        self._reader: Reader | None = None
        self._seen: dict[int, int] = {}  # place of a row by the hash of its key, which takes less memory
        self._widths: set[int] = set()
        self._before: deque[Line] = deque(maxlen=_BEFORE)

    def run(self) -> Log:
        source = Source(Path(self.log.path))
        rows, read_bytes, number = 0, 0, 0
        for line in source.lines():
            document = source.document(line) if self._reader is None else None
            if document is not None:
                ours = self._take_document(document)
                source.taken(ours)
            if document is None or not ours:
                self._take(line)
            if len(self.log.found) > rows:
                rows, read_bytes, number = len(self.log.found), source.read_bytes, line.number
            elif source.read_bytes - read_bytes > LONGEST_NOISE or line.number - number > MOST_NOISE:
                what = f"nothing of a table in the {line.number - number} lines before this one."
                self._fault(line.number, what, "Give the log alone.")
                break
        if not self.log.found:
            raise self._nothing()
        return self.log

    def _take(self, line: Line) -> None:
        """Keep the rows of a line, or note that its tool prints no such line."""
        self._recognise(line)
        rows: Sequence[Printed] | None = None
        if self._reader is not None and self._tool is not None:
            take = functools.partial(self._reader.take, line)
            told_whole = self._tool.fixed and len(line.text) in self._widths
            rows = self._rows(line.number, take) if line.ended or told_whole else self._unended(line, take)
        if rows is None:
            if not _BARE.fullmatch(line.text):
                self._strange(line)
        elif self._reader is not None:
            self._widths = {len(line.text)}
            self._keep(self._reader.tool, self._reader.version, rows)

    def _unended(self, line: Line, take: Callable[[], Sequence[Printed] | None]) -> Sequence[Printed] | None:
        """A last line without its end may be anything but a row: digits may be missing."""
        try:
            rows = take()
        except UnreadableError:
            self.log.cut = line.number
            return ()
        if rows:
            self.log.cut = line.number
            return ()
        return rows

    def _recognise(self, line: Line) -> None:
        """Begin the log of a tool where a line says whose it is. Raises UnreadableError for another than was named."""
        match = _SIGNS.match(line.text)
        if match is None or match.lastgroup is None:
            return
        tool = TOOLS[int(match.lastgroup.removeprefix("t"))]
        if tool is self._tool:
            return
        if self._wanted is not None and tool is not self._wanted:
            self._reader = self._tool = None
            self._fault(
                line.number,
                f"this is output of {tool.names[0]}, not of {self._named}.",
                "Leave --from out, or correct it.",
            )
        elif tool.reader is not None:
            self._tool = self._seen_tool = tool
            self._reader = tool.reader(self._named, self._ranks)
            for before in self._before:
                self._reader.take(before)
            self._before.clear()

    def _take_document(self, document: Document) -> bool:
        """Whether a JSON document is of a tool."""
        tool = next((one for one in TOOLS if one.mark and one.mark.search(document.data)), None)
        if tool is None or tool.document is None:
            return False
        if self._wanted is not None and tool is not self._wanted:
            self._fault(
                document.number, f"this is output of {tool.names[0]}, not of {self._named}.",
                "Leave --from out, or correct it.",
            )  # fmt: skip
            return True
        if not document.ended:
            self._fault(document.number, "the JSON document that begins here has no end.", "")
        make, self._seen_tool = tool.document, tool
        try:
            parsed = make(document, self._named, self._ranks)
        except UnreadableError as error:
            self._fault(document.number, error.what, error.remedy)
            return True
        for row in parsed.rows:
            self._keep(parsed.tool, parsed.version, self._rows(document.number, row) or ())
        return True

    def _rows(self, number: int, make: Callable[[], Sequence[Printed] | None]) -> Sequence[Printed] | None:
        """Rows that can be; a fault where one cannot."""
        try:
            rows = make()
            for row in rows or ():
                row.faults()
        except UnreadableError as error:
            self._fault(number, error.what, error.remedy)
            return ()
        return rows

    def _keep(self, tool: str, version: str | None, rows: Sequence[Printed]) -> None:
        for row in rows:
            place = self._seen.setdefault(hash((tool, *row.case().key())), len(self.log.found))
            if place == len(self.log.found):
                if place == MOST_ROWS:
                    raise UnreadableError(
                        f"{self.log.path}, line {row.line}: more than {MOST_ROWS} rows are no log.", "Split it."
                    )
                self.log.found.append(Found(tool, version, row))
                continue
            before = self.log.found[place].row
            if (before.time_s, before.rates) == (row.time_s, row.rates):
                self.log.repeated += 1
            else:
                self._fault(
                    row.line, f"{described(row)} is in line {before.line} already, with another figure.",
                    "Put each start of the program into a file of its own.",
                )  # fmt: skip

    def _strange(self, line: Line) -> None:
        self.log.strange += 1
        if self._reader is None:
            self._before.append(line)
        if len(self.log.shown) < SHOWN:
            self.log.shown.append(Line(line.number, line.text[:_SHOWN_WIDTH]))

    def _fault(self, number: int, what: str, remedy: str) -> None:
        """Note what cannot be read. Raises UnreadableError unless the rest is wanted all the same."""
        if not self._partial:
            offer = _PARTIAL if self.log.found else ""
            raise UnreadableError(f"{self.log.path}, line {number}: {what}", f"{remedy} {offer}".strip())
        self.log.faults.append(f"line {number}: {what}")

    def _nothing(self) -> UnreadableError:
        """The error for a log without a row."""
        said = self.log.faults[0] if self.log.faults else ""
        if self._seen_tool is not None:
            what = f"{self.log.path} holds no row of {self._seen_tool.names[0]}."
        elif self._wanted is not None:
            what = f"{self.log.path} holds nothing that {self._named} prints."
        else:
            what = f"{self.log.path} holds no table of a tool that is known here."
        first = f"Its first line is '{self.log.shown[0].text}'." if self.log.shown else ""
        return UnreadableError(
            " ".join(text for text in (what, said, first) if text),
            f"Known are {', '.join(name for tool in TOOLS for name in tool.names)}.",
        )


def notices(log: Log) -> Iterator[str]:
    """What was not read of a log, for people."""
    if log.strange:
        shown = "; ".join(f"line {line.number} '{line.text}'" for line in log.shown)
        more = " ..." if log.strange > len(log.shown) else ""
        yield f"{log.path}: {log.strange} line{'s' if log.strange > 1 else ''} not understood: {shown}{more}"
    if log.repeated:
        yield f"{log.path}: {log.repeated} rows were printed again with the same figures; they count once."
    if log.cut is not None:
        yield f"{log.path}: line {log.cut} was not written to its end and is left out, because digits may be missing."
    if log.faults:
        yield f"{log.path}: {len(log.faults)} left out: {'; '.join(log.faults[:SHOWN])}" + (
            " ..." if len(log.faults) > SHOWN else ""
        )

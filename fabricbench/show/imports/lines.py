"""Lines of a log, whoever printed it: numbered, without what launchers put before them, in bounded memory."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fabricbench.errors import UnreadableError

LONGEST = 1 << 12
"""Bytes of a line of text; no table of any tool is wider."""
LARGEST_DOCUMENT = 64 << 20
"""Bytes of a JSON document."""
_TRIES = 8
"""Documents that are begun in vain in one file; a log of JSON objects must not be read again and again."""

_PREFIX = re.compile(r"\[[^\]\s]{1,80}\]<std(?:out|err)>: ?|\[\d{1,7}\] | {0,6}\d{1,7}: ")
"""Open MPI's --output tag, MPICH's -prepend-rank and srun's --label."""
_MARK = "\ufeff"
"""What Windows puts before a text."""
_OPENING = re.compile(r'\{\s*("|$)')
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text. `ended`: whether its end was written; without it, digits may be missing."""

    number: int
    text: str
    ended: bool = True


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON document from a line on, with its first line's number. `ended`: whether its last bracket is there."""

    number: int
    data: bytes
    ended: bool


class Source:
    """The lines of one file in turn; where one opens a JSON document, `document` reads on to its end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.read_bytes = 0
        self._number = 0
        self._opened: tuple[int, bytes] | None = None
        self._vain = 0
        self._resume = (0, 0)
        self._file: BinaryIO

    def lines(self) -> Iterator[Line]:
        """Every line. Raises UnreadableError where the file cannot be read."""
        try:
            with self.path.open("rb") as self._file:
                while raw := self._file.readline(LONGEST):
                    self._number += 1
                    self.read_bytes += len(raw)
                    self._opened = (self._file.tell(), raw)
                    ended = self._ended(raw)
                    yield Line(self._number, without_prefix(_text(raw)), ended)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UnreadableError(f"{self.path} cannot be read: {reason}.", "Give the path of a log.") from error

    def document(self, line: Line) -> Document | None:
        """The document that this line, the last one given, opens; None where it opens none. `taken` must follow.

        Raises UnreadableError where it is too large.
        """
        if self._opened is None or self._vain >= _TRIES or not _OPENING.match(line.text):
            return None
        position, raw = self._opened
        text_goes_on = self._file.tell()
        self._file.seek(position)
        parts = [raw if raw.endswith(b"\n") else raw + self._file.readline(LARGEST_DOCUMENT)]
        size, depth = len(parts[0]), _depth(parts[0])
        while depth > 0 and size <= LARGEST_DOCUMENT and (raw := self._file.readline(LARGEST_DOCUMENT)):
            parts.append(raw)
            size += len(raw)
            depth += _depth(raw)
        if size > LARGEST_DOCUMENT:
            raise UnreadableError(
                f"{self.path}, line {line.number}: this JSON document is larger than {LARGEST_DOCUMENT >> 20} MiB.",
                "Split it, or import the text that the tool prints.",
            )
        self._resume = (text_goes_on, len(parts) - 1)
        return Document(line.number, b"".join(map(_unlabelled, parts)), depth <= 0)

    def taken(self, is_ours: bool) -> None:
        """Whether the document was one of a tool's; if not, its lines after the first are given as text."""
        position, more = self._resume
        if is_ours:
            self._number += more
        else:
            self._vain += more > 0
            self._file.seek(position)

    def _ended(self, raw: bytes) -> bool:
        """Skip the rest of a line that is too long for any table."""
        while raw and not raw.endswith(b"\n") and len(raw) == LONGEST and self._opened is not None:
            raw = self._file.readline(LONGEST)
            self.read_bytes += len(raw)
        return raw.endswith(b"\n")


def without_prefix(text: str) -> str:
    """A line without the label of the rank that printed it."""
    match = _PREFIX.match(text)
    return text[match.end() :] if match else text


def line_of(data: bytes, position: int, first: int) -> int:
    """Number of the line at a position of a document that begins in line `first`."""
    return first + data.count(b"\n", 0, position)


def _text(raw: bytes) -> str:
    return raw.rstrip(b"\r\n").decode("utf-8", errors="replace").replace("\0", "").removeprefix(_MARK)


def _unlabelled(raw: bytes) -> bytes:
    raw = raw.removeprefix(_MARK.encode())
    match = _PREFIX.match(raw[:128].decode("latin-1"))
    return raw[match.end() :] if match else raw


def _depth(raw: bytes) -> int:
    """Brackets that a line opens and does not close, strings aside."""
    inside = (_brackets(match[0]) for match in _STRING.finditer(raw))
    return _brackets(raw) - sum(inside)


def _brackets(raw: bytes) -> int:
    return raw.count(b"{") + raw.count(b"[") - raw.count(b"}") - raw.count(b"]")

"""JSON documents of tools: only the fields that are read are kept, and what was cut off is cut clean."""

import re
from typing import TypeVar

import msgspec

from fabricbench.errors import UnreadableError
from fabricbench.show.imports.lines import Document, line_of

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)|[{}\[\]]', re.DOTALL)
_CLOSING = {b"{": b"}", b"[": b"]"}

T = TypeVar("T")


class Part(msgspec.Struct, frozen=True):
    """A part of a document; fields that are not named are passed over without being stored."""


def decoded(document: Document, kind: type[T], tool: str, depth: int) -> T:
    """The fields of a document that are read. Raises UnreadableError.

    depth: brackets that are open behind a row; a document without its end is cut there.
    """
    data = document.data if document.ended else mended(document.data, depth)
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        said = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise UnreadableError(f"this is no JSON as {tool} writes it: {said}.") from error


def mended(data: bytes, depth: int) -> bytes:
    """A document without its end, cut behind the last complete row and closed there."""
    stack: list[bytes] = []
    whole, closing = 0, b""
    for token in _TOKEN.finditer(data):
        sign = token[0]
        if sign in _CLOSING:
            stack.append(sign)
        elif sign in (b"}", b"]") and stack:
            stack.pop()
            if len(stack) == depth and stack[-1] == b"[" and sign == b"}":
                whole, closing = token.end(), b"".join(_CLOSING[one] for one in reversed(stack))
    return data[:whole] + closing


def lines_of(document: Document, mark: re.Pattern[bytes], rows: int) -> list[int]:
    """The line of each row, found by what each holds once; the first line where that does not tell."""
    found = []
    line, position = document.number, 0
    for match in mark.finditer(document.data):
        line = line_of(document.data[position : match.start()], len(document.data), line)
        position = match.start()
        found.append(line)
        if len(found) > rows:
            break
    return found if len(found) == rows else [document.number] * rows

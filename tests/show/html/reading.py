"""A report read back as a browser reads it."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree.ElementTree import Element

import html5lib

from fabricbench.show.html import render, report
from fabricbench.store import Result

HTML = "{http://www.w3.org/1999/xhtml}"


def written(*files: Sequence[Result]) -> str:
    return render.document(report.of(files))


def tree(text: str) -> Element:
    """The page as elements; not well-formed HTML is an error."""
    parser = html5lib.HTMLParser(strict=True)
    found: Element = parser.parse(text)
    return found


def elements(page: Element, name: str, **attributes: str) -> list[Element]:
    return [
        one
        for one in page.iter(f"{HTML}{name}")
        if all(value in one.get(key, "").split() for key, value in attributes.items())
    ]


def text_of(element: Element) -> str:
    return re.sub(r"\s+", " ", "".join(element.itertext())).strip()


def tags(page: Element) -> Counter[str]:
    return Counter(str(one.tag) for one in page.iter())


def rows(table: Element) -> list[list[str]]:
    """Head and body of a table as text."""
    return [[text_of(cell) for cell in row] for row in table.iter(f"{HTML}tr")]


def answer(page: Element) -> list[tuple[str, str]]:
    """Kind and text of every sentence of the answer."""
    found = (one for part in elements(page, "ul", **{"class": "answer"}) for one in part)
    return [(one.get("class", ""), text_of(one).removeprefix(one.get("class", "")).strip()) for one in found]


def figures(page: Element) -> Iterator[tuple[str, dict[str, Any]]]:
    """Caption and figure of every chart."""
    for one in elements(page, "figure"):
        (script,) = elements(one, "script")
        (caption,) = elements(one, "figcaption")
        yield text_of(caption), json.loads(script.text or "")


def traces(figure: dict[str, Any], role: str) -> list[dict[str, Any]]:
    return [one for one in figure["data"] if one["meta"]["role"] == role]

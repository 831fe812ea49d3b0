"""Texts that came from elsewhere: host names, parameters and file names may hold anything."""

import html


def visible(text: str) -> str:
    """A text whose every character can be seen; the others as escapes.

    Control characters are no HTML, and those that turn the direction of writing would let a name look like another.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def counted(number: int, what: str) -> str:
    """So many of a thing: "1 row", "2 rows"."""
    return f"{number} {what}{'s' if number != 1 else ''}"


def plain(text: str) -> str:
    """A text that plotly.js shows as it stands: it reads a little HTML in every text, links among it."""
    return html.escape(visible(text), quote=False)

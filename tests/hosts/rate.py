"""Rates of links, written as `tc` writes them: "100mbit", "2.5gbit"."""

import re

_UNITS = {"bit": 1.0, "kbit": 1e3, "mbit": 1e6, "gbit": 1e9}


def bits_per_s(rate: str) -> float:
    """The rate as a number.  Raises ValueError for anything but a positive number and one of four units."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(k|m|g)?bit", rate)
    number = float(found[1]) if found else 0.0
    if found is None or number == 0.0:
        raise ValueError(f"{rate!r} is no rate; write it like 100mbit, with bit, kbit, mbit or gbit.")
    return number * _UNITS[f"{found[2] or ''}bit"]


def scaled(rate: str, factor: float) -> str:
    """That rate times a factor, in whole bits a second."""
    return f"{round(bits_per_s(rate) * factor)}bit"

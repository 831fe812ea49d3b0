"""Bytes and seconds: the only place where "4KiB" is parsed and "12.3 us" is printed.

Everywhere else a size is an `int` in bytes, a time is a `float` in seconds and a rate is a `float` per second.
"""

import math
import re

from fabricbench.errors import UsageError

LARGEST_SIZE = 1 << 62  # one more doubling would leave the signed 64-bit counts of every C interface

_BINARY = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_DECIMAL = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_SIZE = re.compile(r"(?P<number>\d+)\s*(?P<prefix>[kmgt]?)(?P<unit>i?b?)", re.IGNORECASE)

_UNITS = {
    **{unit: ("s", scale) for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9))},
    **{
        f"{prefix}B/s": ("B/s", scale) for prefix, scale in (("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12))
    },
    **{f"{prefix}iB/s": ("B/s", float(1 << shift)) for prefix, shift in (("K", 10), ("M", 20), ("G", 30), ("T", 40))},
    **{f"{p}FLOP/s": ("FLOP/s", scale) for p, scale in (("", 1.0), ("M", 1e6), ("G", 1e9), ("T", 1e12), ("P", 1e15))},
    **{f"{prefix}/s": ("1/s", scale) for prefix, scale in (("1", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9))},
    "%": ("%", 0.01),
}
"""What a unit measures, and how many of the plain unit it is."""

_TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
_RATES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))


def parse_size(text: str) -> int:
    """Bytes of "8", "4KiB", "4k" (both 4096) or "4kB" (4000).  Raises UsageError, naming what was wrong."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            f"'{text}' is not a size.",
            "Write a whole number of bytes, such as 8, 4KiB, 1MiB or 2GB.",
        )
    prefix, unit = match["prefix"].lower(), match["unit"].lower()
    scale = (_DECIMAL if unit == "b" else _BINARY)[prefix]
    nbytes = int(match["number"]) * scale
    if nbytes > LARGEST_SIZE:
        raise UsageError(f"The size '{text}' does not fit in 62 bits.", "Ask for a smaller size.")
    return nbytes


def parse_sizes(text: str) -> tuple[int, ...]:
    """Sizes of "8,64KiB" or "8:1MiB"; a colon means every power of two between, both ends included."""
    sizes: list[int] = []
    for part in text.split(","):
        first, colon, last = part.partition(":")
        low = parse_size(first)
        if not colon:
            sizes.append(low)
            continue
        high = parse_size(last)
        if low == 0 or low > high:
            raise UsageError(
                f"The range '{part}' is empty.",
                "Write the smaller size first, above zero: 8:1MiB is 8, 16, ... 1MiB.",
            )
        doubled = low
        while doubled <= high:
            sizes.append(doubled)
            doubled *= 2
    return tuple(dict.fromkeys(sizes))


def parse_seconds(text: str) -> float:
    """Seconds of "90", "1.5s", "20ms" or "2min"; finite and above zero."""
    match = re.fullmatch(r"(?P<number>\d+(\.\d*)?|\.\d+)\s*(?P<unit>s|ms|us|min|h)?", text.strip())
    scale = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "min": 60.0, "h": 3600.0}
    seconds = float(match["number"]) * scale[match["unit"] or "s"] if match else 0.0
    if not 0.0 < seconds < math.inf:
        raise UsageError(f"'{text}' is not a time above zero.", "Write seconds, such as 90, 1.5s, 20ms or 2min.")
    return seconds


def unit_scale(unit: str, quantity: str) -> float:
    """Plain units in one of `unit`: 1e-6 for "us". Raises UsageError with those that fit.

    quantity: "s", "B/s", "FLOP/s", "1/s" or "%", of which shares are hundredths.
    """
    found, scale = _UNITS.get(unit, ("", 0.0))
    if found != quantity:
        fitting = ", ".join(name for name, (measured, _) in _UNITS.items() if measured == quantity)
        raise UsageError(f"'{unit}' is no unit of this.", f"Write one of {fitting}.")
    return scale


def size_text(nbytes: int) -> str:
    """Exact text of a size, shortest first: 4096 -> "4KiB", 4097 -> "4097"."""
    for prefix in ("t", "g", "m", "k"):
        scale = _BINARY[prefix]
        if nbytes and nbytes % scale == 0:
            return f"{nbytes // scale}{prefix.upper()}iB"
    return str(nbytes)


def about_size(nbytes: float) -> str:
    """Rounded text of an amount of memory: "1.50 GiB"."""
    for prefix in ("t", "g", "m", "k"):
        if nbytes >= _BINARY[prefix]:
            return f"{nbytes / _BINARY[prefix]:.3g} {prefix.upper()}iB"
    return f"{nbytes:.0f} B"


def time_text(seconds: float) -> str:
    """Three significant digits with the unit that keeps them readable: 1.23e-05 -> "12.3 us"."""
    scale, unit = next((pair for pair in _TIMES if abs(seconds) >= pair[0]), _TIMES[-1])
    return f"{_three_digits(seconds / scale)} {unit}"


def rate_text(rate: float, unit: str = "B/s") -> str:
    """Three significant digits with a decimal prefix: 8.6e9 -> "8.60 GB/s"."""
    scale, prefix = next((pair for pair in _RATES if abs(rate) >= pair[0]), _RATES[-1])
    return f"{_three_digits(rate / scale)} {prefix}{unit}"


def percent_text(ratio: float) -> str:
    """A ratio as a percentage without false digits: 0.0734 -> "7.3 %"."""
    return f"{100 * ratio:.1f} %"


def _three_digits(value: float) -> str:
    size = abs(value)
    if size == 0 or size >= 1000:  # noqa: PLR2004 - four digits before the point already are more than three
        return f"{value:.0f}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(size)))}f}"

"""Sizes, times and rates: what is printed can be read back, what makes no sense is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricbench import quantity
from fabricbench.errors import UsageError


@pytest.mark.parametrize(
    ("text", "nbytes"),
    [
        ("0", 0),
        ("8", 8),
        ("8B", 8),
        ("4KiB", 4096),
        ("4k", 4096),
        ("4K", 4096),
        ("4kB", 4000),
        ("1MiB", 1 << 20),
        ("2GB", 2 * 10**9),
        (" 1 TiB ", 1 << 40),
    ],
)
def test_sizes(text: str, nbytes: int) -> None:
    assert quantity.parse_size(text) == nbytes


@pytest.mark.parametrize("text", ["", "-1", "1.5k", "4XB", "k", "1e3", "0x10", "nan", "9999999TiB"])
def test_what_is_no_size_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        quantity.parse_size(text)
    assert text in caught.value.what
    assert caught.value.remedy


@given(st.integers(0, quantity.LARGEST_SIZE))
def test_an_exact_size_is_read_back(nbytes: int) -> None:
    assert quantity.parse_size(quantity.size_text(nbytes)) == nbytes


@given(st.integers(0, 1 << 22), st.sampled_from(["", "k", "m", "g", "t"]), st.booleans())
def test_case_and_space_do_not_matter(number: int, prefix: str, binary: bool) -> None:
    unit = f"{prefix}iB" if binary and prefix else f"{prefix}B"
    texts = (f"{number}{unit}", f"{number} {unit.upper()}", f" {number}{unit.lower()}")
    assert len({quantity.parse_size(text) for text in texts}) == 1


@given(st.integers(0, 40), st.integers(0, 10))
def test_a_range_holds_every_power_of_two(first: int, more: int) -> None:
    sizes = quantity.parse_sizes(f"{1 << first}:{1 << (first + more)}")
    assert sizes == tuple(1 << power for power in range(first, first + more + 1))


def test_lists_of_sizes() -> None:
    assert quantity.parse_sizes("8,64KiB") == (8, 65536)
    assert quantity.parse_sizes("8:32,16,1k") == (8, 16, 32, 1024)
    assert quantity.parse_sizes("3:13") == (3, 6, 12)


@pytest.mark.parametrize("text", ["", ",", "8,", "8:", ":8", "0:8", "16:8", "8:16:32"])
def test_what_is_no_list_of_sizes_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        quantity.parse_sizes(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1.5s", 1.5), ("20ms", 0.02), ("5us", 5e-6), ("2min", 120), ("1h", 3600)],
)
def test_times(text: str, seconds: float) -> None:
    assert quantity.parse_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "0", "-1", "1e3", "inf", "nan", "1d", "s", "9" * 400])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        quantity.parse_seconds(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 ns"),
        (1.23e-5, "12.3 us"),
        (1.0, "1.00 s"),
        (9.9e-8, "99.0 ns"),
        (1234.0, "1234 s"),
        (9.999e-4, "1000 us"),
    ],
)
def test_printed_times(seconds: float, text: str) -> None:
    assert quantity.time_text(seconds) == text


@given(st.floats(1e-9, 1e5))
def test_a_printed_time_keeps_three_digits(seconds: float) -> None:
    number, unit = quantity.time_text(seconds).split()
    scale = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}[unit]
    assert float(number) * scale == pytest.approx(seconds, rel=5.1e-3)
    assert len(number.replace(".", "")) >= 3


def test_printed_rates_sizes_and_ratios() -> None:
    assert quantity.rate_text(8.6e9) == "8.60 GB/s"
    assert quantity.rate_text(0.0) == "0 B/s"
    assert quantity.rate_text(1.5e12, "FLOP/s") == "1.50 TFLOP/s"
    assert quantity.about_size(1.5 * (1 << 30)) == "1.5 GiB"
    assert quantity.about_size(100) == "100 B"
    assert quantity.size_text(4097) == "4097"
    assert quantity.percent_text(0.0734) == "7.3 %"

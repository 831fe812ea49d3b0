"""Rates and shapes of fabrics that can be, and those that cannot; nothing is built."""

import pytest
from hosts.fabric import fabric
from hosts.rate import bits_per_s, scaled


def test_a_rate_is_read_as_tc_reads_it() -> None:
    assert bits_per_s("100mbit") == 1e8
    assert bits_per_s("2.5gbit") == 2.5e9
    assert scaled("100mbit", 0.5) == "50000000bit"
    for wrong in ("100", "fast", "0mbit", "-1mbit", "100MB"):
        with pytest.raises(ValueError, match="no rate"):
            bits_per_s(wrong)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"hosts": 1}, "2 to 8"),
        ({"hosts": 9}, "2 to 8"),
        ({"leaves": 3}, "1 or 2"),
        ({"uplink": "1gbit"}, "leaves=2"),
        ({"rate": "fast"}, "no rate"),
    ],
)
def test_a_fabric_that_cannot_be_is_refused_before_anything_is_built(words: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why), fabric(**words):  # type: ignore[arg-type]
        pytest.fail("it stands")

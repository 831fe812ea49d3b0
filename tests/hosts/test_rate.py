"""Rates and shapes of fabrics that can be, and those that cannot; nothing is built."""

import os
import shutil
import subprocess

import pytest
from hosts.fabric import fabric, why_not
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
        ({"hosts": 2, "slow": {("c", "transmit"): 0.5}}, "hosts are a, b"),
        ({"slow": {("c", "both"): 0.5}}, "no direction"),
        ({"slow": {("c", "transmit"): 0.0}}, "above 0"),
    ],
)
def test_a_fabric_that_cannot_be_is_refused_before_anything_is_built(words: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why), fabric(**words):  # type: ignore[arg-type]
        pytest.fail("it stands")


def test_where_there_can_be_none_it_is_said_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert why_not.__wrapped__() == "several hosts on one machine need root"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda tool: None if tool == "tc" else tool)
    assert why_not.__wrapped__() == "several hosts on one machine need tc"
    monkeypatch.undo()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("hosts.fabric.TOOLS", ())
    monkeypatch.setattr("hosts.fabric.fabric", refusing)
    assert why_not.__wrapped__() == "no namespaces with shaped links: tc qdisc: Unknown qdisc"


def refusing(hosts: int) -> None:
    raise subprocess.CalledProcessError(2, ["tc", "qdisc"], stderr="Unknown qdisc\n")

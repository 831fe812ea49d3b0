"""Evidence beside the samples."""

import threading
from pathlib import Path

import pytest

from fabricbench.measure import telemetry


def test_both_ends_are_seen_and_the_thread_is_gone_afterwards() -> None:
    with telemetry.Observer() as observer:
        assert any(thread.name == "telemetry" for thread in threading.enumerate())
    assert not any(thread.name == "telemetry" for thread in threading.enumerate())
    report = observer.report()
    assert len(report.load) >= 1
    assert len(report.mhz) in (0, len(report.load))


def test_it_is_read_while_a_compiled_loop_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the interpreter lock held by the loop, the thread would see the first moment only."""
    import numpy as np

    from fabricbench.measure.loop import Loop, nothing
    from fabricbench.spec import Step, block

    monkeypatch.setattr(telemetry, "INTERVAL_S", 0.01)
    loop = Loop(step=Step(call=nothing, block=block(unused=0)))
    loop.take(1, 1)
    ticks = []
    with telemetry.Observer() as observer:
        for _ in range(100):
            before = len(observer.report().load)
            loop.take(1, 100_000_000)
            ticks.append(len(observer.report().load) - before)
            if max(ticks) > 1:
                break
    assert np.max(ticks) > 1


def test_an_exception_inside_ends_the_thread_too() -> None:
    with pytest.raises(KeyError), telemetry.Observer():
        raise KeyError
    assert not any(thread.name == "telemetry" for thread in threading.enumerate())


@pytest.mark.parametrize(
    ("frequency", "cpuinfo", "expected"),
    [
        ("2400000\n", "", 2400.0),
        (None, "processor : 0\ncpu MHz\t\t: 1999.5\n", 1999.5),
        ("nonsense", "cpu MHz : 1000\n", 1000.0),
        (None, "processor : 0\n", None),
        (None, None, None),
    ],
)
def test_the_frequency_is_the_kernels_or_none(
    frequency: str | None, cpuinfo: str | None, expected: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("_FREQUENCY", frequency), ("_CPUINFO", cpuinfo)):
        path = tmp_path / name
        if text is not None:
            path.write_text(text)
        monkeypatch.setattr(telemetry, name, path)
    assert telemetry.megahertz() == expected

"""Faults at seeded places of fabrics of known speed, diagnosed: two of each kind of `make calibration-hosts`."""

from pathlib import Path

import pytest
from hosts import placements
from hosts.fabric import why_not

from fabricbench import mpi
from fabricbench.engine import machine
from fabricbench.judge.placements import Case, Placement

CORES = 4


@pytest.mark.hosts
@pytest.mark.mpi
@pytest.mark.skipif(why_not() is not None, reason=why_not() or "")
@pytest.mark.skipif(mpi.installed() is not None, reason="needs MPI")
@pytest.mark.skipif(
    machine.usable_cores() < CORES, reason=f"four hosts on fewer than {CORES} cores wait for each other"
)
@pytest.mark.parametrize(("case", "seed"), [("clean", 1001), ("clean", 1002), ("transmit", 1001), ("receive", 1002)])
def test_what_is_slow_is_named_and_nobody_where_nothing_is(case: Case, seed: int) -> None:
    one = placements.diagnosed(case, seed)
    assert one.right, one


def test_places_follow_the_seed_and_are_spread() -> None:
    places = [placements.place("transmit", seed) for seed in range(40)]
    assert places == [placements.place("transmit", seed) for seed in range(40)]
    assert {host for _, _, host in places} == {0, 1, 2, 3}
    assert all(placements.SLOWEST_MBIT <= rate <= placements.FASTEST_MBIT for _, rate, _ in places)
    assert placements.place("clean", 1)[2] is None
    assert placements.place("leaves", 1)[0] == 6


def test_what_is_there_is_not_measured_again_and_what_was_wrong_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[Case, int]] = []

    def diagnosed(case: Case, seed: int, keep: Path | None) -> Placement:
        asked.append((case, seed))
        assert (keep is None) == (case != "wide")
        return Placement(
            case=case, seed=seed, library=mpi.library_name(), hosts=4, rate_mbit=70, share=0.5, host=None,
            status=4 if seed == 2 else 0, confirmed=[], suspected=[], together=1.0, noise=0.01, sees={}, seconds=1.0,
        )  # fmt: skip

    monkeypatch.setattr(placements, "diagnosed", diagnosed)
    monkeypatch.setattr(placements, "why_not", lambda: None)
    output = tmp_path / "placements.jsonl"
    for runs, status in (("1", 0), ("2", 1), ("2", 1)):
        words = ["--runs", runs, "--only", "clean", "wide", "-o", str(output)]
        monkeypatch.setattr("sys.argv", ["placements", *words])
        assert placements.main() == status
    assert asked == [("clean", 1), ("wide", 1), ("clean", 2), ("wide", 2)]
    assert len(output.read_bytes().splitlines()) == 4
    said = capsys.readouterr().out
    assert "clean 2: WRONG" in said
    assert "nothing slow" in said


def test_no_fabric_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(placements, "why_not", lambda: "needs root")
    monkeypatch.setattr("sys.argv", ["placements"])
    assert placements.main() == 3
    assert capsys.readouterr().err == "Error: needs root.\n"

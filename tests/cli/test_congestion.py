"""Victims beside aggressors as a user asks for them: four real ranks, on however few cores."""

import os
from pathlib import Path

import pytest

from fabricbench import mpi, store
from fabricbench.cli import main
from fabricbench.engine.congestion import NEVER_LOADED
from fabricbench.model import Record

pytestmark = [pytest.mark.mpi, pytest.mark.skipif(mpi.installed() is not None, reason="needs MPI")]

WORDS = ("--only", "allreduce/mpi", "--sizes", "1KiB", "--param", "aggressor=alltoall-4k", "--budget", "0.05")
ROLES = ("victim", "victim", "null", "aggressor")


def measured(folder: Path, *words: str) -> tuple[int, list[Record]]:
    file = folder / "result.jsonl"
    status = main(["run", "-n", "4", *WORDS, "--timeout", "300", "-o", str(file), *words])
    return status, list(store.load(file)[-1].records)


def test_four_ranks_measure_two_victims_beside_two_aggressors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, records = measured(tmp_path)
    shown = capsys.readouterr()
    assert status == 0, shown.err
    assert 0 <= shown.err.find("NOT FOR A PRODUCTION NETWORK") < shown.err.find("[1/4]")
    assert "ALL RANKS ARE ON ONE HOST" in shown.err
    assert [(one.case.params["role"], one.case.params["load"]) for one in records] == [
        *zip(ROLES, (0.0, 1.0, 0.0, 1.0), strict=True)
    ]
    (placement,) = {one.conditions.placement for one in records}
    assert placement.startswith("1x4, victims ")
    crowded = (os.cpu_count() or 1) < 4
    assert all(("oversubscribed" in one.conditions.flags) == crowded for one in records)
    quiet, loaded, null, beside = records
    for one in (quiet, null, beside):
        assert (one.check.status, len(one.ranks_s.median)) == ("ok", 2)
    for one in (quiet, null):
        assert len(one.samples_s) % 25 == 0
        assert one.excluded == []
    if loaded.check.status == "skipped":  # a machine so busy that aggressors never were at work all the time
        assert NEVER_LOADED in loaded.doubts[0].text
    else:
        assert "congestion: allreduce/mpi float32 1KiB beside alltoall-4k" in shown.out
        assert all(reason == "aggressors paused" for _, _, reason in loaded.excluded)


def test_an_aggressor_whose_result_is_wrong_makes_the_run_wrong_and_no_ratio_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, records = measured(tmp_path, "--inject", "flip:alltoall/mpi")
    shown = capsys.readouterr()
    assert status == 1, shown.err
    assert [(one.case.params["role"], one.check.status) for one in records if one.check.status == "wrong"] == [
        ("aggressor", "wrong")
    ]
    assert all("injected" in one.conditions.flags for one in records if one.check.status != "skipped")
    assert "WRONG" in shown.out
    assert "congestion: allreduce" not in shown.out

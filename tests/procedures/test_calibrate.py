"""`doctor --calibrate`: what is read is judged as it is, and what is gone on with is of the same plan."""

import gzip
from pathlib import Path

import msgspec
import numpy as np
import pytest

from fabricbench.cli import main
from fabricbench.errors import UsageError
from fabricbench.judge import experiments
from fabricbench.judge.calibration import SIDES, Noted
from fabricbench.procedures import calibrate

ROWS = ("allreduce/mpi", "gemm/numpy", "latency/mpi")


def fixture(tables: int, noise: float = 0.02, slowed: int = 0) -> list[Noted]:
    """Launches of which nothing differs, and tables in which the first row is slowed on the new side."""
    rng = np.random.default_rng(1)
    launches = []
    for series, count in (("unchanged", tables), ("slowed", slowed)):
        for table in range(count):
            for side in SIDES:
                hit = series == "slowed" and side == "new"
                medians = {row: float(1e-5 * np.exp(noise * rng.standard_normal())) for row in ROWS}
                medians[ROWS[0]] *= 1.25 if hit else 1.0
                launches.append(
                    Noted(
                        started="2026-01-01T00:00:00Z", machine="m", series=series, table=table, side=side,
                        slowed=[ROWS[0]] if hit else [], medians_s=medians,
                        samples_s={ROWS[0]: [medians[ROWS[0]] * (1 + 0.001 * k) for k in range(5)]},
                    )
                )  # fmt: skip
    return launches


def stored(folder: Path, launches: list[Noted]) -> Path:
    path = folder / "calibration.jsonl.gz"
    with gzip.open(path, "wb") as file:
        file.writelines(msgspec.json.encode(noted) + b"\n" for noted in launches)
    return path


class TestExperiments:
    def test_disjoint_tables_use_every_launch_once(self) -> None:
        counts = {count.what: count for count in experiments.exact(fixture(8))}
        assert counts["alternated, 5 + 5, a row worse"].trials == 8
        assert counts["`ab` with its looks, a row worse"].trials == 2
        assert counts["first half of all against second, worse or better"].trials == len(ROWS)
        assert {count.kind for count in counts.values()} == {"disjoint"}

    def test_draws_are_told_apart_and_repeat_themselves(self) -> None:
        launches = fixture(8)
        counts = experiments.drawn(launches, 3)
        assert {count.kind for count in counts} == {"drawn", "synthetic"}
        assert counts == experiments.drawn(launches, 3)

    def test_samples_taken_for_launches_find_what_is_not_there(self) -> None:
        counts = {count.what: count for count in experiments.exact(fixture(20))}
        ranked = next(count for what, count in counts.items() if what.startswith("rank test"))
        assert ranked.found > 0.1 * ranked.trials

    def test_the_power_is_told_of_quiet_rows_alone(self) -> None:
        launches = fixture(8)
        for noted in launches:
            noted.medians_s[ROWS[1]] **= 10
        seen = experiments.detectable(launches)
        assert seen[ROWS[0]] < experiments.QUIET < seen[ROWS[1]]
        assert {one.rows for one in experiments.power(launches, 3)} == {2}

    def test_tables_put_together_have_launches_of_their_own(self) -> None:
        counts = {count.what: count for count in experiments.drawn(fixture(30), 4)}
        assert counts["8 + 8, 100 rows, one worse or better"].found == 0
        assert counts["the same, 5 rows slowed by 50 %, all found"].found == 4

    def test_what_is_slowed_is_found_and_the_more_the_sooner(self) -> None:
        little, quarter, half = experiments.power(fixture(8), 9)
        assert (quarter.found, half.found) == (9, 9)
        assert half.launches == 5
        assert little.launches > half.launches

    def test_a_rule_without_thresholds_would_be_seen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Looks that take any p for an answer: the counting finds what they invent."""
        honest = next(c for c in experiments.drawn(fixture(8, 0.5), 8) if c.what.endswith("a row worse or better"))
        monkeypatch.setattr("fabricbench.judge.rule.LEVEL", 0.5)
        loose = next(c for c in experiments.drawn(fixture(8, 0.5), 8) if c.what.endswith("a row worse or better"))
        assert honest.found <= 2
        assert loose.found > honest.found + 2


class TestFixture:
    def test_only_the_plan_it_was_begun_with_is_gone_on_with(self, tmp_path: Path) -> None:
        path = stored(tmp_path, fixture(2, slowed=1))
        with pytest.raises(UsageError, match=r"not measured by this plan of 1000 unchanged .* --read"):
            calibrate.collect(path, lambda event: None)

    def test_a_complete_one_measures_nothing(self, tmp_path: Path) -> None:
        path = stored(tmp_path, fixture(2))
        before = path.read_bytes()
        calibrate.collect(path, lambda event: None, unchanged=20, tables=0)
        assert path.read_bytes() == before

    def test_the_folder_is_made_and_an_interrupted_series_is_gone_on_with(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path, launches = tmp_path / "results" / "local" / "calibration.jsonl.gz", iter(fixture(2))

        def launched(words: list[str], *wanted: object) -> Noted:
            noted = msgspec.structs.replace(next(launches), machine=calibrate._here())
            if len(calibrate.load(path) if path.exists() else []) == 7 and not interrupted:
                interrupted.append(noted)
                raise KeyboardInterrupt
            return noted

        interrupted: list[Noted] = []
        monkeypatch.setattr(calibrate, "_launched", launched)
        with pytest.raises(KeyboardInterrupt):
            calibrate.collect(path, lambda event: None, unchanged=10, tables=0)
        assert len(calibrate.load(path)) == 7
        calibrate.collect(path, lambda event: None, unchanged=10, tables=0)
        assert [noted.side for noted in calibrate.load(path)][:4] == list(SIDES)[:4]
        assert len(calibrate.load(path)) == 10

    def test_it_is_read_as_it_is(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(experiments, "DRAWS", 3)
        path = stored(tmp_path, fixture(4, slowed=1))
        assert main(["doctor", "--calibrate", str(path), "--read"]) == 0
        shown = capsys.readouterr().out
        assert "disjoint: each launch used once" in shown
        assert "power of `ab`" in shown
        assert main(["doctor", "--calibrate", str(path), "--read", "--format", "json"]) == 0
        found = msgspec.json.decode(capsys.readouterr().out)
        assert [one["factor"] for one in found["experiments"]["power"]] == list(experiments.FACTORS)

    def test_words_that_make_no_sense_are_refused(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["doctor", "--read"]) == 2
        assert "--calibrate FILE" in capsys.readouterr().err
        assert main(["doctor", "--calibrate", str(tmp_path / "none.gz"), "--read"]) == 2
        assert "is no calibration" in capsys.readouterr().err

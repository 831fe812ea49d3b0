"""What `diagnose` measures of a fabric, and what it says: launches are answered by a fabric that is computed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import example_lines as example
import numpy as np
import pytest

from fabricbench import store
from fabricbench.engine import launch
from fabricbench.engine.start import Order
from fabricbench.engine.survey import Survey, Wave
from fabricbench.judge import rounds, suspicion
from fabricbench.judge.suspicion import Diagnosis
from fabricbench.model import Round
from fabricbench.procedures import diagnose
from fabricbench.procedures.measuring import Question

USUAL = 1e8
Rates = Callable[[int, int, Wave], float]
"""Share of the usual rate from a sender to a receiver while a wave is measured."""


class Computed:
    """Answers launches. `waves`: all that were asked for."""

    def __init__(self, members: int, share: Rates) -> None:
        self.members, self.share, self.waves = members, share, list[Wave]()
        self.noise = np.random.default_rng(1)

    def __call__(self, survey: Survey, words: list[str], hear: Callable[[dict[str, Any]], None]) -> None:
        hear({"event": "nodes", "names": [f"h{host}" for host in range(self.members)]})
        self.waves += survey.waves
        with store.Writer.create(Path(survey.output), append=True) as writer:
            writer.write(example.launch(survey.launch))
            for wave in survey.waves:
                writer.write(
                    Round(
                        launch=survey.launch, round=wave.round, direction=wave.direction, pairs=wave.pairs,
                        nbytes=survey.nbytes, samples_s=list(self._samples(wave, survey.nbytes)), check="ok",
                    )
                )  # fmt: skip

    def _samples(self, wave: Wave, nbytes: int) -> Iterator[list[float]]:
        for pair in wave.pairs:
            ways = {"forward": [pair], "backward": [pair[::-1]], "both": [pair, pair[::-1]]}[wave.direction]
            share = min(self.share(one, two, wave) for one, two in ways)
            rates = USUAL * share * np.exp(0.005 * self.noise.standard_normal(4))
            yield [float(f"{nbytes / rate:.6g}") for rate in rates]


@pytest.fixture
def diagnosed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Rates], tuple[Diagnosis, list[Wave]]]:
    def answer(members: int, share: Rates) -> tuple[Diagnosis, list[Wave]]:
        computed = Computed(members, share)
        monkeypatch.setattr(launch, "launch", computed)
        order = Order(ranks=members, launcher="mpirun", output=str(tmp_path / "out.jsonl"), command=("diagnose",))
        return diagnose.diagnose(Question(pairs_only=True), order, lambda event: None), computed.waves

    return answer


Ask = Callable[[int, Rates], tuple[Diagnosis, list[Wave]]]


def names(found: Diagnosis) -> list[tuple[str, tuple[int | str, ...], bool]]:
    return [(one.suspect.kind, one.suspect.members, one.confirmed) for one in found.found]


@pytest.mark.parametrize("members", [4, 5, 8])
@pytest.mark.parametrize("share", [0.9, 0.5])
def test_a_slow_sender_is_named_and_confirmed_wherever_it_is(diagnosed: Ask, members: int, share: float) -> None:
    found, _ = diagnosed(members, lambda one, two, wave: share if one == 1 else 1.0)
    assert names(found) == [("transmit", (1,), True)]


def test_of_few_hosts_every_pair_is_measured_once_each_way(diagnosed: Ask) -> None:
    found, waves = diagnosed(8, lambda one, two, wave: 1.0)
    assert found.verdict == "clean"
    several = [wave for wave in waves if len(wave.pairs) > 1]
    assert len(several) == 3 * 7
    assert len(found.rates) == 8 * 7


def test_of_many_hosts_the_nearly_slow_meet_more_partners(diagnosed: Ask) -> None:
    found, waves = diagnosed(300, lambda one, two, wave: 0.8 if 7 in (one, two) else 1.0)
    assert names(found) == [("host", (7,), True)]
    several = [wave for wave in waves if len(wave.pairs) > 1]
    assert len(several) == 3 * rounds.SPARSE_ROUNDS + 2 * rounds.TARGETED_ROUNDS
    met = [two for one, two in found.rates if one == 7]
    assert len(set(met)) == len(met) == rounds.SPARSE_ROUNDS + rounds.TARGETED_ROUNDS
    assert sum(len(wave.pairs) == 1 for wave in waves) == rounds.MOST_ALONE + 2 * suspicion.PARTNERS


def test_many_hosts_without_a_fault_are_clean_and_cost_no_more_rounds(diagnosed: Ask) -> None:
    found, waves = diagnosed(300, lambda one, two, wave: 1.0)
    assert found.verdict == "clean"
    assert sum(len(wave.pairs) > 1 for wave in waves) == 3 * rounds.SPARSE_ROUNDS


@pytest.mark.parametrize("members", [6, 8, 10])
def test_a_narrow_uplink_is_noticed_and_no_host_is_blamed(diagnosed: Ask, members: int) -> None:
    """Two leaves whose uplink carries half of what the hosts of one can send."""

    def share(one: int, two: int, wave: Wave) -> float:
        half = members // 2
        crossing = sum((a < half) != (b < half) for a, b in wave.pairs)
        return min(1.0, half / 2 / crossing) if (one < half) != (two < half) else 1.0

    found, _ = diagnosed(members, share)
    assert found.verdict in ("clean", "unknown")  # of few hosts none would stand out beside what the uplink takes
    assert not any(confirmed for _, _, confirmed in names(found))
    assert found.together == pytest.approx(0.5, rel=0.05)
    assert any("uplink" in sentence for sentence in suspicion.sentences(found))


def test_a_wave_that_was_disturbed_is_nobodys_fault(diagnosed: Ask) -> None:
    found, _ = diagnosed(
        12, lambda one, two, wave: 0.7 if (wave.round, wave.direction, len(wave.pairs)) == (3, "forward", 6) else 1.0
    )
    assert names(found) == []
    assert found.verdict == "clean"

"""Counting how often faults are named: the runs, the faults and the counts, each against what it must be."""

import math

import numpy as np
import pytest

from fabricbench.judge import detection, localise, resampled, slowness
from fabricbench.judge.faults import FAULTS, GROUPED, Fault, Name, Placed, faults, guilty, place
from fabricbench.judge.localise import rounds
from fabricbench.judge.resampled import Source, layout_of, made, source
from fabricbench.judge.slowness import judged
from fabricbench.model import Round

HOSTS = 8


def clean(
    seed: int, *, noise: float = 0.01, hosts: float = 0.0, waves: float = 0.0, members: int = HOSTS, repeats: int = 5
) -> list[Round]:
    """Rounds of a run without a fault, with these spreads of pairs, hosts and waves."""
    rng = np.random.default_rng(seed)
    adds = hosts * rng.standard_normal((2, members))
    lines = []
    for number, pairs in enumerate(rounds(members)):
        for direction in ("forward", "backward", "both"):
            common = waves * rng.standard_normal()
            samples = []
            for one, two in pairs:
                sender, receiver = (two, one) if direction == "backward" else (one, two)
                level = common + adds[0, sender] + adds[1, receiver] + noise * rng.standard_normal()
                samples.append(np.exp(-level - noise / 10 * rng.standard_normal(repeats)).tolist())
            lines.append(
                Round(
                    launch=0, round=number, direction=direction, pairs=pairs, nbytes=1,  # type: ignore[arg-type]
                    samples_s=samples, check="ok",
                )
            )  # fmt: skip
    return lines


def sources(count: int = 3, **spreads: float) -> list[Source]:
    found = [source(clean(seed, **spreads)) for seed in range(count)]  # type: ignore[arg-type]
    assert None not in found
    return [one for one in found if one is not None]


def test_a_source_has_the_spread_of_its_run() -> None:
    plain = sources(6, noise=0.02)
    assert np.median([one.noise for one in plain]) == pytest.approx(0.02, rel=0.25)
    assert np.median([one.spread for one in plain]) < 0.006
    uneven = sources(6, noise=0.01, hosts=0.05, waves=0.04)
    assert np.median([one.spread for one in uneven]) == pytest.approx(0.05, rel=0.35)
    assert np.median([one.waves for one in uneven]) == pytest.approx(0.04, rel=0.35)
    assert np.median([one.noise for one in uneven]) == pytest.approx(0.01, rel=0.3)


@pytest.mark.parametrize(("members", "repeats"), [(6, 5), (8, 2)])
def test_what_is_too_small_is_no_source(members: int, repeats: int) -> None:
    assert source(clean(1, members=members, repeats=repeats)) is None
    assert source([]) is None


def test_what_a_wave_has_in_common_stays_in_common() -> None:
    layout = layout_of(rounds(32), [""] * 32)
    runs = made(sources(noise=0.005, waves=0.1), layout, 4, np.random.default_rng(1))
    for values in runs.measured.medians:
        means = np.array([values[layout.waves == wave].mean() for wave in range(62)])
        assert values.std() > 0.05
        assert (values - means[layout.waves]).std() < 0.02


def test_what_a_host_adds_stays_with_it_in_pairs_that_are_measured_later() -> None:
    random = np.random.default_rng(1)
    runs = made(sources(noise=0.001, hosts=0.1), layout_of(rounds(12)[:5], [""] * 12), 1, random)
    later = resampled.Runs.of(layout_of(rounds(12)[5:], [""] * 12), runs.sources, runs.hosts, random)
    for some in (runs, later):
        level = runs.hosts[0, some.layout.senders, 0] + runs.hosts[0, some.layout.receivers, 1]
        assert some.measured.medians[0] == pytest.approx(level, abs=0.01)
    again = runs.again(0, [(3, 4), (3, 4)], random)
    assert again == pytest.approx(runs.hosts[0, 3, 0] + runs.hosts[0, 4, 1], abs=0.01)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_takes_from_its_pairs_and_is_named_as_it_should_be(fault: Fault) -> None:
    layout = layout_of(rounds(9), detection.group_names(9, grouped=fault in GROUPED))
    random = np.random.default_rng(2)
    runs = made(sources(noise=0.002), layout, 5, random)
    placed = place(fault, layout, 5, random)
    seen = judged(placed.harmed(runs.measured, layout, 0.5), layout)
    for run in range(5):
        slow = {kind: seen.slow(kind)[run] for kind in seen.effects}
        effects = {kind: values[run] for kind, values in seen.effects.items()}
        named = localise.suspects(slow, effects, layout)
        assert {(one.kind, one.members) for one in named} == placed.named(run, layout)
        taken = placed.harmed(runs.measured, layout, 0.5).medians[run] - runs.measured.medians[run]
        assert taken == pytest.approx(placed.counts(layout)[run] * math.log(0.5))


def test_no_fault_takes_nothing() -> None:
    layout = layout_of(rounds(4), [""] * 4)
    assert Placed().named(7, layout) == set()
    assert Placed().counts(layout).sum() == 0


def test_guilty_is_whoever_has_no_pair_that_is_not_slow() -> None:
    groups = ["x", "x", "y", "y"]
    node: set[Name] = {("host", (2,))}
    good: list[Name] = [("host", (2,)), ("transmit", (2,)), ("receive", (2,)), ("pair", (2, 0)), ("pair", (1, 2))]
    bad: list[Name] = [
        ("host", (0,)),
        ("transmit", (0,)),
        ("pair", (0, 1)),
        ("group", ("x", "y")),
        ("group", ("x", "x")),
    ]
    assert all(guilty(name, node, groups) for name in good)
    assert not any(guilty(name, node, groups) for name in bad)
    within: set[Name] = {("group", ("y", "y"))}
    assert guilty(("pair", (3, 2)), within, groups)
    assert not guilty(("host", (3,)), within, groups)


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_a_pair_are_the_same_by_name_and_by_place(fault: Fault) -> None:
    layout = layout_of(rounds(9), detection.group_names(9, grouped=fault in GROUPED))
    placed = place(fault, layout, 3, np.random.default_rng(3))
    for run in range(3):
        names = placed.named(run, layout)
        pairs = zip(layout.senders.tolist(), layout.receivers.tolist(), strict=True)
        by_name = [faults(names, one, two, layout.groups) for one, two in pairs]
        assert by_name == placed.counts(layout)[run].tolist()


def test_counts_are_of_runs_and_of_the_truth() -> None:
    found = detection.outcomes(sources(), 10, 40)
    assert [one.fault for one in found if one.fault is None] == [None, None]
    assert {one.fault for one in found} == {None, *FAULTS}
    assert all(one.runs == 40 and one.hosts == 10 for one in found)
    assert sum(one.blamed for one in found) <= 0.01 * sum(one.runs for one in found)
    for one in found:
        if one.severity >= 0.5:
            assert one.found >= 38
        if one.fault == "link" and one.severity == 0.05:
            assert one.found < 40
    total = found[0].with_more(found[0])
    assert (total.runs, total.found, total.interval(0)[0]) == (80, 2 * found[0].found, 0.0)


def test_a_judge_that_asks_for_too_little_is_seen_to_blame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slowness, "FALSE_ALARMS", 50.0)
    monkeypatch.setattr(slowness, "_FLOOR", 0.001)
    (clean_runs, *_) = detection.outcomes(sources(), 10, 20)
    assert clean_runs.suspected > 10


def test_a_judge_that_is_blind_is_seen_to_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slowness, "_FLOOR", 1.0)
    found = detection.outcomes(sources(), 10, 20)
    assert all(one.found == 0 for one in found if one.fault is not None)


@pytest.mark.parametrize("hosts", [4, 10])
def test_runs_see_what_they_say_and_little_more(hosts: int) -> None:
    for edge in detection.edges(sources(noise=0.02), hosts, 200):
        assert edge.above >= 165, edge
        assert edge.below <= 40, edge
        assert 0.04 < edge.severity < 0.5


def test_some_rounds_of_many_hosts_find_who_is_slow() -> None:
    found = detection.sparse(sources(), 257, [0])
    assert {one.fault for one in found} == {None, *FAULTS}
    for one in found:
        assert one.runs == 1
        if one.fault is None or one.severity >= 0.2:
            assert (one.found, one.blamed) == (1, 0), one

"""Who is slow, from bandwidths between all: simulated fabrics with noise, faults of every kind, and none."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabricbench.judge.localise import Kind, Localised, Suspect, bandwidths, localise, rounds, together
from fabricbench.judge.polish import Layout, polish
from fabricbench.judge.resampled import layout_of
from fabricbench.judge.rounds import first
from fabricbench.judge.slowness import LEAST
from fabricbench.model import Round

USUAL = 1e9
Fabric = dict[tuple[int, int], list[float]]
LEAVES = ["x"] * 4 + ["y"] * 4


def simulated(
    members: int, *, noise: float = 0.01, repeats: int = 5, seed: int = 1, slow: dict[tuple[Kind, object], float] | None
    = None, groups: Sequence[str] | None = None,
) -> Fabric:  # fmt: skip
    """Bandwidths of all pairs with normal noise of that share; `slow` by kind and members."""
    rng = np.random.default_rng(seed)
    found = {}
    for one in range(members):
        for two in (other for other in range(members) if other != one):
            share = 1.0
            for (kind, who), left in (slow or {}).items():
                crossed = groups is not None and (groups[one], groups[two]) == who
                if {
                    "transmit": one == who,
                    "receive": two == who,
                    "host": who in (one, two),
                    "pair": (one, two) == who,
                    "group": crossed,
                }[kind]:
                    share *= left
            found[one, two] = list(USUAL * share * np.exp(noise * rng.standard_normal(repeats)))
    return found


def named(found: Localised) -> list[tuple[Kind, tuple[int | str, ...]]]:
    return [(suspect.kind, suspect.members) for suspect in found.suspects]


@pytest.mark.parametrize("members", [2, 3, 4, 7, 8, 33])
def test_rounds_let_everybody_meet_everybody_once_and_nobody_twice_at_a_time(members: int) -> None:
    plan = rounds(members)
    assert len(plan) == members - 1 + members % 2
    for pairs in plan:
        everybody = [member for pair in pairs for member in pair]
        assert len(everybody) == len(set(everybody)) == members - members % 2
    met = sorted(pair for pairs in plan for pair in pairs)
    assert met == [(one, two) for one in range(members) for two in range(one + 1, members)]


@pytest.mark.parametrize("members", [4, 5, 8, 16])
@pytest.mark.parametrize("share", [0.5, 0.8])
@pytest.mark.parametrize(
    ("kind", "who"), [("transmit", 2), ("receive", 2), ("host", 2), ("pair", (1, 3)), ("pair", (3, 1))]
)
def test_a_fault_is_named_by_kind_and_member_and_its_share_is_read(
    members: int, share: float, kind: Kind, who: object
) -> None:
    found = localise(simulated(members, slow={(kind, who): share}), members)
    assert named(found) == [(kind, who if isinstance(who, tuple) else (who,))]
    assert found.suspects[0].share == pytest.approx(share, rel=0.04)
    assert found.base == pytest.approx(USUAL, rel=0.02)


@pytest.mark.parametrize("members", [4, 8])
def test_many_quiet_runs_name_nobody(members: int) -> None:
    assert [seed for seed in range(50) if localise(simulated(members, noise=0.02, seed=seed), members).suspects] == []


def test_long_tails_name_nobody_either() -> None:
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(50):
        pairs = {pair: list(USUAL * np.exp(-rng.exponential(0.03, 5))) for pair in simulated(8)}
        alarms += bool(localise(pairs, 8).suspects)
    assert alarms <= 1


@pytest.mark.parametrize("members", [4, 9])
def test_without_any_noise_the_least_fault_is_what_it_sees(members: int) -> None:
    found = localise(simulated(members, noise=0.0), members)
    assert (found.suspects, found.noise) == ((), pytest.approx(0.0, abs=1e-9))
    assert list(found.sees.values()) == pytest.approx([1 - LEAST] * 4, abs=1e-6)


def test_one_disturbed_transfer_is_no_slow_pair() -> None:
    pairs = simulated(6)
    pairs[1, 2][0] /= 50
    assert localise(pairs, 6).suspects == ()


def test_noise_hides_what_it_hides_and_the_report_says_from_where_on() -> None:
    quiet, loud = (localise(simulated(8, noise=noise), 8) for noise in (0.005, 0.1))
    for seen in quiet.sees.values():
        assert seen == pytest.approx(1 - LEAST, abs=0.015)
        assert seen < 1 - LEAST
    assert 0 < loud.sees["pair"] < loud.sees["transmit"] < 0.9
    hidden = localise(simulated(8, noise=0.1, slow={("pair", (1, 2)): 0.9}), 8)
    assert hidden.suspects == ()


@pytest.mark.parametrize("kind", ["transmit", "pair"])
def test_what_it_says_it_sees_it_sees_most_often(kind: Kind) -> None:
    who = 2 if kind == "transmit" else (2, 5)
    hits = 0
    for seed in range(20):
        sees = localise(simulated(8, noise=0.03, seed=seed), 8).sees[kind]
        found = localise(simulated(8, noise=0.03, seed=seed, slow={(kind, who): sees}), 8)
        hits += named(found) == [(kind, who if isinstance(who, tuple) else (who,))]
    assert hits >= 17


def test_hosts_that_differ_anyway_hide_as_much() -> None:
    """Sixteen hosts of which each sends what it sends, within 3 %: none is slow, however well that is known."""
    rng = np.random.default_rng(4)
    for _ in range(10):
        sends = np.exp(0.03 * rng.standard_normal(16))
        pairs = {
            (one, two): [value * sends[one] for value in values]
            for (one, two), values in simulated(16, noise=0.002).items()
        }
        found = localise(pairs, 16)
        assert [suspect for suspect in found.suspects if suspect.kind != "pair"] == []
        assert found.sees["transmit"] < 0.9 < found.sees["receive"]


def test_several_faults_are_named_slowest_first() -> None:
    slow: dict[tuple[Kind, object], float] = {("transmit", 1): 0.7, ("receive", 4): 0.5, ("pair", (2, 6)): 0.3}
    assert named(localise(simulated(9, slow=slow), 9)) == [("pair", (2, 6)), ("receive", (4,)), ("transmit", (1,))]


def in_waves(members: int) -> dict[tuple[int, int], int]:
    """Every round forward and backward."""
    return {
        pair: 2 * number + way
        for number, some in enumerate(rounds(members))
        for one, two in some
        for way, pair in enumerate(((one, two), (two, one)))
    }


@pytest.mark.parametrize("waves", [None, in_waves(8)], ids=["waves unknown", "waves known"])
@pytest.mark.parametrize("ways", [[("x", "y")], [("x", "y"), ("y", "x")], [("x", "x")]])
def test_an_uplink_is_no_hosts_fault(ways: list[tuple[str, str]], waves: dict[tuple[int, int], int] | None) -> None:
    """Also where all pairs of a wave cross it."""
    slow: dict[tuple[Kind, object], float] = {("group", way): 0.5 for way in ways}
    found = localise(simulated(8, slow=slow, groups=LEAVES), 8, LEAVES, waves)
    assert sorted(named(found)) == [("group", way) for way in ways]
    assert found.suspects[0].share == pytest.approx(0.5, rel=0.03)
    assert "group" in found.sees


def test_a_slow_host_is_told_from_the_uplink_of_its_leaf() -> None:
    slow: dict[tuple[Kind, object], float] = {
        ("group", ("x", "y")): 0.5, ("group", ("y", "x")): 0.5, ("transmit", 5): 0.7, ("pair", (0, 2)): 0.6,
    }  # fmt: skip
    found = localise(simulated(8, slow=slow, groups=LEAVES), 8, LEAVES)
    assert sorted(named(found)) == [
        ("group", ("x", "y")), ("group", ("y", "x")), ("pair", (0, 2)), ("transmit", (5,)),
    ]  # fmt: skip


def disturbed(members: int, number: int) -> Fabric:
    """A fabric without a fault in one wave of which something else was going on."""
    waves = in_waves(members)
    return {
        pair: [value * (0.8 if waves[pair] == number else 1.0) for value in values]
        for pair, values in simulated(members).items()
    }


def test_what_passes_by_while_a_wave_is_measured_is_nobodys_fault() -> None:
    pairs = disturbed(16, 4)
    assert localise(pairs, 16, waves=in_waves(16)).suspects == ()
    # Not knowing what was measured at once, one would blame all its pairs.
    assert {suspect.kind for suspect in localise(pairs, 16).suspects} == {"pair"}


def test_a_host_is_named_in_spite_of_a_disturbed_wave() -> None:
    pairs = disturbed(16, 4)
    for other in range(16):
        if other != 3:
            pairs[3, other] = [0.85 * value for value in pairs[3, other]]
    found = localise(pairs, 16, waves=in_waves(16))
    assert named(found) == [("transmit", (3,))]
    assert found.near == (3,)


def test_waves_of_few_pairs_explain_nothing() -> None:
    pairs = simulated(4, slow={("pair", (0, 1)): 0.5})
    waves = {pair: number // 2 for number, pair in enumerate(pairs)}
    assert named(localise(pairs, 4, waves=waves)) == [("pair", (0, 1))]


def test_the_wave_of_a_pair_is_the_line_in_which_it_was_measured() -> None:
    def line(direction: str, pairs: list[tuple[int, int]]) -> Round:
        return Round(
            launch=0, round=0, direction=direction, pairs=pairs, nbytes=1,  # type: ignore[arg-type]
            samples_s=[[1.0]] * len(pairs), check="ok",
        )  # fmt: skip

    lines = [line("forward", [(0, 1), (2, 3)]), line("backward", [(0, 1), (2, 3)])]
    assert together(lines) == {(0, 1): 0, (2, 3): 0, (1, 0): 1, (3, 2): 1}
    assert together([*lines, line("both", [(0, 1)])]) == {(0, 1): 2, (2, 3): 0, (1, 0): 2, (3, 2): 1}


def test_pairs_may_be_missing_and_a_host_with_too_few_is_not_judged() -> None:
    pairs = simulated(8, slow={("transmit", 3): 0.6})
    for gone in ((0, 1), (3, 4), (6, 2), (5, 3)):
        del pairs[gone]
    assert named(localise(pairs, 8)) == [("transmit", (3,))]
    for other in range(6):
        pairs.pop((7, other), None)
    found = localise(pairs, 8)
    assert found.unjudged == (7,)
    assert named(found) == [("transmit", (3,))]


@pytest.mark.parametrize(("members", "repeats", "why"), [(3, 5, "3 hosts are too few"), (8, 2, "3 times")])
def test_too_little_is_said_instead_of_a_name(members: int, repeats: int, why: str) -> None:
    found = localise(simulated(members, repeats=repeats, slow={("transmit", 1): 0.1}), members)
    assert (found.suspects, found.base, found.noise) == ((), None, None)
    assert found.blind is not None
    assert why in found.blind


@pytest.mark.parametrize(
    ("pairs", "groups", "why"),
    [
        ({(1, 1): [1.0]}, None, "no pair of 4 hosts"),
        ({(0, 4): [1.0]}, None, "no pair of 4 hosts"),
        ({(0, 1): [1.0, 0.0]}, None, "above 0"),
        ({(0, 1): [math.inf]}, None, "above 0"),
        ({}, ["x"], "1 groups for 4 hosts"),
    ],
)
def test_what_is_no_measurement_is_refused(pairs: Fabric, groups: list[str] | None, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        localise(pairs, 4, groups)


@settings(max_examples=30)
@given(st.permutations(range(7)), st.floats(1e3, 1e12))
def test_names_follow_the_hosts_and_not_the_unit(order: list[int], unit: float) -> None:
    pairs = simulated(7, slow={("transmit", 2): 0.6, ("pair", (0, 5)): 0.4})
    plain = localise(pairs, 7)
    moved = localise(
        {(order[one], order[two]): [value * unit for value in values] for (one, two), values in pairs.items()}, 7
    )
    assert named(moved) == [
        (kind, tuple(order[who] for who in members if isinstance(who, int))) for kind, members in named(plain)
    ]
    assert [suspect.share for suspect in moved.suspects] == pytest.approx([one.share for one in plain.suspects])


def test_a_polish_takes_sums_of_effects_apart_exactly() -> None:
    rng = np.random.default_rng(5)
    transmit, receive = rng.normal(size=9), rng.normal(size=9)
    senders, receivers = np.array([(one, two) for one in range(9) for two in range(9) if one != two]).T
    logs = 3.0 + transmit[senders] + receive[receivers]
    slow = (senders == 2) & (receivers == 4)
    logs[slow] -= 2.0
    fit = polish(logs, Layout(senders, receivers, ("",) * 9, np.arange(senders.size)))
    assert fit.transmit == pytest.approx(transmit - np.median(transmit), abs=1e-3)
    assert fit.receive == pytest.approx(receive - np.median(receive), abs=1e-3)
    assert fit.residual[slow] == pytest.approx(-2.0, abs=1e-3)


@pytest.mark.parametrize("members", [8, 16, 300])
@pytest.mark.parametrize("waves", [0.0, 0.1])
def test_a_polish_of_all_or_some_rounds_leaves_less_than_is_ever_named(members: int, waves: float) -> None:
    """Hosts within 5 % and waves within 10 %, exactly: medians can stand still before all of it is taken apart."""
    rng = np.random.default_rng(6)
    layout = layout_of(first(members, 1), [""] * members)
    transmit, receive = 0.05 * rng.standard_normal((2, members))
    common = waves * rng.standard_normal(int(layout.waves.max()) + 1)
    fit = polish(transmit[layout.senders] + receive[layout.receivers] + common[layout.waves], layout)
    assert np.abs(fit.residual).max() < LEAST / 2
    assert np.median(np.abs(fit.residual)) < 1e-3
    assert fit.transmit == pytest.approx(transmit - np.median(transmit), abs=LEAST / 2)


def test_rounds_of_a_result_become_bandwidths_of_ordered_pairs() -> None:
    def line(direction: str, check: str = "ok") -> Round:
        return Round(
            launch=0, round=0, direction=direction, pairs=[(0, 1), (2, 3)], nbytes=100,  # type: ignore[arg-type]
            samples_s=[[1.0, 2.0], [4.0]], check=check,  # type: ignore[arg-type]
        )  # fmt: skip

    assert bandwidths([line("forward")]) == {(0, 1): [100.0, 50.0], (2, 3): [25.0]}
    assert bandwidths([line("backward")]) == {(1, 0): [100.0, 50.0], (3, 2): [25.0]}
    both = bandwidths([line("both"), line("forward"), line("forward", "wrong")])
    assert both == {(0, 1): [100.0, 50.0] * 2, (1, 0): [100.0, 50.0], (2, 3): [25.0] * 2, (3, 2): [25.0]}


def test_a_suspect_is_what_it_says() -> None:
    found = localise(simulated(4, slow={("receive", 0): 0.5}), 4)
    assert found.suspects == (Suspect(kind="receive", members=(0,), share=found.suspects[0].share),)

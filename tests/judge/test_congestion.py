"""How much longer a victim takes, from rows whose truth is known; what is not told; noise that passes for load."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from builders import changed, make_case, make_record, skipped
from hypothesis import assume, given
from hypothesis import strategies as st

from fabricbench.judge import congestion
from fabricbench.judge.congestion import Congestion, Ratio, TooFew, congestions, jain
from fabricbench.model import Case, Check, RankTimes, Record
from fabricbench.show import congestion as shown

WRONG = Check(status="wrong", wrong=1, worst=1.0, bound=0.0, reference="numpy")
ROUNDS = 25
QUIET_S = 1e-4
UNLOADED = "aggressors paused"
VICTIM = make_case(512 << 10, ranks=8, params={"op": "sum"})


def victim(role: str, load: float, rounds: int = ROUNDS) -> Case:
    params = {**VICTIM.params, "aggressor": "moe", "blocks": rounds, "load": load, "role": role}
    return changed(VICTIM, params=params)


def aggressor(load: float) -> Record:
    case = make_case(
        4096, operation="alltoall", ranks=8, cadence="streaming",
        params={"aggressor": "moe", "blocks": ROUNDS, "load": load, "role": "aggressor", "victim": VICTIM.text()},
    )  # fmt: skip
    count = round(4 * load)
    times = RankTimes(median=[1e-3] * count, mean=[1e-3] * count, last=[0.5] * count)
    return make_record(case, 1e-3, ranks_s=times)


Samples = Mapping[tuple[str, float], Sequence[float]]


def rows(samples: Samples, *, launch: int = 0, rounds: int = ROUNDS, **fields: Any) -> list[Record]:
    """One launch: of each role and load the samples relative to QUIET_S, and the aggressors of every load."""
    found = [
        make_record(victim(role, load, rounds), QUIET_S, pattern=pattern, launch=launch, **fields)
        for (role, load), pattern in samples.items()
    ]
    return [*found, *(changed(aggressor(load), launch=launch) for _, load in samples if load)]


def scaled(pattern: Sequence[float], null: float = 1.0, **loads: float) -> Samples:
    """The same pattern, times a factor at each load; loads are named by their percents, such as p50."""
    found = {("victim", 0.0): pattern, ("null", 0.0): [null * one for one in pattern]}
    return {**found, **{("victim", int(name[1:]) / 100): [k * one for one in pattern] for name, k in loads.items()}}


def noisy(seed: int, count: int, factor: float = 1.0, between: float = 0.0) -> list[float]:
    """Samples with a noise of 10 % of their own, and one that all samples of a round share."""
    draw = np.random.default_rng(seed)
    shared = np.repeat(draw.normal(0, between, ROUNDS), count // ROUNDS)
    return list(factor * np.exp(draw.normal(0, 0.1, count) + shared))


def only(records: Sequence[Record]) -> Congestion:
    (one,) = congestions(records)
    return one


def ratio(found: object) -> Ratio:
    assert isinstance(found, Ratio)
    return found


def test_a_known_factor_is_read_back_at_every_quantile() -> None:
    one = only(rows(scaled(noisy(1, 3000), p50=1.25, p100=3.0)))
    assert [step.load for step in one.steps] == [0.5, 1.0]
    for step, factor in zip((one.null, *one.steps), (1.0, 1.25, 3.0), strict=True):
        for found in step.ratios.values():
            assert ratio(found) == pytest.approx((factor,) * 3, rel=1e-5)
        assert (step.rounds, step.of_rounds) == (ROUNDS, ROUNDS)
    assert [step.aggressors for step in (one.null, *one.steps)] == [0, 2, 4]


def test_times_below_a_tenth_of_a_microsecond_keep_their_ratio() -> None:
    # Printed with one digit, as GPCNeT prints them before it divides, both would be 0.0 or 0.1 us.
    one = only(rows(scaled([4e-4] * 500, p100=1.5)))
    assert ratio(one.steps[0].ratios["median"]).value == pytest.approx(1.5)


def test_a_tail_is_told_where_the_median_knows_nothing() -> None:
    quiet = [1.0, *[1.01] * 99] * 30
    tail = [5.0, *[1.01] * 98, 4.0] * 30
    one = only(rows({**scaled(quiet), ("victim", 1.0): tail}))
    assert ratio(one.steps[0].ratios["median"]).value == 1.0
    assert ratio(one.steps[0].ratios["p99"]).value > 3
    assert (one.knee("median"), one.knee("p99")) == (None, one.steps[0])


def test_a_quantile_without_enough_samples_is_not_told_but_how_many_it_needs() -> None:
    one = only(rows(scaled(noisy(2, 500), p100=2.0)))
    assert one.steps[0].ratios["p99.9"] == TooFew(500, 2995)
    assert isinstance(one.steps[0].ratios["p99"], Ratio)
    (table,) = shown.tables([one])
    assert "p99.9: not enough samples: 500, needs 2995." in table.notes
    few = only(rows(scaled(noisy(2, 250), p100=2.0)))
    assert few.null.ratios["p99"] == TooFew(250, 299)


def test_a_null_test_that_does_not_hold_1_forbids_a_statement() -> None:
    one = only(rows(scaled(noisy(3, 1000), null=1.2, p50=2.0, p100=3.0)))
    assert one.quiet("median") is False
    assert one.knee("median") is None
    (table,) = shown.tables([one])
    (said,) = (note for note in table.notes if note.startswith("median: "))
    assert "THE NULL TEST FAILS" in said
    assert "x1.200" in said
    assert "above the null band" not in " ".join(table.notes)


@pytest.mark.parametrize(
    ("loads", "knee"),
    [
        ({"p25": 1.0, "p50": 1.0, "p75": 1.6, "p100": 2.0}, 0.75),
        ({"p25": 2.0, "p50": 1.0, "p75": 1.6, "p100": 2.0}, 0.75),  # the first is no knee: it comes back
        ({"p25": 2.0, "p50": 2.0, "p75": 2.0, "p100": 2.0}, 0.25),
        ({"p25": 1.0, "p50": 1.0, "p75": 1.0, "p100": 1.0}, None),
        ({"p25": 0.5, "p50": 0.5, "p75": 0.5, "p100": 0.5}, None),  # faster is no knee
        ({"p100": 1.5}, 1.0),
    ],
)
def test_the_knee_is_where_the_victim_leaves_the_null_band_for_good(
    loads: dict[str, float], knee: float | None
) -> None:
    found = only(rows(scaled(noisy(4, 1000), **loads))).knee("median")
    assert (found.load if found else None) == knee


def test_the_null_test_rarely_fails_where_there_is_nothing_and_load_is_always_found() -> None:
    # Rounds differ by more than samples of a round: what would be called a difference if all samples were independent.
    failed = 0
    for seed in range(60):
        quiet, null, loaded = (noisy(3 * seed + k, 500, factor, 0.1) for k, factor in enumerate((1.0, 1.0, 1.5)))
        one = only(rows({("victim", 0.0): quiet, ("null", 0.0): null, ("victim", 1.0): loaded}))
        failed += not one.quiet("median")
        found = ratio(one.steps[0].ratios["median"])
        assert found.low is not None
        assert found.low > 1.2
    assert failed <= 9  # 5 % are 3; the binomial exceeds 9 with a probability of 0.1 %


def test_drift_that_both_loads_share_widens_nothing() -> None:
    drift = np.repeat(np.linspace(1, 3, ROUNDS), 40)
    quiet, loaded = (drift * noisy(seed, 1000, factor) for seed, factor in ((5, 1.0), (6, 1.3)))
    one = only(rows({("victim", 0.0): quiet, ("null", 0.0): drift * noisy(7, 1000), ("victim", 1.0): loaded}))
    found = ratio(one.steps[0].ratios["median"])
    assert found.low is not None
    assert found.high is not None
    assert found.low < 1.3 < found.high
    assert found.high / found.low < 1.5


def test_rounds_that_were_left_out_on_one_side_do_not_count_on_the_other() -> None:
    quiet = noisy(8, 1000)
    spoilt = [*np.multiply(quiet[:200], 1.4), *[99.0] * 600, *np.multiply(quiet[800:], 1.4)]
    records = rows(scaled(quiet))
    loaded = make_record(victim("victim", 1.0), QUIET_S, pattern=spoilt, excluded=[(200, 799, UNLOADED)])
    one = only([*records, loaded, aggressor(1.0)])
    assert ratio(one.steps[0].ratios["median"]) == pytest.approx((1.4,) * 3, rel=1e-4)
    assert (one.steps[0].rounds, one.steps[0].of_rounds) == (10, 25)


def test_few_rounds_give_a_ratio_and_no_interval() -> None:
    one = only(rows(scaled(noisy(9, 1000), p100=2.0), rounds=5))
    found = ratio(one.steps[0].ratios["median"])
    assert (found.value, found.low, found.high) == (pytest.approx(2.0, rel=1e-5), None, None)
    assert (one.quiet("median"), one.knee("median")) == (None, None)
    (table,) = shown.tables([one])
    assert any("too few rounds" in note for note in table.notes)


def test_launches_have_a_ratio_each_whatever_lies_between_them() -> None:
    records = [
        record
        for launch, (speed, factor) in enumerate([(1.0, 1.4), (5.0, 1.5), (0.2, 1.6)])
        for record in rows(scaled(noisy(launch, 1000, speed), p100=factor), launch=launch)
    ]
    one = only(records)
    found = ratio(one.steps[0].ratios["median"])
    assert found == pytest.approx((1.5, 1.4, 1.6), rel=1e-4)
    assert (one.launches, one.steps[0].of_rounds) == (3, 75)
    (table,) = shown.tables([one])
    assert any(note.startswith("3 launches: the intervals say little") for note in table.notes)


def test_nothing_is_told_of_what_was_wrong_skipped_or_has_no_null_test() -> None:
    records = rows(scaled(noisy(10, 500), p100=2.0))
    for place in range(len(records)):
        assert congestions([*records[:place], changed(records[place], check=WRONG), *records[place + 1 :]]) == []
    assert congestions([skipped(record.case) for record in records]) == []
    assert congestions([record for record in records if record.case.params["role"] != "null"]) == []
    assert congestions([make_record()]) == []


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=50))
def test_an_index_of_fairness_is_1_for_equals_and_never_below_1_over_n(values: list[float]) -> None:
    assert 1 / len(values) - 1e-9 <= jain(values) <= 1 + 1e-9
    assert jain([values[0]] * len(values)) == pytest.approx(1)
    assert jain([1.0] + [0.0] * (len(values) - 1)) == pytest.approx(1 / len(values))


def test_fairness_is_of_the_speed_that_each_victim_keeps() -> None:
    records = rows(scaled(noisy(11, 500), p100=2.0))
    times = [RankTimes(median=median, mean=median, last=[0.5, 0.5]) for median in ([1e-4, 2e-4], [2e-4, 2e-4])]
    uneven = {("victim", 0.0): times[0], ("victim", 1.0): times[1], ("null", 0.0): times[0]}
    found = [
        changed(record, ranks_s=uneven.get((record.case.params["role"], record.case.params["load"]), record.ranks_s))
        for record in records
    ]
    one = only(found)
    assert one.steps[0].fairness == pytest.approx(1.5**2 / (2 * 1.25))
    assert one.null.fairness == 1


def test_the_table_says_who_what_and_where() -> None:
    fields = {"conditions": {"placement": "1x8, victims 0-3", "flags": ["oversubscribed"]}}
    (table,) = shown.tables(congestions(rows(scaled([1.0] * 3000, p50=1.0, p100=1.5), **fields)))
    assert table.title == "congestion: allreduce/mpi float32 512KiB beside moe"
    assert [row[:5] for row in table.rows] == [
        ("null", "0", "25/25", "1.000", "1.000-1.000"),
        ("0.5", "2", "25/25", "1.000", "1.000-1.000"),
        ("1", "4", "25/25", "1.500", "1.500-1.500"),
    ]
    notes = " ".join(table.notes)
    assert "median: from load 1 on it lies above the null band, which ends at x1.000." in notes
    assert "ranks exceed cores" in notes
    assert shown.tables([]) == ()


@given(
    st.lists(st.tuples(st.integers(0, 5), st.floats(1e-6, 1.0)), min_size=1, max_size=40),
    st.lists(st.integers(0, 4), min_size=6, max_size=6),
    st.sampled_from([0.5, 0.99, 0.999]),
)
def test_a_drawn_quantile_is_that_of_samples_written_out(
    samples: list[tuple[int, float]], times: list[int], q: float
) -> None:
    samples.sort(key=lambda one: one[1])
    of, values = (np.array(column) for column in zip(*samples, strict=True))
    written = [value for round_, value in samples for _ in range(times[round_])]
    assume(written)
    side = congestion._Samples(values, of, frozenset(range(6)))
    (found,) = congestion._weighted(side, range(6), np.array([times]), [q])
    assert found == np.quantile(written, q, method="inverted_cdf")

"""Looks: their order, what they may invent in all, and when a series is over."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from builders import changed, make_case, make_launch, make_record, make_result
from hypothesis import given, settings
from hypothesis import strategies as st

from fabricbench.errors import UsageError
from fabricbench.judge import separation, sequential
from fabricbench.judge.compare import compare
from fabricbench.judge.rule import Times, decide_table
from fabricbench.judge.sequential import LOOKS
from fabricbench.judge.sides import split
from fabricbench.model import Pairing
from fabricbench.store import Result


def series(base: dict[str, list[float]], new: dict[str, list[float]], **new_conditions: object) -> Result:
    """One run of both sides in turn; launch medians by variant."""
    launches, records = [], []
    counts = {"base": 0, "new": 0}
    length = 2 * len(next(iter(base.values())))
    for position, side in zip(range(length), sequential.order(1), strict=False):
        launches.append(make_launch(position, pairing=Pairing(id="s", side=side, position=position)))
        for variant, medians in (base if side == "base" else new).items():
            conditions = new_conditions if side == "new" else {}
            record = make_record(make_case(variant=variant), medians[counts[side]], launch=position)
            records.append(changed(record, conditions=changed(record.conditions, **conditions)))
        counts[side] += 1
    return make_result("series", records, launches=launches)


class TestOrder:
    @given(st.integers(0, 1 << 30))
    def test_sides_alternate_and_every_look_is_balanced(self, seed: int) -> None:
        order = list(itertools.islice(sequential.order(seed), 40))
        assert all(len(set(trio)) > 1 for trio in zip(order, order[1:], order[2:], strict=False))
        assert all(order[: 2 * look].count("base") == look for look in (1, *LOOKS))
        for start in range(0, len(order), 4):
            places = [index for index, side in enumerate(order[start : start + 4]) if side == "base"]
            assert sum(places) == 3  # so a drift that is linear within a block cancels

    def test_the_seed_decides_which_side_is_first(self) -> None:
        firsts = {next(sequential.order(seed)) for seed in range(20)}
        assert firsts == {"base", "new"}
        assert list(itertools.islice(sequential.order(3), 40)) == list(itertools.islice(sequential.order(3), 40))


class TestPromise:
    def test_levels_are_spent_once(self) -> None:
        assert sequential.level(5) == pytest.approx(2 / 252)
        assert sequential.promise() == pytest.approx(2 / 252 + 3 * 0.011)
        assert sequential.promise() < 0.05

    @given(st.integers(5, 7))
    def test_the_level_of_few_launches_is_what_their_splits_can_show(self, launches: int) -> None:
        assert 0 < sequential.level(launches) <= 0.01

    def test_loud_noise_invents_no_more_than_promised(self) -> None:
        """Noise of 50 %, so that the margin holds nothing back: only thresholds do."""
        rng = np.random.default_rng(1)
        alarms, trials = 0, 150
        for _ in range(trials):
            values = np.exp(0.5 * rng.standard_normal((4, 24)))
            alarms += any(
                one.verdict in ("worse", "better") for look in (5, 8, 12) for one in _decided(values[:, : 2 * look])
            )
        assert alarms / trials <= sequential.promise() + 3 * math.sqrt(0.04 / trials)


def _decided(values: np.ndarray) -> list:
    table = [
        Times(
            base={("f", "r", i): value for i, value in enumerate(row) if i % 2 == 0},
            new={("f", "r", i): value for i, value in enumerate(row) if i % 2},
            margin=0.05,
        )
        for row in values.tolist()
    ]
    return decide_table(table, effects=False)


@given(st.integers(0, 1 << 20), st.integers(5, 12), st.sampled_from([0.02, 0.1, 0.4]), st.sampled_from([1, 1.1, 1.5]))
@settings(max_examples=20)
def test_verdicts_alone_are_the_verdicts(seed: int, launches: int, noise: float, factor: float) -> None:
    values = np.exp(np.random.default_rng(seed).normal(0, noise, (3, 2 * launches)))
    values[0, launches:] *= factor
    table = [Times(base=base, new=new, margin=0.05) for base, new in map(_halves, values)]
    whole, bare = (decide_table(table, effects=effects) for effects in (True, False))
    assert [one.verdict for one in whole] == [one.verdict for one in bare]


class TestSeparation:
    @given(st.integers(0, 1 << 20), st.integers(1, 5), st.booleans())
    @settings(max_examples=25)
    def test_it_is_the_exact_permutation_of_the_widest_gap(self, seed: int, rows: int, apart: bool) -> None:
        values = np.exp(np.random.default_rng(seed).normal(0, 0.3, (rows, 10)))
        values[0, 5:] *= 3 if apart else 1
        beyond = separation.beyond([_halves(row) for row in values], [0.05] * rows, [0.01] * rows)
        widest = [max(_gap(row, chosen) for row in values) for chosen in itertools.combinations(range(10), 5)]
        for row, needed in zip(values, beyond, strict=True):
            gap = _gap(row, range(5, 10))
            if gap > 0.05:
                share = sum(other >= gap - 1e-12 for other in widest) / math.comb(10, 5)
                assert (gap > needed) == (share <= 0.01)

    def test_a_row_that_another_split_outdoes_is_unclear(self) -> None:
        """Another row lies further apart under other labels than this one does under these: chance does such things."""
        rng = np.random.default_rng(1)
        rows = [[1.0 + 0.001 * index for index in range(5)] + [1.2 + 0.001 * index for index in range(5)]]
        verdicts = []
        for other in ([1.0, 2.0] * 5, [1.0] * 10):
            values = [rows[0], [value * (1 + 0.001 * rng.random()) for value in other]]
            sides = [_halves(row) for row in values]
            table = [Times(base=base, new=new, margin=0.05) for base, new in sides]
            decision = decide_table(table)[0]
            verdicts.append((decision.verdict, "other splits" in decision.reason))
        assert verdicts == [("unclear", True), ("worse", False)]

    def test_too_few_splits_prove_nothing(self) -> None:
        launches = [("f", "r", index) for index in range(8)]
        table = [(dict.fromkeys(launches[:4], 1.0), dict.fromkeys(launches[4:], 9.0))]
        assert separation.beyond(table, [0.05], [0.01]) == [math.inf]


def _halves(row: Sequence[float]) -> tuple[dict[tuple[str, str, int], float], dict[tuple[str, str, int], float]]:
    named = [(("f", "r", index), value) for index, value in enumerate(row)]
    return dict(named[: len(row) // 2]), dict(named[len(row) // 2 :])


def _gap(row: np.ndarray, chosen: object) -> float:
    mask = np.zeros(row.size, bool)
    mask[list(chosen)] = True
    return float(np.log(max(row[mask].min() / row[~mask].max(), row[~mask].min() / row[mask].max())))


class TestLook:
    def test_a_look_sees_only_what_was_there(self) -> None:
        noisy = [1e-4, 1.6e-4, 1e-4, 1.6e-4, 1e-4]
        result = series({"mpi": [*noisy, *[1e-4] * 3]}, {"mpi": [*noisy, *[2e-4] * 3]})
        early = sequential.look([result], 5, margin=0.05, gate="*")
        assert (early.look.launches, early.look.verdicts, early.over) == (5, {"unclear": 1}, False)
        assert early.comparison.rows[0].new_launches == 5

    def test_a_p99_that_is_worse_ends_it_and_one_that_is_unclear_does_not_keep_it_going(self) -> None:
        usual = [1.0] * 390 + [1.5] * 10
        for factor, verdicts in ((1.0, {"same": 1}), (3.0, {"same": 1, "worse": 1})):
            result = series({"mpi": [1e-4] * 5}, {"mpi": [1e-4] * 5})
            sides = {one.launch: one.pairing.side for one in result.launches}
            records = [
                make_record(
                    one.case, 1e-4, launch=one.launch,
                    pattern=[v * factor if v > 1 and sides[one.launch] == "new" else v for v in usual],
                )
                for one in result.records
            ]  # fmt: skip
            looked = sequential.look(
                [make_result("s", records, launches=result.launches)], 5, margin=0.05, gate="*"
            )  # fmt: skip
            assert len(looked.comparison.tails) == 1
            assert looked.look.verdicts == verdicts
            assert looked.over

    def test_it_says_what_compare_says(self) -> None:
        result = series({"mpi": [1e-4] * 8}, {"mpi": [1.3e-4] * 8})
        looked = sequential.look([result], 8, margin=0.05, gate="*")
        assert looked.over
        assert looked.comparison == compare(*split([result]), margin=0.05)

    @pytest.mark.parametrize(
        ("verdicts", "over"),
        [
            (["worse", "unclear"], True),
            (["better", "unclear"], False),
            (["same", "better"], True),
            (["same", "missing", "unlike"], True),
            (["unclear"], False),
        ],
    )
    def test_it_is_over_when_more_launches_could_change_nothing(self, verdicts: list[str], over: bool) -> None:
        assert sequential.over(verdicts) is over


class TestConfigured:
    """What the sides of a series were made to differ in bars no ratio."""

    def test_a_forced_algorithm_or_another_library_is_said(self) -> None:
        result = series({"mpi": [1e-4] * 5}, {"mpi": [2e-4] * 5}, algorithm="ring (forced)", library="MPICH 5")
        comparison = compare(*split([result]), margin=0.05)
        assert comparison.rows[0].verdict == "worse"
        assert "The sides differ in algorithm: base unknown, new ring (forced)." in comparison.notes
        assert any("library" in note and "MPICH 5" in note for note in comparison.notes)

    def test_without_a_series_it_bars_the_ratio(self) -> None:
        base, new = split([series({"mpi": [1e-4] * 5}, {"mpi": [2e-4] * 5}, algorithm="ring (forced)")])
        apart = [make_result("base", base[0].records), make_result("new", new[0].records)]
        with pytest.raises(UsageError, match="algorithm: base unknown"):
            compare(apart[:1], apart[1:], margin=0.05)

    def test_how_it_was_measured_still_bars_it(self) -> None:
        with pytest.raises(UsageError, match="sync: base round-time, new barrier"):
            compare(*split([series({"mpi": [1e-4] * 5}, {"mpi": [2e-4] * 5}, sync="barrier")]), margin=0.05)

    def test_one_variant_stands_against_another(self) -> None:
        comparison = compare(*split([series({"ring": [1e-4] * 5}, {"mpi": [2e-4] * 5})]), margin=0.05)
        (row,) = comparison.rows
        assert (row.case.variant, row.verdict, row.ratio) == ("mpi-over-ring", "worse", pytest.approx(2))
        assert "The sides differ in variant: base ring, new mpi." in comparison.notes

    def test_two_variants_stand_against_none(self) -> None:
        result = series({"ring": [1e-4] * 5, "bruck": [1e-4] * 5}, {"mpi": [2e-4] * 5})
        with pytest.raises(UsageError, match="None of 3 rows"):
            compare(*split([result]), margin=0.05)

    def test_nothing_is_renamed_beside_a_row_of_both_sides(self) -> None:
        base, new = split([series({"ring": [1e-4] * 5}, {"mpi": [2e-4] * 5})])
        shared = [make_record(make_case(8), 1e-6, launch=launch.launch) for launch in base[0].launches]
        more = [make_record(make_case(8), 1e-6, launch=launch.launch) for launch in new[0].launches]
        both = [
            make_result("series", [*side.records, *rows], launches=side.launches)
            for side, rows in ((base[0], shared), (new[0], more))
        ]
        rows = compare(both[:1], both[1:], margin=0.05).rows
        assert {row.case.variant: row.verdict for row in rows if row.case.nbytes > 8} == {
            "ring": "missing", "mpi": "missing"
        }  # fmt: skip

    def test_a_row_of_both_sides_is_never_renamed(self) -> None:
        result = series({"mpi": [1e-4] * 5, "ring": [1e-4] * 5}, {"mpi": [2e-4] * 5})
        comparison = compare(*split([result]), margin=0.05)
        assert {row.case.variant: row.verdict for row in comparison.rows} == {"mpi": "worse", "ring": "missing"}

"""The comparison rule: what it says, how often it is wrong, and how small a change it sees."""

from collections.abc import Sequence

import numpy as np
import pytest
from builders import (
    changed,
    make_case,
    make_launch,
    make_record,
    make_result,
    make_side,
    skipped,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from fabricbench.errors import UsageError
from fabricbench.judge.compare import Comparison, Row, compare
from fabricbench.judge.permutation import LEVEL, max_t
from fabricbench.judge.rule import Decision, Times, decide_table
from fabricbench.judge.shift import shift_interval
from fabricbench.judge.sides import split
from fabricbench.model import Check, Doubt, Pairing
from fabricbench.store import Result

MARGIN = 0.05
WRONG = Check(status="wrong", wrong=3, worst=1.0, bound=0.0, reference="numpy")
MIRROR = {"worse": "better", "better": "worse"}

noise = st.floats(0.5, 2.0).map(lambda value: float(f"{value:.4g}"))
tables = st.integers(1, 11).flatmap(
    lambda base: st.integers(1, 11).flatmap(
        lambda new: st.lists(
            st.tuples(
                st.lists(noise, min_size=base, max_size=base),
                st.lists(noise, min_size=new, max_size=new),
                st.sampled_from([0.5, 0.9, 0.95, 1.0, 1.04, 1.06, 1.2, 3.0]),
            ),
            min_size=1,
            max_size=4,
        )
    )
)


def times(base: Sequence[float], new: Sequence[float], margin: float = MARGIN) -> Times:
    """Launches that alternate, so that both sides mix when they are put in order."""
    return Times(
        base={("f", "r", 2 * index): value for index, value in enumerate(base)},
        new={("f", "r", 2 * index + 1): value for index, value in enumerate(new)},
        margin=margin,
    )


def decide(base: Sequence[float], new: Sequence[float], margin: float = MARGIN) -> Decision:
    return decide_table([times(base, new, margin)])[0]


def alternating(base: Sequence[float], new: Sequence[float], **new_fields: object) -> tuple[Result, Result]:
    """Two files of one ABBA series."""
    pattern = [0, 3, 4, 7, 8, 11, 12, 15, 16, 19, 20, 23]
    left = make_side("base", base, positions=pattern[: len(base)])
    places = [1, 2, 5, 6, 9, 10, 13, 14, 17, 18, 21, 22]
    right = make_side("new", new, positions=places[: len(new)], side="new", **new_fields)
    return left, right


def judged(base: Result, new: Result, **options: object) -> Comparison:
    return compare([base], [new], **{"margin": MARGIN, **options})


def only(comparison: Comparison) -> Row:
    (row,) = comparison.rows
    return row


class TestRule:
    @given(tables)
    @settings(max_examples=60, deadline=None)
    def test_mirrored_sides_mirror_the_verdict(self, table: list[tuple[list[float], list[float], float]]) -> None:
        forth = decide_table([times(base, [v * f for v in new]) for base, new, f in table])
        rows = [times(base, [v * f for v in new]) for base, new, f in table]
        back = decide_table([Times(base=r.new, new=r.base, margin=r.margin) for r in rows])
        assert [MIRROR.get(one.verdict, one.verdict) for one in forth] == [one.verdict for one in back]

    @given(st.lists(noise, min_size=1, max_size=12))
    @settings(deadline=None)
    def test_identical_sides_are_never_worse_or_better(self, values: list[float]) -> None:
        assert decide(values, values).verdict in ("same", "unclear")

    @given(st.integers(1, 4), st.integers(1, 20), st.booleans())
    def test_fewer_than_five_launches_decide_nothing(self, few: int, many: int, swap: bool) -> None:
        base, new = [1.0] * few, [100.0] * many
        decision = decide(new, base) if swap else decide(base, new)
        assert decision.verdict == "unclear"
        assert decision.detectable is None
        assert decision.low is None
        assert "5 launches a side decide" in decision.reason
        assert str(few) in decision.reason

    def test_five_launches_that_do_not_overlap_are_worse(self) -> None:
        base = [1.0, 1.01, 1.02, 1.03, 1.04]
        assert decide(base, [1.0921] * 5).verdict == "worse"
        assert decide(base, [*[1.3] * 4, 1.0919]).verdict == "unclear"

    def test_the_boundary_itself_is_not_worse(self) -> None:
        assert decide([1.0] * 5, [1.5] * 5, margin=0.5).verdict == "same"
        assert decide([1.0] * 5, [np.nextafter(1.5, 2)] * 5, margin=0.5).verdict == "worse"

    def test_eight_launches_that_overlap_are_worse_by_permutation(self) -> None:
        base = [1.0, 1.01, 1.02, 1.03, 1.04, 1.05, 1.06, 1.3]
        new = [1.15, 1.16, 1.17, 1.18, 1.19, 1.2, 1.21, 1.22]
        decision = decide(base, new)
        assert decision.verdict == "worse"
        assert "p = " in decision.reason
        assert decide(base[1:], new[1:]).verdict == "unclear"

    def test_means_that_contradict_the_medians_prove_nothing(self) -> None:
        base, new = [1.0] * 11 + [100.0] * 10, [1.1] * 21
        assert decide(base, new).verdict == "unclear"
        assert decide(new, base).verdict == "unclear"

    def test_a_proven_difference_within_the_margin_is_the_same(self) -> None:
        decision = decide([1.0] * 8, [1.02] * 8)
        assert decision.verdict == "same"

    def test_a_launch_below_the_clock_is_unclear(self) -> None:
        decision = decide([0.0] + [1.0] * 9, [1.0] * 10)
        assert decision.verdict == "unclear"
        assert "clock" in decision.reason

    @given(tables)
    @settings(max_examples=60, deadline=None)
    def test_the_interval_holds_the_ratio(self, table: list[tuple[list[float], list[float], float]]) -> None:
        for base, new, factor in table:
            decision = decide(base, [value * factor for value in new])
            if decision.low is not None:
                assert decision.ratio == pytest.approx(np.median(new) * factor / np.median(base), rel=1e-12)
                assert decision.low <= decision.ratio <= decision.high


class TestDetectable:
    @given(tables, st.randoms(use_true_random=False))
    @settings(max_examples=80, deadline=None)
    def test_the_rule_speaks_just_above_and_not_just_below(
        self, table: list[tuple[list[float], list[float], float]], random: object
    ) -> None:
        rows = [times(base, [v * f for v in new]) for base, new, f in table]
        for index, decision in enumerate(decide_table(rows)):
            if decision.detectable is None:
                assert min(len(rows[0].base), len(rows[0].new)) < 5
                continue
            for step, speaks in ((1 + 1e-6, True), (1 - 1e-6, False)):
                factor = (1 + decision.detectable) * step
                if decision.detectable == 0 and not speaks:
                    continue  # worse already
                moved = list(rows)
                slower = {key: value * factor for key, value in rows[index].new.items()}
                moved[index] = Times(base=rows[index].base, new=slower, margin=MARGIN)
                verdict = decide_table(moved)[index].verdict
                assert (verdict == "worse") is speaks

    def test_nothing_is_left_to_detect_in_a_row_that_is_worse(self) -> None:
        assert decide([1.0] * 5, [2.0] * 5).detectable == 0

    def test_it_is_never_below_the_margin_of_the_medians(self) -> None:
        quiet = np.exp(np.random.default_rng(1).normal(0, 1e-4, 16)).tolist()
        assert decide(quiet[:8], quiet[8:]).detectable == pytest.approx(0.05, abs=1e-3)

    def test_permutation_lowers_it(self) -> None:
        rng = np.random.default_rng(1)
        values = np.exp(rng.normal(0, 0.1, 24)).tolist()
        separated = max(values[:12]) / min(values[12:]) * 1.05 - 1
        decision = decide(values[:12], values[12:])
        assert decision.detectable < separated / 2


class TestErrors:
    """False alarms and power on simulated launches; seeds are fixed, bounds are loose."""

    def test_permutation_p_is_calibrated_for_the_table(self) -> None:
        rng = np.random.default_rng(7)
        new = np.arange(16) % 4 % 3 != 0
        smallest = []
        for _ in range(200):
            shared = rng.standard_t(3, size=(16, 1))
            smallest.append(max_t(shared + rng.standard_t(3, size=(16, 6)), new).p.min())
        share = np.array(smallest)
        assert np.mean(share <= 0.5) == pytest.approx(0.5, abs=0.12)
        assert np.mean(share <= 0.2) == pytest.approx(0.2, abs=0.1)
        assert np.mean(share <= LEVEL) <= 0.04

    def test_labels_that_change_places_change_nothing_of_p(self) -> None:
        logs = np.random.default_rng(2).normal(size=(20, 5))
        new = np.arange(20) % 5 < 2
        assert max_t(logs, new).p.tolist() == max_t(logs, ~new).p.tolist()

    @pytest.mark.parametrize(("base", "new", "critical"), [(4, 4, 0), (5, 5, 2), (5, 8, 6), (8, 8, 13), (10, 10, 23)])
    def test_interval_has_the_ranks_of_the_published_tables(self, base: int, new: int, critical: int) -> None:
        """Critical values of U at 5 %, two-sided, as in Mann & Whitney's tables."""
        left, right = np.arange(base) * 100.0, np.arange(new) * 1.0
        ordered = np.sort((right[:, None] - left).ravel())
        assert shift_interval(left, right) == (ordered[critical], ordered[-1 - critical])

    def test_few_launches_have_no_interval_and_many_a_normal_one(self) -> None:
        assert shift_interval(np.zeros(3), np.zeros(3)) is None
        many = np.random.default_rng(4).normal(0, 1, 80)
        low, high = shift_interval(many[:40], many[40:] + 1)
        assert 0.2 < low < 1 < high < 1.8

    def test_interval_covers_no_shift_however_bimodal(self) -> None:
        rng = np.random.default_rng(3)
        missed = 0
        for _ in range(2000):
            values = np.where(rng.random(10) < 0.3, 0.7, 0.0) + rng.normal(0, 0.02, 10)
            low, high = shift_interval(values[:5], values[5:])
            missed += not low <= 0 <= high
        assert missed / 2000 <= 0.045  # 3.2 % and the error of 2000 trials

    @pytest.mark.parametrize("launches", [5, 8])
    def test_false_alarms_are_rare_and_a_quarter_slower_is_found(self, launches: int) -> None:
        rng = np.random.default_rng(5)
        alarms = found = 0
        for _ in range(100):
            values = np.exp(rng.normal(0, 0.03, (4, 2 * launches)))
            rows = [times(row[:launches], row[launches:]) for row in values.tolist()]
            alarms += any(one.verdict in ("worse", "better") for one in decide_table(rows))
            slower = [times(row[:launches], 1.25 * row[launches:]) for row in values]
            found += sum(one.verdict == "worse" for one in decide_table(slower))
        assert alarms <= 3
        assert found >= 396

    def test_same_is_rarely_said_of_a_tenth(self) -> None:
        rng = np.random.default_rng(6)
        values = np.exp(rng.normal(0, 0.03, (400, 10)))
        wrong = sum(decide(v[:5], 1.1 * v[5:]).verdict == "same" for v in values)
        assert wrong <= 10


class TestRows:
    def test_sides_in_two_files_are_joined_by_case_not_by_row(self) -> None:
        base = make_side("base", {8: [1e-6] * 5, 64: [2e-6] * 5})
        new = make_side("new", {64: [2e-6] * 5, 8: [1e-6] * 5})
        assert {row.case.nbytes: row.ratio for row in judged(base, new).rows} == {8: 1, 64: 1}

    def test_absolutes_stand_beside_the_ratio(self) -> None:
        row = only(judged(*alternating([1e-4] * 5, [1.2e-4] * 5)))
        assert (row.base_s, row.new_s) == (pytest.approx(1e-4), pytest.approx(1.2e-4))
        assert row.ratio == pytest.approx(1.2)
        assert (row.base_launches, row.new_launches) == (5, 5)
        assert row.verdict == "worse"
        assert row.margin == MARGIN

    def test_samples_are_judged_without_those_excluded(self) -> None:
        base, new = alternating([1e-4] * 5, [1e-4] * 5)
        slow_start = [
            changed(record, samples_s=[9.0, 9.0, 9.0, 1e-4], excluded=[(0, 2, "first touch")]) for record in new.records
        ]
        assert only(judged(base, make_result("n", slow_start))).ratio == pytest.approx(1)

    def test_a_side_may_be_many_files(self) -> None:
        base = [make_side(f"b{i}", [1e-4]) for i in range(5)]
        new = [make_side(f"n{i}", [1.2e-4]) for i in range(5)]
        assert only(compare(base, new, margin=MARGIN)).verdict == "worse"

    def test_a_copied_file_counts_once(self) -> None:
        base = make_side("b", [1e-4] * 3)
        copies = [base, Result(**{**_fields(base), "path": "copy.jsonl"})]
        comparison = compare(copies, [make_side("n", [1e-4] * 5)], margin=MARGIN)
        assert only(comparison).base_launches == 3
        assert any("counts once" in note for note in comparison.notes)

    def test_a_case_of_one_side_is_missing(self) -> None:
        base = make_side("base", {8: [1e-6] * 5, 64: [2e-6] * 5})
        comparison = judged(base, make_side("new", {8: [1e-6] * 5}))
        assert [row.verdict for row in comparison.rows] == ["same", "missing"]
        assert "new side" in comparison.rows[1].reason
        assert comparison.status(strict=False) == 0
        assert comparison.status(strict=True) == 4

    def test_a_skipped_case_is_missing_and_says_why(self) -> None:
        base = make_side("base", {8: [1e-6] * 5, 64: [2e-6] * 5})
        doubt = Doubt(code="skipped", text="MPI_Allreduce_c is not there.", remedy="")
        records = [make_record(make_case(8), 1e-6, launch=i) for i in range(5)]
        records += [skipped(make_case(64), launch=i, doubts=[doubt]) for i in range(5)]
        row = judged(base, make_result("new", records)).rows[1]
        assert row.verdict == "missing"
        assert "MPI_Allreduce_c is not there" in row.reason

    def test_wrong_results_are_worse_however_fast(self) -> None:
        wrong = Check(status="wrong", wrong=3, worst=1.0, bound=0.0, reference="numpy")
        base, new = alternating([1e-4] * 5, [1e-5] * 5)
        records = [*new.records[:4], changed(new.records[4], check=wrong)]
        row = only(judged(base, make_result("new", records, launches=new.launches)))
        assert row.verdict == "worse"
        assert "3 elements in 1 of 5 launches" in row.reason
        row = _first_of_two(make_result("bad", records, launches=new.launches), base)
        assert row.verdict == "unlike"
        assert "no baseline" in row.reason

    def test_names_say_the_number_of_ranks_only_where_it_differs(self) -> None:
        records = [
            make_record(make_case(8, ranks=ranks), 1e-6, launch=launch) for ranks in (2, 4) for launch in range(5)
        ]
        few, many = make_result("few", records[:5]), make_result("many", records)
        assert [row.name for row in judged(few, few).rows] == ["allreduce/mpi float32 8"]
        names = [row.name for row in judged(many, many).rows]
        assert names == ["allreduce/mpi float32 8 2 ranks", "allreduce/mpi float32 8 4 ranks"]


class TestConditions:
    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"conditions": {"step": "python"}}, "step: base compiled, new python"),
            ({"conditions": {"placement": "2x1"}}, "placement: base 1x2, new 2x1"),
            ({"conditions": {"threads": 2}}, "threads: base 1, new 2"),
            ({"time": "maxlocal"}, "time: base global, new maxlocal"),
            (
                {"conditions": {"flags": ["throttled", "oversubscribed"]}},
                "flags: base none, new oversubscribed",
            ),
        ],
    )
    def test_what_differs_bars_the_ratio_and_is_named(self, fields: dict[str, object], words: str) -> None:
        base = make_side("base", [1e-4] * 5)
        row = _first_of_two(base, make_side("new", [1e-4] * 5, **fields))
        assert row.verdict == "unlike"
        assert words in row.reason
        assert row.ratio is None
        assert row.base_s is not None

    @pytest.mark.parametrize("flag", ["in-cache", "throttled", "injected"])
    def test_other_flags_stand_beside_the_verdict(self, flag: str) -> None:
        base = make_side("base", [1e-4] * 5)
        row = only(judged(base, make_side("new", [1e-4] * 5, conditions={"flags": [flag]})))
        assert row.verdict == "same"
        assert row.flags == (f"{flag} (new)",)

    def test_an_injected_base_is_refused(self) -> None:
        base = make_side("base", [1e-4] * 5, conditions={"flags": ["injected"]})
        with pytest.raises(UsageError, match=r"base\.jsonl is no baseline"):
            judged(base, make_side("new", [1e-4] * 5))

    def test_conditions_that_vary_within_a_side_bar_the_ratio(self) -> None:
        new = make_side("new", [1e-4] * 5)
        other = changed(new.records[4].conditions, sync="barrier")
        records = [*new.records[:4], changed(new.records[4], conditions=other)]
        row = _first_of_two(make_side("base", [1e-4] * 5), make_result("n", records))
        assert row.verdict == "unlike"
        assert "sync varies between launches of new: barrier and round-time" in row.reason

    def test_another_machine_bars_everything_and_is_named(self) -> None:
        base = make_side("base", [1e-4] * 5)
        new = make_result("new", base.records, machine={"cpu": "Model 2"})
        with pytest.raises(UsageError, match="cpu: base Model 1, new Model 2"):
            judged(base, new)

    @pytest.mark.parametrize("machine", [{"hostname": "b"}, {"kernel": "6.1"}])
    def test_another_host_name_is_only_said(self, machine: dict[str, str]) -> None:
        base = make_result("base", make_side("b", [1e-4] * 5).records, machine={"kernel": "5"})
        new = make_result("new", base.records, machine={"kernel": "5", **machine})
        comparison = judged(base, new)
        assert only(comparison).verdict == "same"
        assert any(next(iter(machine)) in note for note in comparison.notes)

    def test_nothing_shared_is_no_comparison(self) -> None:
        base, new = make_side("b", {8: [1e-6] * 5}), make_side("n", {64: [1e-6] * 5})
        with pytest.raises(UsageError, match="None of 2 rows can be compared"):
            judged(base, new)


class TestAlternation:
    @pytest.mark.parametrize(
        ("order", "alternated"),
        [
            ("ABABABABAB", True),
            ("ABBAABBAAB", True),
            ("AAABBBABBA", False),
            ("A" * 5 + "B" * 5, False),
        ],
    )
    def test_three_neighbours_of_one_side_double_the_margin(self, order: str, alternated: bool) -> None:
        places = {side: [i for i, one in enumerate(order) if one == side] for side in "AB"}
        base = make_side("base", [1e-4] * 5, positions=places["A"])
        new = make_side("new", [1e-4] * 5, positions=places["B"], side="new")
        comparison = judged(base, new)
        assert comparison.alternated is alternated
        assert only(comparison).margin == (0.05 if alternated else 0.1)
        assert any("not alternated" in note for note in comparison.notes) is not alternated

    def test_two_series_are_not_one(self) -> None:
        base, new = alternating([1e-4] * 5, [1e-4] * 5)
        moved = [make_launch(one.launch, pairing=changed(one.pairing, id="other")) for one in new.launches]
        assert not judged(base, make_result("n", new.records, launches=moved)).alternated

    def test_one_file_is_split_by_its_sides(self) -> None:
        launches = [make_launch(i, pairing=Pairing(id="s", side=("base", "new")[i % 2], position=i)) for i in range(10)]
        records = [make_record(median_s=(1e-4, 2e-4)[i % 2], launch=i) for i in range(10)]
        base, new = split([make_result("both", records, launches=launches)])
        comparison = compare(base, new, margin=MARGIN)
        assert comparison.alternated
        assert only(comparison).verdict == "worse"

    def test_a_file_without_sides_is_not_split(self) -> None:
        with pytest.raises(UsageError, match="both sides"):
            split([make_side("b", [1e-4] * 5)])


def tailed(name: str, tail: float, *, samples: int = 400, median_s: float = 1e-4, **fields: object) -> Result:
    """Five launches with a p99 of their own: one sample in fifty is so many times as slow."""
    random = np.random.default_rng(1)
    records = []
    for launch in range(5):
        pattern = np.exp(random.normal(0, 0.002, samples))
        pattern[::50] *= tail
        records.append(make_record(median_s=median_s, launch=launch, pattern=pattern, **fields))
    return make_result(name, records)


class TestTails:
    def test_p99_is_judged_apart_and_more_loosely(self) -> None:
        comparison = judged(tailed("a", 2.0), tailed("b", 4.0))
        (row,), (tail,) = comparison.rows, comparison.tails
        assert (row.verdict, row.metric, row.margin) == ("same", "time", 0.1)
        assert (tail.verdict, tail.metric, tail.margin) == ("worse", "p99", 0.5)
        assert tail.name == f"{row.name} p99"
        assert tail.ratio == pytest.approx(2, rel=0.02)
        assert comparison.status(strict=False) == 1

    def test_less_than_its_margin_is_the_same(self) -> None:
        comparison = judged(tailed("a", 2.0), tailed("b", 2.4))
        assert only_tail(comparison).verdict == "same"
        narrow = judged(tailed("a", 2.0), tailed("b", 2.4), tail_margin=0.02)
        assert only_tail(narrow).verdict == "worse"

    def test_a_row_may_be_gated_by_one_of_them(self) -> None:
        sides = tailed("a", 2.0), tailed("b", 4.0)
        assert judged(*sides, gate=make_case().text()).status(strict=True) == 0
        assert judged(*sides, gate="*p99").status(strict=False) == 1
        assert judged(*sides, gate="allreduce/mpi").status(strict=False) == 1

    @pytest.mark.parametrize(
        "fields", [{"samples": 200}, {"case": make_case(cadence="streaming")}, {"check": WRONG}], ids=str
    )
    def test_rows_without_one_or_with_none_to_judge_have_no_tail(self, fields: dict[str, object]) -> None:
        assert judged(tailed("a", 2.0, **fields), tailed("b", 4.0, **fields)).tails == ()

    def test_unclear_tails_are_no_lack_of_an_answer(self) -> None:
        base, new = tailed("a", 2.0), tailed("b", 2.0)
        wild = [changed_tail(record, 1 + record.launch) for record in new.records]
        comparison = judged(base, make_result("b", wild))
        assert only_tail(comparison).verdict == "unclear"
        assert comparison.status(strict=True) == 0


def only_tail(comparison: Comparison) -> Row:
    (tail,) = comparison.tails
    return tail


def changed_tail(record: object, factor: float) -> object:
    """A record whose slowest samples are so many times as slow."""
    limit = 1.5 * record.summary.median_s
    return make_record(
        launch=record.launch, median_s=1.0, pattern=[v * factor if v > limit else v for v in record.samples_s]
    )


class TestAcross:
    def test_the_declared_factor_may_differ_and_is_named(self) -> None:
        base, new = make_side("a", [1e-4] * 5), make_side("b", [2e-4] * 5, conditions={"library": "MPICH 5"})
        with pytest.raises(UsageError, match="--across"):
            judged(base, new)
        comparison = judged(base, new, across="library")
        assert only(comparison).verdict == "worse"
        assert comparison.across is not None
        assert "base Open MPI 5.0.11, new MPICH 5" in comparison.across

    def test_a_second_difference_still_bars(self) -> None:
        base = make_side("a", [1e-4] * 5)
        row = _first_of_two(base, make_side("b", [1e-4] * 5, conditions={"library": "M", "sync": "barrier"}))
        assert row.verdict == "unlike"
        with pytest.raises(UsageError, match="sync: base round-time, new barrier"):
            judged(base, make_side("b", [1e-4] * 5, conditions={"library": "M", "sync": "barrier"}), across="library")

    def test_variants_of_two_files_are_one_row(self) -> None:
        base = make_result("a", [make_record(launch=launch) for launch in range(5)])
        ring = make_case(variant="ring")
        new = make_result("b", [make_record(ring, 2e-4, launch=launch) for launch in range(5)])
        row = only(judged(base, new, across="variant"))
        assert (row.verdict, row.name) == ("worse", "allreduce/* float32 1MiB")

    def test_two_variants_on_one_side_are_no_side(self) -> None:
        both = [make_record(make_case(variant=one), launch=launch) for launch in range(5) for one in ("mpi", "ring")]
        with pytest.raises(UsageError, match="variant mpi and ring"):
            judged(make_result("a", both), make_side("b", [1e-4] * 5), across="variant")

    def test_levels_that_vary_between_launches_of_a_side_bar(self) -> None:
        mixed = [make_record(make_case(variant=("mpi", "ring")[launch % 2]), launch=launch) for launch in range(5)]
        with pytest.raises(UsageError, match="variant varies between launches of base: mpi and ring"):
            judged(make_result("a", mixed), make_side("b", [1e-4] * 5), across="variant")


class TestStatus:
    def test_gates_are_a_set(self) -> None:
        base = make_side("a", {8: [1e-6] * 5, 64: [1e-6] * 5, 512: [1e-6] * 5})
        new = make_side("b", {8: [1e-6] * 5, 64: [1e-6] * 5, 512: [2e-6] * 5})
        assert judged(base, new, gate=["* 8", "* 64"]).status(strict=True) == 0
        assert [row.gated for row in judged(base, new, gate=["* 8", "* 64"]).rows] == [True, True, False]
        assert judged(base, new, gate=["* 8", "* 512"]).status(strict=True) == 1
        with pytest.raises(UsageError, match="No row matches the gate 'x'"):
            judged(base, new, gate=["* 8", "x"])

    def test_worse_is_1_unless_the_gate_leaves_it_out(self) -> None:
        base, new = alternating([1e-4] * 5, [2e-4] * 5)
        assert judged(base, new).status(strict=False) == 1
        assert judged(base, new, gate="allreduce/*").status(strict=True) == 1
        with pytest.raises(UsageError, match="No row matches the gate 'alltoall/"):
            judged(base, new, gate="alltoall/*")

    def test_a_gate_leaves_other_rows_reported(self) -> None:
        base = make_side("base", {8: [1e-6] * 5, 64: [2e-6] * 5})
        new = make_side("new", {8: [1e-6] * 5, 64: [9e-6] * 5})
        gated = judged(base, new, gate=make_case(8).text())
        assert [row.verdict for row in gated.rows] == ["same", "worse"]
        assert gated.status(strict=True) == 0

    def test_unclear_is_4_only_when_strict(self) -> None:
        comparison = judged(make_side("b", [1e-4]), make_side("n", [1e-4]))
        assert only(comparison).verdict == "unclear"
        assert comparison.status(strict=False) == 0
        assert comparison.status(strict=True) == 4


def _fields(result: Result) -> dict[str, object]:
    return {name: getattr(result, name) for name in result.__slots__}


def _first_of_two(base: Result, new: Result) -> Row:
    """The verdict on the first of two rows, of which the second can always be compared."""
    sides = []
    for side in (base, new):
        rest = [make_record(make_case(1 << 24), 1e-3, launch=launch.launch) for launch in side.launches]
        sides.append(make_result(side.path.removesuffix(".jsonl"), [*side.records, *rest]))
    return judged(*sides).rows[0]

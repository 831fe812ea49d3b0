"""Verdicts on clusters whose truth is known: what is slow, different, wrong or missing is said of the right part."""

from collections.abc import Sequence
from typing import Any

import pytest
from builders import changed, make_case, make_record, make_result
from clusters import GEMM, NAMES, TRIAD, WRONG, bisections, diagnosis, line, local, sending, started, suite
from hypothesis import given, settings
from hypothesis import strategies as st

from fabricbench.errors import UnreadableError, UsageError
from fabricbench.judge import expectations, outliers, sides, soak, verdict
from fabricbench.judge.evidence import Subject, Verdict, worst
from fabricbench.judge.verdict import Judged, judge
from fabricbench.model import Origin, Record
from fabricbench.store import Result


def part(judged: Judged, name: str) -> Subject:
    return next(one for one in judged.subjects if one.name == name)


def verdicts(judged: Judged, kind: str) -> dict[str, Verdict]:
    return {one.name: one.verdict for one in judged.subjects if one.kind == kind}


def found(subject: Subject, test: str) -> str:
    return next(f"{one.verdict} {one.found}" for one in subject.tests if one.test.startswith(test))


def test_a_good_cluster_passes_and_says_what_was_not_tested() -> None:
    judged = judge([suite(), diagnosis()])
    assert set(verdicts(judged, "node").values()) == set(verdicts(judged, "link").values()) == {"PASS"}
    assert (judged.verdict, judged.status) == ("PASS", 0)
    assert len(judged.links) == 15
    said = "; ".join(judged.untested)
    for what in ("GPUs", "storage", "decay over time", "speed of 1 rows"):
        assert what in said
    assert all(one.source and one.threshold for subject in judged.subjects for one in subject.tests)


@settings(deadline=None, max_examples=25)
@given(host=st.sampled_from(NAMES), share=st.floats(0.2, 0.85), launches=st.integers(2, 3))
def test_a_slow_node_is_named_and_no_other(host: str, share: float, launches: int) -> None:
    judged = judge([suite({host: share}, launches), diagnosis()])
    assert {name for name, verdict in verdicts(judged, "node").items() if verdict == "FAIL"} == {host}
    assert found(part(judged, host), "compute: gemm").startswith("FAIL")
    assert "peers: median of 6 nodes" in part(judged, host).reasons[0].source
    assert judged.status == 1


def test_what_was_slow_once_is_a_question_and_in_some_launches_a_warning() -> None:
    once = judge([suite({"c": 0.6}, launches=1), diagnosis()])
    assert (part(once, "c").verdict, once.status) == ("INCONCLUSIVE", 4)
    twice = suite(launches=2)
    records = (
        local(GEMM, 0, {"c": 0.6}),
        *(one for one in twice.records if one.case.key() != GEMM.key() or one.launch),
    )
    some = judge([make_result("suite", records, launches=twice.launches), diagnosis()])
    assert (part(some, "c").verdict, some.status) == ("WARN", 0)


def test_the_threshold_is_what_names_the_slow_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outliers, "_least", lambda *_: 0.6)
    assert judge([suite({"c": 0.6}), diagnosis()]).verdict == "PASS"


@pytest.mark.parametrize("hosts", [NAMES[:1], NAMES[:2], NAMES[:3]])
def test_too_few_nodes_have_no_peers(hosts: Sequence[str]) -> None:
    judged = judge([suite(hosts=hosts), *([diagnosis(members=len(hosts))] if len(hosts) > 1 else [])])
    node = part(judged, "a")
    assert found(node, "compute").startswith("INCONCLUSIVE gemm")
    assert "too few" in found(node, "memory")
    assert set(verdicts(judged, "link").values()) <= {"INCONCLUSIVE"}
    assert judged.status == 4


def test_peers_that_differ_too_much_judge_nobody() -> None:
    wild = {"a": 1.0, "b": 0.3, "c": 2.0, "d": 0.5, "e": 1.7, "f": 0.7}
    node = part(judge([suite(wild), diagnosis()]), "b")
    assert "differ so much" in found(node, "compute: gemm")
    assert found(node, "compute: gemm").startswith("INCONCLUSIVE")


def test_nodes_with_other_numbers_of_ranks_are_no_peers() -> None:
    # Two ranks share the memory of each node but the last two: what they have less says nothing of those.
    hosts = [host for host in NAMES[:4] for _ in range(2)] + list(NAMES[4:])
    record = local(TRIAD, 0, dict.fromkeys(NAMES[:4], 0.5), hosts)
    launch = started(0, NAMES, ranks=10, placed=[NAMES.index(host) for host in hosts])
    judged = judge([make_result("uneven", [record], launches=[launch])])
    assert [found(part(judged, host), "memory").split()[0] for host in NAMES] == ["PASS"] * 4 + ["INCONCLUSIVE"] * 2


def test_turns_of_a_launch_count_as_one() -> None:
    rows = [
        changed(one, case=changed(one.case, params={"turn": turn}))
        for turn, share in enumerate((0.5, 1.0, 1.0)) for one in (local(GEMM, 0, {"c": share}),)
    ]  # fmt: skip
    judged = judge([make_result("turns", rows, launches=[started(0, NAMES)])])
    assert found(part(judged, "c"), "compute").startswith("PASS")


class TestMissing:
    """Missing evidence is UNKNOWN, never PASS."""

    def test_links_of_a_file_without_pairs(self) -> None:
        judged = judge([suite()])
        assert judged.links == ()
        assert found(judged.cluster, "links").startswith("UNKNOWN no pairs")
        assert found(part(judged, "a"), "network").startswith("UNKNOWN")
        assert (judged.verdict, judged.status) == ("UNKNOWN", 4)

    def test_everything_but_links_of_a_diagnosis_alone(self) -> None:
        judged = judge([diagnosis()])
        assert set(verdicts(judged, "link").values()) == {"PASS"}
        node = part(judged, "b")
        assert [found(node, kind).split()[0] for kind in ("compute", "memory", "network", "inventory")] == [
            "UNKNOWN", "UNKNOWN", "PASS", "UNKNOWN",
        ]  # fmt: skip
        assert found(judged.cluster, "collectives").startswith("UNKNOWN")

    def test_very_many_links_that_nobody_measured_are_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(verdict, "MOST_UNMEASURED", 1)
        judged = judge([suite(), diagnosis(left_out=[(0, 1), (2, 3)])])
        assert verdicts(judged, "link")["2 other links"] == "UNKNOWN"
        assert len(judged.links) == 14

    def test_what_another_diagnosis_measured_is_not_missing(self) -> None:
        assert judge([suite(), diagnosis(left_out=[(0, 1)]), diagnosis()]).verdict == "PASS"

    def test_a_pair_that_could_not_be_measured(self) -> None:
        judged = judge([suite(), diagnosis(left_out=[(0, 1)])])
        assert {name for name, verdict in verdicts(judged, "link").items() if verdict == "UNKNOWN"} == {"a <-> b"}
        assert judged.status == 4

    def test_bisections_and_collectives(self) -> None:
        whole = suite()
        rows = [one for one in whole.records if one.case.operation not in ("bisection", "allreduce")]
        judged = judge([make_result("suite", rows, launches=whole.launches), diagnosis()])
        assert found(judged.cluster, "bisections").startswith("UNKNOWN")
        assert found(judged.cluster, "collectives").startswith("UNKNOWN")

    @pytest.mark.parametrize("end", [None, "failed"])
    def test_a_run_that_did_not_come_to_its_end(self, end: str | None) -> None:
        whole = suite()
        ended = None if end is None else changed(whole.end, status=end)
        judged = judge([make_result("suite", whole.records, launches=whole.launches, end=ended), diagnosis()])
        assert found(judged.cluster, "measured to its end").startswith("UNKNOWN suite.jsonl")

    def test_a_file_with_nothing_in_it(self) -> None:
        judged = judge([make_result("empty", [])])
        assert (judged.nodes, judged.links, judged.verdict) == ((), (), "UNKNOWN")

    def test_a_placement_that_nobody_knows(self) -> None:
        whole = suite()
        lines = [changed(one, placed=None, hosts=["a", "b"]) for one in whole.launches]
        judged = judge([make_result("suite", whole.records, launches=lines)])
        assert found(part(judged, "a"), "compute").startswith("UNKNOWN")


class TestNetwork:
    def test_a_node_that_sends_slowly_fails_and_its_links_do_not(self) -> None:
        judged = judge([suite(), diagnosis(sending(2))])
        assert {name for name, verdict in verdicts(judged, "node").items() if verdict == "FAIL"} == {"c"}
        assert found(part(judged, "c"), "network").startswith("FAIL sends at 0.50 of its peers, slow again in 3 of 3")
        assert set(verdicts(judged, "link").values()) == {"PASS"}

    def test_two_slow_nodes_do_not_hide_each_other(self) -> None:
        # They are in most of the pairs by which it is known what a pair has alone.
        judged = judge([suite(), diagnosis(sending(0) | sending(1))])
        assert {name for name, verdict in verdicts(judged, "node").items() if verdict == "FAIL"} == {"a", "b"}

    def test_a_slow_link_fails_and_its_nodes_do_not(self) -> None:
        judged = judge([suite(), diagnosis({(1, 3): 0.5})])
        assert {name for name, verdict in verdicts(judged, "link").items() if verdict == "FAIL"} == {"b <-> d"}
        assert "b -> d has 0.50" in found(part(judged, "b <-> d"), "messages")
        assert set(verdicts(judged, "node").values()) == {"PASS"}

    def test_what_was_not_slow_again_is_a_warning(self) -> None:
        judged = judge([suite(), diagnosis(sending(2), then={})])
        assert (part(judged, "c").verdict, judged.status) == ("WARN", 0)

    @pytest.mark.parametrize(("several", "verdict"), [(False, "FAIL"), (True, "UNKNOWN")])
    def test_wrong_data_is_a_links_own_only_where_it_was_checked_alone(self, several: bool, verdict: Verdict) -> None:
        pairs = diagnosis()
        lines = list(pairs.rounds)
        index = next(i for i, one in enumerate(lines) if (len(one.pairs) > 1) == several)
        lines[index] = changed(lines[index], check="wrong")
        judged = judge([suite(), make_result("pairs", [], launches=pairs.launches, rounds=tuple(lines))])
        first, second = (NAMES[rank] for rank in lines[index].pairs[0])
        assert part(judged, f"{first} <-> {second}").verdict == verdict
        assert found(judged.cluster, "data").startswith("FAIL wrong in 1 of")
        assert judged.status == 1

    def test_pairs_that_differ_too_much_judge_nobody(self) -> None:
        wild = {
            (one, other): 0.2 + ((3 * one + 5 * other + one * other) % 11) / 4
            for one in range(6) for other in range(6) if one != other
        }  # fmt: skip
        judged = judge([suite(), diagnosis(wild)])
        assert "INCONCLUSIVE" in set(verdicts(judged, "link").values())
        assert "PASS" not in {*verdicts(judged, "link").values(), found(part(judged, "a"), "network").split()[0]}
        assert judged.status in (1, 4)

    def test_links_of_a_node_with_too_few_partners_are_undecided(self) -> None:
        judged = judge([suite(), diagnosis(left_out=[(0, 5), (1, 5), (2, 5)])])
        assert found(part(judged, "f"), "network").startswith("UNKNOWN too few of its pairs")
        assert found(part(judged, "d <-> f"), "messages").startswith("INCONCLUSIVE")
        assert part(judged, "a <-> b").verdict == "PASS"


class TestAgreement:
    @settings(deadline=None, max_examples=25)
    @given(odd=st.sampled_from(NAMES), name=st.sampled_from(["kernel", "mpi", "UCX_TLS", "gpu_driver"]))
    def test_the_node_that_differs_from_most_is_named(self, odd: str, name: str) -> None:
        # Whoever differs may be rank 0's host, from which all the others are then said to differ.
        others = [host for host in NAMES if host != "a"] if odd == "a" else [odd]
        inventory = {host: {name: "other"} if host in others else {} for host in NAMES}
        lines = [started(number, NAMES, inventory=inventory) for number in range(2)]
        judged = judge([make_result("suite", suite().records, launches=lines), diagnosis()])
        assert {host for host, verdict in verdicts(judged, "node").items() if verdict == "WARN"} == {odd}
        assert "on 5 of 6 nodes" in part(judged, odd).reasons[0].threshold
        assert judged.status == 0

    def test_variables_of_a_job_are_no_difference(self) -> None:
        def whole(job: str, hosts: Sequence[str]) -> Result:
            variables = {"SLURM_JOB_ID": job, "OMPI_MCA_initial_wdir": f"/{job}", "UCX_TLS": "tcp"}
            lines = [started(number, hosts, environment=variables) for number in range(2)]
            return make_result(job, suite(hosts=hosts).records, launches=lines)

        judged = judge([whole("1", NAMES), whole("2", NAMES[:4]), diagnosis()])
        assert set(verdicts(judged, "node").values()) == {"PASS"}
        assert judged.inventory["f"]["UCX_TLS"] == "tcp"
        assert judged.jobs == ("1", "2")

    def test_without_a_majority_all_are_named(self) -> None:
        inventory = {host: {"kernel": "x" if host in "abc" else "y"} for host in NAMES}
        lines = [started(number, NAMES, inventory=inventory) for number in range(2)]
        judged = judge([make_result("suite", suite().records, launches=lines), diagnosis()])
        assert set(verdicts(judged, "node").values()) == {"WARN"}

    def test_memory_that_hardly_differs_is_the_same(self) -> None:
        inventory = {host: {"memory": 1e9 + 1e6 * number} for number, host in enumerate(NAMES)}
        inventory["e"] = {"memory": 5e8}
        lines = [started(number, NAMES, inventory=inventory) for number in range(2)]
        judged = judge([make_result("suite", suite().records, launches=lines), diagnosis()])
        assert {host for host, verdict in verdicts(judged, "node").items() if verdict == "WARN"} == {"e"}


class TestWhole:
    def test_wrong_results_fail_the_cluster(self) -> None:
        whole = suite()
        records = [*whole.records[:-1], changed(whole.records[-1], check=WRONG)]
        judged = judge([make_result("suite", records, launches=whole.launches), diagnosis()])
        assert found(judged.cluster, "data").startswith("FAIL wrong in 1 of")

    def test_slow_bisections_are_a_warning(self) -> None:
        whole = suite()
        rows = [one for one in whole.records if one.case.operation != "bisection"]
        rows += [row for launch in range(2) for row in bisections(launch, 6, slow=[17])]
        judged = judge([make_result("suite", rows, launches=whole.launches), diagnosis()])
        assert found(judged.cluster, "bisections").startswith("WARN 50 random ones, lowest 0.50")
        assert judged.status == 0

    def test_a_fault_put_in_on_purpose_accepts_nothing(self) -> None:
        whole = suite()
        flagged = changed(whole.records[2], conditions=changed(whole.records[2].conditions, flags=["injected"]))
        judged = judge(
            [
                make_result("suite", (flagged, *whole.records[3:], *whole.records[:2]), launches=whole.launches),
                diagnosis(),
            ]
        )
        assert judged.verdict == "INCONCLUSIVE"

    @pytest.mark.parametrize(
        ("factor", "noise", "verdict"),
        [(1.0, 0.0, "PASS"), (1.5, 0.002, "FAIL"), (1.03, 0.001, "WARN"), (1.0, 0.3, "INCONCLUSIVE")],
    )
    def test_a_run_that_becomes_slower(self, factor: float, noise: float, verdict: Verdict) -> None:
        count = 12
        times = [
            1e-3 * factor ** (n / (count - 1)) * (1 + noise * (1 if n % 2 else -1) * (1 + n % 3)) for n in range(count)
        ]  # fmt: skip
        rows = [make_record(make_case(ranks=6), seconds, launch=n) for n, seconds in enumerate(times)]
        lines = [started(n, NAMES, started=f"2026-01-02T03:{n:02}:05Z") for n in range(count)]
        judged = judge([suite(), diagnosis(), make_result("soak", rows, launches=lines)])
        assert found(judged.cluster, "over time").startswith(verdict)
        assert not any("decay" in what for what in judged.untested)


def test_very_many_launches_are_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    times = [1e-3 * (1 + 0.001 * (n % 5)) * 1.2 ** (n / 99) for n in range(100)]
    rows = [make_record(make_case(ranks=6), seconds, launch=n) for n, seconds in enumerate(times)]
    lines = [started(n, NAMES, started=f"2026-01-02T{3 + n // 60:02}:{n % 60:02}:05Z") for n in range(100)]
    units, _ = sides.units([make_result("soak", rows, launches=lines)])
    (whole,) = soak.slopes(units)
    monkeypatch.setattr(soak, "MOST", 20)
    (thinned,) = soak.slopes(units)
    assert (thinned.launches, thinned.lasted_s) == (whole.launches, whole.lasted_s)
    assert thinned.growth == pytest.approx(whole.growth, abs=0.01) == pytest.approx(0.2, abs=0.01)


EXPECT = """
[[expect]]
case = "gemm*"
metric = "flops"
low = {low}
unit = "GFLOP/s"
source = "the offer"
[[expect]]
case = "{other}"
metric = "time"
high = 1
unit = "s"
source = "the offer"
"""


def expected(low: float, other: str = "allreduce/*") -> expectations.Expectations:
    return expectations.parse(EXPECT.format(low=low, other=other), "expect.toml")


class TestExpected:
    def test_what_the_user_expects_fails_a_node_and_the_row(self) -> None:
        judged = judge([suite({"c": 0.6}), diagnosis()], expected(low=90))
        failed = part(judged, "c").reasons
        assert any(one.threshold == "at least 90 GFLOP/s" and "the offer" in one.source for one in failed)
        assert part(judged, "a").verdict == "PASS"
        assert judged.status == 1

    def test_who_reaches_it_is_not_failed_by_peers_alone(self) -> None:
        judged = judge([suite({"c": 0.6}), diagnosis()], expected(low=10))
        assert (part(judged, "c").verdict, judged.status) == ("WARN", 0)

    def test_few_nodes_are_judged_by_it(self) -> None:
        judged = judge([suite(hosts=NAMES[:2])], expected(low=10))
        assert found(part(judged, "a"), "compute: gemm").startswith("PASS")
        assert found(part(judged, "a"), "memory").startswith("INCONCLUSIVE")

    def test_what_no_row_answers_to_is_unknown(self) -> None:
        judged = judge([suite(), diagnosis()], expected(low=10, other="broadcast/*"))
        assert found(judged.cluster, "broadcast/*").startswith("UNKNOWN no row matches line 8")
        assert judged.status == 4

    def test_a_file_that_matches_nothing_is_refused(self) -> None:
        with pytest.raises(UsageError, match="no row matches"):
            judge([diagnosis()], expected(low=10))


PAIRS = """
[[expect]]
case = "bandwidth/mpi*{size}*distance=pair"
metric = "{metric}"
low = {low}
unit = "{unit}"
source = "the offer"
{more}
"""


def of_pairs(low: float = 90, size: str = "1MiB", metric: str = "bandwidth", unit: str = "MB/s", more: str = "") -> Any:
    return expectations.parse(PAIRS.format(low=low, size=size, metric=metric, unit=unit, more=more), "pairs.toml")


class TestCompany:
    """A node that slows down only all-reduces is known from parts that differ in one member."""

    @staticmethod
    def trial(launch: int, one: str, two: str, shares: Sequence[float]) -> list[Record]:
        """Turns of two parts, the first at these shares of the speed of the second."""
        return [
            make_record(
                make_case(ranks=6, params={"communicator": name, "op": "sum", "turn": turn}), seconds, launch=launch
            )
            for turn, share in enumerate(shares) for name, seconds in ((one, 1e-4 / share), (two, 1e-4))
        ]  # fmt: skip

    def judged(self, *trials: list[Record]) -> Judged:
        lines = [started(number, NAMES) for number in range(len(trials))]
        searched = make_result("search", [row for rows in trials for row in rows], launches=lines)
        return judge([suite(), diagnosis(), searched])

    def test_who_is_slower_than_another_in_its_place_every_time_fails(self) -> None:
        judged = self.judged(
            self.trial(0, "0-2", "3-5", [0.6] * 3),
            self.trial(1, "0-1+4", "0-1+5", [0.6, 0.62, 0.6]), self.trial(2, "0+2+4", "0+2+3", [0.6, 0.58, 0.61]),
        )  # fmt: skip
        assert {name for name, verdict in verdicts(judged, "node").items() if verdict == "FAIL"} == {"e"}
        assert found(part(judged, "e"), "collectives").startswith("FAIL all-reduces with it run at 0.60")
        assert "speed of 1 rows" in "; ".join(judged.untested)

    def test_what_was_seen_once_or_sometimes_is_not_failed(self) -> None:
        once = self.judged(self.trial(0, "0-1+4", "0-1+5", [0.6] * 3))
        assert part(once, "e").verdict == "INCONCLUSIVE"
        passing = self.judged(
            self.trial(0, "0-1+4", "0-1+5", [0.6] * 3), self.trial(1, "0+2+4", "0+2+3", [1.0, 0.99, 1.01])
        )
        assert part(passing, "e").verdict == "WARN"

    def test_who_is_as_fast_as_another_is_not_spoken_of(self) -> None:
        judged = self.judged(self.trial(0, "0-1+4", "0-1+5", [1.0, 0.98, 1.02]), self.trial(1, "0-2", "3-5", [0.5]))
        assert judged.verdict == "PASS"
        assert not any(one.topic == "collectives" for one in part(judged, "e").tests)


class TestExpectedOfPairs:
    def test_two_nodes_are_judged_by_what_the_user_expects(self) -> None:
        judged = judge([diagnosis(members=2)], of_pairs(low=90))
        assert found(part(judged, "a <-> b"), "messages").startswith("PASS bandwidth 10")
        assert found(part(judged, "a"), "network").startswith("PASS all its links are as expected")
        assert "line 2 of the expectations: the offer" in part(judged, "a <-> b").tests[0].source
        failed = judge([diagnosis(members=2)], of_pairs(low=110))
        assert part(failed, "a <-> b").verdict == "FAIL"
        assert found(part(failed, "a"), "network").startswith("INCONCLUSIVE")

    def test_a_link_that_reaches_it_is_not_failed_by_peers_alone(self) -> None:
        judged = judge([suite(), diagnosis({(1, 3): 0.5})], of_pairs(low=40))
        assert (part(judged, "b <-> d").verdict, judged.status) == ("WARN", 0)
        assert judge([suite(), diagnosis({(1, 3): 0.5})], of_pairs(low=60)).status == 1

    def test_a_time_is_that_of_one_message(self) -> None:
        judged = judge([diagnosis(members=2)], of_pairs(low=10, metric="time", unit="ms"))
        assert found(part(judged, "a <-> b"), "messages").startswith("PASS time 10.")

    def test_what_no_pair_answers_to_is_unknown(self) -> None:
        judged = judge([suite(), diagnosis()], of_pairs(size="8MiB"))
        assert found(judged.cluster, "bandwidth/mpi*8MiB").startswith("UNKNOWN no pair matches line 2")

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"metric": "busbw"}, "a pair has no metric 'busbw'"),
            ({"more": 'like = { library = "x" }'}, "a pair has no conditions to be like"),
        ],
    )
    def test_what_a_pair_does_not_have_is_refused(self, fields: dict[str, str], said: str) -> None:
        with pytest.raises(UnreadableError, match=said):
            judge([suite(), diagnosis()], of_pairs(**fields))  # type: ignore[arg-type]


class TestRefused:
    def test_results_of_other_tools(self) -> None:
        origin = Origin(tool="osu", version=None, statistic="mean", over_ranks=None, file="x", line=1)
        with pytest.raises(UsageError, match="figures of osu"):
            judge([make_result("osu", [make_record(origin=origin)])])

    def test_two_clusters_at_once(self) -> None:
        with pytest.raises(UsageError, match="two clusters"):
            judge([suite(), suite(hosts=("x", "y", "z"))])
        with pytest.raises(UsageError, match="The cpu of a is Other in"):
            judge([suite(), suite(machine={"cpu": "Other"})])

    def test_a_part_of_the_same_cluster_is_not_another(self) -> None:
        assert judge([suite(), suite(hosts=NAMES[:4]), diagnosis()]).verdict == "PASS"

    def test_rounds_of_ranks_that_there_are_not(self) -> None:
        pairs = diagnosis()
        lines = (*pairs.rounds, line([(0, 9)], "forward", 9, {}))
        with pytest.raises(UsageError, match="more than its 6 ranks"):
            judge([make_result("pairs", [], launches=pairs.launches, rounds=lines)])


@settings(deadline=None, max_examples=40)
@given(
    slow=st.dictionaries(st.sampled_from(NAMES), st.floats(0.3, 1.0), max_size=2),
    launches=st.integers(1, 3), with_pairs=st.booleans(), kept=st.floats(0.0, 1.0),
)  # fmt: skip
def test_an_answer_is_never_better_than_its_evidence(
    slow: dict[str, float], launches: int, with_pairs: bool, kept: float
) -> None:
    whole = suite(slow, launches)
    records = whole.records[: int(kept * len(whole.records))]
    judged = judge([make_result("suite", records, launches=whole.launches), *([diagnosis()] if with_pairs else [])])
    if judged.status == 0:
        assert with_pairs
        operations = {record.case.operation for record in records}
        assert operations >= {"gemm", "triad", "allreduce", "bisection"}
    for subject in judged.subjects:
        assert worst([judged.verdict, subject.verdict]) == judged.verdict
        assert (subject.verdict == "PASS") == all(one.verdict == "PASS" for one in subject.tests)

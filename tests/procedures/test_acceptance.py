"""`run acceptance` on ranks that are made up: what is measured after what, into which file, and what is refused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import builders
import pytest
from clusters import GEMM, NAMES, NBYTES, bisections, diagnosis, local, started, suite

from fabricbench import api, mpi, store
from fabricbench.cli import main
from fabricbench.engine import start
from fabricbench.engine.start import Order
from fabricbench.engine.suite import Request
from fabricbench.errors import UsageError
from fabricbench.judge import bisections as judged
from fabricbench.judge import sides, soak
from fabricbench.judge.localise import Localised
from fabricbench.judge.suspicion import Diagnosis
from fabricbench.procedures import diagnose
from fabricbench.store import Result


@dataclass
class Pretended:
    """Stands in for whoever starts ranks; `asked` says what for, in order."""

    slow: tuple[int, ...] = ()
    wrong: str = ""
    nodes: Mapping[str, float] = field(default_factory=dict)
    nodes_again: Mapping[str, float] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def run(self, request: Request, order: Order, announce: Callable[..., None]) -> tuple[str, int]:
        one = request.only[0].partition("/")[0] if request.only else ""
        name = {"bisection": "bisections", "gemm": "gemm"}.get(one, request.suite)
        self.asked.append((name, (request, order)))
        rows = {"bisections": self.again, "soak": lambda _: [], "gemm": self.gemm}.get(name, self.suite)(request)
        launches = [started(number, NAMES) for number in range(order.launches)]
        self.write(builders.make_result(name, rows, launches=launches), order)
        return str(order.output), int(self.wrong == name)

    def suite(self, _: Request) -> list[Any]:
        return [*suite(self.nodes, launches=1).records[:3], *bisections(0, 6, self.slow)]

    def gemm(self, _: Request) -> list[Any]:
        return [local(GEMM, 0, self.nodes_again)]

    def again(self, request: Request) -> list[Any]:
        return [row for row in bisections(0, 6) if row.case.params["draw"] in request.params["draw"]]

    def diagnose(self, question: Any, order: Order, announce: Callable[..., None]) -> Any:
        self.asked.append(("pairs", (question, order)))
        self.write(diagnosis(), order)
        blind = Localised(suspects=(), base=None, noise=None, sees={}, unjudged=(), blind="Nobody could be judged.")
        return Diagnosis(
            names=NAMES, library="Some MPI", nbytes=NBYTES, file=str(order.output), rates={}, localised=blind, found=(),
            together=None, duplex=None, unknown=(), wrong=((0, 1),) if self.wrong == "pairs" else (),
        )  # fmt: skip

    def write(self, result: Result, order: Order) -> None:
        own = builders.changed(result.run, id=f"{result.run.id}-{len(self.asked)}")
        builders.write(replace(result, run=own), order.output, append=order.append)

    def hear(self, event: dict[str, Any]) -> None:
        self.said.append(event["text"])

    @property
    def parts(self) -> list[str]:
        return [name for name, _ in self.asked]


@pytest.fixture
def ranks(monkeypatch: pytest.MonkeyPatch) -> Pretended:
    made = Pretended()
    monkeypatch.setattr(mpi, "promise", lambda _: (0, ""))
    monkeypatch.setattr(start, "run", made.run)
    monkeypatch.setattr(diagnose, "diagnose", made.diagnose)
    return made


ACCEPTANCE = Request(suite="acceptance", seed=7)


def order(folder: Path, **fields: Any) -> Order:
    return Order(**{"output": str(folder / "a.jsonl"), "command": ("run", "acceptance"), **fields})


def test_the_suite_its_worst_bisections_and_all_pairs_go_into_one_file(ranks: Pretended, tmp_path: Path) -> None:
    ranks.slow = (17, 30)
    path, status = api.run(ACCEPTANCE, order(tmp_path), ranks.hear)
    assert (ranks.parts, status) == (["acceptance", "bisections", "pairs"], 0)
    again = ranks.asked[1][1][0]
    assert again.only == ["bisection/mpi"]
    assert {17, 30} <= set(again.params["draw"])
    assert len(again.params["draw"]) == 2 * judged.WORST
    assert again.sizes == "1MiB"
    pairs = ranks.asked[2][1]
    assert (pairs[0].seed, pairs[1].ranks, pairs[1].append, pairs[1].output) == (7, 6, True, path)
    assert len(store.load(path)) == 3
    assert "Nobody could be judged." in ranks.said
    assert ranks.said[-1] == f"judge it with: fabricbench verdict {path}"


def test_what_was_slow_once_and_not_again_is_a_warning(ranks: Pretended, tmp_path: Path) -> None:
    ranks.slow = (17,)
    path, _ = api.run(ACCEPTANCE, order(tmp_path), ranks.hear)
    whole = api.verdict([path]).cluster
    (found,) = (one for one in whole.tests if one.topic.startswith("bisections"))
    assert found.verdict == "WARN"


@pytest.mark.parametrize(("then", "verdict"), [(0.6, "FAIL"), (1.0, "WARN")])
def test_a_node_that_was_slow_in_the_only_launch_is_measured_again(
    ranks: Pretended, then: float, verdict: str, tmp_path: Path
) -> None:
    ranks.nodes, ranks.nodes_again = {"c": 0.6}, {"c": then}
    path, _ = api.run(ACCEPTANCE, order(tmp_path), ranks.hear)
    assert ranks.parts == ["acceptance", "bisections", "gemm", "pairs"]
    asked = ranks.asked[2][1][0]
    assert (asked.only, asked.sizes, asked.dtypes) == (["gemm/numpy"], "2MiB", ["float64"])
    (node,) = (one for one in api.verdict([path]).nodes if one.name == "c")
    assert node.verdict == verdict


def test_several_launches_need_none_again(ranks: Pretended, tmp_path: Path) -> None:
    ranks.nodes = {"c": 0.6}
    api.run(ACCEPTANCE, order(tmp_path, launches=2), ranks.hear)
    assert "gemm" not in ranks.parts


@pytest.mark.parametrize("wrong", ["acceptance", "bisections", "pairs"])
def test_what_is_wrong_anywhere_is_a_bad_run(ranks: Pretended, wrong: str, tmp_path: Path) -> None:
    ranks.wrong = wrong
    assert api.run(ACCEPTANCE, order(tmp_path), ranks.hear)[1] == 1


def test_an_endurance_run_has_launches_enough_for_a_slope(ranks: Pretended, tmp_path: Path) -> None:
    api.run(ACCEPTANCE, order(tmp_path, ranks=2), ranks.hear, soak_s=1.0)
    (asked,) = (one for name, one in ranks.asked if name == "soak")
    assert asked[1].launches == soak.FEWEST
    api.run(ACCEPTANCE, order(tmp_path, ranks=2, output=str(tmp_path / "b.jsonl")), ranks.hear, soak_s=3600.0)
    asked = [one for name, one in ranks.asked if name == "soak"][-1]
    assert 200 < asked[1].launches < 1000


def test_a_fault_and_a_forced_algorithm_go_where_they_are_known(ranks: Pretended, tmp_path: Path) -> None:
    asked = builders.changed(ACCEPTANCE, inject="slow:triad/numba:1.5")
    how = order(tmp_path, ranks=2, algorithms=("alltoall=pairwise",))
    ranks.nodes = {"c": 0.6}
    api.run(asked, how, ranks.hear, soak_s=1.0)
    faults = {name: request.inject for name, (request, _) in ranks.asked if name != "pairs"}
    assert faults == {"acceptance": asked.inject, "bisections": None, "gemm": None, "soak": asked.inject}
    assert [one[1].algorithms for _, one in ranks.asked[1:]] == [()] * 4


def test_any_suite_can_be_followed_by_an_endurance_run(ranks: Pretended, tmp_path: Path) -> None:
    api.run(Request(suite="quick"), order(tmp_path, ranks=2), ranks.hear, soak_s=1.0)
    assert ranks.parts == ["quick", "bisections", "soak"]


def test_other_suites_are_measured_as_they_were(ranks: Pretended, tmp_path: Path) -> None:
    api.run(Request(suite="quick"), order(tmp_path), ranks.hear)
    api.run(Request(suite="acceptance", only=["copy"]), order(tmp_path, output=str(tmp_path / "b.jsonl")), ranks.hear)
    assert len(ranks.parts) == 2


class TestJoined:
    """Under somebody else's mpirun the suite alone is measured, and that is said."""

    @pytest.fixture(autouse=True)
    def make_joined(self, ranks: Pretended, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(mpi, "promise", lambda _: (6, "mpirun"))
        monkeypatch.setattr(mpi, "rank_by_launcher", lambda _: 0)

    def test_pairs_are_left_out_and_said_to_be(self, ranks: Pretended, tmp_path: Path) -> None:
        api.run(ACCEPTANCE, order(tmp_path), ranks.hear)
        assert ranks.parts == ["acceptance"]
        assert ranks.said == ["PAIRS ARE LEFT OUT UNDER mpirun: run it outside with --launcher 'mpirun ...'."]

    def test_an_endurance_run_is_refused(self, ranks: Pretended, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="--soak cannot be had under mpirun") as caught:
            api.run(ACCEPTANCE, order(tmp_path), ranks.hear, soak_s=60.0)
        assert caught.value.status == 2


def test_only_the_suite_is_resumed(ranks: Pretended, tmp_path: Path) -> None:
    api.run(ACCEPTANCE, order(tmp_path), ranks.hear)
    with pytest.raises(UsageError, match="only a suite is resumed"):
        api.run(ACCEPTANCE, order(tmp_path, resume=True), ranks.hear)


def test_an_interrupted_suite_is_resumed_and_followed(ranks: Pretended, tmp_path: Path) -> None:
    torn = suite(launches=1)
    builders.write(builders.make_result("x", torn.records[:3], launches=torn.launches, end=None), tmp_path / "a.jsonl")
    api.run(ACCEPTANCE, order(tmp_path, resume=True, append=True), ranks.hear)
    assert ranks.parts == ["acceptance", "bisections", "pairs"]
    assert not ranks.asked[2][1][1].resume


def test_all_parts_are_shown_and_the_path_is_the_last_line(
    ranks: Pretended, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "a.jsonl")
    assert main(["run", "acceptance", "-n", "6", "-o", path]) == 0
    out = capsys.readouterr().out
    assert out.count("# run ") == 2
    assert out.splitlines()[-1] == path
    assert main(["run", "acceptance", "-n", "6", "-o", path, "--append", "--format", "json"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3 + 50 + 10


def test_few_draws_have_no_worst() -> None:
    units, _ = sides.units([builders.make_result("few", bisections(0, 6, count=6))])
    assert judged.draws(units)[0].again() == []

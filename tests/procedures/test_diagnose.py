"""`diagnose` as its user sees it, on fabrics that are pretended: what is slow is named, what cannot be seen is said."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from procedures.pretended import Fabric, pretend

from fabricbench import store
from fabricbench.cli import main
from fabricbench.engine.listed import Listed

SIX = ("a", "b", "c", "d", "e", "f")


class Diagnosed:
    """The status, the answer and the file of one diagnosis."""

    def __init__(self, fabric: Fabric, folder: Path, monkeypatch: Any, capsys: Any, *words: str) -> None:
        pretend(fabric, monkeypatch)
        self.file = folder / f"{len(list(folder.iterdir()))}.jsonl"
        command = ["diagnose", "-n", str(len(fabric.names)), "--launcher", "none", "-o", str(self.file), *words]
        self.status = main(command)
        heard = capsys.readouterr()
        self.out, self.err = heard.out, heard.err
        self.text = " ".join(re.sub(r"^# +", "", self.out, flags=re.MULTILINE).split())


@pytest.fixture
def diagnosed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    return lambda fabric, *words: Diagnosed(fabric, tmp_path, monkeypatch, capsys, *words)


def test_a_clean_fabric_is_clean_and_says_what_each_test_sees(diagnosed: Any) -> None:
    fabric = Fabric(SIX)
    found = diagnosed(fabric)
    assert found.status == 0
    assert "clean: a host below" in found.text
    assert "gemm float64 below 0.9" in found.text
    assert "triad float64 below 0.9" in found.text
    assert "halves below 0.9" in found.text
    assert [type(task).__name__ for task in fabric.tasks] == ["Listed", "Survey", "Survey", "Listed"]
    groups = [case.params["communicator"] for case in fabric.tasks[-1].cases]
    assert groups[:6] == ["0-2", "0-5", "3-5", "3-5", "0-5", "0-2"]
    (result,) = store.load(found.file)
    assert result.end is not None
    assert result.end.records == len(result.records) == 6 + 21


def test_pairs_alone_are_pairs_alone(diagnosed: Any) -> None:
    fabric = Fabric(SIX, tests={("gemm", 2): 0.61})
    found = diagnosed(fabric, "--pairs-only")
    assert found.status == 0
    assert [type(task).__name__ for task in fabric.tasks] == ["Survey", "Survey"]
    refused = diagnosed(Fabric(SIX), "--pairs-only", "--inject", "slow:gemm/numpy:2@1")
    assert refused.status == 2
    assert "--pairs-only leaves them all out" in refused.err


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        (
            "gemm",
            "host c computes at 0.61 of its peers (gemm float64), slow again in 3 of 3: look at its clocks, power",
        ),
        ("triad", "host c moves memory at 0.61 of its peers (triad float64), slow again in 3 of 3: look at its memory"),
    ],
)
def test_a_host_that_is_slow_by_itself_is_named(diagnosed: Any, operation: str, said: str) -> None:
    found = diagnosed(Fabric(SIX, tests={(operation, 2): 0.61}, noise=0.001))
    assert found.status == 1
    assert said in found.text


def test_a_host_that_was_slow_once_is_not_confirmed(diagnosed: Any) -> None:
    found = diagnosed(Fabric(SIX, tests={("gemm", 2): 0.6}, once=True))
    assert found.status == 0
    assert "host c computes at 0.60" in found.text
    assert "slow again in 0 of 3" in found.text
    assert "Not confirmed: it may have been passing by." in found.text


def test_all_members_of_a_slow_host_are_one_host(diagnosed: Any) -> None:
    names = [f"{host}:{number}" for host in "abcd" for number in range(2)]
    found = diagnosed(Fabric(names, tests={("gemm", 4): 0.6, ("gemm", 5): 0.6}))
    assert "host c computes at 0.6" in found.text
    one = diagnosed(Fabric(names, tests={("gemm", 4): 0.6}))
    assert "c:0 computes at 0.6" in one.text
    assert "host c" not in one.text


@pytest.mark.parametrize(("members", "slow"), [(4, 3), (5, 2), (6, 0), (7, 6), (9, 4), (16, 11)])
def test_a_member_that_slows_down_all_reduces_only_is_named(diagnosed: Any, members: int, slow: int) -> None:
    names = [f"n{number}" for number in range(members)]
    found = diagnosed(Fabric(names, reductions={slow: 0.505}, noise=0.001))
    assert found.status == 1
    assert f"Only all-reduces that contain n{slow} are slow, at 0.5" in found.text
    assert "slow again in 3 of 3" in found.text


@pytest.mark.parametrize(("dies", "said"), [(3, "could not be measured."), (6, "could not be measured again.")])
def test_a_search_that_is_cut_short_is_no_clean_answer(diagnosed: Any, dies: int, said: str) -> None:
    """Local tests, pairs, pairs alone, then three trials of eight members, and the one that was found again."""
    found = diagnosed(Fabric([*SIX, "g", "h"], reductions={4: 0.5}, dies=(dies,)))
    assert found.status == 4
    assert said in found.text


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ("allreduce", "All-reduces of halves could not be measured."),
        ("gemm", "gemm float64 could not be judged: it was not measured 3 times."),
    ],
)
def test_what_cannot_be_had_is_no_clean_answer(diagnosed: Any, operation: str, said: str) -> None:
    found = diagnosed(Fabric(SIX, skips=(operation,)))
    assert found.status == 4
    assert said in found.text


def test_two_full_hosts_have_no_halves_that_are_alike(diagnosed: Any) -> None:
    links = dict.fromkeys([(0, 1), (1, 0), (2, 3), (3, 2)], 0.1)  # as slow as to the other host
    found = diagnosed(Fabric(["a:0", "a:1", "b:0", "b:1"], links=links, noise=0.002))
    assert "All-reduces of halves were not compared: 2 hosts have no two halves" in found.text
    assert found.status == 0


def test_where_pairs_differ_by_far_nothing_is_clean(diagnosed: Any) -> None:
    found = diagnosed(Fabric(["a:0", "a:1", "b:0", "b:1"], noise=0.002))
    assert found.status == 4
    assert "Members differ so much in what they send" in found.text
    assert "That is no host's fault." in found.text


def test_two_faults_at_once_are_two_sentences(diagnosed: Any) -> None:
    slow = {(1, other): 0.5 for other in range(8) if other != 1} | {(3, 4): 0.6, (4, 3): 0.6}
    found = diagnosed(Fabric([*SIX, "g", "h"], links=slow, tests={("gemm", 6): 0.7}))
    assert found.status == 1
    assert "b sends at 0.5" in found.text
    assert "d -> e has 0.6" in found.text
    assert re.search(r"e -> d has 0\.(59|6)", found.text)
    assert "host g computes at 0.7" in found.text


def test_half_of_the_hosts_are_no_minority_and_nothing_is_clean(diagnosed: Any) -> None:
    """Two of four that send at half: or the other two at twice. Nobody is blamed, and nobody is let off."""
    found = diagnosed(Fabric(SIX[:4], links={(one, two): 0.5 for one in (0, 1) for two in range(4) if one != two}))
    assert found.status == 4
    assert "Members differ so much in what they send" in found.text
    assert "clean" not in found.text


def test_one_host_only_is_said(diagnosed: Any) -> None:
    found = diagnosed(Fabric([f"a:{number}" for number in range(4)]))
    assert found.status == 0
    assert "All members are on one host" in found.text


def test_a_crowded_host_is_not_blamed_for_its_crowd(diagnosed: Any) -> None:
    found = diagnosed(Fabric(["a:0", "a:1", "b", "c", "d", "e"]))
    assert "Hosts have different numbers of members (2 on a, else 1)" in found.text
    assert "gemm float64 and triad float64 of a:0, a:1 could not be judged" in found.text
    assert found.status == 4
    few = diagnosed(Fabric(["a:0", "a:1", "b", "c"]))
    assert (
        "gemm float64 and triad float64 could not be judged: fewer than 4 members are on hosts with as many."
        in few.text
    )
    assert few.status == 4
    slow = diagnosed(Fabric(["a:0", "a:1", "b", "c", "d", "e"], tests={("gemm", 4): 0.6}))
    assert "host d computes at 0.6" in slow.text
    assert slow.status == 1


@pytest.mark.parametrize(
    ("listed", "said", "status"),
    [
        ('["a", "b", "c"]\ny = ["d", "e"]', "The groups and the hosts disagree: f in no group.", 4),
        ('["a", "b", "c"]\ny = ["d", "e", "g"]', "f in no group. g of --groups took no part.", 4),
        ('["a", "b", "c"]\ny = ["d", "e", "f", "g"]', "g of --groups took no part.", 0),
    ],
)
def test_groups_that_disagree_cost_the_uplinks_only(
    diagnosed: Any, tmp_path: Path, listed: str, said: str, status: int
) -> None:
    file = tmp_path / "groups.toml"
    file.write_text(f"[groups]\nx = {listed}\n")
    found = diagnosed(Fabric(SIX), "--groups", str(file))
    assert found.status == status
    assert said in found.text
    assert "bandwidth of every pair" in found.out
    slow = diagnosed(Fabric(SIX, tests={("gemm", 2): 0.6}), "--groups", str(file))
    assert slow.status == 1


def test_too_few_members_have_no_answer(diagnosed: Any) -> None:
    found = diagnosed(Fabric(SIX[:3]))
    assert found.status == 4
    assert "3 members are too few to compare what each computes; 4 are enough." in found.text
    assert "3 hosts are too few" in found.text


def test_local_tests_that_end_a_launch_cost_no_more_than_themselves(diagnosed: Any) -> None:
    found = diagnosed(Fabric(SIX, dies=(0,)))
    assert found.status == 4
    assert "UNKNOWN, because a launch did not end well: A rank died." in found.text
    assert "bandwidth of every pair" in found.out
    assert "Going on without that." in found.err


def test_a_wrong_result_is_a_bad_judgement(diagnosed: Any) -> None:
    found = diagnosed(Fabric(SIX, wrong=("gemm",)))
    assert found.status == 1
    assert "gemm float64 gave a wrong result" in found.text
    reduced = diagnosed(Fabric(SIX, wrong=("allreduce",)))
    assert reduced.status == 1
    assert "allreduce float32 gave a wrong result" in reduced.text


def test_other_ranks_than_were_asked_for_are_not_measured(diagnosed: Any) -> None:
    found = diagnosed(Fabric(SIX, ranks=2))
    assert found.status == 3
    assert "6 ranks were asked for and 2 were started." in found.err
    assert found.out == ""


def test_a_seed_below_zero_is_refused(diagnosed: Any) -> None:
    found = diagnosed(Fabric(SIX), "--seed", "-1")
    assert found.status == 2
    assert "The seed -1 is below zero." in found.err


@pytest.mark.parametrize("fault", ["slow:bandwidth/mpi:2", "die:1", "slow:gemm/numpy:2@6", "slow:gemm/numpy"])
def test_a_fault_that_would_hit_nothing_is_refused(diagnosed: Any, fault: str) -> None:
    found = diagnosed(Fabric(SIX), "--inject", fault)
    assert found.status == 2
    assert not found.file.exists()


def test_a_fault_reaches_the_ranks(diagnosed: Any) -> None:
    fabric = Fabric(SIX)
    diagnosed(fabric, "--inject", "slow:gemm/*:2@1")
    assert {task.inject for task in fabric.tasks if isinstance(task, Listed)} == {"slow:gemm/*:2@1"}


def test_the_json_has_all_of_it(diagnosed: Any) -> None:
    found = json.loads(diagnosed(Fabric(SIX, tests={("gemm", 2): 0.6}), "--format", "json").out)
    assert found["verdict"] == "slow"
    assert found["lagging"][0]["members"] == [2]
    assert {one["test"] for one in found["compared"]} == {"gemm float64", "triad float64"}
    assert found["searched"] is None
    assert found["sentences"][0].startswith("host c computes at 0.6")

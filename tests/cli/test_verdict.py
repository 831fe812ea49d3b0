"""`fabricbench verdict` as a user types it: what it prints, where it says who set a threshold, what it exits with."""

import json
import shlex
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from builders import changed, make_record, make_result, write
from clusters import NAMES, diagnosis, sending, suite
from hypothesis import given
from hypothesis import strategies as st

from fabricbench import api
from fabricbench.cli import main
from fabricbench.judge.evidence import Evidence, Subject
from fabricbench.judge.verdict import Judged
from fabricbench.model import Origin
from fabricbench.show import acceptance, screen
from fabricbench.show.export import junit
from fabricbench.store import Result


@pytest.fixture
def good(tmp_path: Path) -> list[str]:
    return [write(suite(), tmp_path / "suite.jsonl"), write(diagnosis(), tmp_path / "pairs.jsonl.gz")]


@pytest.fixture
def slow(tmp_path: Path) -> list[str]:
    return [write(suite({"c": 0.6}), tmp_path / "slow.jsonl"), write(diagnosis(sending(1)), tmp_path / "sends.jsonl")]


def in_slurm(result: Result) -> Result:
    launches = tuple(changed(one, environment={"SLURM_JOB_ID": "7"}) for one in result.launches)
    return make_result("slurm", result.records, launches=launches)


def expectation(folder: Path, case: str, low: float) -> str:
    path = folder / "expect.toml"
    text = f'[[expect]]\ncase = "{case}"\nmetric = "flops"\nlow = {low}\nunit = "GFLOP/s"\nsource = "the offer"\n'
    path.write_text(text)
    return str(path)


def test_a_good_cluster_passes(good: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verdict", *good]) == 0
    out = capsys.readouterr().out
    assert "# verdict     PASS: every threshold was reached" in out
    assert "# most nodes  cpu Model 1, mpi Open MPI 5.0.11, numpy 2.4.6" in out
    assert "# nodes       6 PASS" in out
    assert "# links       15 PASS" in out
    assert "# not tested  GPUs (" in out
    assert all(len(one) <= screen.WIDTH for one in out.splitlines() if good[0] not in one and good[1] not in one)


def test_failed_nodes_are_named_with_the_threshold_and_who_set_it(
    slow: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verdict", *slow]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "FAIL c: compute: gemm/numpy float64 2MiB: 59.9 GFLOP/s, 0.60 of its peers, slow in 2 of 2 launches" in out
    assert "[at least 0.96; peers: median of 6 nodes and their spread]" in out
    assert "FAIL b: network: sends at 0.50 of its peers, slow again in 3 of 3 [at least 0.9" in out
    assert "scontrol" not in out


def test_missing_evidence_has_no_answer(good: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verdict", good[0]]) == 4
    assert "UNKNOWN links: no pairs were measured" in capsys.readouterr().out


def test_json_is_one_object_with_every_test(slow: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verdict", *slow, "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["verdict"], found["status"]) == ("FAIL", 1)
    assert [one["name"] for one in found["nodes"] if one["verdict"] == "FAIL"] == ["b", "c"]
    assert len(found["links"]) == 15
    tests = [test for one in (found["cluster"], *found["nodes"], *found["links"]) for test in one["tests"]]
    assert all(set(test) == {"test", "verdict", "found", "threshold", "source"} for test in tests)
    assert "storage" in found["untested"]
    assert found["inventory"]["b"]["cpu"] == "Model 1"


def test_junit_has_a_test_a_part(slow: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verdict", *slow, "--format", "junit"]) == 1
    root = ET.fromstring(capsys.readouterr().out)
    assert root.attrib["tests"] == str(1 + 6 + 15)
    failed = {one.attrib["name"] for one in root.iter("testcase") if one.find("failure") is not None}
    assert failed == {"cluster", "b", "c"}
    message = next(one for one in root.iter("failure") if "gemm" in one.attrib["message"])
    assert "at least 0.96; peers" in message.attrib["message"]


def test_what_the_user_expects_is_named_by_line_and_source(
    good: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verdict", *good, "--expect", expectation(tmp_path, "gemm/*", 200)]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "[at least 200 GFLOP/s; line 1 of the expectations: the offer]" in out
    assert main(["verdict", *good, "--expect", expectation(tmp_path, "gemm/*", 10)]) == 0


class TestSlurm:
    """Commands are printed, and what they hold is what others chose as a name."""

    def test_commands_drain_the_nodes_that_fail(self, slow: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["verdict", "--slurm", *slow]) == 1
        commands = [one for one in capsys.readouterr().out.splitlines() if one.startswith("scontrol")]
        words = [shlex.split(one) for one in commands]
        assert [one[:4] for one in words] == [
            ["scontrol", "update", f"NodeName={name}", "State=DRAIN"] for name in ("b", "c")
        ]
        assert words[1][4].startswith(
            "Reason=fabricbench: compute: gemm/numpy float64 2MiB: 59.9 GFLOP/s, 0.60 of its peers"
        )

    def test_hosts_of_a_job_get_them_unasked(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = write(in_slurm(suite({"c": 0.6})), tmp_path / "slurm.jsonl")
        assert main(["verdict", path]) == 1
        assert "scontrol update NodeName=c" in capsys.readouterr().out

    @given(
        name=st.text(min_size=1, max_size=20) | st.sampled_from(["ALL", "all", "a[1-9]", "a,b", "-x", "$(x)", "a\nb"])
    )
    def test_a_name_is_one_word_of_one_line_or_gets_no_command(self, name: str) -> None:
        test = Evidence(test="gemm", verdict="FAIL", found=f"{name} is slow", threshold="", source="")
        node = Subject(kind="node", name=name, tests=(test,))
        judged = Judged(
            files=("x",), expectations=None, nodes=(node,), links=(), cluster=changed_kind(node), untested=(), notes=(),
            inventory={name: {"cpu": name}}, jobs=(),
        )  # fmt: skip
        (command,) = acceptance.drains(judged)
        assert command.isprintable()
        if not command.startswith("#"):
            words = shlex.split(command)
            assert words[:4] == ["scontrol", "update", f"NodeName={name}", "State=DRAIN"]
            assert len(words) == 5
            assert not set(name) & set("[],; $'\"\\")
            assert name.upper() != "ALL"
        page = screen.page_text(acceptance.page(judged))
        assert all(letter.isprintable() or letter == "\n" for letter in page)
        ET.fromstring(junit.verdicts(judged).text)


def changed_kind(node: Subject) -> Subject:
    return Subject(kind="cluster", name="cluster", tests=node.tests)


class TestRefused:
    """Exit status 2 with one sentence."""

    @pytest.mark.parametrize("words", [["none.jsonl"], ["README.md"]])
    def test_files_that_are_no_result(
        self, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "README.md").write_text("# nothing\n")
        assert main(["verdict", *words]) == 2
        assert capsys.readouterr().err.startswith(f"Error: {words[0]}")

    def test_files_of_other_tools(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        origin = Origin(tool="osu", version=None, statistic="mean", over_ranks=None, file="x", line=1)
        path = write(make_result("osu", [make_record(pattern=(), rates={}, origin=origin)]), tmp_path / "osu.jsonl")
        assert main(["verdict", path]) == 2
        assert "figures of osu, which do not say what each node reached" in capsys.readouterr().err

    def test_two_clusters(self, good: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        other = write(suite(hosts=("x", "y", "z")), tmp_path / "other.jsonl")
        assert main(["verdict", *good, other]) == 2
        assert f"{other} is of x y z, which {good[0]} does not know" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("case", "said"), [("gem/*", "no row matches 'gem/*'"), ("", "expect.case is '', which is no text")]
    )
    def test_expectations_that_match_nothing(
        self, good: list[str], case: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["verdict", *good, "--expect", expectation(tmp_path, case, 1)]) == 2
        assert said in capsys.readouterr().err

    def test_no_file(self) -> None:
        with pytest.raises(SystemExit) as caught:
            main(["verdict"])
        assert caught.value.code == 2


def test_what_passes_is_counted_where_there_is_much_of_it(slow: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    text = screen.page_text(acceptance.page(api.verdict(slow)))
    assert "# links       15 PASS" in text
    assert f"{NAMES[0]} <-> {NAMES[1]}" not in text
    assert "\nd     PASS" in text
    monkeypatch.setattr(acceptance, "MOST_SHOWN", 5)
    text = screen.page_text(acceptance.page(api.verdict(slow)))
    assert "4 others PASS." in text
    assert "\nd     PASS" not in text

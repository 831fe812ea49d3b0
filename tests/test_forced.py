"""Which algorithm a library is taken to use, from its settings alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from fabricbench import forced, mpi, store
from fabricbench.errors import UsageError
from fabricbench.model import Mode

OPEN_MPI = "Open MPI 5.0.11"
MPICH = "MPICH 5.0.2"

RING = {
    "coll": "",
    "coll_tuned_use_dynamic_rules": "true",
    "coll_tuned_dynamic_rules_filename": "",
    "coll_tuned_allreduce_algorithm": "ring",
    "coll_tuned_bcast_algorithm": "ignore",
    "coll_tuned_priority": "30",
    "coll_han_priority": "35",
    "coll_self_priority": "75",
    "coll_sync_priority": "50",
    "coll_basic_priority": "10",
}
TREE = {"MPIR_CVAR_DEVICE_COLLECTIVES": "none", "MPIR_CVAR_ALLREDUCE_INTRA_ALGORITHM": "tree"}


def test_open_mpi_uses_what_it_took() -> None:
    assert forced.forced("allreduce", "blocking", OPEN_MPI, RING, hosts=1) == "ring"
    renamed = RING | {"coll_tuned_bcast_algorithm": "binomial"}
    assert forced.forced("broadcast", "blocking", OPEN_MPI, renamed, hosts=1) == "binomial"


@pytest.mark.parametrize(
    "change",
    [
        {"coll_tuned_use_dynamic_rules": "false"},
        {"coll_tuned_allreduce_algorithm": "ignore"},
        {"coll_tuned_allreduce_algorithm": ""},
        {"coll_tuned_dynamic_rules_filename": "rules.conf"},
        {"coll": "^tuned"},
        {"coll": "basic,self"},
        {"coll_tuned_priority": ""},
        {"coll_hcoll_priority": "90"},
        {"coll_hcoll_priority": "high"},
    ],
    ids=str,
)
def test_open_mpi_is_not_believed_where_another_may_choose(change: dict[str, str]) -> None:
    assert forced.forced("allreduce", "blocking", OPEN_MPI, RING | change, hosts=1) is None


def test_components_that_are_left_out_or_let_in_by_name_change_nothing() -> None:
    for chosen in ("^han", "tuned,basic,self"):
        assert forced.forced("allreduce", "blocking", OPEN_MPI, RING | {"coll": chosen}, hosts=1) == "ring"


def test_between_hosts_han_takes_over_unless_it_stands_behind() -> None:
    assert forced.forced("allreduce", "blocking", OPEN_MPI, RING, hosts=2) is None
    behind = RING | {"coll_han_priority": "0"}
    assert forced.forced("allreduce", "blocking", OPEN_MPI, behind, hosts=2) == "ring"


@pytest.mark.parametrize("mode", ["non-blocking", "persistent"])
def test_other_calls_of_open_mpi_have_another_component(mode: Mode) -> None:
    assert forced.forced("allreduce", mode, OPEN_MPI, RING, hosts=1) is None


def test_mpich_obeys_where_its_device_may_not_step_in() -> None:
    assert forced.forced("allreduce", "blocking", MPICH, TREE, hosts=2) == "tree"
    each = TREE | {"MPIR_CVAR_DEVICE_COLLECTIVES": "percoll", "MPIR_CVAR_ALLREDUCE_DEVICE_COLLECTIVE": "0"}
    assert forced.forced("allreduce", "blocking", MPICH, each, hosts=2) == "tree"


@pytest.mark.parametrize(
    "change",
    [
        {"MPIR_CVAR_DEVICE_COLLECTIVES": "all"},
        {"MPIR_CVAR_DEVICE_COLLECTIVES": "percoll"},
        {"MPIR_CVAR_ALLREDUCE_INTRA_ALGORITHM": "auto"},
        {"MPIR_CVAR_ALLREDUCE_INTRA_ALGORITHM": ""},
    ],
    ids=str,
)
def test_mpich_is_not_believed_where_it_may_choose(change: dict[str, str]) -> None:
    assert forced.forced("allreduce", "blocking", MPICH, TREE | change, hosts=1) is None


def test_non_blocking_calls_of_mpich_have_settings_of_their_own() -> None:
    assert forced.forced("allreduce", "non-blocking", MPICH, TREE, hosts=1) is None
    own = TREE | {"MPIR_CVAR_IALLREDUCE_INTRA_ALGORITHM": "gentran_ring"}
    assert forced.forced("allreduce", "non-blocking", MPICH, own, hosts=1) == "gentran_ring"
    assert forced.forced("allreduce", "persistent", MPICH, own, hosts=1) is None


@pytest.mark.parametrize("library", [OPEN_MPI, MPICH, "Intel MPI 2021.13.0", "none"])
def test_nothing_set_and_nonsense_force_nothing(library: str) -> None:
    assert forced.forced("allreduce", "blocking", library, {}, hosts=1) is None
    assert forced.forced("gemm", "blocking", library, RING | TREE, hosts=1) is None


def test_settings_of_another_library_are_not_read() -> None:
    assert forced.forced("allreduce", "blocking", "Intel MPI 2021.13.0", RING | TREE, hosts=1) is None


def names(setting: str) -> list[str]:
    return ["ignore", "auto", "ring", "recursive_doubling"] if "llreduce".upper() in setting.upper() else []


def test_what_is_asked_for_becomes_variables() -> None:
    wanted = forced.asked(["allreduce=ring"])
    assert forced.settings(wanted, OPEN_MPI, names) == {
        "OMPI_MCA_coll_tuned_use_dynamic_rules": "1",
        "OMPI_MCA_coll_han_priority": "0",
        "OMPI_MCA_coll_tuned_allreduce_algorithm": "ring",
    }
    made = forced.settings(wanted, MPICH, names)
    assert forced.forced("allreduce", "blocking", MPICH, made, hosts=2) == "ring"


@pytest.mark.parametrize(
    ("word", "library", "says"),
    [
        ("allreduce", OPEN_MPI, "OPERATION=NAME"),
        ("=ring", OPEN_MPI, "OPERATION=NAME"),
        ("allreduc=ring", OPEN_MPI, "Nearest: allreduce"),
        ("allreduce=rnig", MPICH, "Nearest: ring"),
        ("allreduce=auto", MPICH, "no algorithm"),
        ("allreduce=ring", "Intel MPI 2021.13.0", "not known"),
    ],
)
def test_what_the_library_does_not_have_is_refused(word: str, library: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        forced.settings(forced.asked([word]), library, names)


@pytest.mark.mpi
@pytest.mark.skipif(mpi.installed() is not None, reason="needs MPI")
def test_a_real_run_uses_and_records_what_it_was_told(tmp_path: Path) -> None:
    done = run(tmp_path, "--algorithm", "allreduce=recursive_doubling", "-o", "told.jsonl")
    assert done.returncode == 0, done.stderr
    (result,) = store.load(tmp_path / "told.jsonl")
    (record,) = result.records
    assert record.check.wrong == 0
    assert record.conditions.algorithm == "recursive_doubling (forced)"


@pytest.mark.mpi
@pytest.mark.skipif(mpi.installed() is not None, reason="needs MPI")
@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("allreduce=recursive_dubling", "Nearest: recursive_doubling"),
        ("alreduce=ring", "Nearest: allreduce"),
        ("allgather=ring", "No row calls the library's allgather"),
    ],
)
def test_a_real_library_is_asked_for_its_names(tmp_path: Path, word: str, says: str) -> None:
    done = run(tmp_path, "--algorithm", word, "-o", "never.jsonl")
    assert done.returncode == 2
    assert says in " ".join(done.stderr.split())
    assert not (tmp_path / "never.jsonl").exists()


def run(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    tiny = ("run", "-n", "2", "--only", "allreduce/mpi", "--sizes", "1KiB", "--budget", "0.1")
    return subprocess.run(
        [sys.executable, "-m", "fabricbench", *tiny, *words], cwd=folder, capture_output=True, text=True,
        timeout=120, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip

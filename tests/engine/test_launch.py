"""Starting ranks: the words, the noise of launchers, and launches that do not end well."""

from collections import deque

import pytest

from fabricbench import mpi
from fabricbench.engine import launch
from fabricbench.engine.suite import Request
from fabricbench.engine.worker import Job
from fabricbench.errors import NotMeasuredError

NEEDS_MPI = pytest.mark.skipif(mpi.installed() is not None, reason="needs MPI")
JOB = Job(request=Request(), run_id="x", output="/nowhere", command=[])


@NEEDS_MPI
def test_ranks_are_bound_where_there_is_room_and_not_elsewhere() -> None:
    roomy, tight = launch.prefix(2, 8), launch.prefix(8, 2)
    assert any("core" in word for word in roomy)
    assert "none" in tight
    assert str(mpi.launcher_path()) == roomy[0] == tight[0]


def test_a_launcher_is_an_argument_list() -> None:
    assert launch.split("srun -N 2 --comment 'a b; rm'") == ["srun", "-N", "2", "--comment", "a b; rm"]


def test_a_launcher_that_does_not_exist_is_named() -> None:
    with pytest.raises(NotMeasuredError, match="no-such-mpirun cannot be started"):
        launch.launch(JOB, ["no-such-mpirun", "-n", "2"], lambda event: None)


def test_a_launch_that_fails_says_what_was_said() -> None:
    with pytest.raises(NotMeasuredError, match=r"ended with status 7 .*\n  trouble"):
        launch.launch(JOB, ["sh", "-c", "echo trouble; exit 7"], lambda event: None)


def test_the_frame_of_mpirun_is_left_out() -> None:
    said = deque(["-" * 74, "prterun detected that one or more processes exited", "-" * 74, "ValueError: x"])
    assert launch.without_banner(said) == ["ValueError: x"]

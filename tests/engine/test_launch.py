"""Starting ranks: the words, the noise of launchers, and launches that do not end well."""

import shlex
from collections import deque

import pytest

from fabricbench import mpi
from fabricbench.engine import launch
from fabricbench.engine.suite import Request
from fabricbench.engine.survey import Survey
from fabricbench.engine.worker import Job
from fabricbench.errors import NotMeasuredError, TimedOutError

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


def test_a_launch_whose_ranks_watch_their_steps_says_that_one_stood_still() -> None:
    survey = Survey(waves=[], nbytes=8, budget_s=1, limit_s=1, output="/nowhere", launch=2, launches=3)
    event = shlex.quote(launch.MARK + '{"event":"stood","ending":"timeout"}')
    with pytest.raises(TimedOutError, match="Launch 3 of 3 stood still too long"):
        launch.launch(survey, ["sh", "-c", f"echo {event}; exit 3"], lambda event: None)


def test_the_frame_of_mpirun_is_left_out() -> None:
    said = deque(["-" * 74, "prterun detected that one or more processes exited", "-" * 74, "ValueError: x"])
    assert launch.without_banner(said) == ["ValueError: x"]

"""A collective beside a computation: what is called when, that the computation is right, and which cases there are."""

from contextlib import ExitStack
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fabricbench import mpi
from fabricbench.engine import compose, suite
from fabricbench.engine.params import PARTS
from fabricbench.engine.spin import spinner
from fabricbench.engine.suite import Request
from fabricbench.engine.tending import tended
from fabricbench.entries import view
from fabricbench.errors import UnavailableError, UsageError
from fabricbench.measure.loop import Hook, Loop, Taken
from fabricbench.measure.sampling import Sampled, Sampler, in_turn
from fabricbench.measure.sync import Synchroniser
from fabricbench.model import Case, RankTimes
from fabricbench.spec import Step, block

HERE: dict[str, Any] = {"ranks": 2, "distances": ("same-host",), "has_mpi": True}
RUN = ("communication", "computation", "both")
SLICES, ROUNDS = 5, 1000
STARTED, LOOKED_AFTER, FINISHED, AT_ONCE = 1, 2, 3, 4


def start(b: Any) -> int:
    return note(b.log, b.room, b.like, 1)


def progress(b: Any) -> int:
    view(b.done, 1, b.flag)[0] = 1
    return note(b.log, b.room, b.like, 2)


def finish(b: Any) -> int:
    return note(b.log, b.room, b.like, 3)


def at_once(b: Any) -> int:
    return note(b.log, b.room, b.like, 4)


def refusing(b: Any) -> int:
    return 7


def note(address: int, room: int, like: int, event: int) -> int:
    log = view(address, room, like)
    if log[0] + 1 < room:
        log[0] += 1
        log[log[0]] = event
    return 0


def noting(**bodies: Any) -> tuple[Step, Any]:
    """A step that writes down which of its bodies are called."""
    log, done = np.zeros(1 << 20, np.int64), np.zeros(1, np.int32)
    arguments = block(
        log=log.ctypes.data, room=log.size, like=np.int64(0), done=done.ctypes.data, flag=np.int32(0)
    )  # fmt: skip
    usual = {"call": at_once, "start": start, "progress": progress, "finish": finish}
    return Step(block=arguments, keep=(log, done), done=done.ctypes.data, **{**usual, **bodies}), log


def planned(**params: list[Any]) -> list[Case]:
    request = Request(only=["allreduce/mpi"], sizes="64KiB", modes=("non-blocking",), params=params)
    return list(suite.plan(request, **HERE).cases)


def case(overlap: str, part: str) -> Case:
    return next(one for one in planned(overlap=[overlap]) if one.params["part"] == part)


def recurrence(rounds: int) -> int:
    """The computation in plain Python."""
    state = 1
    for _ in range(rounds):
        wrapped = (state * 6364136223846793005 + 1442695040888963407 + (1 << 63)) % (1 << 64) - (1 << 63)
        state = wrapped ^ (state >> 13)
    return state


def composed(step: Step, one: Case, rounds: int = ROUNDS, lasts_s: float = 1e-6) -> compose.Composed:
    return compose.composed(step, one, SLICES, rounds, lasts_s, ExitStack())


@pytest.mark.parametrize(
    ("overlap", "part", "events"),
    [
        ("none", "communication", [STARTED, FINISHED]),
        ("none", "computation", []),
        ("none", "both", [STARTED, FINISHED]),
        ("calls", "communication", [STARTED, FINISHED]),
        ("calls", "computation", []),
        ("calls", "both", [STARTED, *[LOOKED_AFTER] * SLICES, FINISHED]),
        ("serial", "communication", [STARTED, FINISHED]),
        ("serial", "both", [AT_ONCE]),
        ("timer", "communication", []),
        ("timer", "computation", []),
        ("timer", "both", []),
    ],
)
def test_each_part_calls_the_halves_it_should_and_computes_right(overlap: str, part: str, events: list[int]) -> None:
    step, log = noting()
    made = composed(step, case(overlap, part))
    Loop(step=made.step).take(1, 1)
    assert list(log[1 : log[0] + 1]) == events
    assert made.wrong() == 0
    assert made.state[0] == recurrence(0 if part == "communication" else SLICES * ROUNDS)


def test_a_computation_that_was_left_out_is_wrong() -> None:
    step, _ = noting()
    made = composed(step, case("none", "computation"))
    Loop(step=made.step).take(1, 1)
    made.forget()
    assert made.wrong() == 1


@pytest.mark.parametrize("body", ["start", "progress", "finish"])
def test_an_error_of_the_library_is_not_lost(body: str) -> None:
    step, _ = noting(**{body: refusing})
    made = composed(step, case("calls", "both"))
    with pytest.raises(Exception, match="error code 7"):
        Loop(step=made.step).take(1, 1)


def test_a_timer_is_waited_for_from_its_start() -> None:
    step, _ = noting()
    parts = [composed(step, case("timer", part), 1, 1e-3).step for part in RUN]
    lasted = [int((taken.left - taken.entered)[0]) for taken in (Loop(step=one).take(1, 1) for one in parts)]
    assert lasted[0] >= 1_000_000
    assert lasted[2] >= 1_000_000
    assert [compose.communicates(case(form, "both")) for form in ("none", "timer")] == [True, False]


def test_the_spin_goes_on_where_it_stopped() -> None:
    assert spinner()(spinner()(1, 7), 11) == spinner()(1, 18) == recurrence(18)


def test_a_computation_is_sized_in_slices_by_its_time() -> None:
    assert compose.rounds_of(1e-9)[0] == compose.LEAST_SLICES
    assert compose.rounds_of(100 * compose.SLICE_S)[0] == 100
    assert compose.rounds_of(0.0)[1] == 1


def placed(ranks: int, cores: int, own: int, binding: str = "core") -> Any:
    return SimpleNamespace(ranks=ranks, binding=binding, tightest=(ranks, cores), own=(own,) * ranks)


ONE, MANY = (SimpleNamespace(threaded=threaded, library="Some MPI") for threaded in (False, True))


@pytest.mark.parametrize(
    ("overlap", "places", "group", "said"),
    [
        ("thread", placed(2, 2, 1), MANY, "a core of its own"),
        ("thread", placed(2, 4, 1), MANY, "a core of its own"),
        ("thread", placed(4, 4, 4), MANY, "a core of its own"),
        ("thread", placed(2, 4, 4, "none"), MANY, "Ranks share cores"),
        ("thread", placed(2, 4, 2), ONE, "Some MPI does not let two threads"),
    ],
)
def test_a_progress_thread_without_a_core_or_a_library_for_it_is_refused(
    overlap: str, places: Any, group: Any, said: str
) -> None:
    with pytest.raises(UnavailableError, match=said):
        compose.refuse(case(overlap, "both"), noting()[0], places, group)


def test_what_can_be_composed_is_not_refused() -> None:
    compose.refuse(case("thread", "both"), noting()[0], placed(2, 4, 2), MANY)
    compose.refuse(case("none", "both"), noting()[0], placed(2, 2, 1), ONE)
    with pytest.raises(UnavailableError, match="cannot be left alone"):
        compose.refuse(case("none", "both"), noting(progress=None)[0], placed(2, 2, 1), ONE)


def test_a_thread_looks_after_the_collective_from_its_start_to_its_finish() -> None:
    step, log = noting()
    with ExitStack() as stack:
        made = compose.composed(step, case("thread", "both"), SLICES, 200_000, 1e-3, stack)
        Loop(step=made.step).take(3, 1)
    events = list(log[1 : log[0] + 1])
    rest = [event for event in events if event != LOOKED_AFTER]
    assert rest == [STARTED, FINISHED] * 3
    assert LOOKED_AFTER in events
    assert all(events[place - 1] == FINISHED for place, event in enumerate(events) if event == STARTED and place)
    assert made.wrong() == 0


def test_an_error_in_the_thread_is_not_lost() -> None:
    step, _ = noting(progress=refusing)
    with ExitStack() as stack:
        made = compose.composed(step, case("thread", "both"), SLICES, 200_000, 1e-3, stack)
        with pytest.raises(Exception, match="error code 7"):
            Loop(step=made.step).take(50, 1)


def test_what_happens_inside_of_both_is_noted_sample_by_sample() -> None:
    step, _ = noting()
    quiet, asked = (composed(step, case(form, "both"), 200_000) for form in ("none", "calls"))
    for made in (quiet, asked):
        taken = Loop(step=made.step).take(4, 1)
        whole = (taken.left - taken.entered) * 1e-9
        talked, computed = (made.within.latest_s(4, which) for which in (compose.COMMUNICATION, compose.COMPUTATION))
        assert (computed > 0).all()
        assert (talked <= whole).all()
        assert (computed <= whole).all()
        # Without calls it is over when it is waited for; with them the first one after a slice finds that it is.
        assert (talked > computed).all() == (made is quiet)


def test_of_what_is_seen_in_both_the_slowest_rank_counts() -> None:
    step, _ = noting()
    made = composed(step, case("none", "both"))
    made.within.times[:3] = [[1000, 10], [3000, 30], [2000, 20]]
    made.within.turn[0] = 3
    both = Sampled(
        samples_s=[1e-6] * 3, skew_s=[0.0] * 3, ranks_s=RankTimes(median=[], mean=[], last=[]), excluded=[(0, 0, "x")],
        late=1, issued=3, repeats=1, operations=1, stop="budget",
        latest_late=[False, False, True],
    )  # fmt: skip
    found = compose.seen(made, case("none", "computation-in-both"), both, mpi.Group())
    assert found.samples_s == [1e-8, 3e-8, 2e-8]
    assert found.ranks_s == RankTimes(median=[2e-8], mean=[2e-8], last=[1.0])
    assert (found.late, found.excluded) == (1, [(2, 2, "late start")])


def test_every_overlap_has_linked_parts_that_are_measured_together() -> None:
    cases = planned(overlap=["none", "calls"], ratio=[0.5, 2])
    groups = compose.linked(reversed(cases))
    assert len(cases) == 4 * len(PARTS)
    assert [sorted(str(one.params["part"]) for one in group) for group in groups] == [sorted(PARTS)] * 4
    assert {one.cadence for one in cases} == {"isolated"}
    assert {one.params["ratio"] for one in cases} == {0.5, 2.0}
    assert compose.linked(planned()) == [planned()]


def test_other_modes_of_the_same_request_have_no_overlap() -> None:
    request = Request(
        only=["allreduce"], sizes="64KiB", modes=("blocking", "non-blocking"), params={"overlap": ["none"]}
    )
    plan = suite.plan(request, **HERE)
    blocking = [one for one in plan.cases if one.mode == "blocking"]
    assert blocking
    assert not any({"overlap", "part", "ratio"} & one.params.keys() for one in blocking)
    assert {one.variant for one in plan.cases if one.mode == "non-blocking"} == {"mpi"}
    assert any("allreduce/mpi4py has no non-blocking mode" in why for why in plan.left_out)


@pytest.mark.parametrize(
    ("params", "modes", "said"),
    [
        ({"overlap": ["none"]}, None, "Only non-blocking collectives overlap.*--mode non-blocking"),
        ({"overlap": ["magic"]}, ("non-blocking",), "magic"),
        ({"ratio": [2.0]}, ("non-blocking",), "A ratio needs an overlap"),
        ({"overlap": ["none"], "ratio": [0]}, ("non-blocking",), "ratio of 0 makes no sense"),
        ({"overlap": ["none"], "arrival": ["linear"]}, ("non-blocking",), "all ranks entering together"),
        ({"part": ["both"]}, ("non-blocking",), "part"),
    ],
)
def test_what_makes_no_sense_is_refused(params: dict[str, list[Any]], modes: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        suite.plan(Request(only=["allreduce/mpi"], modes=modes, params=params), **HERE)


def test_linked_cases_are_sampled_a_block_of_each_in_turn() -> None:
    log: list[str] = []

    class Named:
        """A loop of which every operation lasts a millisecond."""

        def __init__(self, name: str) -> None:
            self.name, self.step = name, Step(call=lambda: None)

        def take(self, samples: int, repeats: int) -> Taken:
            log.append(self.name)
            entered = np.zeros(samples, np.int64)
            return Taken(entered, entered + 1_000_000 * repeats)

    begin = Synchroniser("none", Hook(0, 0), np.zeros(4, np.int64), np.zeros(64, np.uint8))
    samplers = [
        Sampler(
            group=mpi.Group(), loop=Named(name), start=begin, taking_part=True,  # type: ignore[arg-type]
            common_clock=True, cadence="isolated", budget_s=0.02,
        )
        for name in "abc"
    ]  # fmt: skip
    found = in_turn(samplers, tail=False)
    blocks = "".join(log)[-3 * len(samplers[0].samples) :]
    assert set(blocks) == set("abc")
    assert all(left != right for left, right in pairwise(blocks))
    assert len({len(one.samples_s) for one in found}) == 1


def test_the_thread_does_not_touch_what_it_was_not_given() -> None:
    step, log = noting()
    halves = [compose._hook(body, step) for body in (start, progress, finish)]
    with tended(*halves):
        pass
    assert log[0] == 0

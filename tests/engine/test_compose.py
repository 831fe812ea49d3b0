"""A collective beside a computation: what is called when, that the computation is right, and which cases there are."""

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fabricbench import mpi
from fabricbench.engine import compose, suite
from fabricbench.engine.spin import spinner
from fabricbench.engine.suite import Request
from fabricbench.entries import view
from fabricbench.errors import UnavailableError, UsageError
from fabricbench.measure.loop import Hook, Loop, Taken
from fabricbench.measure.sampling import Sampler, in_turn
from fabricbench.measure.sync import Synchroniser
from fabricbench.model import Case
from fabricbench.spec import Step, block

HERE: dict[str, Any] = {"ranks": 2, "distances": ("same-host",), "has_mpi": True}
SLICES, ROUNDS = 5, 1000
STARTED, LOOKED_AFTER, FINISHED, AT_ONCE = 1, 2, 3, 4


def start(b: Any) -> int:
    return note(b.log, b.room, b.like, 1)


def progress(b: Any) -> int:
    return note(b.log, b.room, b.like, 2)


def finish(b: Any) -> int:
    return note(b.log, b.room, b.like, 3)


def at_once(b: Any) -> int:
    return note(b.log, b.room, b.like, 4)


def refusing(b: Any) -> int:
    return 7


def note(address: int, room: int, like: int, event: int) -> int:
    log = view(address, room, like)
    log[0] += 1
    log[log[0]] = event
    return 0


def noting(**bodies: Any) -> tuple[Step, Any]:
    """A step that writes down which of its bodies are called."""
    log = np.zeros(64, np.int64)
    arguments = block(log=log.ctypes.data, room=log.size, like=np.int64(0))
    usual = {"call": at_once, "start": start, "progress": progress, "finish": finish}
    return Step(block=arguments, keep=(log,), **{**usual, **bodies}), log


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
    made = compose.composed(step, case(overlap, part), SLICES, ROUNDS, 1e-6)
    Loop(step=made.step).take(1, 1)
    assert list(log[1 : log[0] + 1]) == events
    assert made.wrong() == 0
    assert made.state[0] == recurrence(0 if part == "communication" else SLICES * ROUNDS)


def test_a_computation_that_was_left_out_is_wrong() -> None:
    step, _ = noting()
    made = compose.composed(step, case("none", "computation"), SLICES, ROUNDS, 1e-6)
    Loop(step=made.step).take(1, 1)
    made.forget()
    assert made.wrong() == 1


@pytest.mark.parametrize("body", ["start", "progress", "finish"])
def test_an_error_of_the_library_is_not_lost(body: str) -> None:
    step, _ = noting(**{body: refusing})
    made = compose.composed(step, case("calls", "both"), SLICES, ROUNDS, 1e-6)
    with pytest.raises(Exception, match="error code 7"):
        Loop(step=made.step).take(1, 1)


def test_a_timer_is_waited_for_from_its_start() -> None:
    step, _ = noting()
    parts = [compose.composed(step, case("timer", part), SLICES, 1, 1e-3).step for part in suite.PARTS]
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


def test_what_cannot_be_composed_is_refused_with_the_reason() -> None:
    step, _ = noting()
    crowded, roomy = (SimpleNamespace(most_on_a_host=2, cores=(cores,)) for cores in (2, 4))
    with pytest.raises(UnavailableError, match="a core of its own"):
        compose.refuse(case("thread", "both"), step, crowded)  # type: ignore[arg-type]
    with pytest.raises(UnavailableError, match="cannot be asked of this library"):
        compose.refuse(case("thread", "both"), step, roomy)  # type: ignore[arg-type]
    with pytest.raises(UnavailableError, match="cannot be left alone"):
        compose.refuse(case("none", "both"), noting(progress=None)[0], crowded)  # type: ignore[arg-type]
    compose.refuse(case("none", "both"), step, crowded)  # type: ignore[arg-type]


def test_every_overlap_has_three_parts_that_are_measured_together() -> None:
    cases = planned(overlap=["none", "calls"], ratio=[0.5, 2])
    groups = compose.linked(reversed(cases))
    assert len(cases) == 12
    assert [sorted(str(one.params["part"]) for one in group) for group in groups] == [sorted(suite.PARTS)] * 4
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

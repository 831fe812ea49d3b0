"""Memory that ranks share: right whatever the sizes, epochs and delays; refused, or given up, in one sentence.

Ranks are threads here (`units.threads`); as processes, under a library, they stand in the other files of this folder.
"""

import ctypes
import errno
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from units.mutants import SHARED, changed, deaf, entering_late, reading_late
from units.random_cases import cases
from units.threads import Change, case_of, operation_of, wrong

from fabricbench.collectives import segments
from fabricbench.engine import catalogue, suite
from fabricbench.errors import NotMeasuredError, UnavailableError
from fabricbench.measure.loop import Loop, nothing
from fabricbench.model import Case
from fabricbench.spec import Array, Question, Step, block

TESTS = Path(__file__).parents[1]
REDUCING = SHARED[:2]
SMALL = 256
"""Bytes of a slot with which small arrays take many epochs."""

EPOCHS = 10_000
LIMIT_S = 200

PROGRAM = """
import numpy as np
from fabricbench import native
from fabricbench.collectives import allgather_shm, segments
from fabricbench.spec import block

found = segments.fields(0, np.zeros(2, np.int64), np.zeros(1, np.int64), 64, 1)
asked = block(**found, send=0, receive=0, stride=0, most=0)
print(native.compile(allgather_shm.call, asked).owner._library.get_llvm_str())
"""


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SLOT_BYTES", SMALL)


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(segments, "FOLDER", tmp_path)
    return tmp_path


@settings(derandomize=True, database=None, deadline=None, max_examples=80, suppress_health_check=list(HealthCheck))
@given(case=cases(SHARED, most_ranks=6), slot_bytes=st.sampled_from((64, SMALL, segments.SLOT_BYTES)))
def test_any_case_in_slots_of_any_size_is_right_twice_in_a_row(case: Case, slot_bytes: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(segments, "SLOT_BYTES", slot_bytes)
        assert sum(wrong(case, times=2)) == 0


@pytest.mark.parametrize("ranks", [2, 3, 5])
@pytest.mark.parametrize("name", SHARED)
def test_ten_thousand_epochs_without_a_stale_element(name: str, ranks: int, small: None) -> None:
    times, width = 4, 4
    of_an_epoch = {"allgather/shm": ranks * SMALL, "alltoall/shm": ranks * segments.rounded(SMALL // ranks)}
    count = EPOCHS // times * of_an_epoch.get(name, SMALL) // width
    epochs: list[Array] = []

    def watched(rank: int, step: Step) -> Step:
        epochs.append(step.keep[1])
        return step

    assert sum(wrong(case_of(name, ranks, count), times=times, change=watched)) == 0
    assert [int(epoch[0]) for epoch in epochs] == [EPOCHS] * ranks


def only(late: int, change: Change) -> Change:
    return lambda rank, step: change(rank, step) if rank == late else step


@pytest.mark.parametrize("late", [0, 1, 2])
@pytest.mark.parametrize("name", REDUCING)
def test_a_slow_reader_is_not_overtaken_and_would_be_if_there_were_one_slot(name: str, late: int, small: None) -> None:
    case = case_of(name, 3, 300)
    reads_late = only(late, lambda rank, step: reading_late(step))
    assert sum(wrong(case, change=reads_late)) == 0
    assert sum(wrong(case, change=lambda rank, step: reads_late(rank, changed(step, slots=1)))) > 0


@pytest.mark.parametrize("late", [0, 1, 2])
@pytest.mark.parametrize("name", SHARED)
def test_a_late_rank_is_waited_for_and_would_be_missed_by_ranks_that_do_not(name: str, late: int) -> None:
    case = case_of(name, 3, 300)
    enters_late = only(late, lambda rank, step: entering_late(step))
    assert sum(wrong(case, change=enters_late)) == 0
    assert sum(wrong(case, change=lambda rank, step: enters_late(rank, deaf(step, 3)))) > 0


def test_copies_that_are_held_up_before_and_after_spoil_nothing_and_would_in_one_slot() -> None:
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    words = [sys.executable, "-m", "units.slow_copies"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert {name: one["held_up"] > 50 for name, one in found.items()} == dict.fromkeys(SHARED, True)
    assert {name: one["two slots"] for name, one in found.items()} == dict.fromkeys(SHARED, 0)
    assert {name: one["one slot"] > 0 for name, one in found.items()} == dict.fromkeys(SHARED, True)


@pytest.mark.parametrize("name", SHARED)
def test_a_rank_that_does_not_come_ends_the_wait_of_the_others_by_name(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "LIMIT_S", 0.05)
    stays_away = only(1, lambda rank, step: Step(call=nothing, block=block(unused=0)))
    with pytest.raises(NotMeasuredError, match=r"^Rank 0 waited 0.05 s for rank 1 in shared memory in sample 0\.$"):
        wrong(case_of(name, 2, 100), change=stays_away)


def test_a_code_that_is_not_the_waits_is_given_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(rank: int, step: Step) -> Step:
        return Step(call=fail, block=block(unused=0), why=step.why)

    with pytest.raises(NotMeasuredError, match=r"^The step returned error code 7 in sample 0\.$"):
        wrong(case_of("alltoall/shm", 2, 100), change=failing)


def fail(b: object) -> int:
    return 7


@pytest.mark.parametrize("name", SHARED)
def test_names_are_gone_while_the_step_lives_and_maps_when_it_ends(name: str, folder: Path) -> None:
    seen: list[tuple[list[Path], bool]] = []

    def look(rank: int, step: Step) -> Step:
        seen.append((list(folder.iterdir()), str(folder) in Path("/proc/self/maps").read_text()))
        return step

    assert sum(wrong(case_of(name, 3, 100), change=look)) == 0
    assert seen == [([], True)] * 3
    assert str(folder) not in Path("/proc/self/maps").read_text()


def refused(name: str = "allreduce/shm", ranks: int = 3, **more: tuple[str, ...]) -> str:
    with pytest.raises(UnavailableError) as caught:
        wrong(case_of(name, ranks, 1 << 20), **more)
    return str(caught.value)


def test_ranks_of_several_hosts_are_refused() -> None:
    assert refused(hosts=("a", "b", "a")) == "Ranks on 2 hosts have no memory in common."


def test_too_little_room_is_said_with_both_sizes_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setattr(segments, "_room", lambda: 1 << 20)
    said = refused()
    assert re.fullmatch(
        rf"3 segments of \d+ bytes do not fit into {folder}, which has 1048576 bytes free\. "
        r"Containers are given more with --shm-size\.",
        said,
    )
    assert list(folder.iterdir()) == []


def test_room_that_somebody_else_takes_meanwhile_is_said_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    fallocate, asked = os.posix_fallocate, []

    def full_for_the_last(made: int, start: int, nbytes: int) -> None:
        asked.append(nbytes)
        if len(asked) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fallocate(made, start, nbytes)

    monkeypatch.setattr(os, "posix_fallocate", full_for_the_last)
    assert refused() == f"No memory can be shared in {folder}: No space left on device."
    assert list(folder.iterdir()) == []
    assert str(folder) not in Path("/proc/self/maps").read_text()


def test_ranks_that_cannot_see_each_others_names_are_refused_and_leave_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    make = segments._made
    monkeypatch.setattr(segments, "_made", lambda path, nbytes: f"{make(path, nbytes)}-elsewhere")
    assert refused() == f"No memory can be shared in {folder}: No such file or directory."
    assert list(folder.iterdir()) == []


def test_no_folder_for_shared_memory_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(segments, "FOLDER", tmp_path / "none")
    assert refused() == f"No memory can be shared in {tmp_path}/none: No such file or directory."


@pytest.mark.parametrize("name", SHARED)
def test_one_rank_is_refused(name: str) -> None:
    operation, _, variant = name.partition("/")
    why = suite.refusal(catalogue.operation(operation).variants[variant], case_of(name, 1, 100))
    assert why == "needs 2 ranks or more, of one host"


@pytest.mark.parametrize("name", SHARED)
def test_a_segment_is_small_however_large_the_array_and_as_large_as_was_said(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "_room", lambda: 0)
    case = case_of(name, 2, 1 << 20)
    question = Question(case=case, rank=0, ranks=2, seed=0)
    said = operation_of(case).variants[case.variant].scratch(question) * question.dtype.itemsize
    named = re.match(r"2 segments of (\d+) bytes", refused(name, ranks=2))
    assert named is not None
    assert int(named[1]) == said <= 0.8 * (1 << 20)


def in_floats(name: str, given: Array) -> list[Array]:
    """Every rank's answer to an all-reduce of arrays (ranks, count) that are not made of whole numbers."""
    ranks, count = given.shape
    found: list[Array] = [given[0]] * ranks

    def fed(rank: int, step: Step) -> Step:
        assert step.block is not None
        send, receive = (
            np.frombuffer((ctypes.c_float * count).from_address(int(step.block[field][0])), given.dtype)
            for field in ("send", "receive")
        )
        loop = Loop(step=step)

        def perform() -> None:
            send[:] = given[rank]
            loop.take(1, 1)
            found[rank] = receive.copy()

        return Step(call=perform)

    wrong(case_of(name, ranks, count), change=fed)
    return found


@pytest.mark.parametrize("name", REDUCING)
def test_elements_are_combined_in_order_of_rank_on_all_ranks(name: str, small: None) -> None:
    given = np.random.default_rng(1).random((3, 500), np.float32)
    in_order, otherwise = (given[0] + given[1]) + given[2], (given[1] + given[2]) + given[0]
    assert not np.array_equal(in_order, otherwise)
    assert all(np.array_equal(found, in_order) for found in in_floats(name, given))


def test_what_is_compiled_has_kept_acquire_and_release(tmp_path: Path) -> None:
    # A cache of its own: of code that was loaded there is nothing to read.
    made = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=os.environ | {"XDG_CACHE_HOME": str(tmp_path)}, capture_output=True,
        text=True, check=True,
    ).stdout  # fmt: skip
    assert len(re.findall(r"load atomic i64, .* acquire", made)) >= 2, "while it spins, and between yields"
    assert re.search(r"store atomic i64 .* release", made)


def waited(monkeypatch: pytest.MonkeyPatch, clock: Iterator[int], looks: int) -> int:
    """What a wait for rank 1 returns whose clock goes so, and whose flag is up after so many looks."""
    flags = iter([*[0] * looks, 7])
    monkeypatch.setattr(segments, "load_acquire", lambda address: next(flags))
    monkeypatch.setattr(segments, "now_ns", lambda: next(clock))
    monkeypatch.setattr(segments, "sched_yield", lambda: 0)
    b = SimpleNamespace(flags=0, ranks=2, spins=0, limit=round(segments.LIMIT_S * 1e9))
    return segments.wait_for(b, segments.GIVEN, 1, 7)


def test_a_wait_ends_after_its_limit_and_not_because_the_waiting_rank_was_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hour, tick = 3600 * 10**9, 10**7
    assert waited(monkeypatch, itertools.count(0, tick), looks=5990) == 0
    assert waited(monkeypatch, itertools.count(0, tick), looks=6100) == -2
    stopped = itertools.chain(range(0, 100 * tick, tick), itertools.count(hour, tick))
    assert waited(monkeypatch, stopped, looks=5000) == 0

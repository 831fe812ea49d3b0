"""The turns that ranks take in shared memory, in orders that no processor would show in years (`units.weak`)."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from units import weak
from units.mutants import SHARED
from units.threads import SEED, case_of, operation_of, wrong

from fabricbench.collectives import segments
from fabricbench.model import Case
from fabricbench.spec import Question, Step

RANKS, COUNT, TIMES = 3, 15, 3
SLOT_BYTES = 6
ORDERS = 15
ENOUGH = 400
"""Orders among which a mistake must show."""

Spoil = Callable[[weak.Ranks], dict[str, Callable[..., object]]]


@cache
def prepared(name: str) -> tuple[Case, list[Step]]:
    """Steps as they are really made, of an array that takes several epochs."""
    steps: dict[int, Step] = {}

    def caught(rank: int, step: Step) -> Step:
        steps[rank] = step
        return step

    case = case_of(name, RANKS, COUNT, "uint8")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(segments, "SLOT_BYTES", SLOT_BYTES)
        assert sum(wrong(case, change=caught)) == 0
    return case, [steps[rank] for rank in range(RANKS)]


def differs(name: str, seed: int, *, slots: int = segments.SLOTS, spoil: Spoil = lambda ranks: {}) -> int:
    """Elements that are wrong on any rank when a variant is performed several times in the order of that seed."""
    case, steps = prepared(name)
    ranks, operation, found = weak.Ranks(steps, seed), operation_of(case), 0
    for b in ranks.blocks:
        b.slots = slots

    def question(rank: int, time: int) -> Question:
        return Question(case=case, rank=rank, ranks=RANKS, seed=SEED + time)

    def give(rank: int, time: int) -> None:
        asked, b = question(rank, time), ranks.blocks[rank]
        count = operation.layout(asked).inputs[0]
        fill = operation.fill or (lambda asked, array, start, stop: asked.input(asked.rank, start, stop))
        for place, value in enumerate(fill(asked, 0, 0, count)):
            ranks.private[rank, b.send + place] = int(value)

    def compare(rank: int, time: int) -> None:
        nonlocal found
        expected = operation.reference(question(rank, time), 0, COUNT)
        b = ranks.blocks[rank]
        values = [ranks.private.get((rank, b.receive + place), -1) for place in range(COUNT)]
        found += int(np.count_nonzero(expected != values))

    with weak.replaced(ranks, **spoil(ranks)):
        ranks.perform(TIMES, give, compare)
    return found


@pytest.mark.parametrize("name", SHARED)
def test_in_any_order_of_any_stores_and_loads_it_is_right(name: str) -> None:
    assert [differs(name, seed) for seed in range(ORDERS)] == [0] * ORDERS


@pytest.mark.parametrize("name", SHARED)
def test_one_slot_would_be_overwritten(name: str) -> None:
    assert any(differs(name, seed, slots=1) for seed in range(ENOUGH))


@pytest.mark.parametrize("name", SHARED)
def test_a_flag_stored_without_release_would_arrive_before_the_data(name: str) -> None:
    assert any(differs(name, seed, spoil=lambda ranks: {"store_release": ranks.store}) for seed in range(ENOUGH))


@pytest.mark.parametrize("name", SHARED)
def test_a_flag_loaded_without_acquire_would_let_old_data_be_read(name: str) -> None:
    def relaxed(ranks: weak.Ranks) -> dict[str, Callable[..., object]]:
        def load(address: int) -> int:
            ranks.switch()
            return ranks.load(address)

        return {"load_acquire": load}

    assert any(differs(name, seed, spoil=relaxed) for seed in range(ENOUGH))


def test_ranks_of_which_one_says_nothing_hang_and_are_found_to() -> None:
    with pytest.raises(weak.HangError):
        differs(SHARED[0], 0, spoil=lambda ranks: {"store_release": lambda address, value: ranks.switch()})

"""Faults of a fabric of known speed, named from what ranks measure of it."""

from pathlib import Path

import example_lines as example
import pytest
from hosts.fabric import Fabric, fabric, why_not

from fabricbench import mpi, store
from fabricbench.engine import launch
from fabricbench.engine.survey import Survey, Wave
from fabricbench.judge.localise import Localised, bandwidths, localise, rounds

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.mpi,
    pytest.mark.skipif(why_not() is not None, reason=why_not() or ""),
    pytest.mark.skipif(mpi.installed() is not None, reason="needs MPI"),
]


def named(made: Fabric, folder: Path) -> Localised:
    output = folder / "rounds.jsonl"
    with store.Writer.create(output, append=True) as writer:
        writer.write(example.run())
    waves = [
        Wave(round=number, direction=direction, pairs=pairs)
        for number, pairs in enumerate(rounds(len(made.hosts)))
        for direction in ("forward", "backward")
    ]  # fmt: skip
    survey = Survey(waves=waves, nbytes=1 << 16, budget_s=0.6, limit_s=60, output=str(output))
    launch.launch(survey, made.words(), lambda event: None)
    lines = store.load(output)[-1].rounds
    output.unlink()
    return localise(bandwidths(lines), len(made.hosts))


def test_a_host_that_sends_slowly_and_one_that_receives_slowly_are_named_and_none_where_none_is(tmp_path: Path) -> None:
    # So slow that the links decide, however little of a core each rank has.
    with fabric(4, "20mbit") as made:
        assert named(made, tmp_path).suspects == ()
        made.shape("c", "transmit", "8mbit")
        (suspect,) = named(made, tmp_path).suspects
        assert (suspect.kind, suspect.members) == ("transmit", (2,))
        made.shape("c", "transmit", "20mbit")
        made.shape("b", "receive", "8mbit")
        (suspect,) = named(made, tmp_path).suspects
        assert (suspect.kind, suspect.members) == ("receive", (1,))
        assert suspect.share < 0.6

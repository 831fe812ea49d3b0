"""A fabric that is pretended: what its ranks would write, from what is slow on it; nothing is started."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from builders import changed, make_launch, make_record, skipped

from fabricbench import mpi, store
from fabricbench.engine import launch
from fabricbench.engine.listed import Listed
from fabricbench.engine.placement import Placement
from fabricbench.engine.survey import Survey, Wave
from fabricbench.errors import NotMeasuredError
from fabricbench.judge.peers import host_of
from fabricbench.model import Case, RankTimes, Record, Round

RATE, SECONDS = 1e9, 1e-3
Task = Listed | Survey


@dataclass
class Fabric:
    """Shares of the usual speed: of what members compute, of links, of all-reduces that contain a member.

    noise: of every sample. once: tests are slow in the first launch only. dies: launches, by number, that end before
    anything is measured. wrong, skips: operations with a wrong result, and such as cannot be had. ranks: those that are
    started, where they are others than were asked for.
    """

    names: Sequence[str]
    tests: Mapping[tuple[str, int], float] = field(default_factory=dict)
    links: Mapping[tuple[int, int], float] = field(default_factory=dict)
    reductions: Mapping[int, float] = field(default_factory=dict)
    noise: float = 0.01
    once: bool = False
    dies: tuple[int, ...] = ()
    wrong: tuple[str, ...] = ()
    skips: tuple[str, ...] = ()
    ranks: int | None = None
    seed: int = 1
    tasks: list[Task] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._draw = np.random.default_rng(self.seed)

    def launch(self, task: Task, words: list[str], hear: Callable[[dict[str, Any]], None]) -> None:
        """In the place of `engine.launch.launch`."""
        self.tasks.append(task)
        if self.ranks is not None:
            raise NotMeasuredError(f"{len(self.names)} ranks were asked for and {self.ranks} were started.")
        hosts = list(dict.fromkeys(map(host_of, self.names)))
        with store.Writer.create(Path(task.output), append=True) as writer:
            writer.write(make_launch(task.launch, ranks=len(self.names), hosts=hosts))
            hear({"event": "nodes", "names": list(self.names)})
            if task.launch in self.dies:
                raise NotMeasuredError("A rank died.")
            lines = self._records(task) if isinstance(task, Listed) else self._rounds(task)
            writer.write(*lines)

    def _records(self, task: Listed) -> list[Record]:
        return [self._record(case, task) for case in task.cases]

    def _record(self, case: Case, task: Listed) -> Record:
        if case.operation in self.skips:
            return skipped(case, launch=task.launch)
        ranks = range(len(self.names))
        if "communicator" in case.params:
            taking_part = _placed(len(ranks)).groups(str(case.params["communicator"]))[0]
            share = min(self.reductions.get(rank, 1.0) for rank in taking_part)
            times = [SECONDS / share * self._luck() for _ in taking_part]
        else:
            slow = self.tests if task.launch == 0 or not self.once else {}
            times = [SECONDS / slow.get((case.operation, rank), 1.0) * self._luck() for rank in ranks]
        record = make_record(
            case, max(times), launch=task.launch,
            ranks_s=RankTimes(median=times, mean=times, last=[1 / len(times)] * len(times)),
        )  # fmt: skip
        if case.operation in self.wrong:
            return changed(record, check=changed(record.check, status="wrong", wrong=1))
        return record

    def _rounds(self, task: Survey) -> list[Round]:
        return [
            Round(
                launch=task.launch, round=wave.round, direction=wave.direction, pairs=wave.pairs, nbytes=task.nbytes,
                samples_s=[[task.nbytes / self._rate(pair, wave) for _ in range(5)] for pair in wave.pairs], check="ok",
            )
            for wave in task.waves
        ]  # fmt: skip

    def _rate(self, pair: tuple[int, int], wave: Wave) -> float:
        """Of the slower direction that is used; members of a host that talk to others at once share its link."""
        ways = [pair] * (wave.direction != "backward") + [pair[::-1]] * (wave.direction != "forward")
        crossing = [one for one in wave.pairs if len({host_of(self.names[rank]) for rank in one}) > 1]
        busy = Counter(host_of(self.names[rank]) for one in crossing for rank in one)
        crowd = max(busy[host_of(self.names[rank])] for rank in pair) if pair in crossing else 0.2
        return min(self.links.get(way, 1.0) for way in ways) * RATE / crowd * self._luck()

    def _luck(self) -> float:
        return float(np.exp(self._draw.normal(0, self.noise)))


def _placed(ranks: int) -> Placement:
    ones, hosts = (1,) * ranks, tuple(map(str, range(ranks)))
    return Placement(hosts=hosts, cpus=(frozenset(),) * ranks, own=ones, cores=ones, machines=hosts, machine_cores=ones)


def pretend(fabric: Fabric, monkeypatch: Any) -> None:
    """Whatever is launched from now on is launched on this fabric."""
    monkeypatch.setattr(launch, "launch", fabric.launch)
    monkeypatch.setattr(mpi, "installed", lambda: None)
    monkeypatch.setattr(mpi, "library_name", lambda module=None: "Some MPI 1.0")
    monkeypatch.setattr(mpi, "promise", lambda environment: (0, "no launcher"))

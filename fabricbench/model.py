"""The record and its parts: what the measuring side writes and the reading side reads.

Every class is one line, or a part of one line, of a result file (`docs/result-file.md`). All are frozen, no field has a
default but one that files of an older schema number lack, and unknown fields are refused, so that a file either is a
result or is not. Units: seconds and bytes.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from fabricbench.quantity import size_text

SCHEMA = 4
"""Number of the result format.

History: 1 first format; 2 the mode "partitioned"; 3 null and "unknown" for what a row of another tool does not say;
4 which host each rank is on, and what every host has of its own.
"""

Name = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_.-]*$")]
Text = Annotated[str, Meta(min_length=1)]
Seconds = Annotated[float, Meta(ge=0)]
Amount = Annotated[float, Meta(ge=0)]
Whole = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Scalar = str | int | float | bool

Memory = Literal["host", "pinned", "mapped", "device", "unknown"]
Cadence = Literal["isolated", "streaming"]
Mode = Literal["blocking", "non-blocking", "persistent", "partitioned"]
StepKind = Literal["compiled", "python", "graph", "stream", "unknown"]
Sync = Literal["round-time", "barrier", "none", "unknown"]
TimeBase = Literal["global", "maxlocal", "device", "unknown"]
Flag = Literal["oversubscribed", "cpu-fallback", "colocated", "injected", "scaled", "in-cache", "throttled"]
Status = Literal["ok", "wrong", "skipped", "unchecked"]
Stop = Literal["converged", "plateau", "budget", "skipped", "unknown"]
RateKey = Literal["algbw", "busbw", "bandwidth", "flops", "messages"]
Ending = Literal["complete", "interrupted", "timeout", "failed"]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, gc=False):
    """A frozen value with closed fields; none holds itself, so the garbage collector need not look for cycles."""


USUAL: dict[str, Scalar] = {
    "blocks": 25, "counts": "equal", "distance": "same-host", "op": "sum", "role": "victim", "root": 0, "window": 32
}  # fmt: skip
"""Parameters that go without saying in the name of a case."""

BESIDE = ("aggressor", "blocks", "load", "role", "victim")
"""Parameters that say how a victim is measured beside aggressors, not what it does."""


class Case(Part, frozen=True):
    """All that was asked; the key of a row. `params` is sorted by name and holds scalars only.

    Null `ranks`, like null and "unknown" elsewhere, stand only in rows of other tools that did not say.
    """

    operation: Name
    variant: Name
    memory: Memory
    dtype: Name
    nbytes: Whole
    ranks: Positive | None
    cadence: Cadence
    mode: Mode
    in_place: bool
    params: dict[str, Scalar]

    def text(self) -> str:
        """Name for people: "allreduce/mpi float32 1MiB", then what is not usual."""
        asked = [f"{self.operation}/{self.variant}", self.dtype]
        asked += [size_text(self.nbytes)] if self.nbytes else []
        asked += [self.memory] if self.memory != "host" else []
        asked += [self.cadence] if self.cadence != "isolated" else []
        asked += [self.mode] if self.mode != "blocking" else []
        asked += ["in-place"] if self.in_place else []
        asked += [f"{name}={value}" for name, value in sorted(self.params.items()) if USUAL.get(name) != value]
        return " ".join(asked)

    @property
    def known_ranks(self) -> int:
        """Ranks of a case that is measured here."""
        if self.ranks is None:
            raise ValueError(f"{self.text()} is of another tool, which did not say how many ranks")
        return self.ranks

    @property
    def victim(self) -> str:
        """Name of the victim that this case is, or that it is an aggressor of: the same at every load."""
        own = {name: value for name, value in self.params.items() if name not in BESIDE}
        return str(self.params.get("victim") or msgspec.structs.replace(self, params=own).text())

    def key(self) -> tuple[Scalar, ...]:
        """Hashable identity of the case: every field, parameters by name."""
        *asked, params = msgspec.structs.astuple(self)
        return (*asked, *chain.from_iterable(sorted(params.items())))


class Conditions(Part, frozen=True):
    """All that was found; must match for a ratio, save flags as design 5 says."""

    step: StepKind
    sync: Sync
    placement: Text
    threads: Positive | None
    library: Text
    algorithm: Text
    flags: list[Flag]


class RankTimes(Part, frozen=True):
    """Per rank: median and mean of its own time, and the share of samples in which it left last."""

    median: list[Seconds]
    mean: list[Seconds]
    last: list[Annotated[float, Meta(ge=0, le=1)]]


class Traffic(Part, frozen=True):
    """What one operation must move, for the busiest rank. Bytes, and arithmetic operations."""

    sent: Amount
    received: Amount
    flops: Amount
    resource: Name


class Check(Part, frozen=True):
    """The comparison with the reference, before and after the timed block, over all ranks and elements."""

    status: Status
    wrong: Whole
    worst: Amount
    bound: Amount
    reference: Text


class Summary(Part, frozen=True):
    """Computed from the written samples; `low_s` to `high_s` is the rank interval of the median.

    Of an imported row `median_s` is the figure that was printed, and `origin` says which statistic that is.
    """

    n: Whole | None
    median_s: Seconds | None
    low_s: Seconds | None
    high_s: Seconds | None
    p99_s: Seconds | None
    stop: Stop


class Doubt(Part, frozen=True):
    """A reason to read the row with care, and what would remove it."""

    code: Name
    text: Text
    remedy: str


class Origin(Part, frozen=True):
    """Where an imported row came from; null where the peer's output says nothing."""

    tool: Text
    version: Text | None
    statistic: Text | None
    over_ranks: Text | None
    file: Text
    line: Positive


class Telemetry(Part, frozen=True):
    """Evidence taken while the block ran, in order of time.

    `memory_bytes`: the most that any rank's process had held in memory by its end.
    """

    interval_s: Seconds
    load: list[Amount]
    mhz: list[Amount]
    memory_bytes: Whole | None = None


class Pairing(Part, frozen=True):
    """Membership of a launch in an alternated series: sides are compared only within one id."""

    id: Text
    side: Text
    position: Whole


class ClockReport(Part, frozen=True):
    """How far the clocks of the ranks can be trusted. Seconds; null where it could not be measured."""

    source: Text
    verified: bool
    read_s: Seconds | None
    offset_s: list[float]
    bound_s: Seconds | None


Facts = dict[str, Scalar | list[str]]
"""What is known of a host, its software or its environment, by name."""


class Run(Part, frozen=True, tag_field="kind", tag="run"):
    """First line of a file: who measured, where, with what."""

    schema: Annotated[int, Meta(ge=1)]
    id: Text
    fabricbench: Text
    started: Text
    command: list[str]
    seed: Whole
    launches: Positive
    machine: Facts
    software: dict[str, str]


class Launch(Part, frozen=True, tag_field="kind", tag="launch"):
    """One start of all ranks: the unit of replication.

    `placed`: of each rank, which of `hosts` it is on, from 0. `inventory`: by host, what of its machine, software and
    environment is otherwise than on rank 0's host, which is described whole. Null where it was not taken.
    """

    launch: Whole
    id: Text
    started: Text
    ranks: Positive | None
    hosts: list[Text]
    binding: Text
    clock: ClockReport
    environment: dict[str, str]
    pairing: Pairing | None
    placed: list[Whole] | None = None
    inventory: dict[Text, Facts] | None = None

    @property
    def rank_hosts(self) -> list[str] | None:
        """The host of every rank; None where that is not known."""
        if self.placed is not None:
            return [self.hosts[place] for place in self.placed]
        if self.ranks is not None and len(self.hosts) in (1, self.ranks):
            return self.hosts * (self.ranks // len(self.hosts))
        return None


def rank_names(hosts: Sequence[str]) -> list[str]:
    """What every rank is called: its host, with its number there where it is not alone. hosts: of each rank."""
    counts, seen = Counter(hosts), Counter[str]()
    found = []
    for host in hosts:
        found.append(host if counts[host] == 1 else f"{host}:{seen[host]}")
        seen[host] += 1
    return found


class Ceiling(Part, frozen=True, tag_field="kind", tag="ceiling"):
    """A bound that this launch measured, computed or was told."""

    launch: Whole
    resource: Name
    scope: Name
    value: Annotated[float, Meta(gt=0)]
    unit: Text
    nature: Literal["measured", "physical", "declared"]
    source: Text


class Record(Part, frozen=True, tag_field="kind", tag="record"):
    """One case in one launch. All times are seconds per operation."""

    launch: Whole
    case: Case
    conditions: Conditions
    time: TimeBase
    repeats: Positive | None
    samples_s: list[Seconds]
    skew_s: list[Seconds]
    ranks_s: RankTimes
    excluded: list[tuple[Whole, Whole, Text]]
    device_s: list[Seconds] | None
    traffic: Traffic
    check: Check
    summary: Summary
    rates: dict[RateKey, Amount]
    doubts: list[Doubt]
    telemetry: Telemetry | None
    origin: Origin | None


class Round(Part, frozen=True, tag_field="kind", tag="round"):
    """One round of disjoint pairs, measured at once."""

    launch: Whole
    round: Whole
    direction: Literal["both", "forward", "backward"]
    pairs: list[tuple[Whole, Whole]]
    nbytes: Whole
    samples_s: list[list[Seconds]]
    check: Status


class End(Part, frozen=True, tag_field="kind", tag="end"):
    """Last line of a file that was closed as such."""

    finished: Text
    records: Whole
    wrong: Whole
    status: Ending


Line = Run | Launch | Ceiling | Record | Round | End

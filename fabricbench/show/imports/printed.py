"""One result as a tool printed it, in our terms, and how it becomes a record."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from fabricbench import traffic
from fabricbench.errors import UnreadableError
from fabricbench.model import (
    Cadence,
    Case,
    Check,
    Conditions,
    Doubt,
    Memory,
    Mode,
    Origin,
    RankTimes,
    RateKey,
    Record,
    Scalar,
    Status,
    Summary,
    Traffic,
)
from fabricbench.quantity import LARGEST_SIZE, size_text
from fabricbench.statistics import six_digits

UNKNOWN = "unknown"
_COLLECTIVE: tuple[RateKey, ...] = ("algbw", "busbw")
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d{1,3})?")
_COUNT = re.compile(r"\d{1,18}")
_UNPRINTABLE = re.compile(r"[^a-z0-9_.]+")
_LONGEST_NAME = 80

PER_RANK = {"size": "one-rank's-part"}
"""Parameter of a row whose size is one rank's part, where the tool did not say how many ranks make up the whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """A figure with what the tool said about it; seconds, bytes, and bytes or messages per second.

    `nbytes` follows `traffic.SIZES`. `samples`: over how many values the statistic was formed; `repeats`: operations
    behind each. `statistic`, `over_ranks`: how the figure joins samples and ranks. None: not said.
    """

    line: int
    operation: str
    variant: str
    time_s: float | None
    nbytes: int = 0
    ranks: int | None = None
    memory: Memory = "host"
    dtype: str = UNKNOWN
    cadence: Cadence = "streaming"
    mode: Mode = "blocking"
    in_place: bool = False
    params: Mapping[str, Scalar] = field(default_factory=dict)
    p99_s: float | None = None
    rates: Mapping[RateKey, float] = field(default_factory=dict)
    samples: int | None = None
    repeats: int | None = None
    statistic: str | None
    over_ranks: str | None
    check: Status = "unchecked"
    wrong: int = 0
    library: str = UNKNOWN
    doubts: tuple[Doubt, ...] = ()

    def faults(self) -> None:
        """Raises UnreadableError for a figure that cannot be."""
        for name, value in (("time", self.time_s), ("p99", self.p99_s), *self.rates.items()):
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise UnreadableError(f"the {name} of {self.operation} of {self.nbytes} bytes is {value:g}.")
        if not 0 <= self.nbytes <= LARGEST_SIZE:
            raise UnreadableError(f"{self.nbytes} bytes are no size.")

    def case(self) -> Case:
        """Key of the row."""
        return Case(
            operation=self.operation, variant=self.variant, memory=self.memory, dtype=self.dtype, nbytes=self.nbytes,
            ranks=self.ranks, cadence=self.cadence, mode=self.mode, in_place=self.in_place,
            params=dict(sorted(self.params.items())),
        )  # fmt: skip

    def _traffic(self, case: Case) -> Traffic:
        """What a collective must move; of anything else only its tool knows."""
        if not self._has_bus_rate() or case.ranks is None:
            return Traffic(sent=0.0, received=0.0, flops=0.0, resource=UNKNOWN)
        moved = traffic.collective(case, case.ranks)
        return Traffic(sent=moved.sent, received=moved.received, flops=0.0, resource=UNKNOWN)

    def _has_bus_rate(self) -> bool:
        """Whether the size is that of a whole collective, which the time is of."""
        collective = self.operation in traffic.BUS_FACTORS and self.ranks is not None
        return collective and not {"size", "part"} & self.params.keys()

    def record(self, launch: int, tool: str, version: str | None, file: str) -> Record:
        """The row of a result file; without samples, because tools keep none."""
        case = self.case()
        moved = self._traffic(case)
        rates = dict(self.rates)
        if self.time_s and self.nbytes and not rates and self._has_bus_rate():
            rates = traffic.rates(_COLLECTIVE, case, moved, self.time_s)
        return Record(
            launch=launch, case=case, time="unknown", repeats=self.repeats or None, samples_s=[], skew_s=[],
            conditions=Conditions(
                step="unknown", sync="unknown", placement=UNKNOWN, threads=None, library=self.library or UNKNOWN,
                algorithm=UNKNOWN, flags=[],
            ),
            ranks_s=RankTimes(median=[], mean=[], last=[]), excluded=[], device_s=None, traffic=moved,
            check=Check(status=self.check, wrong=self.wrong, worst=0.0, bound=0.0, reference=UNKNOWN),
            summary=Summary(
                n=self.samples, median_s=_digits(self.time_s), low_s=None, high_s=None, p99_s=_digits(self.p99_s),
                stop="unknown",
            ),
            rates={key: _digits(value) or 0.0 for key, value in rates.items()}, doubts=list(self.doubts),
            telemetry=None,
            origin=Origin(
                tool=tool, version=version, statistic=self.statistic, over_ranks=self.over_ranks, file=file,
                line=self.line,
            ),
        )  # fmt: skip


def figure(text: str) -> float | None:
    """A number as tools print it, "1.2e+05" too; None for N/A. Raises UnreadableError for anything else."""
    if text == "N/A":
        return None
    if not _NUMBER.fullmatch(text):
        raise UnreadableError(f"'{text[:40]}' is no number.")
    return float(text)


def scaled(text: str, scale: float) -> float | None:
    """A number in a unit of so many seconds or bytes per second; None for N/A."""
    value = figure(text)
    return None if value is None else float(f"{value * scale:.12g}")


def count(text: str) -> int | None:
    """A whole number of at most 18 digits, none where it is something else."""
    return int(text) if _COUNT.fullmatch(text) else None


def is_figures(fields: list[str]) -> bool:
    """Whether all fields can stand in a row of figures: numbers, N/A, Pass, Fail."""
    return all(_NUMBER.fullmatch(one) or one in ("N/A", "Pass", "Fail", "nan", "inf", "-nan", "-inf") for one in fields)


def name(text: str) -> str:
    """A name as records have them: lower case, without blanks."""
    return _UNPRINTABLE.sub("-", text.lower()).strip("-._")[:_LONGEST_NAME] or UNKNOWN


def whole(nbytes: int, per_rank: bool, ranks: int | None) -> tuple[int, dict[str, Scalar]]:
    """Our size of a printed one, and the parameter that says so where only one rank's part is known."""
    if not per_rank:
        return nbytes, {}
    return (nbytes * ranks, {}) if ranks else (nbytes, dict[str, Scalar](PER_RANK))


def described(row: Printed) -> str:
    """A row in a few words, for messages."""
    return " ".join([row.case().text(), *([] if row.nbytes else [size_text(0) + " B"])])


def _digits(value: float | None) -> float | None:
    return None if value is None else six_digits([value])[0]

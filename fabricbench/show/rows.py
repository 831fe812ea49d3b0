"""One row of a result's tables: one case, with its figures over all launches."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from fabricbench import traffic
from fabricbench.judge.bounds import Bound, ranks_a_host, tightest
from fabricbench.model import Case, Ceiling, RateKey, Record, Summary
from fabricbench.show.cases import family
from fabricbench.statistics import summarise
from fabricbench.store import Result


class Figures(NamedTuple):
    """One record's summary and rates, stored or recomputed."""

    record: Record
    summary: Summary
    rates: Mapping[RateKey, float]
    bound: Bound | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One case over all its launches."""

    case: Case
    launches: tuple[Figures, ...]

    def times_s(self) -> list[float]:
        """Launch medians, of the launches that have one."""
        return [one.summary.median_s for one in self.launches if one.summary.median_s is not None]

    def time_s(self) -> float | None:
        """Median of the launch medians."""
        return _middle(self.times_s())

    def p99_s(self) -> float | None:
        """Median of the launches' p99, where they stored one."""
        return _middle(one.summary.p99_s for one in self.launches)

    def after_last_s(self) -> float | None:
        """Cost after the last arrival, where ranks were made to arrive apart; needs one clock for all of them."""
        if "arrival" not in self.case.params:
            return None
        return _middle(_after_last(one.record) for one in self.launches)

    def rate(self, key: RateKey) -> float | None:
        """Median over launches, where the operation has such a rate."""
        return _middle(one.rates.get(key) for one in self.launches)

    def host_sum(self, key: RateKey) -> float | None:
        """Rate of all ranks of a host together, where each rank works on its own."""
        sharing = ranks_a_host(self.launches[0].record)
        rate = self.rate(key)
        if rate is None or sharing is None or family(self.case) not in ("compute", "memory"):
            return None
        return rate * sharing

    def spread(self) -> float | None:
        """Half the interval of a launch's own median, relative to it; median over launches."""
        return _middle(_half_width(one.summary) for one in self.launches)

    def source(self) -> str | None:
        """Who printed the row and what its figure is; none of a row of our own."""
        record = self.launches[0].record
        if record.origin is None:
            return None
        said = [one for one in (record.origin.statistic, record.origin.over_ranks) if one]
        return " ".join([record.origin.tool, "/".join(said)]).strip()

    def wrong(self) -> int | None:
        """Wrong elements over all launches; none where nothing was checked."""
        checks = [one.record.check for one in self.launches]
        judged = [check.wrong for check in checks if check.status in ("ok", "wrong")]
        return sum(judged) if judged else None

    def bounds(self) -> list[Bound]:
        """The tightest bound of every launch that has one."""
        return [one.bound for one in self.launches if one.bound is not None]

    def share(self) -> float | None:
        """Share of the ceiling that was reached, median over launches."""
        return _middle(bound.ratio for bound in self.bounds())


def rows_of(result: Result, *, recompute: bool) -> list[Row]:
    """All cases of one run. recompute: from samples alone, whatever summaries are stored."""
    by_case: dict[tuple[object, ...], list[Figures]] = {}  # a figure of another kind is a row of its own
    ceilings = _by_launch(result.ceilings)
    for record in result.records:
        figures = _figures(record, ceilings.get(record.launch, ()), recompute)
        by_case.setdefault((_kind(record), *record.case.key()), []).append(figures)
    return [Row(case=found[0].record.case, launches=tuple(found)) for found in by_case.values()]


def _kind(record: Record) -> tuple[str | None, ...]:
    """Who printed a row, and what its figure is."""
    origin = record.origin
    return () if origin is None else (origin.tool, origin.statistic, origin.over_ranks)


def _by_launch(ceilings: Iterable[Ceiling]) -> dict[int, list[Ceiling]]:
    found: dict[int, list[Ceiling]] = {}
    for ceiling in ceilings:
        found.setdefault(ceiling.launch, []).append(ceiling)
    return found


def _figures(record: Record, ceilings: Sequence[Ceiling], recompute: bool) -> Figures:
    summary, rates = record.summary, record.rates
    if recompute and record.origin is None:
        summary = summarise(record.samples_s, record.excluded, record.case.cadence, summary.stop)
        rates = traffic.rates(tuple(rates), record.case, record.traffic, summary.median_s or 0.0)
    return Figures(record, summary, rates, tightest(record, ceilings))


def _middle(values: Iterable[float | None]) -> float | None:
    """Median of the values that exist."""
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _after_last(record: Record) -> float | None:
    """Last exit minus last entry: a sample without its skew, median of those that count."""
    out = {number for first, last, _ in record.excluded for number in range(first, last + 1)}
    pairs = enumerate(zip(record.samples_s, record.skew_s, strict=True))
    left = [sample - skew for number, (sample, skew) in pairs if number not in out]
    return median(left) if left and record.time == "global" else None


def _half_width(summary: Summary) -> float | None:
    if not summary.median_s or summary.low_s is None or summary.high_s is None:
        return None
    return (summary.high_s - summary.low_s) / (2 * summary.median_s)

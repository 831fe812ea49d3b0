"""How often the comparison rule errs, on stored launches of which nothing differs, and on slowed copies of them.

Three kinds of counting are kept apart. Disjoint tables share no launch: their count has an exact interval (Clopper &
Pearson). Draws use the same launches again and again, so their interval tells of the drawing alone. What is synthetic
is put together from launches of different times, or made of random numbers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fabricbench.judge import sequential
from fabricbench.judge.calibration import SIDES, Noted, tables
from fabricbench.judge.rule import MARGIN, Times, Verdict, decide_table
from fabricbench.judge.sequential import LOOKS
from fabricbench.judge.sides import BASE, NEW
from fabricbench.statistics import clopper_pearson

DRAWS = 1000
FACTORS = (1.10, 1.25, 1.50)
SEED = 1
RANK_LEVEL = 0.05
"""p below which the rank test of samples would speak."""
SYNTHETIC_ROWS, SYNTHETIC_SLOWED, SYNTHETIC_FACTOR, SYNTHETIC_LAUNCHES = 100, 5, 1.5, 8
QUIET = 0.10
"""Rows that would see no more than this at the last look of `ab` are those of which the power at +10 % is told."""
LOUD_ROWS, LOUD_NOISE = 10, 0.5
"""Noise so far beyond the margin that the thresholds alone hold false alarms down."""

Kind = Literal["disjoint", "drawn", "synthetic"]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Count:
    """So many of so many, with its 95 % interval. `what` says what was counted, `of` what it was counted over."""

    kind: Kind
    what: str
    of: str
    found: int
    trials: int
    interval: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Power:
    """Series in which one of `rows` was slowed by `factor`: how often it was found, called same, launches a side."""

    factor: float
    rows: int
    found: int
    same: int
    trials: int
    interval: tuple[float, float]
    launches: float


@dataclass(frozen=True, kw_only=True)
class Experiments:
    """Everything, in the order in which it is told. `detectable`: by row, what the last look of `ab` would see."""

    counts: tuple[Count, ...]
    power: tuple[Power, ...]
    detectable: dict[str, float]


def perform(launches: Sequence[Noted], draws: int = DRAWS) -> Experiments:
    """All experiments; some minutes for 1,000 draws."""
    return Experiments(
        counts=(*exact(launches), *drawn(launches, draws)), power=power(launches, draws),
        detectable=detectable(launches),
    )  # fmt: skip


def exact(launches: Sequence[Noted]) -> tuple[Count, ...]:
    """What needs no drawing: the same numbers from the same fixture, whoever counts."""
    table_of = _Matrix([noted for noted in launches if noted.series == "unchanged"])
    pieces = [table_of.part(range(start, start + len(SIDES))) for start in table_of.starts(len(SIDES))]
    length = 2 * LOOKS[-1]
    series = [
        _alarms(table_of.part(range(start, start + length)), _order(seed, length))
        for seed, start in enumerate(table_of.starts(length))
    ]
    halves = _sides(len(SIDES), len(SIDES) // 2)
    return (
        _count("disjoint", "alternated, 5 + 5, a row worse", "tables", [_worse(piece, SIDES) for piece in pieces]),
        _count(
            "disjoint",
            "first 5 against last 5, a row worse (margin doubled)",
            "tables",
            [_worse(piece, halves, 2 * MARGIN) for piece in pieces],
        ),
        _count("disjoint", "the same, margin not doubled", "tables", [_worse(piece, halves) for piece in pieces]),
        _count(
            "disjoint",
            "first half of all against second, worse or better",
            "rows",
            _changed(table_of.part(range(table_of.launches)), 2 * MARGIN),
        ),
        _count("disjoint", f"rank test of samples, 5 + 5, p < {RANK_LEVEL:g}", "rows", _ranked(launches)),
        _count("disjoint", "`ab` with its looks, a row worse", "series", [worse for worse, _ in series]),
        _count("disjoint", "`ab` with its looks, a row worse or better", "series", [either for _, either in series]),
    )


def drawn(launches: Sequence[Noted], draws: int) -> tuple[Count, ...]:
    """What is drawn from the fixture, or made up. Launches are used many times over."""
    table_of = _Matrix([noted for noted in launches if noted.series == "unchanged"])
    rng = np.random.default_rng(SEED)
    starts = table_of.starts(len(SIDES))
    splits = []
    for _ in range(draws):
        start = int(rng.choice(starts))
        splits.append(_worse(table_of.part(range(start, start + len(SIDES))), list(rng.permutation(list(SIDES)))))
    alarms = [_alarms(*stretch) for stretch in _stretches(table_of, draws)]
    false, found = _composed(table_of, draws)
    loud = [_alarms(values, order)[1] for values, order in _loud(draws)]
    return (
        _count("drawn", "re-splits of the same 5 + 5, a row worse", "draws", splits),
        _count("drawn", "`ab` with its looks, a row worse", "draws", [worse for worse, _ in alarms]),
        _count("drawn", "`ab` with its looks, a row worse or better", "draws", [either for _, either in alarms]),
        _count("synthetic", "8 + 8, 100 rows, one worse or better", "draws", false),
        _count("synthetic", "the same, 5 rows slowed by 50 %, all found", "draws", found),
        _count("synthetic", "`ab`, 10 rows, noise of 50 %, worse or better", "draws", loud),
    )


def power(launches: Sequence[Noted], draws: int) -> tuple[Power, ...]:
    """Series of `ab` in which each quiet row in turn is slowed on the new side."""
    table_of = _Matrix([noted for noted in launches if noted.series == "unchanged"])
    quiet = [row for row, effect in enumerate(_seen(table_of)) if effect <= QUIET]
    return tuple(_powered(table_of, quiet, draws, factor) for factor in FACTORS) if quiet else ()


def detectable(launches: Sequence[Noted]) -> dict[str, float]:
    """By row the smallest slowdown that the last look of `ab` would call worse: the median over disjoint series."""
    unchanged = [noted for noted in launches if noted.series == "unchanged"]
    return dict(zip(unchanged[0].medians_s, _seen(_Matrix(unchanged)), strict=True))


def _seen(table_of: "_Matrix") -> list[float]:
    length = 2 * LOOKS[-1]
    series = [
        _effects(table_of.part(range(start, start + length)), _order(seed, length))
        for seed, start in enumerate(table_of.starts(length))
    ]
    return [float(effect) for effect in np.median(np.array(series), axis=0)]


def _powered(table_of: "_Matrix", rows: Sequence[int], draws: int, factor: float) -> Power:
    found, same, spent = [], 0, 0
    for number, (values, order) in enumerate(_stretches(table_of, draws)):
        row = rows[number % len(rows)]
        slowed = values.copy()
        slowed[row, [side == NEW for side in order]] *= factor
        verdicts, launches = _series(slowed, order)
        found.append(verdicts[row] == "worse")
        same += verdicts[row] == "same"
        spent += launches
    return Power(
        factor=factor, rows=len(rows), found=sum(found), same=same, trials=draws,
        interval=clopper_pearson(sum(found), draws), launches=spent / draws,
    )  # fmt: skip


class _Matrix:
    """Launch medians in order of time, (rows, launches)."""

    def __init__(self, launches: Sequence[Noted]) -> None:
        self.launches = len(launches)
        self._values = np.array([[noted.medians_s[row] for noted in launches] for row in launches[0].medians_s])

    def part(self, places: range) -> Floats:
        return self._values[:, list(places)]

    def starts(self, length: int) -> list[int]:
        """Where disjoint pieces of that length begin."""
        return list(range(0, self.launches - length + 1, length))


def _stretches(table_of: _Matrix, draws: int) -> Iterator[tuple[Floats, Sequence[str]]]:
    """Neighbouring launches, as many as a full series has, under an order of sides of their own."""
    length = min(2 * LOOKS[-1], table_of.launches)
    rng = np.random.default_rng(SEED)
    for seed in range(draws):
        start = int(rng.integers(table_of.launches - length + 1))
        yield table_of.part(range(start, start + length)), _order(seed, length)


def _order(seed: int, length: int) -> list[str]:
    return [side for side, _ in zip(sequential.order(seed), range(length), strict=False)]


def _sides(length: int, base: int) -> list[str]:
    return [BASE] * base + [NEW] * (length - base)


def _verdicts(values: Floats, sides: Sequence[str], margin: float = MARGIN) -> list[Verdict]:
    """One table. values: (rows, launches)."""
    return [decision.verdict for decision in decide_table(_table(values, sides, margin), effects=False)]


def _effects(values: Floats, sides: Sequence[str]) -> list[float]:
    """What each row of one table would see; infinity for what cannot be seen."""
    decisions = decide_table(_table(values, sides, MARGIN))
    return [np.inf if decision.detectable is None else decision.detectable for decision in decisions]


def _table(values: Floats, sides: Sequence[str], margin: float) -> list[Times]:
    places = {side: [index for index, one in enumerate(sides) if one == side] for side in (BASE, NEW)}
    return [
        Times(
            base={("", BASE, index): row[index] for index in places[BASE]},
            new={("", NEW, index): row[index] for index in places[NEW]},
            margin=margin,
        )
        for row in values.tolist()
    ]


def _series(values: Floats, order: Sequence[str]) -> tuple[list[Verdict], int]:
    """One series with its looks: the verdicts at the last one, and its launches a side."""
    for launches in LOOKS:
        verdicts = _verdicts(values[:, : 2 * launches], order[: 2 * launches])
        if sequential.over(verdicts) or 2 * launches >= len(order):
            break
    return verdicts, launches


def _alarms(values: Floats, order: Sequence[str]) -> tuple[bool, bool]:
    """Whether a series of unchanged launches calls a row worse, and whether worse or better."""
    verdicts, _ = _series(values, order)
    return "worse" in verdicts, bool({"worse", "better"} & set(verdicts))


def _worse(values: Floats, sides: Sequence[str], margin: float = MARGIN) -> bool:
    return "worse" in _verdicts(values, sides, margin)


def _changed(values: Floats, margin: float) -> list[bool]:
    verdicts = _verdicts(values, _sides(values.shape[1], values.shape[1] // 2), margin)
    return [verdict in ("worse", "better") for verdict in verdicts]


def _ranked(launches: Sequence[Noted]) -> list[bool]:
    """The habit of testing samples as if they were launches, by row and table."""
    from scipy.stats import mannwhitneyu  # 0.3 s to import

    found = []
    for table in tables(launches, "unchanged"):
        for row in table[0].samples_s:
            base, new = (_samples(table, row, side) for side in (BASE, NEW))
            found.append(bool(mannwhitneyu(base, new).pvalue < RANK_LEVEL))
    return found


def _samples(table: Sequence[Noted], row: str, side: str) -> list[float]:
    return [sample for noted in table if noted.side == side for sample in noted.samples_s[row]]


def _composed(table_of: _Matrix, draws: int) -> tuple[list[bool], list[bool]]:
    """Tables of many rows: whether a row was called worse or better, and whether all rows slowed later were found.

    Each group of rows has launches of its own; slowed are some that would see as much.
    """
    rng = np.random.default_rng(SEED)
    length = 2 * SYNTHETIC_LAUNCHES
    starts = table_of.starts(length)
    false, found = [], []
    for seed in range(draws):
        order = _order(seed, length)
        groups = [table_of.part(range(start, start + length)) for start in rng.permutation(starts)]
        values = np.concatenate(groups)[:SYNTHETIC_ROWS]
        false.append(bool({"worse", "better"} & set(_verdicts(values, order))))
        seen = [row for row, effect in enumerate(_effects(values, order)) if effect < SYNTHETIC_FACTOR - 1]
        if len(seen) < SYNTHETIC_SLOWED:
            continue
        slowed = rng.choice(seen, SYNTHETIC_SLOWED, replace=False)
        values[np.ix_(slowed, np.flatnonzero([side == NEW for side in order]))] *= SYNTHETIC_FACTOR
        verdicts = _verdicts(values, order)
        found.append(all(verdicts[row] == "worse" for row in slowed))
    return false, found


def _loud(draws: int) -> Iterator[tuple[Floats, Sequence[str]]]:
    """Series without any difference, of very noisy rows."""
    rng = np.random.default_rng(SEED)
    length = 2 * LOOKS[-1]
    for seed in range(draws):
        yield np.exp(LOUD_NOISE * rng.standard_normal((LOUD_ROWS, length))), _order(seed, length)


def _count(kind: Kind, what: str, of: str, outcomes: Sequence[bool]) -> Count:
    found = sum(outcomes)
    interval = clopper_pearson(found, len(outcomes)) if outcomes else (0.0, 1.0)
    return Count(kind=kind, what=what, of=of, found=found, trials=len(outcomes), interval=interval)

"""Victims beside aggressors -> one table each, with what follows from it in sentences."""

from collections.abc import Iterator, Sequence

from fabricbench.judge.congestion import QUANTILES, Congestion, Figure, Step, TooFew
from fabricbench.show.table import ABSENT, Column, Table

NOTE = (
    "x: how many times as long the victim takes as at load 0 in the same launch, with the 95 % interval over {over}. "
    "null: load 0 measured twice. fairness: Jain's index of the share of its speed that each victim keeps."
)
FEW_LAUNCHES = 6
"""Launches from which their medians have an interval; below, what is drawn says little about another launch."""
LITTLE = "{launches} launch{es}: the intervals say little about the next one; ask for --launches {few} or more."
ONE_HOST = "all ranks share one host: its memory and cores are what is contended for, and nothing is said of a network."
CROWDED = "ranks exceed cores: aggressors take the victims' cores, which no network does."


def tables(found: Sequence[Congestion]) -> tuple[Table, ...]:
    """One table for each victim and kind of aggressor."""
    return tuple(_table(one) for one in found)


def _table(one: Congestion) -> Table:
    ratios = [
        column for name in QUANTILES for column in (Column(words=(name,), unit="x"), Column(words=("95 %",), unit="x"))
    ]
    return Table(
        title=f"congestion: {one.case.victim} beside {one.aggressor}",
        block="congestion",
        columns=(
            Column(words=("load",)), Column(words=("aggres-", "sors")), Column(words=("rounds",)), *ratios,
            Column(words=("fair-", "ness")),
        ),
        rows=tuple(_cells(name, step) for name, step in _steps(one)),
        notes=tuple(_notes(one)),
    )  # fmt: skip


def _steps(one: Congestion) -> Iterator[tuple[str, Step]]:
    yield "null", one.null
    yield from ((f"{step.load:g}", step) for step in one.steps)


def _cells(load: str, step: Step) -> tuple[str, ...]:
    figures = [cell for name in QUANTILES for cell in _figure(step.ratios[name])]
    return (load, str(step.aggressors), f"{step.rounds}/{step.of_rounds}", *figures, f"{step.fairness:.3f}")


def _figure(figure: Figure) -> tuple[str, str]:
    """The ratio and its interval."""
    if isinstance(figure, TooFew):
        return ABSENT, ABSENT
    interval = ABSENT if figure.low is None else f"{figure.low:.3f}-{figure.high:.3f}"
    return f"{figure.value:.3f}", interval


def _notes(one: Congestion) -> Iterator[str]:
    beside = one.beside.operation, one.beside.nbytes, one.steps[-1].aggressors
    yield "aggressors: {} of {} bytes, {} ranks at the highest load.".format(*beside)
    yield from (f"{name}: {_said(one, name)}" for name in QUANTILES)
    if "oversubscribed" in one.flags:
        yield CROWDED
    if one.one_host:
        yield ONE_HOST
    if one.launches < FEW_LAUNCHES:
        yield LITTLE.format(launches=one.launches, es="es" * (one.launches > 1), few=FEW_LAUNCHES)
    yield NOTE.format(over="rounds" if one.launches == 1 else "launches and their rounds")


def _said(one: Congestion, name: str) -> str:
    """What follows for one quantile."""
    null = one.null.ratios[name]
    if isinstance(null, TooFew):
        return f"not enough samples: {null.n}, needs {null.needed}."
    quiet = one.quiet(name)
    if quiet is None:
        return "too few rounds for an interval: nothing can be said."
    if not quiet:
        return (
            f"THE NULL TEST FAILS: idle aggressors alone make x{null.value:.3f} ({null.low:.3f}-{null.high:.3f}), "
            "which does not hold 1; the noise of this run forbids a statement."
        )
    knee = one.knee(name)
    if knee is None:
        return f"no load lifts it out of the null band, up to x{null.high:.3f}."
    return f"from load {knee.load:g} on it lies above the null band, which ends at x{null.high:.3f}."

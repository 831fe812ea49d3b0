"""Victims beside aggressors -> one table each, with what follows from it in sentences."""

from collections.abc import Iterator, Sequence

from fabricbench.judge.congestion import QUANTILES, Congestion, Figure, Step, TooFew
from fabricbench.quantity import size_text
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
    """One table for each victim and kind of aggressor; what holds for all of them stands below the last."""
    shared = tuple(_shared(found)) if found else ()
    return tuple(_table(one, shared if one is found[-1] else ()) for one in found)


def _table(one: Congestion, shared: tuple[str, ...]) -> Table:
    ratios = [
        column for name in QUANTILES for column in (Column(words=(name,), unit="x"), Column(words=("95 %",), unit="x"))
    ]
    beside = f"{one.beside.operation} of {size_text(one.beside.nbytes)}, {one.steps[-1].aggressors} ranks"
    return Table(
        title=f"congestion: {one.case.victim} beside {one.aggressor}",
        block="congestion",
        columns=(
            Column(words=("load",)), Column(words=("aggres-", "sors")), Column(words=("rounds",)), *ratios,
            Column(words=("fair-", "ness")),
        ),
        rows=tuple(_cells(name, step) for name, step in _steps(one)),
        notes=(
            f"{one.aggressor}: {beside} at the highest load.",
            *(f"{name}: {_said(one, name)}" for name in QUANTILES),
            *shared,
        ),
    )  # fmt: skip


def _shared(found: Sequence[Congestion]) -> Iterator[str]:
    launches = min(one.launches for one in found)
    if any("oversubscribed" in one.flags for one in found):
        yield CROWDED
    if all(one.one_host for one in found):
        yield ONE_HOST
    if launches < FEW_LAUNCHES:
        yield LITTLE.format(launches=launches, es="es" * (launches > 1), few=FEW_LAUNCHES)
    yield NOTE.format(over="rounds" if launches == 1 else "launches and their rounds")


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

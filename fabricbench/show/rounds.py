"""Rounds of pairs in a result -> the matrix that they fill, and what each of them measured."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from fabricbench.judge.localise import Localised, bandwidths, localise
from fabricbench.judge.suspicion import medians
from fabricbench.model import Launch, Round
from fabricbench.quantity import size_text
from fabricbench.show import heatmap
from fabricbench.show.heatmap import Matrix
from fabricbench.show.table import Column, Table, number_text
from fabricbench.store import Result

MEGA = 1e6
NOTE = (
    "What is marked stands out from the rounds alone; whether it is slow again when it is measured alone is what "
    "diagnose says."
)
_ARROWS = {"both": "<->", "forward": "->", "backward": "<-"}


def tables(result: Result) -> tuple[Table, ...]:
    """Nothing where a result has no rounds."""
    if not result.rounds:
        return ()
    return (*pictures(result), _listed(_names(result.launches, result.rounds), result.rounds))


def pictures(result: Result) -> tuple[Table, ...]:
    """All pairs at a glance; nothing where a result has no round that counts."""
    found = matrix(result)
    if found is None:
        return ()
    shown = heatmap.tables(found[0])
    return (*shown[:-1], replace(shown[-1], notes=(*shown[-1].notes, NOTE)))


def matrix(result: Result) -> tuple[Matrix, Localised] | None:
    """The rates of all pairs and what stands out of them, from rounds alone."""
    lines = [line for line in result.rounds if line.direction != "both"] or list(result.rounds)
    rates = medians(lines)
    if not rates:
        return None
    names = _names(result.launches, result.rounds)
    localised = localise(bandwidths(lines), len(names))
    accused = {one for suspect in localised.suspects for one in suspect.members if isinstance(one, int)}
    usual = localised.base or median(rates.values())
    return Matrix(names=names, rates=rates, usual=usual, accused=accused), localised


def _names(launches: Sequence[Launch], rounds: Sequence[Round]) -> list[str]:
    """Hosts by rank where every rank has one of its own, else numbers: a file has no more."""
    ranks = max(rank for line in rounds for pair in line.pairs for rank in pair) + 1
    hosts = next((launch.hosts for launch in launches if launch.launch == rounds[0].launch), [])
    known = next((launch.ranks for launch in launches if launch.launch == rounds[0].launch), None)
    return hosts if known == len(hosts) >= ranks else [f"rank{number}" for number in range(max(ranks, known or 0))]


def _listed(names: Sequence[str], rounds: Sequence[Round]) -> Table:
    heads = (
        Column(words=("launch",)),
        Column(words=("round",)),
        Column(words=("way",), align="left"),
        Column(words=("pairs",)),
        Column(words=("message",)),
        Column(words=("median", "pair"), unit="MB/s"),
        Column(words=("slowest", "pair"), unit="MB/s"),
        Column(words=("which",), align="left"),
        Column(words=("check",), align="left"),
    )
    return Table(title="rounds of pairs", columns=heads, rows=tuple(_row(names, line) for line in rounds))


def _row(names: Sequence[str], line: Round) -> tuple[str, ...]:
    rates = [line.nbytes / median(samples_s) if samples_s else 0.0 for samples_s in line.samples_s]
    slowest = min(range(len(rates)), key=rates.__getitem__, default=None)
    arrow = _ARROWS[line.direction]
    which = "" if slowest is None else f"{names[line.pairs[slowest][0]]} {arrow} {names[line.pairs[slowest][1]]}"
    return (
        str(line.launch), str(line.round), line.direction, str(len(line.pairs)), size_text(line.nbytes),
        number_text(median(rates) / MEGA if rates else None),
        number_text(rates[slowest] / MEGA if slowest is not None else None), which, line.check,
    )  # fmt: skip

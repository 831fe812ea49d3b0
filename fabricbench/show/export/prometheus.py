"""Prometheus: a file for the textfile collector of node_exporter, in base units and without time stamps.

When a run was started is a value, because a sample with a time stamp of its own is refused by the collector. Figures
that may not be used have no sample; `fabricbench_usable` says of which rows. Source: Prometheus, "Exposition formats"
and "Metric and label naming".
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from fabricbench.model import RateKey
from fabricbench.show.export.points import Exported, Point, is_usable, listed, moment, params_text
from fabricbench.store import Result

_CASE = ("operation", "variant", "memory", "dtype", "nbytes", "ranks", "cadence", "mode", "in_place")

Sample = tuple[Mapping[str, str], float]


class _Figure(NamedTuple):
    """One metric of every row."""

    name: str
    said: str
    value: Callable[[Point], float | None]


def _rate(key: RateKey) -> Callable[[Point], float | None]:
    return lambda point: point.rates.get(key)


def _end(number: int) -> Callable[[Point], float | None]:
    return lambda point: point.interval_s[number] if point.interval_s else None


_FIGURES = (
    _Figure("operation_seconds", "Time of one operation, median over launches.", lambda point: point.time_s),
    _Figure("operation_low_seconds", "Lower end of the 95 % interval of that median over launches.", _end(0)),
    _Figure("operation_high_seconds", "Upper end of the 95 % interval of that median over launches.", _end(1)),
    _Figure("operation_p99_seconds", "99th percentile of a launch, median over launches.", lambda point: point.p99_s),
    _Figure("algbw_bytes_per_second", "Size over time.", _rate("algbw")),
    _Figure("busbw_bytes_per_second", "What the link of the busiest rank must have carried.", _rate("busbw")),
    _Figure("bandwidth_bytes_per_second", "Bytes read and written; between ranks the payload.", _rate("bandwidth")),
    _Figure("flops_per_second", "Arithmetic operations.", _rate("flops")),
    _Figure("messages_per_second", "Messages.", _rate("messages")),
)
_STATES = (
    _Figure("wrong_elements", "Elements that differ from the reference, over all launches.", lambda point: point.wrong),
    _Figure("launches", "Launches that the figures are medians of.", lambda point: point.launches),
    _Figure("usable", "1 where figures are exported, 0 where they may not be used.", is_usable),
)


def result(results: Sequence[Result], points: Sequence[Point]) -> Exported:
    """Figures of the rows that may be used, and the state of every row."""
    good = [point for point in points if is_usable(point)]
    bad = [point.name for point in points if not is_usable(point)]
    families = [
        *(_family(figure.name, figure.said, _samples(figure, good)) for figure in _FIGURES),
        *(_family(figure.name, figure.said, _samples(figure, points)) for figure in _STATES),
        _family("run_info", "What was run, with what; always 1.", [(_run(one), 1.0) for one in results]),
        _family(
            "run_started_seconds",
            "Unix time at which the run was started.",
            [({"run": one.run.id}, moment(one.run.started, one.path).timestamp()) for one in results],
        ),
    ]
    notes = (f"No time or rate is exported of {listed(bad)}: fabricbench_usable is 0.",) if bad else ()
    return Exported("".join(families), notes)


def _samples(figure: _Figure, points: Iterable[Point]) -> list[Sample]:
    values = ((_labels(point), figure.value(point)) for point in points)
    return [(labels, value) for labels, value in values if value is not None]


def _labels(point: Point) -> dict[str, str]:
    """What tells a series from others: only what was asked for and flags, so that their number is bounded."""
    asked = {name: str(getattr(point.case, name)) for name in _CASE}
    return {**asked, "in_place": asked["in_place"].lower(), "params": params_text(point.case)} | (
        {"flags": "+".join(point.flags)} if point.flags else {}
    )


def _run(one: Result) -> dict[str, str]:
    software = {name: value for name, value in one.run.software.items() if name in ("commit", "mpi")}
    return {"run": one.run.id, "fabricbench": one.run.fabricbench, **software}


def _family(name: str, said: str, samples: Sequence[Sample]) -> str:
    """Help, type and samples of one metric; nothing where it has none."""
    if not samples:
        return ""
    full = f"fabricbench_{name}"
    lines = [f"# HELP {full} {said}", f"# TYPE {full} gauge"]
    lines += [f"{full}{{{_labelled(labels)}}} {float(value)!r}" for labels, value in samples]
    return "\n".join(lines) + "\n"


def _labelled(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

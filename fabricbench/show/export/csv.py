"""CSV: one row a case and launch, as stored; one case of it is a series that Apache Otava reads.

Source: RFC 4180, and otava/importer.py of Apache Otava 0.8, which wants a header, a column of times in ascending
order, and numbers in every cell of a metric.
"""

import csv
import io
from collections.abc import Mapping, Sequence

from fabricbench.model import Conditions, Launch, Record, Scalar
from fabricbench.show.export.points import UNITS, Exported, Point, distinct, moment, params_text
from fabricbench.store import Result

_CASE = ("operation", "variant", "memory", "dtype", "nbytes", "ranks", "cadence", "mode", "in_place")
_CONDITIONS = tuple(name for name in Conditions.__struct_fields__ if name != "flags")
_SUMMARY = ("median_s", "low_s", "high_s", "p99_s")
_UNIT_NAMES = {"B/s": "bytes_per_s", "FLOP/s": "flop_per_s", "messages/s": "per_s"}

COLUMNS = (
    *("started", "name", "file", "run", "commit", "fabricbench", "hostname", "launch", "side"),
    *(*_CASE, "params", *_CONDITIONS, "flags", "time_base", "samples"),
    *("time_s", *_SUMMARY[1:]),
    *(f"{key}_{_UNIT_NAMES[unit]}" for key, unit in UNITS.items()),
    *("check", "wrong"),
)


def result(results: Sequence[Result], points: Sequence[Point]) -> Exported:
    """Rows by case, then in order of time; what was not measured has no row."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)  # lines end as RFC 4180 has it: only then does the module quote both characters
    writer.writerow(COLUMNS)
    keys = {point.case.key(): point.name for point in points}
    skipped = 0
    for name, run, launch, record in _ordered(results, keys):
        if record.summary.median_s is None:
            skipped += 1
        else:
            writer.writerow(_row(name, run, launch, record))
    return Exported(text.getvalue(), (f"Left out: {skipped} rows that were not measured.",) if skipped else ())


def _ordered(
    results: Sequence[Result], names: Mapping[tuple[Scalar, ...], str]
) -> list[tuple[str, Result, Launch, Record]]:
    """Records of the wanted cases, with where they belong."""
    found = []
    for run in distinct(results):
        launches = {launch.launch: launch for launch in run.launches}
        for record in run.records:
            if (name := names.get(record.case.key())) is not None:
                found.append((name, run, launches[record.launch], record))
    order = {name: number for number, name in enumerate(names.values())}
    return sorted(found, key=lambda one: (order[one[0]], moment(one[2].started, one[1].path), one[3].launch))


def _row(name: str, run: Result, launch: Launch, record: Record) -> list[object]:
    case, conditions, summary = record.case, record.conditions, record.summary
    judged = record.check.status in ("ok", "wrong")
    return [
        *(launch.started, name, run.path, run.run.id, run.run.software.get("commit"), run.run.fabricbench),
        *(run.run.machine.get("hostname"), launch.launch, launch.pairing.side if launch.pairing else None),
        *(_plain(getattr(case, field)) for field in _CASE),
        params_text(case),
        *(getattr(conditions, field) for field in _CONDITIONS),
        *("+".join(sorted(conditions.flags)), record.time, summary.n),
        *(getattr(summary, field) for field in _SUMMARY),
        *(record.rates.get(key) for key in UNITS),
        *(record.check.status, record.check.wrong if judged else None),
    ]


def _plain(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value

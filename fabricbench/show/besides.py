"""Our figures beside a peer's -> a page: one row an operation."""

from fabricbench.judge.beside import LEAST_LAUNCHES, Report, Row
from fabricbench.quantity import size_text, time_text
from fabricbench.show.table import ABSENT, Column, Page, Table

COLUMNS = (
    Column(words=("operation",), align="left"),
    Column(words=("sizes",)),
    Column(words=("time", "ratio")),
    Column(words=("worst", "of them")),
    Column(words=("at",), unit="B"),
    Column(words=("spread", "ratio")),
    Column(words=("95 %", "interval")),
    Column(words=("of", "sizes")),
)

NOTES = (
    "time ratio: ours over OSU, the best launch of each, geometric mean over sizes; below 1 ours is the lower time. A "
    "launch counts as the mean over ranks of each rank's mean, which is what OSU prints.",
    "spread ratio: interquartile range of the launches, ours over OSU, geometric mean over the sizes at which a side "
    "scatters by more than OSU's last digit; below 1 ours scatters less. Ours is rounded to OSU's digits for it.",
    "size: as ours, the whole array; that of OSU times the ranks where OSU counts one rank's part.",
)


def page(report: Report) -> Page:
    """What was compared, how long each side took, and the ratios."""
    ours_s, theirs_s = report.spent_s
    answer = report.answer
    first, bare, measuring = map(time_text, (answer.first_s, answer.bare_s, answer.measuring_s))
    started = f"{first} to the first sample, ceilings apart; ranks that only start MPI and end take {bare}"
    facts = (
        ("fabricbench", f"{report.fabricbench}, {report.started}"),
        ("beside", report.peer),
        ("machine", report.machine),
        ("library", report.library),
        ("ranks", str(report.ranks)),
        ("launches", f"{report.launches} a side and operation, in turn"),
        ("time taken", f"{time_text(ours_s)} ours, {time_text(theirs_s)} OSU, starts included"),
        ("an answer", f"{started}; then {measuring} of measuring an operation"),
    )
    few = f"Spreads take {LEAST_LAUNCHES} launches: --launches 10."
    notes = (*NOTES, few) if report.launches < LEAST_LAUNCHES else NOTES
    table = Table(title="ours over OSU", columns=COLUMNS, rows=tuple(map(_cells, report.rows)), notes=notes)
    return Page(alarms=(), facts=facts, tables=(table,), notes=tuple(f"left out: {why}" for why in report.left_out))


def _cells(row: Row) -> tuple[str, ...]:
    spread = row.spread
    found = (ABSENT, ABSENT) if spread is None else (f"{spread.value:.2f}", f"{spread.low:.2f}-{spread.high:.2f}")
    size = size_text(row.worst_size) if row.worst_size else ABSENT
    return row.operation, str(row.sizes), f"{row.best:.3f}", f"{row.worst:.3f}", size, *found, str(row.spread_sizes)

"""What `doctor` found -> a page."""

from fabricbench.judge.fitness import Control, Finding, Report, number_text
from fabricbench.quantity import size_text
from fabricbench.show.table import ABSENT, Column, Page, Table


def page(report: Report) -> Page:
    """Doubts first, then every finding, then the control by size."""
    doubts = [finding for finding in report.findings if finding.verdict == "doubt"]
    control = report.control
    return Page(
        alarms=(f"DOUBTS: {len(doubts)} of {len(report.findings)} findings.",) if doubts else (),
        facts=(
            ("library", report.library),
            ("ranks", str(report.ranks)),
            ("launches", str(report.launches)),
        ),
        tables=(_findings(report.findings), *_control(control)),
        notes=() if control.why is None else (f"No C control: {control.why}",),
    )


def _findings(findings: tuple[Finding, ...]) -> Table:
    names = ("finding", "value", "expected", "verdict")
    rows = tuple((one.name, value_text(one), one.expected, one.verdict) for one in findings)
    remedies = dict.fromkeys((one.verdict, one.name, one.remedy) for one in findings if one.remedy)
    return Table(
        title="findings",
        columns=tuple(Column(words=(name,), align="left") for name in names),
        rows=rows,
        notes=tuple(f"{verdict}: {name}: {remedy}" for verdict, name, remedy in remedies),
    )


def value_text(finding: Finding) -> str:
    """The value of a finding for people."""
    if isinstance(finding.value, float):
        return number_text(finding.value, finding.unit)
    return finding.value or ABSENT


def _control(control: Control) -> tuple[Table, ...]:
    """Ratios by size; none where there is no control."""
    found = {"ping-pong": control.pingpong, "all-reduce": control.allreduce}
    known = {name: against.ratios for name, against in found.items() if against is not None}
    sizes = sorted({int(size) for ratios in known.values() for size in ratios})
    if not sizes:
        return ()
    rows = tuple(
        (size_text(size), *(_ratio(ratios.get(str(size))) for ratios in known.values())) for size in sizes
    )  # fmt: skip
    columns = (Column(words=("size",), unit="B"), *(Column(words=(name,)) for name in known))
    return (Table(title="time of the compiled step over that of the same loop in C", columns=columns, rows=rows),)


def _ratio(ratio: float | None) -> str:
    return ABSENT if ratio is None else f"{ratio:.3f}"

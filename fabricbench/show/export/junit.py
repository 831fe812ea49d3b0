"""JUnit XML: a test a row, which fails where a result is wrong or a comparison says worse.

`time` of a test is the measured time of one operation in seconds, so that a CI system's trend of it is the trend of
the row; suites have no time. Source: junit-10.xsd of the xUnit plugin of Jenkins, the strictest schema in use.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple
from xml.etree import ElementTree as ET

from fabricbench.judge.compare import Comparison, Row
from fabricbench.judge.evidence import Subject
from fabricbench.judge.verdict import Judged
from fabricbench.show.acceptance import said
from fabricbench.show.export.points import Exported, Point, paths_of
from fabricbench.show.export.verdicts import figures, settled
from fabricbench.store import Result

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML 1.0 document can hold, escaped or not."""


class _Test(NamedTuple):
    """One test; `tag` is the element that says what is wrong with it."""

    name: str
    group: str
    time_s: float | None
    said: str
    tag: str = ""
    kind: str = ""
    message: str = ""


def result(results: Sequence[Result], points: Sequence[Point]) -> Exported:
    """Wrong and impossible results fail, what was not measured is skipped."""
    first = results[0]
    properties = {
        "file": paths_of(results),
        **{name: getattr(first.run, name) for name in ("id", "started", "fabricbench")},
        **{f"software.{name}": value for name, value in first.run.software.items()},
    }
    tests = [_test(point) for point in points]
    hostname = str(first.run.machine.get("hostname", "unknown"))
    return Exported(_document(tests, properties, {"timestamp": first.run.started, "hostname": hostname}))


def comparison(judged: Comparison, _: Sequence[Result]) -> Exported:
    """Gated rows that are worse fail; those without an answer are skipped."""
    properties = {"base": judged.base, "new": judged.new, **{f"note {n}": t for n, t in enumerate(judged.notes, 1)}}
    return Exported(_document([_judged(row) for row in judged.every], properties, {}))


def verdicts(judged: Judged) -> Exported:
    """A test for the cluster, each node and each link: what fails fails, what has no answer is skipped."""
    properties = {
        "file": ", ".join(judged.files), "expectations": judged.expectations or "none", "verdict": judged.verdict,
        **{f"not tested {n}": text for n, text in enumerate(judged.untested, 1)},
    }  # fmt: skip
    return Exported(_document([_part(subject) for subject in judged.subjects], properties, {}))


def _part(subject: Subject) -> _Test:
    tag = {"FAIL": "failure", "UNKNOWN": "skipped", "INCONCLUSIVE": "skipped"}.get(subject.verdict, "")
    return _Test(
        name=subject.name, group=f"fabricbench.{subject.kind}", time_s=None,
        said="\n".join(said(one) for one in subject.tests), tag=tag, kind=subject.verdict if tag else "",
        message="; ".join(said(one) for one in subject.reasons),
    )  # fmt: skip


def _test(point: Point) -> _Test:
    tag = {"wrong": "failure", "invalid": "failure", "skipped": "skipped"}.get(point.outcome, "")
    return _Test(
        name=point.name,
        group=f"{point.case.operation}.{point.case.variant}",
        time_s=point.time_s,
        said=_said(point),
        tag=tag,
        kind=point.outcome if tag else "",
        message=point.reason,
    )


def _said(point: Point) -> str:
    rates = [f"{key} {value:.6g}" for key, value in point.rates.items()]
    flags = [f"flags {' '.join(point.flags)}"] if point.flags else []
    interval = (
        [f"95 % of launches {point.interval_s[0]:.6g} to {point.interval_s[1]:.6g} s"] if point.interval_s else []
    )
    time = [f"time {point.time_s:.6g} s"] if point.time_s is not None else []
    return "; ".join([*time, *interval, f"launches {point.launches}", *rates, *flags])


def _judged(row: Row) -> _Test:
    outcome = settled(row)
    tag = {"failed": "failure", "other": "skipped"}.get(outcome, "")
    return _Test(
        name=row.name,
        group=f"{row.case.operation}.{row.case.variant}",
        time_s=row.new_s,
        said=figures(row),
        tag=tag,
        kind=row.verdict if tag else "",
        message=f"{row.verdict}: {row.reason}",
    )


def _document(tests: Sequence[_Test], properties: dict[str, str], head: dict[str, str]) -> str:
    count = {
        "tests": str(len(tests)),
        "failures": str(sum(test.tag == "failure" for test in tests)),
        "errors": "0",
    }
    root = ET.Element("testsuites", {"name": "fabricbench", **count})
    skipped = {"skipped": str(sum(test.tag == "skipped" for test in tests))}
    suite = ET.SubElement(root, "testsuite", _clean({"name": "fabricbench", **count, **skipped, **head}))
    listed = ET.SubElement(suite, "properties")
    for name, value in properties.items():
        ET.SubElement(listed, "property", _clean({"name": name, "value": value}))
    for test in tests:
        _add(suite, test)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _add(suite: ET.Element, test: _Test) -> None:
    time = {} if test.time_s is None else {"time": _decimal(test.time_s)}
    element = ET.SubElement(suite, "testcase", _clean({"name": test.name, "classname": test.group, **time}))
    if test.tag:
        ET.SubElement(element, test.tag, _clean({"message": test.message, "type": test.kind}))
    ET.SubElement(element, "system-out").text = _legal(test.said)


def _decimal(seconds: float) -> str:
    """Seconds without an exponent, which not every reader knows."""
    return f"{seconds:.15f}".rstrip("0").rstrip(".") or "0"


def _clean(attributes: dict[str, str]) -> dict[str, str]:
    return {name: _legal(value) for name, value in attributes.items()}


def _legal(text: str) -> str:
    return _NOT_XML.sub(lambda found: ascii(found.group())[1:-1], text)

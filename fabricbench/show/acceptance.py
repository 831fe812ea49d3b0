"""Verdicts on a cluster -> a page, a document for a program, and what a Slurm administrator could type."""

import re
import shlex
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from fabricbench.judge.evidence import ORDER, Evidence, Subject, Verdict, worst
from fabricbench.judge.inventory import INVENTORY, usual
from fabricbench.judge.links import NETWORK
from fabricbench.judge.nodes import LOCAL
from fabricbench.judge.verdict import Judged
from fabricbench.quantity import about_size
from fabricbench.show.table import Column, Page, Table

MOST_SHOWN = 64
"""Nodes that are listed one by one; of more, and of links, those that pass are counted."""

MEANINGS: dict[Verdict, str] = {
    "FAIL": "a threshold was missed",
    "UNKNOWN": "evidence is missing",
    "INCONCLUSIVE": "the evidence decides nothing",
    "WARN": "look at it",
    "PASS": "every threshold was reached",
}

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""Names that Slurm takes for one node: no list, no range, nothing that a terminal could obey."""
_EVERY = "ALL"
"""What Slurm takes for all nodes."""
_LONGEST_REASON = 120

SHOWN = ("cpu", "cores_physical", "memory", "kernel", "gpus", "gpu_driver", "mpi", "python", "numpy")
"""Of what most nodes are and run, what fits on a page."""
_LARGE = 1 << 20
"""Numbers beyond are sizes in bytes."""

TOPICS = (*LOCAL, NETWORK, INVENTORY)
"""Tests of a node that have a column."""


def page(judged: Judged) -> Page:
    """The verdict on the whole, then on nodes and links, why, and what was not tested."""
    return Page(
        alarms=judged.notes,
        facts=(
            ("files", ", ".join(judged.files)),
            ("expected", judged.expectations or "nothing: no --expect FILE"),
            ("verdict", f"{judged.verdict}: {MEANINGS[judged.verdict]}"),
            *([("most nodes", _usual(judged))] if judged.inventory else []),
            ("nodes", _counts(judged.nodes)),
            ("links", _counts(judged.links)),
            ("not tested", "; ".join(judged.untested)),
        ),
        tables=(
            *_table("cluster", (judged.cluster,)), *_table("nodes", judged.nodes, TOPICS),
            *_table("links", judged.links),
        ),
    )  # fmt: skip


def _usual(judged: Judged) -> str:
    """What most nodes are and run; all of it is in the JSON."""
    facts = usual(judged.inventory)
    return plain(", ".join(f"{name} {_fact(facts[name])}" for name in SHOWN if name in facts))


def _fact(value: object) -> str:
    if isinstance(value, int | float) and value > _LARGE:
        return about_size(value)
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _counts(subjects: Sequence[Subject]) -> str:
    counts = Counter(subject.verdict for subject in subjects)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in reversed(ORDER) if counts[verdict]) or "none"


def _table(title: str, subjects: Sequence[Subject], topics: Sequence[str] = ()) -> tuple[Table, ...]:
    """Worst first, with a column for each of these topics, and below why; what passes is in full in the JSON."""
    ordered = sorted(subjects, key=lambda one: -ORDER.index(one.verdict))
    everyone = len(ordered) <= MOST_SHOWN and title != "links"
    shown = [one for one in ordered if everyone or one.verdict != "PASS"]
    left = len(ordered) - len(shown)
    if not shown:
        return ()
    return (
        Table(
            title=title, columns=tuple(Column(words=(word,), align="left") for word in ("name", "verdict", *topics)),
            rows=tuple((plain(one.name), one.verdict, *(_of(topic, one) for topic in topics)) for one in shown),
            notes=(*_reasons(shown), *([f"{left} others PASS."] if left else [])),
        ),
    )  # fmt: skip


def _of(topic: str, subject: Subject) -> str:
    return worst(one.verdict for one in subject.tests if one.topic == topic)


def _reasons(subjects: Sequence[Subject]) -> list[str]:
    """Every test that did not pass, worst first; those that say the same of several are said once."""
    found: dict[Evidence, list[str]] = {}
    for subject in subjects:
        for one in subject.tests:
            if one.verdict != "PASS" or subject.kind == "cluster":
                found.setdefault(one, []).append(plain(subject.name))
    ordered = sorted(found.items(), key=lambda one: -ORDER.index(one[0].verdict))
    return [said(one, names) for one, names in ordered]


def said(one: Evidence, names: Sequence[str] = ()) -> str:
    """A test in a sentence."""
    held = f" [{one.threshold}; {one.source}]" if one.threshold else f" [{one.source}]" if one.source else ""
    whose = "" if list(names) == ["cluster"] else f" {', '.join(names)}:"
    return plain(f"{one.verdict}{whose} {one.test}: {one.found}{held}")


def plain(text: str) -> str:
    """A text that others chose, without what a terminal could obey."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def document(judged: Judged) -> str:
    """One JSON object: every verdict with all its tests."""
    return msgspec.json.encode(
        {
            "verdict": judged.verdict, "status": judged.status, "files": judged.files,
            "expectations": judged.expectations, "cluster": _part(judged.cluster),
            "nodes": [_part(one) for one in judged.nodes], "links": [_part(one) for one in judged.links],
            "inventory": judged.inventory, "untested": judged.untested, "notes": judged.notes, "jobs": judged.jobs,
        }
    ).decode()  # fmt: skip


def _part(subject: Subject) -> dict[str, Any]:
    return {"name": subject.name, "verdict": subject.verdict, "tests": subject.tests}


def drains(judged: Judged) -> list[str]:
    """Commands that would take failed nodes out of Slurm, to be read and typed by somebody; nothing here runs them.

    A name that Slurm could take for more than one node gets no command, but a comment that says so.
    """
    return [_drain(subject) for subject in judged.nodes if subject.verdict == "FAIL"]


def _drain(node: Subject) -> str:
    if not _PLAIN.fullmatch(node.name) or node.name.upper() == _EVERY:
        return f"# no command for {node.name!a}: that is no name of one node"
    reason = plain(f"fabricbench: {node.reasons[0].test}: {node.reasons[0].found}")[:_LONGEST_REASON]
    return shlex.join(["scontrol", "update", f"NodeName={node.name}", "State=DRAIN", f"Reason={reason}"])

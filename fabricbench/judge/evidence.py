"""Verdicts on the parts of a cluster, and what each rests on: what was found, the threshold, and who set that."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["PASS", "WARN", "INCONCLUSIVE", "UNKNOWN", "FAIL"]
Kind = Literal["node", "link", "cluster"]

ORDER: tuple[Verdict, ...] = ("PASS", "WARN", "INCONCLUSIVE", "UNKNOWN", "FAIL")
"""From the best to the worst: missing evidence is worse than a warning, and only a fault is worse than that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One test of one part. `test`: its topic, and after ": " which of several. `source`: who set the threshold."""

    test: str
    verdict: Verdict
    found: str
    threshold: str
    source: str

    @property
    def topic(self) -> str:
        """What tests of one kind have in common."""
        return self.test.partition(": ")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A node, a link or the cluster with all its tests; it is what the worst of them is."""

    kind: Kind
    name: str
    tests: tuple[Evidence, ...]

    @property
    def verdict(self) -> Verdict:
        """UNKNOWN where nothing was tested."""
        return worst(one.verdict for one in self.tests)

    @property
    def reasons(self) -> tuple[Evidence, ...]:
        """The tests that made the verdict what it is; all of them where it passes."""
        return tuple(one for one in self.tests if one.verdict == self.verdict)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of some verdicts; UNKNOWN of none."""
    return max(verdicts, key=ORDER.index, default="UNKNOWN")


def unknown(test: str, why: str) -> Evidence:
    """A test for which there is no evidence."""
    return Evidence(test=test, verdict="UNKNOWN", found=why, threshold="", source="")


def undecided(test: str, why: str, source: str = "") -> Evidence:
    """A test whose evidence decides nothing."""
    return Evidence(test=test, verdict="INCONCLUSIVE", found=why, threshold="", source=source)

"""Which rows a pattern names: one rule for gates, expectations and histories."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from fabricbench.errors import UsageError
from fabricbench.model import Case

P99 = "p99"


def names(case: Case, metric: str = "") -> tuple[str, ...]:
    """Every name that a pattern may match: as tables print it, with its ranks, and by operation and variant.

    metric: what the row is judged by where that is not its time; such as p99, it ends the first two names.
    """
    tail = f" {metric}" if metric else ""
    return (
        f"{case.text()}{tail}",
        f"{ranked(case)}{tail}",
        f"{case.operation}/{case.variant}",
        case.operation,
    )


def ranked(case: Case) -> str:
    """Name of a row with its number of ranks."""
    return f"{case.text()} {case.ranks or '*'} rank{'s' if case.ranks != 1 else ''}"


def matches(pattern: str, case: Case, metric: str = "") -> bool:
    """Whether a pattern names a row; * stands for any text."""
    return any(fnmatchcase(name, pattern) for name in names(case, metric))


@dataclass(frozen=True, slots=True)
class Gates:
    """The named set of rows that set the exit status."""

    patterns: tuple[str, ...]

    @classmethod
    def of(cls, gate: str | Sequence[str]) -> "Gates":
        """One pattern or several."""
        return cls((gate,) if isinstance(gate, str) else tuple(gate))

    def hold(self, case: Case, metric: str = "") -> bool:
        """Whether a row sets the exit status."""
        return any(pattern == "*" or matches(pattern, case, metric) for pattern in self.patterns)

    def refuse_idle(self, rows: Sequence[tuple[Case, str]]) -> None:
        """Raise UsageError where a pattern names none of the rows, each with its metric: it would guard nothing."""
        for pattern in self.patterns:
            if pattern != "*" and not any(matches(pattern, case, metric) for case, metric in rows):
                like = f"Rows are named like '{rows[0][0].text()}'; " if rows else ""
                raise UsageError(f"No row matches the gate '{pattern}'.", f"{like}* stands for any text.")

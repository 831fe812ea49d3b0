"""Every error a user can meet: what happened, where, and what to do about it.

The exit status belongs to the kind of error: 2 what was asked cannot be read, 3 it could not be measured.
"""

import difflib
from collections.abc import Iterable


class FabricbenchError(Exception):
    """One clear sentence and its remedy; `status` is what the program exits with."""

    status = 3

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(f"{what} {remedy}".strip())
        self.what = what
        self.remedy = remedy


class UsageError(FabricbenchError):
    """What was asked for does not exist or makes no sense."""

    status = 2


class UnreadableError(FabricbenchError):
    """A file that is no result, or a result that contradicts itself."""

    status = 2


class NotMeasuredError(FabricbenchError):
    """The machine did not allow the measurement: a rank died, a launcher lied, a case hung."""

    status = 3


class TimedOutError(NotMeasuredError):
    """A launch did not end within its --timeout."""


class UnavailableError(FabricbenchError):
    """A variant cannot run here; the reason becomes the row's "not available: ..."."""

    status = 3


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that does not exist, listing the nearest ones that do."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names
    return UsageError(f"There is no {kind} '{name}'.", f"Nearest: {', '.join(near)}.")

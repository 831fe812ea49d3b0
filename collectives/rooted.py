"""What operations with a root share."""

from fabricbench.model import Case
from fabricbench.spec import Question


def root(question: Question) -> int:
    """The rank that gives or gets everything."""
    return int(question.case.params["root"])


def at_root(question: Question) -> bool:
    """Whether this rank is the root."""
    return question.rank == root(question)


def refuse(case: Case) -> str | None:
    """Why there is no such root."""
    wanted = case.params["root"]
    if isinstance(wanted, int) and 0 <= wanted < case.known_ranks:
        return None
    return f"has no root {wanted}; with {case.known_ranks} ranks it is 0 to {case.known_ranks - 1}, or all"

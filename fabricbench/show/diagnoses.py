"""A diagnosis -> a page: the answer first, then every pair as a share of the usual rate."""

from fabricbench.judge import suspicion
from fabricbench.judge.suspicion import Diagnosis
from fabricbench.quantity import size_text
from fabricbench.show.table import ABSENT, Column, Page, Table

MOST_SHOWN = 16
"""Members whose pairs fit on a screen; of more the suspects are shown."""
MARK = "*"

NOTE = (
    "percent of the usual rate, from the row's member to the column's, * where a suspect takes part. What a member, a "
    "direction or a pair has to miss before it is named depends on the noise of this run."
)


def page(found: Diagnosis) -> Page:
    """Sentences, what they rest on, and the matrix."""
    localised = found.localised
    facts = [
        ("members", " ".join(found.names)),
        ("library", found.library),
        ("messages", f"{size_text(found.nbytes)} each"),
    ]
    if localised.base is not None and localised.noise is not None:
        facts.append(("usual rate", f"{localised.base / 1e6:.4g} MB/s one way, noise of a pair {localised.noise:.1%}"))
    if localised.sees:
        facts.append(("it sees", ", ".join(f"a {kind} below {share:.2f}" for kind, share in localised.sees.items())))
    if found.together is not None:
        facts.append(("at once", f"{found.together:.2f} of what pairs have alone"))
    if found.duplex is not None:
        facts.append(("both ways", f"{found.duplex:.2f} of what one way has alone"))
    return Page(alarms=(), facts=tuple(facts), tables=_matrix(found), notes=tuple(suspicion.sentences(found)))


def _matrix(found: Diagnosis) -> tuple[Table, ...]:
    base = found.localised.base
    accused = {member for one in found.found for member in one.suspect.members if isinstance(member, int)}
    members = range(len(found.names)) if len(found.names) <= MOST_SHOWN else sorted(accused)[:MOST_SHOWN]
    if base is None or not members:
        return ()

    def cell(sender: int, receiver: int) -> str:
        rate = found.rates.get((sender, receiver))
        return ABSENT if rate is None else f"{100 * rate / base:.0f}{MARK if {sender, receiver} & accused else ''}"

    heads = [
        Column(words=("from",), align="left"),
        *(Column(words=("to", found.names[one]), unit="%") for one in members),
    ]
    rows = tuple(
        (found.names[one], *("-" if one == other else cell(one, other) for other in members)) for one in members
    )
    return (Table(title="bandwidth of every pair", columns=tuple(heads), rows=rows, notes=(NOTE,)),)

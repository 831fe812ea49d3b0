"""A diagnosis -> a page: the answer, what it rests on, and every pair as a share of the usual rate."""

from dataclasses import replace

from fabricbench.judge import suspicion
from fabricbench.judge.suspicion import Diagnosis
from fabricbench.quantity import size_text
from fabricbench.show import heatmap
from fabricbench.show.heatmap import Matrix
from fabricbench.show.table import Page, Table

NOTE = (
    "What a member, a direction or a pair has to miss before it is named depends on the noise of this run: it is what "
    "'it sees' says above."
)


def page(found: Diagnosis) -> Page:
    """Sentences, what they rest on, and the matrix."""
    localised, searched = found.localised, found.searched
    facts = [
        ("members", " ".join(found.names)),
        ("library", found.library),
        ("messages", f"{size_text(found.nbytes)} each"),
    ]
    if localised.base is not None and localised.noise is not None:
        facts.append(("usual rate", f"{localised.base / 1e6:.4g} MB/s one way, noise of a pair {localised.noise:.1%}"))
    if sees := _sees(found):
        facts.append(("it sees", ", ".join(sees)))
    flags = dict.fromkeys(flag for one in found.compared for flag in one.flags)
    if flags:
        facts.append(("local tests", ", ".join(flags)))
    if found.together is not None:
        facts.append(("at once", f"{found.together:.2f} of what pairs have alone"))
    if found.duplex is not None:
        facts.append(("both ways", f"{found.duplex:.2f} of what one way has alone"))
    if searched is not None and searched.whole is not None:
        facts.append(("all-reduce", f"of all members has {searched.whole:.2f} of the bus bandwidth of their halves"))
    return Page(alarms=(), facts=tuple(facts), tables=_matrix(found), notes=tuple(suspicion.sentences(found)))


def _sees(found: Diagnosis) -> list[str]:
    """The least that each part of the diagnosis would name, as a share of the others."""
    sees = [f"a {kind} below {share:.2f}" for kind, share in found.localised.sees.items()]
    sees += [f"{one.test} below {one.sees:.2f}" for one in found.compared if one.sees is not None]
    searched = found.searched
    return [*sees, f"halves below {searched.sees:.2f}"] if searched and searched.sees is not None else sees


def _matrix(found: Diagnosis) -> tuple[Table, ...]:
    usual = found.localised.base
    if usual is None:
        return ()
    accused = {member for one in found.found for member in one.suspect.members if isinstance(member, int)}
    *rest, last = heatmap.tables(Matrix(names=found.names, rates=found.rates, usual=usual, accused=accused))
    return (*rest, replace(last, notes=(*last.notes, NOTE)))

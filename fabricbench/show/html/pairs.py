"""Rounds of pairs in a result -> a heat map of all members, its table, and what stands out in it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fabricbench.judge.localise import Localised, Suspect
from fabricbench.show import rounds
from fabricbench.show.heatmap import ITSELF, MARK
from fabricbench.show.html import figures
from fabricbench.show.html.figures import Chart
from fabricbench.show.html.render import Part, Said
from fabricbench.show.html.texts import counted
from fabricbench.show.table import ABSENT, Column, Table
from fabricbench.store import Result

MOST_ROWS = 256
"""Rows of a heat map: of more members several share one."""
MOST_COLUMNS = 40
"""Members of a table of all pairs."""
MOST_SLOW = 20
"""Pairs in a table that has no room for all of them."""

READ = "percent of the usual rate, from the row's member to the column's; * where a member takes part that stands out."
ALONE = "Whether it is slow again when it is measured alone is what `diagnose` says."


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """All members in the order of their hosts, and the median rate of every ordered pair over the usual one.

    accused: members of suspects. said: what stands out, in phrases.
    """

    names: Sequence[str]
    shares: Mapping[tuple[int, int], float]
    localised: Localised
    accused: frozenset[int]
    said: tuple[str, ...]


def pairs(result: Result) -> Pairs | None:
    """What the rounds of a result say; none where it has none, or none that counts."""
    found = rounds.matrix(result)
    if found is None:
        return None
    matrix, localised = found
    ordered = sorted(range(len(matrix.names)), key=lambda one: _by(matrix.names[one]))
    place = {member: number for number, member in enumerate(ordered)}
    return Pairs(
        names=[matrix.names[member] for member in ordered],
        shares={(place[one], place[two]): rate / matrix.usual for (one, two), rate in matrix.rates.items()},
        localised=localised,
        accused=frozenset(place[member] for member in matrix.accused),
        said=tuple(_phrase(suspect, matrix.names) for suspect in localised.suspects),
    )


def part(found: Pairs) -> Part:
    """The heat map beside its table."""
    return Part(table=_table(found), charts=(_chart(found),))


def said(found: Pairs) -> list[Said]:
    """What stands out, or what would have."""
    sentences = [Said(kind="bad", text=f"Stands out: {phrase}. {ALONE}") for phrase in found.said]
    everybody = len(found.names) * (len(found.names) - 1)
    if missing := everybody - len(found.shares):
        text = f"{missing} of {counted(everybody, 'pair')} were not measured, or not rightly."
        sentences.append(Said(kind="doubt", text=text))
    if found.localised.blind:
        sentences.append(Said(kind="doubt", text=found.localised.blind))
    elif not found.localised.suspects:
        sees = ", ".join(f"a {kind} below {share:.2f}" for kind, share in found.localised.sees.items())
        sentences.append(Said(kind="good", text=f"No pair or host stands out; {sees} would have."))
    return sentences


def _by(name: str) -> tuple[tuple[str, int], ...]:
    """Order of names in which host2 stands before host10."""
    return tuple((text, int(number or 0)) for text, number in re.findall(r"([^0-9]*)([0-9]*)", name))


def _phrase(suspect: Suspect, names: Sequence[str]) -> str:
    called = [names[one] if isinstance(one, int) else one for one in suspect.members]
    if suspect.kind in ("pair", "group"):
        return f"from {called[0]} to {called[1]} at {suspect.share:.2f} of the others"
    what = {"transmit": "sends", "receive": "receives", "host": "sends and receives"}[suspect.kind]
    return f"{called[0]} {what} at {suspect.share:.2f} of the others"


def _chart(found: Pairs) -> Chart:
    several = -(-len(found.names) // MOST_ROWS)
    rows = [range(first, min(first + several, len(found.names))) for first in range(0, len(found.names), several)]
    names = [_label(found.names, members) for members in rows]
    values = [[_slowest(found, senders, receivers) for receivers in rows] for senders in rows]
    texts = [
        [f"{one} to {two}: {_percent(value)}" for two, value in zip(names, line, strict=True)]
        for one, line in zip(names, values, strict=True)
    ]
    marked = [number for number, members in enumerate(rows) if found.accused & set(members)]
    shared = f"A row is {several} members in the order of their names, a cell their slowest pair."
    return Chart(
        caption="bandwidth of every pair" if several == 1 else "bandwidth of every pair, several members a row",
        said=(READ, *([shared] if several > 1 else []), "Cells without a colour were not measured."),
        figure=figures.matrix(names, values, texts, marked),
    )


def _label(names: Sequence[str], members: range) -> str:
    return names[members[0]] if len(members) == 1 else f"{names[members[0]]} .. {names[members[-1]]}"


def _slowest(found: Pairs, senders: range, receivers: range) -> float | None:
    shares = [found.shares[one, two] for one in senders for two in receivers if (one, two) in found.shares]
    return round(100 * min(shares), 1) if shares else None


def _percent(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.0f} %"


def _table(found: Pairs) -> Table:
    """Every pair where that fits, else those that are slowest."""
    if len(found.names) > MOST_COLUMNS:
        return _slow(found)

    def cell(sender: int, receiver: int) -> str:
        if sender == receiver:
            return ITSELF
        share = found.shares.get((sender, receiver))
        mark = MARK if {sender, receiver} & found.accused else ""
        return ABSENT if share is None else f"{100 * share:.0f}{mark}"

    heads = (Column(words=("from",), align="left"), *(Column(words=("to", name), unit="%") for name in found.names))
    rows = tuple(
        (name, *(cell(sender, receiver) for receiver in range(len(found.names))))
        for sender, name in enumerate(found.names)
    )
    return Table(title="bandwidth of every pair", columns=heads, rows=rows, notes=(READ,))


def _slow(found: Pairs) -> Table:
    slowest = sorted(found.shares.items(), key=lambda one: one[1])[:MOST_SLOW]
    rows = tuple((found.names[one], found.names[two], f"{100 * share:.0f}") for (one, two), share in slowest)
    heads = (
        Column(words=("from",), align="left"), Column(words=("to",), align="left"),
        Column(words=("of usual",), unit="%"),
    )  # fmt: skip
    title = f"the slowest {len(rows)} of {len(found.shares)} pairs"
    note = f"{len(found.names)} members are too many for a table of all pairs."
    return Table(title=title, columns=heads, rows=rows, notes=(note,))

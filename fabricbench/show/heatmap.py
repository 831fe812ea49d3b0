"""Bandwidths between all members -> a picture of one character a pair, and a table of percents where that fits."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from fabricbench.judge.peers import host_of
from fabricbench.show.screen import WIDTH
from fabricbench.show.table import ABSENT, Column, Table

MARK = "*"
UNKNOWN, ITSELF, USUAL, MORE = ".", "-", "#", "+"
FROM_USUAL, FROM_MORE = 0.95, 1.5
"""Shares of the usual rate from which a pair is as fast as usual, and much faster, as two ranks of a host are."""
LONGEST_NAME = 24

LEGEND = (
    f"rows send, columns receive, in the same order: {USUAL} the usual rate, {MORE} from {FROM_MORE:g} "
    f"times that, 9 to 0 tenths of it, {UNKNOWN} not measured, {MARK} a suspect."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Bandwidths of ordered pairs. usual: the rate that is 100 %. accused: members that are marked."""

    names: Sequence[str]
    rates: Mapping[tuple[int, int], float]
    usual: float
    accused: Collection[int] = ()

    def share(self, senders: Sequence[int], receivers: Sequence[int]) -> float | None:
        """Of the usual rate, that of the slowest pair between two sets of members."""
        pairs = [pair for pair in product(senders, receivers) if pair in self.rates]
        return min(self.rates[pair] for pair in pairs) / self.usual if pairs else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """Members that share a row and a column."""

    label: str
    members: tuple[int, ...]


def tables(matrix: Matrix) -> tuple[Table, ...]:
    """The picture, and percents of all members or, where these are too many for the width, of those that are marked."""
    everybody = range(len(matrix.names))
    shown = everybody if _fits(matrix.names, everybody) else _fitting(matrix.names, sorted(matrix.accused))
    return (picture(matrix), *([_percents(matrix, shown)] if shown else []))


def picture(matrix: Matrix) -> Table:
    """One character a pair; of many members one for the pairs between two hosts, or two rows of hosts."""
    lines, title = _lines(matrix.names)
    rows = []
    for number, row in enumerate(lines):
        mark = MARK if set(row.members) & set(matrix.accused) else ""
        cells = "".join(_character(matrix, row, column) for column in lines)
        rows.append((str(number), f"{row.label}{mark}", f"|{cells}|"))
    heads = (
        Column(words=("",)),
        Column(words=("from",), align="left"),
        Column(words=(" " + "".join(str(number % 10) for number in range(len(lines))),), unit="tenths", align="left"),
    )
    return Table(title=title, columns=heads, rows=tuple(rows), notes=(LEGEND,))


def _lines(names: Sequence[str]) -> tuple[list[_Line], str]:
    """What becomes a row, coarser until it fits, and the title that says so."""
    hosts: dict[str, list[int]] = {}
    for member, name in enumerate(names):
        hosts.setdefault(host_of(name), []).append(member)
    ordered = [member for members in hosts.values() for member in members]
    found = [_Line(label=_short(names[member]), members=(member,)) for member in ordered]
    title = "bandwidth of every pair"
    if not _narrow(found):
        found = [_Line(label=_short(host), members=tuple(members)) for host, members in hosts.items()]
        title = "bandwidth of every two hosts, by their slowest pair"
    several = 1
    single = found
    while not _narrow(found):
        several += 1
        found = [_joined(single[first : first + several]) for first in range(0, len(single), several)]
        title = f"bandwidth of every two rows of {several} hosts, by their slowest pair"
    return found, title


def _joined(lines: Sequence[_Line]) -> _Line:
    label = lines[0].label if len(lines) == 1 else f"{lines[0].label} .. {lines[-1].label}"
    return _Line(label=label, members=tuple(member for line in lines for member in line.members))


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 2]}.."


def _narrow(lines: Sequence[_Line]) -> bool:
    beside = len(str(len(lines) - 1)) + max(len(line.label) for line in lines) + len(MARK) + len("||") + 4
    return beside + len(lines) <= WIDTH


def _character(matrix: Matrix, row: _Line, column: _Line) -> str:
    share = matrix.share(row.members, column.members)
    if share is None:
        return ITSELF if row is column else UNKNOWN
    if share >= FROM_USUAL:
        return MORE if share >= FROM_MORE else USUAL
    return str(int(10 * share + 0.5))


def _percents(matrix: Matrix, shown: Sequence[int]) -> Table:
    def cell(sender: int, receiver: int) -> str:
        share = matrix.share((sender,), (receiver,))
        if sender == receiver or share is None:
            return ITSELF if sender == receiver else ABSENT
        return f"{100 * share:.0f}{MARK if {sender, receiver} & set(matrix.accused) else ''}"

    heads = [
        Column(words=("from",), align="left"),
        *(Column(words=("to", matrix.names[one]), unit="%") for one in shown),
    ]
    rows = tuple((matrix.names[one], *(cell(one, other) for other in shown)) for one in shown)
    return Table(title="from the member of the row to that of the column", columns=tuple(heads), rows=rows)


def _fits(names: Sequence[str], shown: Sequence[int]) -> bool:
    widths = [max(len(names[one]), len("100*")) + 1 for one in shown]
    return max((len(names[one]) for one in shown), default=0) + sum(widths) <= WIDTH


def _fitting(names: Sequence[str], wanted: Sequence[int]) -> Sequence[int]:
    """As many of them as fit side by side, if these are two at least."""
    shown = list(wanted)
    while not _fits(names, shown):
        shown.pop()
    return shown if len(shown) > 1 else []

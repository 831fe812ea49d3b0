"""What measuring suspects again says of them, and what is to be said of a fabric as a whole. Pure functions.

A suspect is measured against partners that are not suspected, alone, in another order than before: what was slow once
because something passed by is fast then. It is confirmed when it is slow with every one of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fabricbench.judge.halves import Searched
from fabricbench.judge.localise import LEAST, Kind, Localised, Suspect, bandwidths
from fabricbench.judge.peers import FEW_ALIKE, Compared, Lagging, host_of
from fabricbench.judge.slowness import half_way
from fabricbench.model import Round

PARTNERS = 3
"""Unsuspected partners that a suspect is measured with again."""
DULL = 0.25
"""Share of the usual rate: a run that would not name a fault as deep is no clean one."""

Verdict = Literal["clean", "slow", "unknown"]
Ordered = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A suspect measured again: pairs of it that were slow then, of how many."""

    suspect: Suspect
    slow: int
    again: int

    @property
    def confirmed(self) -> bool:
        """Whether it was slow every time."""
        return self.again > 0 and self.slow == self.again


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """All that was found. `names`: of each member. `rates`: bytes a second of each ordered pair, the median.

    `together`: rate of pairs that talk at once over that of the same pairs alone; `duplex`: rate of one way while the
    other is used, too, over that of one way alone; medians, None where not measured.
    `unknown`: ordered pairs that could not be measured. `wrong`: pairs whose data arrived wrong.
    `compared`, `lagging`: local tests, and what was slower in them measured again. `miscomputed`: tests with a wrong
    result. `searched`: all-reduces of halves, None where something else was found before.
    `gaps`: what could not be judged, a sentence each; `remarks`: what to read the answer with.
    """

    names: tuple[str, ...]
    library: str
    nbytes: int
    file: str
    rates: Mapping[Ordered, float]
    localised: Localised
    found: tuple[Found, ...]
    together: float | None
    duplex: float | None
    unknown: tuple[Ordered, ...]
    wrong: tuple[Ordered, ...]
    compared: tuple[Compared, ...] = ()
    lagging: tuple[Lagging, ...] = ()
    miscomputed: tuple[str, ...] = ()
    searched: Searched | None = None
    gaps: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Slow where a suspect was confirmed or data was wrong; unknown where something could not be seen."""
        return "slow" if self._slow() else "unknown" if self._unseen() else "clean"

    @property
    def shared(self) -> bool:
        """Whether pairs have less at once than alone."""
        return self.together is not None and self.together < 1 - 2 * LEAST

    @property
    def dull(self) -> list[str]:
        """What members differ in so much that a fault would not stand out, as where half of them are slow."""
        ways: tuple[tuple[Kind, str], ...] = (("transmit", "what they send"), ("receive", "what they receive"))
        return [text for kind, text in ways if self.localised.sees.get(kind, 1.0) < DULL]

    def _slow(self) -> bool:
        """A group has no partners to be measured with again: its pairs were many."""
        if self.wrong or self.miscomputed or any(one.suspect.kind == "group" for one in self.found):
            return True
        searched = self.searched is not None and self.searched.confirmed
        return searched or any(one.confirmed for one in self.found) or any(one.confirmed for one in self.lagging)

    def _unseen(self) -> bool:
        localised, searched = self.localised, self.searched
        return bool(
            localised.blind or localised.unjudged or self.unknown or self.gaps or self.dull
            or any(one.blind or one.unjudged for one in self.compared)
            or any(one.again == 0 for one in self.found) or any(one.again == 0 for one in self.lagging)
            or (searched and (searched.blind or (searched.members and not searched.again)))
        )  # fmt: skip


def again(suspect: Suspect, members: Sequence[int], suspects: Sequence[Suspect]) -> list[Ordered]:
    """Ordered pairs by which a suspect is measured again: with others that are not suspected, a pair by itself."""
    accused = {member for one in suspects for member in one.members}
    good = [member for member in members if member not in accused][::-1][:PARTNERS]
    if suspect.kind == "pair":
        one, two = suspect.members
        return [(int(one), int(two))] * PARTNERS
    if suspect.kind == "group":
        return []
    host = int(suspect.members[0])
    sends, receives = [(host, other) for other in good], [(other, host) for other in good]
    return {"transmit": sends, "receive": receives, "host": [*sends, *receives]}[suspect.kind]


def reference(
    crowd: Sequence[Ordered], rounds: Sequence[Sequence[Ordered]], suspects: Sequence[Suspect]
) -> list[Ordered]:
    """The pairs by which it is known what a pair has alone: a crowd, and where all of it are suspected more.

    These are the round with the most pairs of nobody suspected.
    """
    more = [] if _good(crowd, suspects) else max(rounds, key=lambda pairs: len(_good(pairs, suspects)))
    return [*dict.fromkeys((*crowd, *more))]


def usual_alone(alone: Sequence[Round], suspects: Sequence[Suspect]) -> float | None:
    """Bytes a second of a pair that is measured alone, of those of nobody suspected where there are any."""
    rates = medians(alone)
    good = _good(list(rates), suspects)
    return float(np.median([rates[pair] for pair in good or rates])) if rates else None


def _good(pairs: Sequence[Ordered], suspects: Sequence[Suspect]) -> list[Ordered]:
    accused = {member for one in suspects for member in one.members}
    return [pair for pair in pairs if not accused & set(pair)]


def confirmed(suspect: Suspect, lines: Sequence[Round], usual: float) -> Found:
    """Whether a suspect was slow in the lines that measured it again, a pair each.

    usual: bytes a second of a pair that is measured alone, as these were.
    """
    rates = [rate for one in lines for rate in medians([one]).values()]
    limit = usual * half_way(suspect.share)
    return Found(suspect=suspect, slow=sum(rate < limit for rate in rates), again=len(rates))


def medians(lines: Iterable[Round]) -> dict[Ordered, float]:
    """Median bytes a second of each ordered pair."""
    return {pair: float(np.median(rates)) for pair, rates in bandwidths(lines).items()}


def ratio(some: Sequence[Round], others: Sequence[Round]) -> float | None:
    """Rate of ordered pairs over that of the same ones in other lines: the median."""
    crowded, free = medians(some), medians(others)
    ratios = [crowded[pair] / free[pair] for pair in free if pair in crowded]
    return float(np.median(ratios)) if ratios else None


def sentences(found: Diagnosis) -> list[str]:
    """The answer, in the order of its weight."""
    said = [f"{_arrow(pair, found)} delivered wrong data." for pair in found.wrong]
    said += [
        f"{test} gave a wrong result on some member: look at its memory and its cores." for test in found.miscomputed
    ]
    said += [_local(one, found) for one in found.lagging]
    said += [_sentence(one, found) for one in found.found]
    said += [_searched(found.searched, found)] if found.searched and found.searched.members else []
    said += [one for one in (found.localised.blind, found.searched and found.searched.blind) if one]
    if found.dull:
        said.append(
            f"Members differ so much in {' and in '.join(found.dull)} that one with {DULL:.2f} of its peers would not "
            "stand out: there is no majority to hold them against."
        )
    said += _unjudged(found)
    if found.unknown:
        pairs = ", ".join(_arrow(pair, found) for pair in found.unknown)
        said.append(f"UNKNOWN, because it could not be measured: {pairs}.")
    said += found.gaps
    if found.shared:
        said.append(
            f"Pairs that talk at once have {found.together:.2f} of what they have alone: they share something, such as "
            "an oversubscribed uplink or the cores of a machine. That is no host's fault."
        )
    said += found.remarks
    return [_clean(found), *said] if found.verdict == "clean" else said


def _clean(found: Diagnosis) -> str:
    sees = found.localised.sees
    host, pair = f"a host below {sees['host']:.2f}", f"a pair below {sees['pair']:.2f}"
    return f"clean: {host} and {pair} of the others would have been named."


def _unjudged(found: Diagnosis) -> list[str]:
    """Local tests that say nothing of some members, or of all."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for one in found.compared:
        if one.blind:
            reasons.setdefault(("", one.blind), []).append(one.test)
        elif one.unjudged:
            reasons.setdefault((f" of {_named(one.unjudged, found)}", FEW_ALIKE), []).append(one.test)
    return [f"{' and '.join(tests)}{whose} could not be judged: {why}." for (whose, why), tests in reasons.items()]


def _named(members: Sequence[int], found: Diagnosis) -> str:
    return ", ".join(found.names[member] for member in members)


def _arrow(pair: Ordered, found: Diagnosis) -> str:
    return f"{found.names[pair[0]]} -> {found.names[pair[1]]}"


def _whole(members: Sequence[int], found: Diagnosis) -> str:
    """Members that are all those of a host, as the host."""
    host = host_of(found.names[members[0]])
    alone = [member for member, name in enumerate(found.names) if host_of(name) == host] == list(members)
    return f"host {host}" if alone else _named(members, found)


def _local(one: Lagging, found: Diagnosis) -> str:
    does, look = {
        "compute": ("computes", "its clocks, power cap or other work on it"),
        "memory": ("moves memory", "its memory channels, the memory its ranks are bound to or other work on it"),
    }[one.family]
    share = f"{one.share:.2f} of its peers ({one.test})"
    return _ended(f"{_whole(one.members, found)} {does} at {share}", one.slow, one.again, look)


def _searched(one: Searched, found: Diagnosis) -> str:
    members, look = _named(one.members, found), "other work, interrupts, and its NIC under load from several sides"
    if len(one.members) > 1:
        return (
            f"All-reduces that contain all of {members} have {one.share:.2f} of the speed of others, and no one of "
            "them slows them down alone: look at what they share."
        )
    text = f"Only all-reduces that contain {members} are slow, at {one.share:.2f} of those without it"
    return _ended(text, one.slow, one.again, look)


def _sentence(one: Found, found: Diagnosis) -> str:
    suspect = one.suspect
    share = f"{suspect.share:.2f} of its peers"
    if suspect.kind == "group":
        sender, receiver = suspect.members
        return f"From {sender} to {receiver} all pairs have {share}: look at the uplink between them."
    if suspect.kind == "pair":
        first, second = (int(member) for member in suspect.members)
        text, look = f"{_arrow((first, second), found)} has {share}", "the path and cable between the two"
    else:
        name = found.names[int(suspect.members[0])]
        what, look = {
            "transmit": ("sends", "its NIC's transmit side, its cable or PCIe"),
            "receive": ("receives", "its NIC's receive side, its cable or PCIe"),
            "host": ("sends and receives", "its NIC, its cable, PCIe or CPU"),
        }[suspect.kind]
        other = {"transmit": " (receives normally)", "receive": " (sends normally)", "host": ""}[suspect.kind]
        text = f"{name} {what} at {share}{other}"
    return _ended(text, one.slow, one.again, look)


def _ended(text: str, slow: int, again: int, look: str) -> str:
    """A sentence about what was measured again, with where to look."""
    if again == 0:
        return f"{text}. Not confirmed: it could not be measured again."
    said = f"{text}, slow again in {slow} of {again}: look at {look}."
    return said if slow == again else f"{said} Not confirmed: it may have been passing by."

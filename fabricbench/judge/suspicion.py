"""What measuring suspects again says of them, and what is to be said of a fabric as a whole. Pure functions.

A suspect is measured against partners that are not suspected, alone, in another order than before: what was slow once
because something passed by is fast then. It is confirmed when it is slow with every one of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fabricbench.judge.localise import LEAST, Localised, Suspect, bandwidths
from fabricbench.model import Round

PARTNERS = 3
"""Unsuspected partners that a suspect is measured with again."""

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

    @property
    def verdict(self) -> Verdict:
        """Slow where a suspect was confirmed or data was wrong; unknown where something could not be seen.

        A group has no partners to be measured with again: its pairs were many.
        """
        if self.wrong or any(one.confirmed or one.suspect.kind == "group" for one in self.found):
            return "slow"
        return "unknown" if self.localised.blind or self.unknown or self.localised.unjudged else "clean"


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


def confirmed(suspect: Suspect, lines: Sequence[Round], usual: float) -> Found:
    """Whether a suspect was slow in the lines that measured it again, a pair each.

    usual: bytes a second of a pair that is measured alone, as these were.
    """
    rates = [rate for one in lines for rate in medians([one]).values()]
    # Half way between what was seen and what is usual: closer to the fault than to its absence.
    limit = usual * min(1 - LEAST, (1 + suspect.share) / 2)
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
    said += [_sentence(one, found) for one in found.found]
    if found.localised.blind:
        said.append(found.localised.blind)
    if found.unknown:
        pairs = ", ".join(_arrow(pair, found) for pair in found.unknown)
        said.append(f"UNKNOWN, because it could not be measured: {pairs}.")
    if found.together is not None and found.together < 1 - 2 * LEAST:
        said.append(
            f"Pairs that talk at once have {found.together:.2f} of what they have alone: they share something, such as "
            "an oversubscribed uplink or the cores of a machine. That is no host's fault."
        )
    if found.verdict == "clean":
        sees = found.localised.sees
        host, pair = f"a host below {sees['host']:.2f}", f"a pair below {sees['pair']:.2f}"
        said.insert(0, f"clean: {host} and {pair} of the others would have been named.")
    return said


def _arrow(pair: Ordered, found: Diagnosis) -> str:
    return f"{found.names[pair[0]]} -> {found.names[pair[1]]}"


def _sentence(one: Found, found: Diagnosis) -> str:
    suspect = one.suspect
    share, retested = f"{suspect.share:.2f} of its peers", f"slow again in {one.slow} of {one.again}"
    if suspect.kind == "group":
        sender, receiver = suspect.members
        return f"From {sender} to {receiver} all pairs have {share}: look at the uplink between them."
    if suspect.kind == "pair":
        first, second = (int(member) for member in suspect.members)
        text = f"{_arrow((first, second), found)} has {share}, {retested}: look at the path and cable between the two"
    else:
        name = found.names[int(suspect.members[0])]
        what, look = {
            "transmit": ("sends", "its NIC's transmit side, its cable or PCIe"),
            "receive": ("receives", "its NIC's receive side, its cable or PCIe"),
            "host": ("sends and receives", "its NIC, its cable, PCIe or CPU"),
        }[suspect.kind]
        other = {"transmit": " (receives normally)", "receive": " (sends normally)", "host": ""}[suspect.kind]
        text = f"{name} {what} at {share}{other}, {retested}: look at {look}"
    return f"{text}." if one.confirmed else f"{text}. Not confirmed: it may have been passing by."

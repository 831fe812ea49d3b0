"""What the rounds of a file say of every link, and of every node that sends or receives through its links.

A diagnosis leaves rounds in the order in which they were measured: every pair once, then in a further launch those of
one round alone, then in another suspects alone. Going back to an earlier round is where the second part begins.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from fabricbench.errors import UsageError
from fabricbench.judge import demanded, suspicion
from fabricbench.judge.evidence import Evidence, Verdict, undecided, unknown
from fabricbench.judge.expectations import Expectation
from fabricbench.judge.localise import FEWEST, Localised, Suspect, bandwidths, localise, together
from fabricbench.judge.outliers import BLIND
from fabricbench.judge.suspicion import Found, Ordered
from fabricbench.model import Round, rank_names
from fabricbench.quantity import rate_text, size_text
from fabricbench.store import Result

NETWORK = "network"
MESSAGES = "messages"
UNMEASURED = unknown(MESSAGES, "it was not measured both ways")

_DIRECTIONS = ("forward", "backward", "both")
"""In the order in which a round is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fabric:
    """One diagnosis. `names` and `hosts`: of each member, no hosts where the file does not say them.

    `rates`: bytes a second of each ordered pair, the median. `wrong`: ordered pairs in rounds in which data
    was wrong, with how many pairs were checked together there.
    """

    names: tuple[str, ...]
    hosts: tuple[str, ...]
    nbytes: int
    rates: dict[Ordered, float]
    localised: Localised
    found: tuple[Found, ...]
    wrong: dict[Ordered, int]

    def slower(self, one: int, two: int) -> float | None:
        """Bytes a second of the slower way of a link; None where it was not measured both ways."""
        rates = [self.rates.get(pair) for pair in ((one, two), (two, one))]
        return None if None in rates else min(rate for rate in rates if rate is not None)


def fabrics(results: Sequence[Result]) -> list[Fabric]:
    """The diagnosis of every run that has rounds. Raises UsageError for rounds of ranks that there are not."""
    return [_fabric(result) for result in results if result.rounds]


def _fabric(result: Result) -> Fabric:
    hosts = next((launch.rank_hosts for launch in result.launches if launch.rank_hosts), None)
    members = len(hosts) if hosts is not None else max(launch.ranks or 0 for launch in result.launches)
    lines = [line for line in result.rounds if all(min(samples, default=0.0) > 0 for samples in line.samples_s)]
    if any(not 0 <= rank < members for line in lines for pair in line.pairs for rank in pair):
        raise UsageError(f"{result.path} has rounds of more than its {members} ranks.", "Measure again.")
    everything, alone, again = parts(lines)
    apart = [line for line in everything if line.direction != "both"]
    localised = localise(bandwidths(apart), members, waves=together(apart))
    usual = suspicion.usual_alone(alone, localised.suspects) or localised.base or 0.0
    return Fabric(
        names=tuple(f"rank {one}" for one in range(members)) if hosts is None else tuple(rank_names(hosts)),
        hosts=tuple(hosts or ()), nbytes=lines[0].nbytes if lines else 0,
        rates=suspicion.medians(apart), localised=localised,
        found=tuple(_again(one, again, members, localised, usual) for one in localised.suspects),
        wrong={
            pair: len(line.pairs) for line in result.rounds if line.check == "wrong" for pair in _ordered(line)
        },
    )  # fmt: skip


def parts(lines: Sequence[Round]) -> tuple[Sequence[Round], Sequence[Round], Sequence[Round]]:
    """Every pair in rounds; the pairs of one round alone; suspects alone."""
    latest, then = (0, 0), len(lines)
    for index, line in enumerate(lines):
        place = (line.round, _DIRECTIONS.index(line.direction))
        if place < latest:
            then = index
            break
        latest = place
    alone = [line for line in lines[then:] if line.launch == lines[then].launch]
    return lines[:then], alone, lines[then + len(alone) :]


def _again(one: Suspect, again: Sequence[Round], members: int, localised: Localised, usual: float) -> Found:
    pairs = suspicion.again(one, range(members), localised.suspects)
    return suspicion.confirmed(one, [line for line in again if tuple(line.pairs[0]) in pairs], usual)


def _ordered(line: Round) -> Iterator[Ordered]:
    """Sender and receiver of every transfer of a line."""
    for one, two in line.pairs:
        if line.direction != "backward":
            yield one, two
        if line.direction != "forward":
            yield two, one


def of_node(host: str, found: Sequence[Fabric], expected: Sequence[Expectation]) -> list[Evidence]:
    """How a node sends and receives, by every diagnosis that it took part in. expected: of single links."""
    tests = [
        _member(member, fabric, expected) for fabric in found for member, on in enumerate(fabric.hosts) if on == host
    ]
    return tests or [unknown(NETWORK, "no pairs of this node were measured: run acceptance, or diagnose")]


def _member(member: int, fabric: Fabric, expected: Sequence[Expectation]) -> Evidence:
    name = fabric.names[member]
    test = NETWORK if name == fabric.hosts[member] else f"{NETWORK}: rank {name}"
    localised = fabric.localised
    if localised.blind is not None:
        few = len(fabric.names) < FEWEST
        return _few(test, member, fabric, expected) if few else unknown(test, localised.blind)
    if member in localised.unjudged:
        return unknown(test, "too few of its pairs could be measured")
    suspected = [one for one in fabric.found if one.suspect.kind in _ROLES and one.suspect.members == (member,)]
    if suspected:
        return _suspect(test, suspected[0], fabric)
    if localised.sees["host"] < BLIND:
        return undecided(test, _overlooks(localised.sees["host"]), _peers(fabric))
    return Evidence(
        test=test, verdict="PASS", found="sends and receives as the others", source=_peers(fabric),
        threshold=f"at least {localised.sees['host']:.2f}",
    )  # fmt: skip


def _few(test: str, member: int, fabric: Fabric, expected: Sequence[Expectation]) -> Evidence:
    """One of too few members to be told from its links: it is good where all of them are what the user expects."""
    wanted = demanded.wanted(expected, fabric.nbytes, len(fabric.names))
    others = [other for other in range(len(fabric.names)) if other != member]
    rates = [fabric.slower(member, other) for other in others]
    figures = [demanded.held(test, rate, fabric.nbytes, one) for rate in rates if rate for one in wanted]
    if wanted and all(rates) and all(one.verdict == "PASS" for one in figures):
        return Evidence(
            test=test, verdict="PASS", found="all its links are as expected", threshold=demanded.bounds_text(wanted[0]),
            source=demanded.line_source(wanted[0]),
        )  # fmt: skip
    return undecided(test, fabric.localised.blind or "")


_ROLES = {"transmit": "sends", "receive": "receives", "host": "sends and receives"}


def _suspect(test: str, one: Found, fabric: Fabric) -> Evidence:
    """A suspect that was measured again, or could not be."""
    suspect = one.suspect
    if suspect.kind == "pair":
        first, second = (fabric.names[int(member)] for member in suspect.members)
        what = f"{first} -> {second} has {suspect.share:.2f} of what its nodes have elsewhere"
    else:
        what = f"{_ROLES[suspect.kind]} at {suspect.share:.2f} of its peers"
    again = f"slow again in {one.slow} of {one.again}" if one.again else "not measured again"
    sees = fabric.localised.sees["pair" if suspect.kind == "pair" else "host"]
    return Evidence(
        test=test, verdict="FAIL" if one.confirmed else "WARN" if one.again else "INCONCLUSIVE",
        found=f"{what}, {again}", threshold=f"at least {sees:.2f}", source=_peers(fabric),
    )  # fmt: skip


def _peers(fabric: Fabric) -> str:
    noise = fabric.localised.noise or 0.0
    return f"peers: all pairs of {len(fabric.names)} members and their noise of {noise:.1%}"


def between(fabric: Fabric, expected: Sequence[Expectation]) -> Iterator[tuple[str, list[Evidence]]]:
    """Every link by the names of its ends, and what is to be said of it. expected: of single links."""
    wanted = demanded.wanted(expected, fabric.nbytes, len(fabric.names))
    suspected = {
        frozenset(map(int, one.suspect.members)): one for one in reversed(fabric.found) if one.suspect.kind == "pair"
    }
    test = f"{MESSAGES}: {size_text(fabric.nbytes)}"
    for one, two in combinations(range(len(fabric.names)), 2):
        name = f"{fabric.names[one]} <-> {fabric.names[two]}"
        wrong = [fabric.wrong[pair] for pair in ((one, two), (two, one)) if pair in fabric.wrong]
        rate = fabric.slower(one, two)
        if wrong:
            yield name, [_wrong(min(wrong))]
        elif rate is None:
            yield name, [UNMEASURED]
        else:
            held = [demanded.held(test, rate, fabric.nbytes, line) for line in wanted]
            beside = _beside(test, (one, two), rate, fabric, suspected.get(frozenset((one, two))))
            yield name, [*held, *_softened(beside, {line.verdict for line in held})]


def _beside(test: str, pair: Ordered, rate: float, fabric: Fabric, suspected: Found | None) -> Evidence:
    """A link beside what its nodes have elsewhere."""
    localised = fabric.localised
    blind = localised.blind
    if blind is None and set(pair) & set(localised.unjudged):
        blind = "too few pairs of its nodes could be measured"
    if blind is None and suspected is not None:
        return _suspect(test, suspected, fabric)
    if blind is None and localised.sees["pair"] < BLIND:
        blind = _overlooks(localised.sees["pair"])
    return _usual(test, rate, fabric) if blind is None else undecided(test, f"{_rate(rate)}; {blind}")


def _overlooks(share: float) -> str:
    return f"the pairs differ so much among themselves that only one below {share:.2f} would be named"


def _rate(rate: float) -> str:
    return f"{rate_text(rate, 'B/s')} the slower way"


def _softened(beside: Evidence, held: set[Verdict]) -> list[Evidence]:
    """What the user expects goes before what peers reach: they alone do not fail a link that reaches it."""
    if not held:
        return [beside]
    if beside.verdict == "INCONCLUSIVE":
        return []
    return [replace(beside, verdict="WARN")] if held == {"PASS"} and beside.verdict == "FAIL" else [beside]


def _wrong(pairs: int) -> Evidence:
    """Wrong data: one pair's own, or of one of several that were checked together."""
    if pairs == 1:
        return Evidence(
            test="data", verdict="FAIL", found="wrong data arrived", threshold="no wrong element",
            source="what was sent",
        )  # fmt: skip
    return unknown("data", f"wrong data arrived on one of {pairs} links that were checked together")


def _usual(test: str, rate: float, fabric: Fabric) -> Evidence:
    share = rate / (fabric.localised.base or 1.0)
    return Evidence(
        test=test, verdict="PASS", found=f"{_rate(rate)}, {share:.2f} of what is usual",
        threshold=f"at least {fabric.localised.sees['pair']:.2f} of what its nodes have elsewhere",
        source=_peers(fabric),
    )  # fmt: skip

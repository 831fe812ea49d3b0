"""Faults put into runs without one: where they are, what they take, and what should be named for it.

A fault of a severity takes that share of the bandwidth of the pairs that it concerns:

    transmit, receive   of all pairs that one host sends to, or receives from
    node                of both
    link                of one pair, both ways
    one way             of one pair, one way
    rail                of all pairs within one group
    uplink              of all pairs between two groups, both ways
    two nodes           of two hosts, both ways
    node and link       of one host, and of one pair of others
"""

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import Literal, get_args

import numpy as np

from fabricbench.judge.polish import Floats, Layout, Whole
from fabricbench.judge.slowness import Kind, Measured

Fault = Literal["transmit", "receive", "node", "link", "one way", "rail", "uplink", "two nodes", "node and link"]
FAULTS: tuple[Fault, ...] = get_args(Fault)
Name = tuple[Kind, tuple[int | str, ...]]
GROUPED: tuple[Fault, ...] = ("rail", "uplink")
"""Faults that are looked for with groups known."""
TWOFOLD: tuple[Fault, ...] = ("two nodes", "node and link")


def _none(width: int) -> Callable[[], Whole]:
    return lambda: np.zeros((1, 0, width), np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placed:
    """Where the faults of each run are: hosts (runs, faults, 1), pairs and blocks of groups (runs, faults, 2).

    One run stands for all where there are no faults of a kind.
    """

    transmit: Whole = field(default_factory=_none(1))
    receive: Whole = field(default_factory=_none(1))
    pair: Whole = field(default_factory=_none(2))
    group: Whole = field(default_factory=_none(2))

    def of(self, run: int) -> "Placed":
        """Those of one run."""
        mine = [places[min(run, len(places) - 1)][None] for places in self._all]
        return Placed(transmit=mine[0], receive=mine[1], pair=mine[2], group=mine[3])

    @property
    def _all(self) -> tuple[Whole, Whole, Whole, Whole]:
        return self.transmit, self.receive, self.pair, self.group

    def named(self, run: int, layout: Layout) -> set[Name]:
        """What should be named in a run: kinds and members of suspects."""
        mine = self.of(run)
        transmit, receive = ({int(host) for host in hosts[0, :, 0]} for hosts in (mine.transmit, mine.receive))
        both = transmit & receive
        names: set[Name] = {("host", (host,)) for host in both}
        names |= {("transmit", (host,)) for host in transmit - both} | {("receive", (host,)) for host in receive - both}
        names |= {("pair", (int(one), int(two))) for one, two in mine.pair[0]}
        return names | {("group", (layout.names[one], layout.names[two])) for one, two in mine.group[0]}

    def counts(self, layout: Layout) -> Whole:
        """How many faults each pair has, (runs, pairs)."""
        hosts = np.arange(layout.hosts)[:, None]
        pairs = np.column_stack([layout.senders, layout.receivers])
        found = _among(hosts, self.transmit)[:, layout.senders] + _among(hosts, self.receive)[:, layout.receivers]
        return found + _among(pairs, self.pair) + _among(np.array(layout.blocks), self.group)[:, layout.block]

    def harmed(self, clean: Measured, layout: Layout, share: float | Floats) -> Measured:
        """The runs with a share of their bandwidth left where they are slow; the noise is as it was."""
        depth = np.log(np.asarray(share))[..., None]
        return replace(clean, medians=clean.medians + depth * self.counts(layout))


def faults(names: Set[Name], sender: int, receiver: int, groups: Sequence[str]) -> int:
    """How many faults a pair has of those that have these names."""
    return (
        (("transmit", (sender,)) in names or ("host", (sender,)) in names)
        + (("receive", (receiver,)) in names or ("host", (receiver,)) in names)
        + (("pair", (sender, receiver)) in names)
        + (("group", (groups[sender], groups[receiver])) in names)
    )


def guilty(name: Name, names: Set[Name], groups: Sequence[str]) -> bool:
    """Whether all pairs of what was named are slow, though it should perhaps be called otherwise."""
    return all(faults(names, one, two, groups) for one, two in _accused(*name, groups))


def _among(places: Whole, faults: Whole) -> Whole:
    """Whether each place, (places, width), is one of the faults, (runs, faults, width): (runs, places), 1 or 0."""
    found = np.zeros((len(faults), len(places)), bool)
    for number in range(faults.shape[1]):
        found |= (places[None] == faults[:, number, None]).all(axis=-1)
    return found.astype(np.int64)


def _accused(kind: Kind, members: tuple[int | str, ...], groups: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Ordered pairs that a suspect accuses."""
    if kind == "pair":
        one, two = (int(member) for member in members)
        yield one, two
    for one, two in permutations(range(len(groups)), 2) if kind == "group" else ():
        if (groups[one], groups[two]) == members:
            yield one, two
    if kind in ("transmit", "receive", "host"):
        host = int(members[0])
        for other in (one for one in range(len(groups)) if one != host):
            if kind != "receive":
                yield host, other
            if kind != "transmit":
                yield other, host


def place(fault: Fault, layout: Layout, runs: int, random: np.random.Generator) -> Placed:
    """A fault somewhere in each run, among what was measured."""
    hosts = random.permuted(np.tile(np.arange(layout.hosts), (runs, 1)), axis=1)[..., None]
    one, two = hosts[:, :1], hosts[:, :2]
    return {
        "transmit": lambda: Placed(transmit=one),
        "receive": lambda: Placed(receive=one),
        "node": lambda: Placed(transmit=one, receive=one),
        "link": lambda: Placed(pair=_links(layout, None, runs, random)),
        "one way": lambda: Placed(pair=_links(layout, None, runs, random)[:, :1]),
        "rail": lambda: Placed(group=_blocks(layout, runs, random, own=True)),
        "uplink": lambda: Placed(group=_blocks(layout, runs, random, own=False)),
        "two nodes": lambda: Placed(transmit=two, receive=two),
        "node and link": lambda: Placed(transmit=one, receive=one, pair=_links(layout, one[:, 0, 0], runs, random)),
    }[fault]()


def _links(layout: Layout, spared: Whole | None, runs: int, random: np.random.Generator) -> Whole:
    """A pair of each run, both ways, without the host that is spared."""
    found = []
    for run in range(runs):
        free = np.ones(layout.senders.size, bool)
        if spared is not None:
            free = (layout.senders != spared[run]) & (layout.receivers != spared[run])
        number = random.choice(np.flatnonzero(free))
        sender, receiver = layout.senders[number], layout.receivers[number]
        found.append([(sender, receiver), (receiver, sender)])
    return np.array(found, np.int64)


def _blocks(layout: Layout, runs: int, random: np.random.Generator, *, own: bool) -> Whole:
    """Of each run the block of a group's own pairs, or both blocks between two groups."""
    known = [pair for pair in layout.blocks if (pair[0] == pair[1] if own else pair[0] < pair[1])]
    taken = np.array(known, np.int64)[random.integers(len(known), size=runs)]
    return taken[:, None] if own else np.stack([taken, taken[:, ::-1]], axis=1)

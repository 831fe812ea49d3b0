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

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np

from fabricbench.judge.polish import Floats, Layout, Whole
from fabricbench.judge.slowness import Flags, Kind, Measured

Fault = Literal["transmit", "receive", "node", "link", "one way", "rail", "uplink", "two nodes", "node and link"]
FAULTS: tuple[Fault, ...] = get_args(Fault)
GROUPED: tuple[Fault, ...] = ("rail", "uplink")
"""Faults that are looked for with groups known."""


def _none(width: int) -> Callable[[], Whole]:
    return lambda: np.zeros((1, 0, width), np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placed:
    """Where the faults of each run are: hosts (runs, faults, 1), pairs and blocks of groups (runs, faults, 2)."""

    transmit: Whole = field(default_factory=_none(1))
    receive: Whole = field(default_factory=_none(1))
    pair: Whole = field(default_factory=_none(2))
    group: Whole = field(default_factory=_none(2))

    def named(self, layout: Layout) -> dict[Kind, Flags]:
        """What should be named of a layout, (runs, hosts), (runs, pairs) or (runs, blocks)."""
        hosts = np.arange(layout.hosts)[:, None]
        pairs = np.column_stack([layout.senders, layout.receivers])
        return {
            "transmit": _among(hosts, self.transmit),
            "receive": _among(hosts, self.receive),
            "pair": _among(pairs, self.pair),
            "group": _among(np.array(layout.blocks), self.group),
        }

    def harmed(self, clean: Measured, layout: Layout, share: float | Floats) -> Measured:
        """The runs with a share of their bandwidth left where they are slow; the noise is as it was."""
        slow = self.named(layout)
        faults = slow["transmit"][:, layout.senders].astype(int) + slow["receive"][:, layout.receivers]
        faults = faults + slow["pair"] + slow["group"][:, layout.block]
        return replace(clean, medians=clean.medians + np.log(np.asarray(share))[..., None] * faults)


def _among(places: Whole, faults: Whole) -> Flags:
    """Whether each place, (places, width), is one of the faults, (runs, faults, width): (runs, places)."""
    found = np.zeros((len(faults), len(places)), bool)
    for number in range(faults.shape[1]):
        found |= (places[None] == faults[:, number, None]).all(axis=-1)
    return found


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

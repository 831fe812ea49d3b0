"""Where the ranks are: hosts, cores, threads, and which two ranks stand for which distance."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fabricbench import mpi
from fabricbench.engine.machine import core_quota, physical_cores


@dataclass(frozen=True)
class Placement:
    """The same on every rank. All per rank: host, CPUs it may use, cores these are, cores its host offers."""

    hosts: tuple[str, ...]
    cpus: tuple[frozenset[int], ...]
    own: tuple[int, ...]
    cores: tuple[int, ...]

    @property
    def ranks(self) -> int:
        """Ranks in all."""
        return len(self.hosts)

    @property
    def text(self) -> str:
        """Hosts x ranks a host, such as "2x8"; uneven hosts list each count."""
        counts = list(Counter(self.hosts).values())
        each = str(counts[0]) if len(set(counts)) == 1 else "+".join(map(str, counts))
        return f"{len(counts)}x{each}"

    @property
    def one_host(self) -> bool:
        """Whether all ranks share a host."""
        return len(set(self.hosts)) == 1

    @property
    def most_on_a_host(self) -> int:
        """Ranks on the fullest host."""
        return max(Counter(self.hosts).values())

    @property
    def oversubscribed(self) -> bool:
        """More ranks than cores on some host."""
        return any(count > self.cores[self.hosts.index(host)] for host, count in Counter(self.hosts).items())

    @property
    def binding(self) -> str:
        """Which cores the ranks were found on: "core" where no two ranks of a host share one, else "none"."""
        for host in set(self.hosts):
            sets = [cpus for cpus, on in zip(self.cpus, self.hosts, strict=True) if on == host]
            if len(sets) > 1 and sum(map(len, sets)) != len(frozenset().union(*sets)):
                return "none"
        return "core" if self.ranks > 1 else "none"

    def groups(self, communicator: str) -> list[tuple[int, ...]]:
        """The ranks of each communicator of that kind, all of one size and at least 2; empty where there are none.

        host: those of each host.  across: the first of every host, the second of every host, ...  half: the first and
        the second half, the last of an odd number left out.
        """
        if communicator == "world":
            found = [tuple(range(self.ranks))]
        elif communicator == "half":
            middle = self.ranks // 2
            found = [tuple(range(middle)), tuple(range(middle, 2 * middle))]
        else:
            hosts = [
                [rank for rank in range(self.ranks) if self.hosts[rank] == host] for host in dict.fromkeys(self.hosts)
            ]
            if len({len(ranks) for ranks in hosts}) > 1:
                return []
            found = [tuple(ranks) for ranks in (hosts if communicator == "host" else zip(*hosts, strict=True))]
        return found if communicator == "world" or len(found[0]) > 1 else []

    def threads(self, rank: int) -> int:
        """Threads of one rank: the cores it is bound to, else its share of the host."""
        sharing = self.hosts.count(self.hosts[rank])
        return max(1, min(self.own[rank], self.cores[rank] // sharing))

    def pair(self, distance: str) -> tuple[int, int]:
        """The first two ranks at that distance. Raises KeyError where there are none."""
        return self.pairs()[distance]

    def pairs(self) -> dict[str, tuple[int, int]]:
        """One pair of ranks for each distance class there is."""
        found: dict[str, tuple[int, int]] = {}
        for other in range(1, self.ranks):
            distance = "same-host" if self.hosts[other] == self.hosts[0] else "other-host"
            found.setdefault(distance, (0, other))
        if "same-host" not in found:
            found |= self._same_host_elsewhere()
        return found

    def _same_host_elsewhere(self) -> dict[str, tuple[int, int]]:
        for rank, host in enumerate(self.hosts):
            again = [other for other in range(rank + 1, self.ranks) if self.hosts[other] == host]
            if again:
                return {"same-host": (rank, again[0])}
        return {}


def placement(group: mpi.Group) -> Placement:
    """Ask every rank where it is.

    A host offers the cores that its ranks together may use: bound ranks see one each, unbound ones see all.
    """
    mine = frozenset(os.sched_getaffinity(0))
    found: Sequence[tuple[frozenset[int], int]] = group.gather((mine, physical_cores(mine)))
    offered = group.gather(_offered(group, [cpus for cpus, _ in found]))
    return Placement(
        hosts=tuple(group.hosts),
        cpus=tuple(cpus for cpus, _ in found),
        own=tuple(own for _, own in found),
        cores=tuple(offered),
    )


def _offered(group: mpi.Group, cpus: Sequence[frozenset[int]]) -> int:
    """Cores of this rank's host that its ranks may use together, within the quota."""
    here = group.hosts[group.rank]
    union = frozenset().union(*(some for some, host in zip(cpus, group.hosts, strict=True) if host == here))
    cores = physical_cores(union)
    return max(1, int(min(cores, core_quota() or cores)))

"""Where the ranks are: hosts, cores, threads, and which two ranks stand for which distance."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from fabricbench import mpi
from fabricbench.engine.machine import cgroup, core_quota, kernel, physical_cores


@dataclass(frozen=True)
class Placement:
    """The same on every rank. All per rank: host, CPUs it may use, cores these are, cores its host and machine offer.

    A host is what has a name, a machine what has a kernel: containers are hosts that may share a machine's cores.
    """

    hosts: tuple[str, ...]
    cpus: tuple[frozenset[int], ...]
    own: tuple[int, ...]
    cores: tuple[int, ...]
    machines: tuple[str, ...]
    machine_cores: tuple[int, ...]

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
    def most_on_a_machine(self) -> int:
        """Ranks on the fullest machine."""
        return max(Counter(self.machines).values())

    @property
    def shared_machines(self) -> list[list[str]]:
        """The hosts of each machine that has more than one."""
        hosts = [
            dict.fromkeys(host for host, on in zip(self.hosts, self.machines, strict=True) if on == machine)
            for machine in dict.fromkeys(self.machines)
        ]
        return [list(names) for names in hosts if len(names) > 1]

    @property
    def tightest(self) -> tuple[int, int]:
        """Ranks and cores of the host or machine that has the fewest cores for a rank."""
        crowds = [
            (ranks, cores[on.index(name)])
            for on, cores in ((self.hosts, self.cores), (self.machines, self.machine_cores))
            for name, ranks in Counter(on).items()
        ]
        return max(crowds, key=lambda crowd: crowd[0] / crowd[1])

    @property
    def oversubscribed(self) -> bool:
        """More ranks than cores on some host or machine."""
        ranks, cores = self.tightest
        return ranks > cores

    @property
    def binding(self) -> str:
        """Which cores the ranks were found on: "core" where no two ranks of a machine share one, else "none"."""
        for machine in set(self.machines):
            sets = [cpus for cpus, on in zip(self.cpus, self.machines, strict=True) if on == machine]
            if len(sets) > 1 and sum(map(len, sets)) != len(frozenset().union(*sets)):
                return "none"
        return "core" if self.ranks > 1 else "none"

    def groups(self, communicator: str) -> list[tuple[int, ...]]:
        """The ranks of each communicator of that kind, all of one size and at least 2; empty where there are none.

        host: those of each host.  across: the first of every host, the second of every host, ...  half: the first and
        the second half, the last of an odd number left out.  0-3+6, as `ranks_named` writes it: one of these ranks.
        """
        if communicator == "world":
            found = [tuple(range(self.ranks))]
        elif communicator[0].isdigit():
            found = [_numbers(communicator)]
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

    @property
    def alike(self) -> "Placement":
        """The same with as many threads on every rank as the one with the fewest has."""
        return replace(self, own=(min(map(self.threads, range(self.ranks))),) * self.ranks)

    def threads(self, rank: int) -> int:
        """Threads of one rank: the cores it is bound to, else its share of the host and of the machine."""
        share = self.cores[rank] // self.hosts.count(self.hosts[rank])
        of_machine = self.machine_cores[rank] // self.machines.count(self.machines[rank])
        return max(1, min(self.own[rank], share, of_machine))

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


def ranks_named(ranks: Iterable[int]) -> str:
    """Ranks as the name of their communicator: 0-3+6."""
    runs: list[list[int]] = []
    for rank in sorted(ranks):
        if runs and rank == runs[-1][-1] + 1:
            runs[-1].append(rank)
        else:
            runs.append([rank])
    return "+".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _numbers(name: str) -> tuple[int, ...]:
    """The ranks of such a name."""
    ends = [part.partition("-") for part in name.split("+")]
    return tuple(rank for first, _, last in ends for rank in range(int(first), int(last or first) + 1))


def placement(group: mpi.Group) -> Placement:
    """Ask every rank where it is.

    A host offers the cores that its ranks together may use: bound ranks see one each, unbound ones see all. So does a
    machine; a quota is the machine's only where all its ranks are in one cgroup, else it is that of a container.
    """
    mine = frozenset(os.sched_getaffinity(0))
    cpus, own, machines, cgroups = zip(
        *group.gather((mine, physical_cores(mine), kernel() or group.hosts[group.rank], cgroup())), strict=True
    )
    here = {limits for limits, machine in zip(cgroups, machines, strict=True) if machine == machines[group.rank]}
    offered = (
        _offered(group.rank, group.hosts, cpus, core_quota()),
        _offered(group.rank, machines, cpus, core_quota() if len(here) == 1 else None),
    )
    cores, machine_cores = zip(*group.gather(offered), strict=True)
    return Placement(
        hosts=tuple(group.hosts), cpus=cpus, own=own, cores=cores, machines=machines, machine_cores=machine_cores
    )


def _offered(rank: int, places: Sequence[str], cpus: Sequence[frozenset[int]], quota: float | None) -> int:
    """Cores that the ranks at this rank's place may use together, within the quota."""
    union = frozenset().union(*(some for some, place in zip(cpus, places, strict=True) if place == places[rank]))
    cores = physical_cores(union)
    return max(1, int(min(cores, quota or cores)))

"""What names of members say of where they are, and whether a file of groups fits to them. Pure functions."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fabricbench.judge.peers import host_of

MOST_NAMED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """The group of each member, None where it is not known. `gaps`: what cannot be judged; `remarks`: what can."""

    groups: tuple[str, ...] | None = None
    gaps: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def grouping(named: Mapping[str, Sequence[str]] | None, names: Sequence[str]) -> Grouping:
    """The group of each member, by the hosts of each group; none for anybody where a host is in no group.

    A file may say more than it is asked: hosts that take no part are remarked.
    """
    if named is None:
        return Grouping()
    of = {host: group for group, hosts in named.items() for host in hosts}
    hosts = [host_of(name) for name in names]
    missing = sorted({host for host in hosts if host not in of})
    surplus = sorted(of.keys() - set(hosts))
    absent = f"{_listed(surplus)} of --groups took no part." if surplus else ""
    if not missing:
        return Grouping(groups=tuple(of[host] for host in hosts), remarks=(absent,) if absent else ())
    what = f"The groups and the hosts disagree: {_listed(missing)} in no group. {absent}".rstrip()
    return Grouping(
        gaps=(f"{what} Uplinks between groups were not judged, and may look like slow hosts: correct the file.",)
    )


def remarks(names: Sequence[str]) -> tuple[str, ...]:
    """What the placement of the members does to the answer."""
    counts = Counter(host_of(name) for name in names)
    if len(counts) == 1:
        return (
            "All members are on one host: what is named is a core, a memory or the path between two ranks, no cable.",
        )
    if len(set(counts.values())) == 1:
        return ()
    usual = Counter(counts.values()).most_common(1)[0][0]
    others = [f"{count} on {host}" for host, count in counts.items() if count != usual]
    return (
        f"Hosts have different numbers of members ({_listed(others)}, else {usual}): members of one host share its "
        "link while all talk at once, so that they look slow at first, and only what is slow alone, too, is confirmed. "
        "Start as many on every host.",
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(names[:MOST_NAMED])}{more}"

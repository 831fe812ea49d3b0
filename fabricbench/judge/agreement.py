"""What every node is and runs, beside what most of them are and run."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from fabricbench.judge.evidence import Evidence, undecided, unknown
from fabricbench.model import Facts
from fabricbench.store import Result

INVENTORY = "inventory"

_MAJORITY = "majority of the nodes"
_PLACE = frozenset({"cores_usable"})
"""What follows from the binding of ranks and says nothing of the node."""
_ALIKE = 0.01
"""Sizes of memory that differ by less are the same: firmware keeps a little for itself, not always as much."""


def agreement(results: Sequence[Result], every: Sequence[str]) -> dict[str, list[Evidence]]:
    """Of every node whether it is what most are and runs what most run; what differs is named.

    every: all nodes.
    """
    known = _facts(results)
    if not known:
        return {host: [unknown(INVENTORY, "no inventory was taken")] for host in every}
    if len(every) == 1:
        return {host: [undecided(INVENTORY, "one node has no peers", _MAJORITY)] for host in every}
    names = dict.fromkeys(name for facts in known.values() for name in facts if name not in _PLACE)
    odd: dict[str, list[Evidence]] = {host: [] for host in every}
    for name in names:
        for host, test in _odd(name, {host: facts.get(name, "not set") for host, facts in known.items()}):
            odd[host].append(test)
    for host in every:
        if host not in known:
            odd[host] = [unknown(INVENTORY, "no inventory of this node was taken")]
        elif not odd[host]:
            text = f"nothing that differs from most of {len(known)} nodes"
            odd[host] = [Evidence(test=INVENTORY, verdict="PASS", found=text, threshold="equal", source=_MAJORITY)]
    return odd


def _facts(results: Sequence[Result]) -> dict[str, Facts]:
    """All that is known of every node, as its last inventory says."""
    found: dict[str, Facts] = {}
    for result in results:
        for launch in result.launches:
            first: Facts = {**result.run.machine, **result.run.software, **launch.environment}
            for host, differing in (launch.inventory or {}).items():
                found[host] = {**first, **differing, "hostname": ""}
    return found


def _odd(name: str, values: Mapping[str, object]) -> Iterable[tuple[str, Evidence]]:
    """Nodes that have another value than most; all of them where no value has the majority."""
    texts = {host: _text(value) for host, value in (_levelled(values) if name == "memory" else values).items()}
    (usual, count), *others = Counter(texts.values()).most_common()
    if not others:
        return
    most = 2 * count > len(texts)
    for host, text in texts.items():
        if not most or text != usual:
            rest = (
                f"{usual} on {count} of {len(texts)} nodes" if most else f"{len(others) + 1} values, none on most nodes"
            )
            yield (
                host,
                Evidence(test=f"{INVENTORY}: {name}", verdict="WARN", found=text, threshold=rest, source=_MAJORITY),
            )


def _levelled(values: Mapping[str, object]) -> dict[str, object]:
    """Sizes, with those that hardly differ from the middle one made equal to it."""
    sizes = [value for value in values.values() if isinstance(value, int | float)]
    middle = median(sizes) if sizes else 0
    return {
        host: middle if isinstance(value, int | float) and abs(value - middle) <= _ALIKE * middle else value
        for host, value in values.items()
    }


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

"""What every node is and runs, beside what most of them are and run."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from fabricbench.judge.evidence import Evidence, undecided, unknown
from fabricbench.model import Facts, Scalar
from fabricbench.store import Result

INVENTORY = "inventory"

Value = Scalar | list[str]

_MAJORITY = "majority of the nodes"
_PLACE = frozenset({"hostname", "cores_usable"})
"""What differs by nature, or follows from the binding of ranks."""
_OF_A_LAUNCH = re.compile(r"job_?id|wdir|num_procs|rank|vpid|uri|session", re.IGNORECASE)
"""Variables that differ from launch to launch and say nothing of a node."""
_ALIKE = 0.01
"""Sizes of memory that differ by less are the same: firmware keeps a little for itself, not always as much."""


def inventory(results: Iterable[Result]) -> dict[str, Facts]:
    """All that is known of every node: its machine, software and environment, as its last launch says."""
    found: dict[str, Facts] = {}
    for result in results:
        for launch in result.launches:
            steering = {name: text for name, text in launch.environment.items() if not _OF_A_LAUNCH.search(name)}
            first: Facts = {**result.run.machine, **result.run.software, **steering}
            for host, differing in (launch.inventory or {}).items():
                found[host] = {**first, **differing, "hostname": host}
    return found


def usual(known: Mapping[str, Facts]) -> Facts:
    """Of every name the value that most nodes have; those that no value has the majority of are left out."""
    found: Facts = {}
    for name in _names(known):
        values = _values(name, known)
        value, count = Counter(map(_text, values.values())).most_common(1)[0]
        if 2 * count > len(values):
            found[name] = next(one for one in values.values() if _text(one) == value)
    return found


def agreement(known: Mapping[str, Facts], every: Sequence[str]) -> dict[str, list[Evidence]]:
    """Of every node whether it is what most are and runs what most run; what differs is named. every: all nodes."""
    odd: dict[str, list[Evidence]] = {host: [] for host in every}
    for name in _names(known):
        for host, test in _odd(name, _values(name, known)):
            odd[host].append(test)
    return {host: _of(host, tests, known) for host, tests in odd.items()}


def _of(host: str, odd: list[Evidence], known: Mapping[str, Facts]) -> list[Evidence]:
    if host not in known:
        return [unknown(INVENTORY, f"no inventory {'of this node ' if known else ''}was taken")]
    if len(known) == 1:
        return [undecided(INVENTORY, "one node has no peers", _MAJORITY)]
    text = f"nothing that differs from most of {len(known)} nodes"
    return odd or [Evidence(test=INVENTORY, verdict="PASS", found=text, threshold="equal", source=_MAJORITY)]


def _names(known: Mapping[str, Facts]) -> list[str]:
    return list(dict.fromkeys(name for facts in known.values() for name in facts if name not in _PLACE))


def _values(name: str, known: Mapping[str, Facts]) -> dict[str, Value]:
    """One fact of every node; sizes of memory that hardly differ from the middle one made equal to it."""
    found: dict[str, Value] = {host: facts.get(name, "not set") for host, facts in known.items()}
    sizes = [value for value in found.values() if isinstance(value, int | float)] if name == "memory" else []
    if not sizes:
        return found
    middle = median(sizes)
    return {
        host: middle if isinstance(value, int | float) and abs(value - middle) <= _ALIKE * middle else value
        for host, value in found.items()
    }


def _odd(name: str, values: Mapping[str, Value]) -> Iterable[tuple[str, Evidence]]:
    """Nodes that have another value than most; all of them where no value has the majority."""
    texts = {host: _text(value) for host, value in values.items()}
    (common, count), *others = Counter(texts.values()).most_common()
    most = 2 * count > len(texts)
    said = f"{common} on {count} of {len(texts)} nodes" if most else f"{len(others) + 1} values, none on most nodes"
    for host, text in texts.items():
        if others and not (most and text == common):
            yield (
                host,
                Evidence(test=f"{INVENTORY}: {name}", verdict="WARN", found=text, threshold=said, source=_MAJORITY),
            )


def _text(value: Value) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)

"""What stands above the tables of a result: alarms first, then what identifies it."""

from collections.abc import Iterable, Mapping, Sequence

from fabricbench.judge.inventory import agreement, inventory
from fabricbench.model import ClockReport, Flag, Record
from fabricbench.quantity import about_size, time_text
from fabricbench.store import Result

FLAGS: Mapping[Flag, tuple[str, str]] = {
    "oversubscribed": ("more ranks than cores.", "Start fewer ranks, or use more hosts."),
    "cpu-fallback": ("no GPU did this, the CPU did.", "Run where `list devices` names a GPU."),
    "colocated": ("several ranks shared one device.", "Start one rank a device."),
    "injected": ("a fault was put in on purpose.", "Leave --inject out; this is no baseline."),
    "scaled": ("the size was reduced to fit.", "Use more memory, or ask for this size."),
    "throttled": ("the clock was held down.", "Cool it, or raise its power limit."),
    "in-cache": ("the data fits in a cache.", "Ask for a size beyond the last-level cache."),
}
"""What a flag of a record means, and what would remove it."""

_HARMLESS = frozenset({"in-cache"})
_FEW_HOSTS = 4
_DETAILS = frozenset(
    {
        *("architecture", "caches", "clock_source", "cores_logical", "distribution", "huge_pages", "nics"),
        *("numa_nodes", "transparent_huge_pages", "llvmlite", "msgspec", "scipy"),
    }
)
"""Parts of machine and software that stay in the file: a page needs a first screen."""


def alarms(result: Result) -> tuple[str, ...]:
    """What was asked for and cannot be had, in capitals, before any number."""
    lines = [*_unfinished(result), *_unlike(result)]
    records = result.records
    if wrong := sum(record.check.status == "wrong" for record in records):
        lines.append(f"WRONG RESULTS in {wrong} of {len(records)} records.")
    for flag, (meaning, remedy) in FLAGS.items():
        flagged = sum(flag in record.conditions.flags for record in records)
        if flagged and flag not in _HARMLESS:
            lines.append(f"{flag.upper()} in {flagged} of {len(records)} records: {meaning} {remedy}")
    return tuple(lines)


def _unfinished(result: Result) -> list[str]:
    lines = []
    if result.end is None:
        lines.append("INCOMPLETE: the run was interrupted; what it measured before is shown.")
    elif result.end.status != "complete":
        lines.append(f"INCOMPLETE: the run ended as '{result.end.status}'.")
    return [*lines, f"LOST: {result.lost}"] if result.lost else lines


def _unlike(result: Result) -> list[str]:
    """Hosts that are not what most are, or do not run what most run."""
    hosts = list(dict.fromkeys(host for launch in result.launches for host in launch.hosts))
    odd = {
        host: [one.test.partition(": ")[2] for one in tests if one.verdict == "WARN"]
        for host, tests in agreement(inventory([result]), hosts).items()
    }
    named = [f"{host} in {', '.join(names)}" for host, names in odd.items() if names]
    more = f" and {len(named) - _FEW_HOSTS} more" if len(named) > _FEW_HOSTS else ""
    return [f"HOSTS DIFFER: {'; '.join(named[:_FEW_HOSTS])}{more}. `verdict` says how."] if named else []


def facts(result: Result) -> tuple[tuple[str, str], ...]:
    """Name and value of what identifies the measurement."""
    run = result.run
    if imported(result.records):
        return (
            ("file", result.path),
            ("run", f"{run.id}, imported {run.started} by fabricbench {run.fabricbench}"),
            ("printed by", ", ".join(f"{name} {said}".removesuffix(" unknown") for name, said in run.software.items())),
            ("logs", _logs(result)),
        )
    series = {f"{one.pairing.side} side of {one.pairing.id}" for one in result.launches if one.pairing}
    return (
        ("file", result.path),
        *([("series", ", ".join(sorted(series)))] if series else []),
        ("run", f"{run.id}, {run.started}, fabricbench {run.fabricbench}, seed {run.seed}"),
        ("command", " ".join(["fabricbench", *run.command])),
        ("machine", _machine(run.machine)),
        ("software", _listed(run.software)),
        ("launches", _launches(result)),
        ("clock", _clocks([launch.clock for launch in result.launches])),
    )


def imported(records: Sequence[Record]) -> bool:
    """Whether all rows are of other tools."""
    return bool(records) and all(record.origin is not None for record in records)


def _logs(result: Result) -> str:
    names = _distinct(record.origin.file for record in result.records if record.origin)
    return f"{len(result.launches)} ({' '.join(names[:_FEW_HOSTS])}{' ...' if len(names) > _FEW_HOSTS else ''})"


def _machine(machine: Mapping[str, object]) -> str:
    sizes = {
        name: about_size(value)
        for name, value in machine.items()
        if name.startswith("memory") and isinstance(value, int | float)
    }
    return _listed({**machine, **sizes})


def _listed(values: Mapping[str, object]) -> str:
    """What is known of each, without details."""
    known = {name: value for name, value in values.items() if value not in ("unknown", "none")}
    return ", ".join(f"{name} {_plain(value)}" for name, value in known.items() if name not in _DETAILS) or "unknown"


def _plain(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _launches(result: Result) -> str:
    shapes = _distinct(
        f"{launch.ranks} ranks on {_hosts(launch.hosts)}, binding {launch.binding}" for launch in result.launches
    )
    found, asked = len(result.launches), result.run.launches
    held = [one.telemetry.memory_bytes or 0 for one in result.records if one.telemetry is not None]
    memory = f", at most {about_size(max(held))} of memory a rank" if any(held) else ""
    least = "at most " if any(launch.pairing for launch in result.launches) else ""
    return f"{found if found >= asked else f'{found} of {least}{asked}'}, {'; '.join(shapes) or 'none'}{memory}"


def _hosts(hosts: Sequence[str]) -> str:
    names = _distinct(hosts)
    shown = " ".join(names[:_FEW_HOSTS]) + (" ..." if len(names) > _FEW_HOSTS else "")
    return f"{len(names)} host{'s' if len(names) > 1 else ''} ({shown})"


def _clocks(clocks: Sequence[ClockReport]) -> str:
    """Sources and whether they can be trusted; numbers are the worst of all launches."""
    said = _distinct(f"{one.source}, {'verified' if one.verified else 'NOT verified'} across ranks" for one in clocks)
    worst = {
        "one reading": [one.read_s for one in clocks if one.read_s is not None],
        "offsets within": [one.bound_s for one in clocks if one.bound_s is not None],
    }
    numbers = [f"{name} {time_text(max(found))}" for name, found in worst.items() if found]
    return ", ".join(["; ".join(said), *numbers]) or "unknown"


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))

"""Bounds that every launch measures first, in its own place and hour: memory copy, empty step, clock."""

from dataclasses import replace

import msgspec

from fabricbench.device import probe
from fabricbench.engine import session
from fabricbench.engine.setting import Setting
from fabricbench.errors import NotMeasuredError, UnavailableError
from fabricbench.measure import clock
from fabricbench.model import Case, Ceiling
from fabricbench.quantity import about_size, size_text

COPY_BYTES = 32 << 20


def measured(setting: Setting) -> list[Ceiling]:
    """Ceilings of this launch, the same on every rank."""
    group = setting.group
    highest = [max(group.gather(value)) for value in (clock.empty_step_s(), clock.read_cost_s())]
    return [
        *_copy(setting),
        *_device(setting),
        _ceiling(setting, "step", highest[0], "s", "empty compiled step, slowest rank"),
        _ceiling(setting, "clock", highest[1], "s", "one reading, slowest rank"),
    ]


def _copy(setting: Setting) -> list[Ceiling]:
    case = Case(
        operation="copy", variant="numba", memory="host", dtype="float64", nbytes=COPY_BYTES,
        ranks=setting.group.ranks, cadence="isolated", mode="blocking", in_place=False, params={},
    )  # fmt: skip
    record = session.measure(replace(setting, fault=None), case)
    if record.check.status != "ok":
        raise NotMeasuredError(f"The copy that sets the memory ceiling is {record.check.status} on this machine.")
    source = f"copy/numba, {size_text(COPY_BYTES)} an array, all ranks at once"
    if "in-cache" in record.conditions.flags and setting.cache_bytes is not None:
        source += f", inside the {about_size(setting.cache_bytes)} last-level cache"
    return [_ceiling(setting, "memory", record.rates["bandwidth"], "B/s", source)]


def _device(setting: Setting) -> list[Ceiling]:
    """What the pins of the first GPU's memory carry, by its own attributes; nothing where there is none."""
    try:
        card = probe.cards()[0]
    except UnavailableError:
        return []
    if card.bandwidth == 0:
        return []
    found = _ceiling(setting, "device-memory", card.bandwidth, "B/s", f"{card.name}, clock and width of its memory bus")
    return [msgspec.structs.replace(found, nature="physical")]


def _ceiling(setting: Setting, resource: str, value: float, unit: str, source: str) -> Ceiling:
    return Ceiling(
        launch=setting.launch, resource=resource, scope="rank", value=float(f"{value:.6g}"), unit=unit,
        nature="measured", source=source,
    )  # fmt: skip

"""What is known of a case when it has been sampled, as its record."""

from dataclasses import dataclass

import msgspec

from fabricbench import forced, mpi, statistics
from fabricbench import traffic as traffic_model
from fabricbench.device import gpu, probe
from fabricbench.engine import aggressors, catalogue, compose, params, suite
from fabricbench.engine.preparing import BY_DEVICE, Prepared
from fabricbench.engine.setting import Setting
from fabricbench.measure.gpu import EVENT_S
from fabricbench.measure.sampling import UNLOADED, Sampled
from fabricbench.model import (
    Case,
    Check,
    Conditions,
    Doubt,
    Flag,
    RankTimes,
    Record,
    Summary,
    Sync,
    Telemetry,
    TimeBase,
    Traffic,
)  # fmt: skip
from fabricbench.quantity import time_text
from fabricbench.spec import Operation, Question, Variant

SHORTEST_READS = 20
"""Clock reads that an isolated operation must last for its time to mean something."""
OUT_OF_CACHE = 4
"""Times the size of a GPU's cache from which on what stays in it no longer counts."""
UNEVEN = 0.01
"""Share of a sample by which its ranks may have started apart, late or not: times are no better than that."""


@dataclass(frozen=True)
class Slowed:
    """What held the clocks of GPUs down while they were measured, and why that is not known."""

    reasons: tuple[str, ...] = ()
    unknown: str | None = None

    def doubts(self) -> list[Doubt]:
        """What a reader of the row must know."""
        found = []
        if self.reasons:
            text = f"A GPU's clock was held down by {', '.join(self.reasons)}."
            found.append(Doubt(code="throttled", text=text, remedy="Cool it, or raise its power limit."))
        if self.unknown is not None:
            text = f"Whether a GPU's clock was held down is unknown: {self.unknown}."
            found.append(Doubt(code="unobserved", text=text, remedy="Install nvidia-ml-py, and let it read the GPU."))
        return found


@dataclass(frozen=True, kw_only=True)
class Around:
    """What was there beside a block of samples: evidence, a fault that was put in, what held a GPU back."""

    telemetry: Telemetry
    injected: bool
    slowed: Slowed


def record(
    setting: Setting, operation: Operation, variant: Variant, prepared: Prepared, sampled: Sampled, check: Check,
    around: Around,
) -> Record:  # fmt: skip
    """The record of one case, the same on every rank."""
    case = prepared.case
    rated = compose.communicates(case) and ("overlap" not in case.params or case.params["part"] == "communication")
    traffic = _traffic(setting, operation, case, prepared.members)
    flags = _flags(setting, operation, variant, case, around)
    summary = statistics.summarise(sampled.samples_s, sampled.excluded, case.cadence, sampled.stop)
    rates = traffic_model.rates(operation.rates if rated else (), case, traffic, summary.median_s or 0.0)
    return Record(
        launch=setting.launch, case=case, conditions=_conditions(setting, variant, case, prepared.start.kind, flags),
        time=_time_base(setting, None if around.injected else variant), repeats=sampled.repeats,
        samples_s=sampled.samples_s, skew_s=sampled.skew_s,
        ranks_s=sampled.ranks_s, excluded=sampled.excluded, device_s=None, traffic=traffic, check=check,
        summary=summary, rates=rates, doubts=[*doubts(case, sampled, setting), *around.slowed.doubts()],
        telemetry=around.telemetry, origin=None,
    )  # fmt: skip


def reference_name(operation: Operation, case: Case) -> str:
    """What the result was compared with."""
    if not compose.communicates(case):
        return "the same rounds in one piece"
    return "order of entry and exit" if operation.verify is not None else "numpy, exact"


def _time_base(setting: Setting, variant: Variant | None) -> TimeBase:
    """Of a variant as it is; of none where a fault's own time was added, or nothing was measured."""
    if variant is not None and variant.step in BY_DEVICE:
        return "device"
    return "global" if setting.clock.verified else "maxlocal"


def _traffic(setting: Setting, operation: Operation, case: Case, taking_part: tuple[int, ...]) -> Traffic:
    """Traffic of the first participant; between ranks of one host it goes through memory, not over a link."""
    if not compose.communicates(case):
        return Traffic(sent=0.0, received=0.0, flops=0.0, resource="none")
    traffic = operation.traffic(Question(case=case, rank=0, ranks=len(taking_part), seed=setting.seed))
    hosts = {setting.placement.hosts[rank] for rank in taking_part}
    if traffic.resource == "link" and len(hosts) == 1:
        return msgspec.structs.replace(traffic, resource="memory")
    if case.memory == "device" and traffic.resource != "host-link":
        # Not what the ceilings of the host's memory and processors bound.
        resource = "cache" if traffic.resource == "memory" and _in_device_cache(case) else traffic.resource
        return msgspec.structs.replace(traffic, resource=f"device-{resource}")
    return traffic


def _in_device_cache(case: Case) -> bool:
    """Whether so much of a case may stay in the GPU's cache that its memory's bandwidth is no bound."""
    return suite.bytes_per_rank(case) < OUT_OF_CACHE * probe.cards()[0].l2_bytes


def _flags(setting: Setting, operation: Operation, variant: Variant, case: Case, around: Around) -> list[Flag]:
    flags: list[Flag] = []
    if setting.placement.oversubscribed:
        flags.append("oversubscribed")
    if around.injected:
        flags.append("injected")
    if around.slowed.reasons:
        flags.append("throttled")
    if variant.compiler and setting.placement.most_on_a_host > len(probe.cards()):
        flags.append("colocated")
    if operation.family == "memory" and _in_a_cache(setting, case):
        flags.append("in-cache")
    return flags


def _in_a_cache(setting: Setting, case: Case) -> bool:
    """Whether all of a case fits in the last cache before the memory that it lies in."""
    if case.memory == "device":
        return suite.bytes_per_rank(case) <= probe.cards()[0].l2_bytes
    return setting.cache_bytes is not None and _working_set(setting, case) <= setting.cache_bytes


def _working_set(setting: Setting, case: Case) -> int:
    return suite.bytes_per_rank(case) * setting.placement.most_on_a_machine


def _conditions(setting: Setting, variant: Variant, case: Case, start: Sync, flags: list[Flag]) -> Conditions:
    library = _local_library(setting, variant)
    if variant.compiler:
        library = "none" if variant.compiler in probe.absences() else gpu.opened(0).text(variant.compiler)
    if variant.uses_mpi and not variant.mpi_prepares:
        library = setting.group.library + (", thread multiple" if setting.group.threaded else "")
    placement = setting.placement.text
    if "aggressor" in case.params:
        placement = aggressors.placed(setting.placement, setting.seed)
    return Conditions(
        step=variant.step, sync=start, placement=placement,
        threads=setting.placement.threads(setting.group.rank), library=library,
        algorithm=_algorithm(setting.group, variant, case), flags=flags,
    )  # fmt: skip


def _algorithm(group: mpi.Group, variant: Variant, case: Case) -> str:
    """The variant's own, or what the library was forced to use; "unknown" where it chose by itself."""
    if variant.name not in ("mpi", "mpi4py"):
        return variant.name
    found = forced.forced(case.operation, case.mode, group.library, group.controls, len(set(group.hosts)))
    return f"{found} (forced)" if found else "unknown"


def _local_library(setting: Setting, variant: Variant) -> str:
    name = "numba" if variant.step == "compiled" else "numpy"
    return f"{name} {setting.software.get(name, 'unknown')}"


def doubts(case: Case, sampled: Sampled, setting: Setting) -> list[Doubt]:
    """Reasons to read the row with care."""
    found = []
    lasts = statistics.median_interval(sampled.samples_s).value * sampled.operations
    longer = params.one_by_one(case.params, in_place=case.in_place) or case.cadence == "streaming"
    read_s, ticks = setting.clock.read_s if case.cadence == "isolated" else None, "clock reads"
    if catalogue.variant(catalogue.operation(case.operation), case.variant).step in BY_DEVICE:
        read_s, ticks = EVENT_S, "steps of the GPU's events"
    if read_s and lasts < SHORTEST_READS * read_s:
        found.append(
            Doubt(
                code="too-short",
                text=f"One sample lasts {time_text(lasts)}, less than {SHORTEST_READS} {ticks}.",
                remedy="Measure a larger size." if longer else "Measure it with --cadence streaming.",
            )
        )
    if spoilt := sum(last - first + 1 for first, last, reason in sampled.excluded if reason == UNLOADED):
        found.append(
            Doubt(
                code="unloaded",
                text=f"{spoilt} of {len(sampled.samples_s)} samples were taken while aggressors paused; they are left "
                "out.",
                remedy="Give every rank a core of its own.",
            )
        )
    apart = statistics.median_interval(sampled.skew_s).value
    none_left_out = all(reason == UNLOADED for _, _, reason in sampled.excluded)
    if sampled.late and none_left_out and apart > UNEVEN * lasts:
        found.append(
            Doubt(
                code="late-starts",
                text=f"{sampled.late} of {len(sampled.samples_s)} samples started late on a rank; none was left out.",
                remedy="Give every rank a core of its own"
                + (", or read the streaming rows." if case.cadence == "isolated" else "."),
            )
        )
    return found


def skipped(setting: Setting, case: Case, variant: Variant, why: str) -> Record:
    """A row that says why there is no figure."""
    nothing_measured = Summary(n=0, median_s=None, low_s=None, high_s=None, p99_s=None, stop="skipped")
    return Record(
        launch=setting.launch, case=case, conditions=_conditions(setting, variant, case, "none", []),
        time=_time_base(setting, None), repeats=1, samples_s=[], skew_s=[],
        ranks_s=RankTimes(median=[], mean=[], last=[]), excluded=[], device_s=None,
        traffic=Traffic(sent=0.0, received=0.0, flops=0.0, resource="none"),
        check=Check(status="skipped", wrong=0, worst=0.0, bound=0.0, reference="none"), summary=nothing_measured,
        rates={}, doubts=[Doubt(code="skipped", text=f"Not available: {why}", remedy="")], telemetry=None, origin=None,
    )  # fmt: skip

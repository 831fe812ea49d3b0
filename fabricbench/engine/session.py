"""One launch, on every rank: cases in seeded random order, prepared by vote, checked, sampled, checked, recorded."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from fabricbench import mpi, statistics
from fabricbench import traffic as traffic_model
from fabricbench.engine import catalogue, inject, suite
from fabricbench.engine.placement import Placement
from fabricbench.engine.watchdog import Standing
from fabricbench.errors import FabricbenchError, UnavailableError
from fabricbench.measure import sync, validate
from fabricbench.measure.loop import Hook, Loop, empty, hook, nothing, overwrite
from fabricbench.measure.sampling import Sampled, Sampler
from fabricbench.measure.telemetry import Observer
from fabricbench.model import (
    Case,
    Check,
    ClockReport,
    Conditions,
    Doubt,
    Flag,
    RankTimes,
    Record,
    Summary,
    Sync,
    TimeBase,
    Traffic,
)  # fmt: skip
from fabricbench.quantity import time_text
from fabricbench.spec import Buffer, Operation, Question, Step, Variant, block, element_type

LARGEST_BLOCK = 256
SLOWED_BUDGET_S = 0.15
"""Time to learn what an operation takes before a fault makes it slower."""
ARRIVAL_BUDGET_S = 0.1
"""Time to learn what an operation takes when all ranks enter together."""
SHORTEST_READS = 20
"""Clock reads that an isolated operation must last for its time to mean something."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all cases of a launch share."""

    group: mpi.Group
    placement: Placement
    clock: ClockReport
    cache_bytes: int | None
    seed: int
    launch: int
    software: dict[str, str]
    budget_s: float
    tail: bool
    fault: inject.Fault | None
    standing: Standing


@dataclass
class Place:
    """The Context that a variant finds: buffers of this rank, and the roads to MPI and native code."""

    question: Question
    inputs: tuple[Buffer, ...]
    output: Buffer
    threads: int
    group: mpi.Group
    members: tuple[int, ...]

    @property
    def send(self) -> Buffer:
        """The first input; the output itself where the case is in place."""
        return self.output if self.question.case.in_place else self.inputs[0]

    @property
    def mpi(self) -> mpi.World:
        """MPI."""
        if not isinstance(self.group, mpi.World):
            raise UnavailableError("There is no MPI library.", mpi.INSTALL)
        return self.group

    def peer(self, index: int) -> int:
        """Rank in the communicator of a participant."""
        return self.members[index]

    def once(self, body: Callable[[Any], int], arguments: Any) -> None:
        """Compile a body and call it now."""
        Loop(step=Step(call=body, block=arguments)).take(1, 1)


def members(case: Case, placement: Placement, rank: int) -> tuple[int, ...]:
    """Ranks that take part together with this one, in their order within the operation.

    Where a case asks for communicators, several groups do so at once; a rank in none is told of the first.
    """
    if "alone" in case.params:
        return (int(case.params["alone"]),)
    if catalogue.operation(case.operation).pair:
        return placement.pair(str(case.params["distance"]))
    groups = placement.groups(str(case.params.get("communicator", "world")))
    return next((group for group in groups if rank in group), groups[0] if groups else ())


def question_of(case: Case, taking_part: tuple[int, ...], rank: int, seed: int) -> Question | None:
    """What this rank is asked; None for a rank without a part. Each of several groups has inputs of its own."""
    if rank not in taking_part:
        return None
    return Question(case=case, rank=taking_part.index(rank), ranks=len(taking_part), seed=seed + taking_part[0])


def measure(setting: Setting, case: Case) -> Record:
    """One case, from preparation to record; the same record on every rank."""
    operation = catalogue.operation(case.operation)
    variant = catalogue.variant(operation, case.variant)
    setting.standing.at(f"{case.text()}: preparing")
    with ExitStack() as stack:
        try:
            prepared = prepare(setting, case, stack)
        except UnavailableError as error:
            return _skipped(setting, case, variant, operation, error.what)
        return _measured(
            setting, operation, variant, case, members(case, setting.placement, setting.group.rank), prepared
        )


@dataclass(frozen=True)
class Prepared:
    """A step with everything around it."""

    question: Question | None
    inputs: tuple[Buffer, ...]
    output: Buffer
    loop: Loop
    start: sync.Synchroniser


def prepare(setting: Setting, case: Case, stack: ExitStack) -> Prepared:
    """A case ready to be run; `stack` frees it.

    Raises UnavailableError, on every rank alike, with the first rank's reason.
    """
    trouble, made = None, None
    try:
        made = _prepared(setting, case, stack)
    except (FabricbenchError, MemoryError, OSError) as error:
        trouble = str(error) or type(error).__name__
    trouble = setting.group.agree(trouble)
    if trouble is not None or made is None:
        raise UnavailableError(trouble or "")
    return made


def _prepared(setting: Setting, case: Case, stack: ExitStack) -> Prepared:
    group = setting.group
    taking_part = members(case, setting.placement, group.rank)
    operation = catalogue.operation(case.operation)
    variant = catalogue.variant(operation, case.variant)
    own = _communicator(group, case, taking_part, stack)
    _refuse(operation, variant, case, taking_part)
    missing = [symbol for symbol in variant.needs.get(case.mode, ()) if not group.has(symbol)]
    if missing:
        raise UnavailableError(f"{group.library} has no {', '.join(missing)}.")
    start = sync.synchroniser(
        group,
        common_clock=setting.clock.verified,
        room=not setting.placement.oversubscribed,
        samples=LARGEST_BLOCK,
    )
    question = question_of(case, taking_part, group.rank, setting.seed)
    inputs, output = buffers(operation, question)
    restore = restoring(operation, question, inputs, output)
    if question is None:
        step = Step(call=nothing, block=block(unused=0))
    else:
        threads = setting.placement.threads(group.rank)
        place = Place(question, inputs, output, threads, own, taking_part)
        step = stack.enter_context(variant.prepare(place))
    acknowledge = {"ack": sync.barrier(group)} if operation.window and isinstance(group, mpi.World) else {}
    loop = Loop(
        step=step, restore=restore, sync=start.hook, cell=setting.standing.cell,
        window=operation.window if acknowledge else 0, **acknowledge,
    )  # fmt: skip
    return Prepared(question, inputs, output, loop, start)


def _communicator(group: mpi.Group, case: Case, taking_part: tuple[int, ...], stack: ExitStack) -> mpi.Group:
    """The communicator of this rank's group, made on all ranks at once."""
    if "communicator" not in case.params or not isinstance(group, mpi.World):
        return group
    made = group.split(taking_part[0] if group.rank in taking_part else group.ranks)
    stack.callback(made.communicator.Free)
    return made


def _refuse(operation: Operation, variant: Variant, case: Case, taking_part: tuple[int, ...]) -> None:
    """Raises UnavailableError for what a smaller group than all ranks cannot do."""
    if "communicator" not in case.params:
        return
    if not taking_part:
        raise UnavailableError(
            f"There is no communicator {case.params['communicator']} of equal groups of 2 ranks here."
        )
    smaller = msgspec.structs.replace(case, ranks=len(taking_part))
    refused = operation.refuse(smaller) or suite.refusal(variant, smaller)
    if refused:
        raise UnavailableError(f"In groups of {smaller.ranks} ranks {case.operation}/{case.variant} {refused}.")
    count = case.nbytes // element_type(case.dtype).itemsize
    if operation.fit(count, smaller.ranks) != count:
        raise UnavailableError(f"{case.nbytes} bytes cannot be shared out among groups of {smaller.ranks} ranks.")


def buffers(operation: Operation, question: Question | None) -> tuple[tuple[Buffer, ...], Buffer]:
    """Inputs and output of one rank; the output has room for an input that lies in it."""
    if question is None:
        return (), Buffer(0, "uint8")
    layout = operation.layout(question)
    inputs = tuple(Buffer(count, question.dtype) for count in layout.inputs)
    room = layout.place + max(layout.inputs, default=0)
    return inputs, Buffer(layout.output, question.dtype, room=room)


def restoring(operation: Operation, question: Question | None, inputs: tuple[Buffer, ...], output: Buffer) -> Hook:
    """Brings the input back into the output before each sample, where the case is in place."""
    if question is None or not question.case.in_place or not inputs:
        return empty()
    place = operation.layout(question).place * question.dtype.itemsize
    return hook(overwrite, block(output=output.address + place, input=inputs[0].address, nbytes=inputs[0].nbytes))


def _measured(
    setting: Setting,
    operation: Operation,
    variant: Variant,
    case: Case,
    taking_part: tuple[int, ...],
    prepared: Prepared,
) -> Record:
    standing, fault = setting.standing, setting.fault
    injected = fault is not None and fault.hits(case)
    standing.at(f"{case.text()}: checking")
    checked = _validator(setting, operation, prepared, injected)
    before = checked.check()
    loop = _arriving(setting, case, prepared, _slowed(setting, case, prepared) if injected else prepared.loop)
    standing.at(case.text())
    with Observer() as observer:
        sampled = _sampler(setting, case, prepared, loop, setting.budget_s).sample(tail=setting.tail)
    standing.at(f"{case.text()}: checking again")
    after = replace(checked, loop=loop, question=_next_seed(prepared.question)).check()
    proven = operation.verify is None or setting.clock.verified
    check = validate.joined(before, after, _reference_name(operation), proven=proven)
    traffic = _traffic(setting, operation, case, taking_part)
    flags = _flags(setting, operation, case, injected)
    summary = statistics.summarise(sampled.samples_s, sampled.excluded, case.cadence, sampled.stop)
    rates = traffic_model.rates(operation.rates, case, traffic, summary.median_s or 0.0)
    return Record(
        launch=setting.launch, case=case, conditions=_conditions(setting, variant, prepared.start.kind, flags),
        time=_time_base(setting), repeats=sampled.repeats, samples_s=sampled.samples_s, skew_s=sampled.skew_s,
        ranks_s=sampled.ranks_s, excluded=sampled.excluded, device_s=None, traffic=traffic, check=check,
        summary=summary, rates=rates, doubts=doubts(case, sampled, setting), telemetry=observer.report(), origin=None,
    )  # fmt: skip


def _sampler(setting: Setting, case: Case, prepared: Prepared, loop: Loop, budget_s: float) -> Sampler:
    return Sampler(
        group=setting.group, loop=loop, start=prepared.start, taking_part=prepared.question is not None,
        common_clock=setting.clock.verified, cadence=case.cadence, budget_s=budget_s,
    )  # fmt: skip


def _slowed(setting: Setting, case: Case, prepared: Prepared) -> Loop:
    """The loop of a step that takes longer by the fault's factor, measured on the warm step itself."""
    fault, loop = setting.fault, prepared.loop
    if fault is None or fault.kind != "slow":
        return loop
    usual = _sampler(setting, case, prepared, loop, SLOWED_BUDGET_S).sample(tail=False)
    operation_s = statistics.median_interval(usual.samples_s).value
    if prepared.question is None:
        return loop
    return replace(loop, step=inject.slowed(loop.step, operation_s, fault.amount))


def _arriving(setting: Setting, case: Case, prepared: Prepared, loop: Loop) -> Loop:
    """The loop in which ranks enter apart, by `skew` times what the operation takes when they enter together."""
    if "arrival" not in case.params:
        return loop
    together = _sampler(setting, case, prepared, loop, ARRIVAL_BUDGET_S).sample(tail=False)
    apart_s = float(case.params["skew"]) * statistics.median_interval(together.samples_s).value
    pattern = str(case.params["arrival"])
    return replace(loop, sync=sync.arriving(loop.sync, pattern, apart_s, setting.group, setting.seed))


def _validator(setting: Setting, operation: Operation, prepared: Prepared, injected: bool) -> validate.Validator:
    fault = setting.fault
    last = prepared.question is not None and prepared.question.rank == prepared.question.ranks - 1
    spoil = inject.flip if injected and fault is not None and fault.kind == "flip" and last else None
    return validate.Validator(
        operation,
        prepared.question,
        prepared.inputs,
        prepared.output,
        prepared.loop,
        setting.group,
        spoil,
        setting.clock.verified,
    )


def _next_seed(question: Question | None) -> Question | None:
    """Other input for the second check, so that the first one's output cannot pass for it."""
    return None if question is None else replace(question, seed=question.seed + 1)


def _reference_name(operation: Operation) -> str:
    return "order of entry and exit" if operation.verify is not None else "numpy, exact"


def _time_base(setting: Setting) -> TimeBase:
    return "global" if setting.clock.verified else "maxlocal"


def _traffic(setting: Setting, operation: Operation, case: Case, taking_part: tuple[int, ...]) -> Traffic:
    """Traffic of the first participant; between ranks of one host it goes through memory, not over a link."""
    traffic = operation.traffic(Question(case=case, rank=0, ranks=len(taking_part), seed=setting.seed))
    hosts = {setting.placement.hosts[rank] for rank in taking_part}
    if traffic.resource == "link" and len(hosts) == 1:
        return msgspec.structs.replace(traffic, resource="memory")
    return traffic


def _flags(setting: Setting, operation: Operation, case: Case, injected: bool) -> list[Flag]:
    flags: list[Flag] = []
    if setting.placement.oversubscribed:
        flags.append("oversubscribed")
    if injected:
        flags.append("injected")
    cache = setting.cache_bytes
    if operation.family == "memory" and cache is not None and _working_set(setting, case) <= cache:
        flags.append("in-cache")
    return flags


def _working_set(setting: Setting, case: Case) -> int:
    return suite.bytes_per_rank(case) * setting.placement.most_on_a_host


def _conditions(setting: Setting, variant: Variant, start: Sync, flags: list[Flag]) -> Conditions:
    library = setting.group.library if variant.uses_mpi else _local_library(setting, variant)
    return Conditions(
        step=variant.step, sync=start, placement=setting.placement.text,
        threads=setting.placement.threads(setting.group.rank), library=library,
        algorithm="unknown" if variant.name in ("mpi", "mpi4py") else variant.name, flags=flags,
    )  # fmt: skip


def _local_library(setting: Setting, variant: Variant) -> str:
    name = "numba" if variant.step == "compiled" else "numpy"
    return f"{name} {setting.software.get(name, 'unknown')}"


def doubts(case: Case, sampled: Sampled, setting: Setting) -> list[Doubt]:
    """Reasons to read the row with care."""
    found = []
    lasts = statistics.median_interval(sampled.samples_s).value * sampled.operations
    if case.cadence == "isolated" and setting.clock.read_s and lasts < SHORTEST_READS * setting.clock.read_s:
        found.append(
            Doubt(
                code="too-short",
                text=f"One sample lasts {time_text(lasts)}, less than {SHORTEST_READS} clock reads.",
                remedy="Measure it with --cadence streaming.",
            )
        )
    if sampled.late and not sampled.excluded:
        found.append(
            Doubt(
                code="late-starts",
                text=f"{sampled.late} of {len(sampled.samples_s)} samples started late on a rank; none was left out.",
                remedy="Give every rank a core of its own, or read the streaming rows.",
            )
        )
    return found


def _skipped(setting: Setting, case: Case, variant: Variant, operation: Operation, why: str) -> Record:
    """A row that says why there is no figure."""
    nothing_measured = Summary(n=0, median_s=None, low_s=None, high_s=None, p99_s=None, stop="skipped")
    return Record(
        launch=setting.launch, case=case, conditions=_conditions(setting, variant, "none", []),
        time=_time_base(setting), repeats=1, samples_s=[], skew_s=[], ranks_s=RankTimes(median=[], mean=[], last=[]),
        excluded=[], device_s=None, traffic=Traffic(sent=0.0, received=0.0, flops=0.0, resource="none"),
        check=Check(status="skipped", wrong=0, worst=0.0, bound=0.0, reference="none"), summary=nothing_measured,
        rates={}, doubts=[Doubt(code="skipped", text=f"Not available: {why}", remedy="")], telemetry=None, origin=None,
    )  # fmt: skip

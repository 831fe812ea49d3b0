"""One launch, on every rank: cases in seeded random order, prepared by vote, checked, sampled, checked, recorded."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np

from fabricbench import forced, mpi, native, statistics
from fabricbench import traffic as traffic_model
from fabricbench.engine import catalogue, compose, inject, suite
from fabricbench.engine.placement import Placement
from fabricbench.engine.watchdog import Standing
from fabricbench.errors import FabricbenchError, UnavailableError
from fabricbench.measure import sync, validate
from fabricbench.measure.loop import Hook, Loop, empty, hook, nothing, overwrite
from fabricbench.measure.sampling import Sampled, Sampler, in_turn
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
OVERLAP_BUDGET_S = 0.1
"""Time to learn what a collective takes before something is computed beside it."""
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

    def address(self, body: Callable[[Any], int], arguments: Any) -> int:
        """Address of a compiled body; its machine code is kept for the whole launch."""
        return native.compile(body, arguments).address


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
    return measure_linked(setting, [case])[0]


def measure_linked(setting: Setting, cases: list[Case]) -> list[Record]:
    """Cases that differ in `part` only, prepared once and sampled in turn; or a single case."""
    case = cases[0]
    operation = catalogue.operation(case.operation)
    variant = catalogue.variant(operation, case.variant)
    setting.standing.at(f"{case.text()}: preparing")
    with ExitStack() as stack:
        try:
            prepared = prepare(setting, case, stack)
        except UnavailableError as error:
            return [_skipped(setting, one, variant, operation, error.what) for one in cases]
        parts = _parts(setting, operation, cases, prepared)
        return _measured(setting, operation, variant, members(case, setting.placement, setting.group.rank), parts)


@dataclass(frozen=True)
class Prepared:
    """A step with everything around it."""

    question: Question | None
    inputs: tuple[Buffer, ...]
    output: Buffer
    loop: Loop
    start: sync.Synchroniser
    case: Case
    composed: compose.Composed | None = None


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
    if question is None:
        step = Step(call=nothing, block=block(unused=0))
    else:
        threads = setting.placement.threads(group.rank)
        place = Place(question, inputs, output, threads, own, taking_part)
        step = stack.enter_context(variant.prepare(place))
        if "overlap" in case.params:
            compose.refuse(case, step, setting.placement)
    restore = restoring(operation, question, inputs, output)
    acknowledge = {"ack": sync.barrier(group)} if operation.window and isinstance(group, mpi.World) else {}
    loop = Loop(
        step=step, restore=restore, sync=start.hook, cell=setting.standing.cell,
        window=operation.window if acknowledge else 0, **acknowledge,
    )  # fmt: skip
    return Prepared(question, inputs, output, loop, start, case)


def _parts(setting: Setting, operation: Operation, cases: list[Case], prepared: Prepared) -> list[Prepared]:
    """Each case with its own step made of the prepared one; the computation is sized by the communication."""
    if "part" not in cases[0].params:
        return [prepared]
    if prepared.question is not None:
        validate.fill(operation, prepared.question, prepared.inputs)  # memory never written is read too fast
    alone = _sampler(setting, prepared, prepared.loop, OVERLAP_BUDGET_S).sample(tail=False)
    lasts_s = statistics.median_interval(alone.samples_s).value
    slices, rounds = compose.rounds_of(float(cases[0].params["ratio"]) * lasts_s)
    # The fastest rank's number for all of them, so that every rank computes the same.
    rounds = int(setting.group.highest(np.array([rounds]))[0])
    parts = []
    for case in cases:
        step = prepared.loop.step
        made = None if prepared.question is None else compose.composed(step, case, slices, rounds, lasts_s)
        loop = prepared.loop if made is None else replace(prepared.loop, step=made.step)
        parts.append(replace(prepared, loop=loop, case=case, composed=made))
    return parts


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
    taking_part: tuple[int, ...],
    parts: list[Prepared],
) -> list[Record]:
    standing, fault, case = setting.standing, setting.fault, parts[0].case
    injected = fault is not None and fault.hits(case)
    standing.at(f"{case.text()}: checking")
    checked = [_validator(setting, operation, part, injected) for part in parts]
    before = [_check(one, part) for one, part in zip(checked, parts, strict=True)]
    loops = [_arriving(setting, part, _slowed(setting, part) if injected else part.loop) for part in parts]
    standing.at(case.text())
    samplers = [_sampler(setting, part, loop, setting.budget_s) for part, loop in zip(parts, loops, strict=True)]
    with Observer() as observer:
        found = in_turn(samplers, tail=setting.tail)
    standing.at(f"{case.text()}: checking again")
    asked = [
        replace(one, loop=loop, question=_next_seed(one.question)) for one, loop in zip(checked, loops, strict=True)
    ]
    after = [_check(one, part) for one, part in zip(asked, parts, strict=True)]
    proven = operation.verify is None or setting.clock.verified
    checks = [
        validate.joined(first, last, _reference_name(operation, part.case), proven=proven)
        for first, last, part in zip(before, after, parts, strict=True)
    ]
    return [
        _record(setting, operation, variant, taking_part, part, sampled, check, observer, injected)
        for part, sampled, check in zip(parts, found, checks, strict=True)
    ]


def _check(checked: validate.Validator, part: Prepared) -> validate.Verdict:
    """The comparison with the reference; where something was computed beside, that must be right, too."""
    made = part.composed
    if "part" not in part.case.params:
        return checked.check()
    if made is not None:
        made.forget()
    if compose.communicates(part.case):
        verdict = checked.check()
    else:
        checked.loop.take(1, 1)
        verdict = validate.Verdict(0, 0.0, 0.0)
    computed = checked.group.gather(made.wrong() if made is not None else 0)
    return replace(verdict, wrong=verdict.wrong + sum(computed))


def _record(  # noqa: PLR0913, PLR0917 - what is known of a case when it has been sampled
    setting: Setting, operation: Operation, variant: Variant, taking_part: tuple[int, ...], prepared: Prepared,
    sampled: Sampled, check: Check, observer: Observer, injected: bool,
) -> Record:  # fmt: skip
    case = prepared.case
    rated = compose.communicates(case) and case.params.get("part") != "both"
    traffic = _traffic(setting, operation, case, taking_part)
    flags = _flags(setting, operation, case, injected)
    summary = statistics.summarise(sampled.samples_s, sampled.excluded, case.cadence, sampled.stop)
    rates = traffic_model.rates(operation.rates if rated else (), case, traffic, summary.median_s or 0.0)
    return Record(
        launch=setting.launch, case=case, conditions=_conditions(setting, variant, case, prepared.start.kind, flags),
        time=_time_base(setting), repeats=sampled.repeats, samples_s=sampled.samples_s, skew_s=sampled.skew_s,
        ranks_s=sampled.ranks_s, excluded=sampled.excluded, device_s=None, traffic=traffic, check=check,
        summary=summary, rates=rates, doubts=doubts(case, sampled, setting), telemetry=observer.report(), origin=None,
    )  # fmt: skip


def _sampler(setting: Setting, prepared: Prepared, loop: Loop, budget_s: float) -> Sampler:
    return Sampler(
        group=setting.group, loop=loop, start=prepared.start, taking_part=prepared.question is not None,
        common_clock=setting.clock.verified, cadence=prepared.case.cadence, budget_s=budget_s,
    )  # fmt: skip


def _slowed(setting: Setting, prepared: Prepared) -> Loop:
    """The loop of a step that takes longer by the fault's factor, measured on the warm step itself."""
    fault, loop = setting.fault, prepared.loop
    if fault is None or fault.kind != "slow":
        return loop
    usual = _sampler(setting, prepared, loop, SLOWED_BUDGET_S).sample(tail=False)
    operation_s = statistics.median_interval(usual.samples_s).value
    if prepared.question is None:
        return loop
    return replace(loop, step=inject.slowed(loop.step, operation_s, fault.amount))


def _arriving(setting: Setting, prepared: Prepared, loop: Loop) -> Loop:
    """The loop in which ranks enter apart, by `skew` times what the operation takes when they enter together."""
    case = prepared.case
    if "arrival" not in case.params:
        return loop
    together = _sampler(setting, prepared, loop, ARRIVAL_BUDGET_S).sample(tail=False)
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


def _reference_name(operation: Operation, case: Case) -> str:
    if not compose.communicates(case):
        return "the same rounds in one piece"
    return "order of entry and exit" if operation.verify is not None else "numpy, exact"


def _time_base(setting: Setting) -> TimeBase:
    return "global" if setting.clock.verified else "maxlocal"


def _traffic(setting: Setting, operation: Operation, case: Case, taking_part: tuple[int, ...]) -> Traffic:
    """Traffic of the first participant; between ranks of one host it goes through memory, not over a link."""
    if not compose.communicates(case):
        return Traffic(sent=0.0, received=0.0, flops=0.0, resource="none")
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


def _conditions(setting: Setting, variant: Variant, case: Case, start: Sync, flags: list[Flag]) -> Conditions:
    library = setting.group.library if variant.uses_mpi else _local_library(setting, variant)
    return Conditions(
        step=variant.step, sync=start, placement=setting.placement.text,
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
        launch=setting.launch, case=case, conditions=_conditions(setting, variant, case, "none", []),
        time=_time_base(setting), repeats=1, samples_s=[], skew_s=[], ranks_s=RankTimes(median=[], mean=[], last=[]),
        excluded=[], device_s=None, traffic=Traffic(sent=0.0, received=0.0, flops=0.0, resource="none"),
        check=Check(status="skipped", wrong=0, worst=0.0, bound=0.0, reference="none"), summary=nothing_measured,
        rates={}, doubts=[Doubt(code="skipped", text=f"Not available: {why}", remedy="")], telemetry=None, origin=None,
    )  # fmt: skip

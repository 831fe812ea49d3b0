"""One launch, on every rank: cases in seeded random order, prepared by vote, checked, sampled, checked, recorded."""

from contextlib import ExitStack
from dataclasses import replace

import numpy as np

from fabricbench import statistics
from fabricbench.engine import catalogue, compose, inject, recording
from fabricbench.engine.preparing import Prepared, prepare
from fabricbench.engine.setting import Setting
from fabricbench.errors import UnavailableError
from fabricbench.measure import sync, telemetry, validate
from fabricbench.measure.loop import Loop
from fabricbench.measure.sampling import Sampler, in_turn
from fabricbench.measure.telemetry import Observer
from fabricbench.model import Case, Record
from fabricbench.spec import Operation, Question, Variant

SLOWED_BUDGET_S = 0.15
"""Time to learn what an operation takes before a fault makes it slower."""
ARRIVAL_BUDGET_S = 0.1
"""Time to learn what an operation takes when all ranks enter together."""
OVERLAP_BUDGET_S = 0.1
"""Time to learn what a collective takes before something is computed beside it."""


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
            return [recording.skipped(setting, one, variant, error.what) for one in cases]
        parts = _parts(setting, operation, compose.performed(cases), prepared, stack)
        return _measured(setting, operation, variant, cases, parts)


def _parts(
    setting: Setting, operation: Operation, cases: list[Case], prepared: Prepared, stack: ExitStack
) -> list[Prepared]:
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
        made = None if prepared.question is None else compose.composed(step, case, slices, rounds, lasts_s, stack)
        loop = prepared.loop if made is None else replace(prepared.loop, step=made.step)
        parts.append(replace(prepared, loop=loop, case=case, composed=made))
    return parts


def _measured(
    setting: Setting, operation: Operation, variant: Variant, cases: list[Case], parts: list[Prepared]
) -> list[Record]:
    """Records of all cases: those of the parts that are run, and those that are seen in one of them."""
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
    both = next((place for place, part in enumerate(parts) if part.case.params.get("part") == "both"), 0)
    inside = [
        (replace(parts[both], case=case), compose.seen(parts[both].composed, case, found[both], setting.group))
        for case in cases
        if case.params.get("part") in compose.WITHIN
    ]
    standing.at(f"{case.text()}: checking again")
    asked = [
        replace(one, loop=loop, question=_next_seed(one.question)) for one, loop in zip(checked, loops, strict=True)
    ]
    after = [_check(one, part) for one, part in zip(asked, parts, strict=True)]
    proven = operation.verify is None or setting.clock.verified
    checks = [
        validate.joined(first, last, recording.reference_name(operation, part.case), proven=proven)
        for first, last, part in zip(before, after, parts, strict=True)
    ]
    evidence = observer.report(int(setting.group.highest(np.array([telemetry.most_held()]))[0]))
    told = [*zip(parts, found, checks, strict=True), *((part, sampled, checks[both]) for part, sampled in inside)]
    return [
        recording.record(setting, operation, variant, part, sampled, check, evidence, injected)
        for part, sampled, check in told
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
    if prepared.question is None or fault.rank not in (None, setting.group.rank):
        return loop
    return replace(loop, step=inject.slowed(loop.step, operation_s, fault.factor))


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
        prepared.party,
        spoil,
        setting.clock.verified,
    )


def _next_seed(question: Question | None) -> Question | None:
    """Other input for the second check, so that the first one's output cannot pass for it."""
    return None if question is None else replace(question, seed=question.seed + 1)

"""One case made ready on every rank: who takes part, memory, communicator, the variant's step; or why not."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from fabricbench import mpi, native
from fabricbench.engine import catalogue, compose, suite
from fabricbench.engine.placement import Placement
from fabricbench.engine.setting import Setting
from fabricbench.errors import FabricbenchError, UnavailableError
from fabricbench.measure import sync
from fabricbench.measure.loop import Hook, Loop, empty, hook, nothing, overwrite
from fabricbench.model import Case
from fabricbench.spec import Buffer, Operation, Question, Step, Variant, block, element_type

LARGEST_BLOCK = 256

T = TypeVar("T")


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


@dataclass(frozen=True)
class Prepared:
    """A step with everything around it.

    `party`: this rank's group, of those that perform the operation at once. `members`: its ranks among all.
    """

    question: Question | None
    inputs: tuple[Buffer, ...]
    output: Buffer
    loop: Loop
    start: sync.Synchroniser
    case: Case
    party: mpi.Group
    members: tuple[int, ...]
    composed: compose.Composed | None = None


def prepare(setting: Setting, case: Case, stack: ExitStack) -> Prepared:
    """A case ready to be run; `stack` frees it.

    There are two votes: one before the variant, which may talk to other ranks while it prepares, and one after it.
    Raises UnavailableError, on every rank alike, with the first rank's reason.
    """
    taking_part = members(case, setting.placement, setting.group.rank)
    party = _communicator(setting.group, case, taking_part, stack)
    readied = _agreed(setting.group, lambda: _readied(setting, case, taking_part))
    return _agreed(setting.group, lambda: _prepared(setting, case, stack, readied, taking_part, party))


def _agreed(group: mpi.Group, attempt: Callable[[], T]) -> T:
    """What an attempt made, if it made something on every rank."""
    trouble, made = None, None
    try:
        made = attempt()
    except (FabricbenchError, MemoryError, OSError) as error:
        trouble = str(error) or type(error).__name__
    trouble = group.agree(trouble)
    if trouble is not None or made is None:
        raise UnavailableError(trouble or "")
    return made


@dataclass(frozen=True)
class Readied:
    """What a rank can have of a case without the others."""

    question: Question | None
    inputs: tuple[Buffer, ...]
    output: Buffer
    start: sync.Synchroniser


def _readied(setting: Setting, case: Case, taking_part: tuple[int, ...]) -> Readied:
    group, operation = setting.group, catalogue.operation(case.operation)
    variant = catalogue.variant(operation, case.variant)
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
    return Readied(question, *buffers(operation, question), start)


def _prepared(
    setting: Setting, case: Case, stack: ExitStack, readied: Readied, taking_part: tuple[int, ...], party: mpi.Group
) -> Prepared:
    group, operation = setting.group, catalogue.operation(case.operation)
    question, inputs, output, start = readied.question, readied.inputs, readied.output, readied.start
    if question is None:
        step = Step(call=nothing, block=block(unused=0))
    else:
        threads = setting.placement.threads(group.rank)
        place = Place(question, inputs, output, threads, party, taking_part)
        step = stack.enter_context(catalogue.variant(operation, case.variant).prepare(place))
        if "overlap" in case.params:
            compose.refuse(case, step, setting.placement, group)
    restore = restoring(operation, question, inputs, output)
    acknowledge = {"ack": sync.barrier(group)} if operation.window and isinstance(group, mpi.World) else {}
    loop = Loop(
        step=step, restore=restore, sync=start.hook, cell=setting.standing.cell,
        window=operation.window if acknowledge else 0, **acknowledge,
    )  # fmt: skip
    return Prepared(question, inputs, output, loop, start, case, party, taking_part)


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
    if operation.fit(count, smaller.known_ranks) != count:
        raise UnavailableError(f"{case.nbytes} bytes cannot be shared out among groups of {smaller.ranks} ranks.")


def buffers(operation: Operation, question: Question | None) -> tuple[tuple[Buffer, ...], Buffer]:
    """Inputs and output of one rank; the output has room for an input that lies in it."""
    if question is None:
        return (), Buffer(0, "uint8")
    layout = operation.layout(question)
    inputs = tuple(Buffer(count, question.dtype) for count in layout.inputs)
    return inputs, Buffer(layout.output, question.dtype, room=layout.room)


def restoring(operation: Operation, question: Question | None, inputs: tuple[Buffer, ...], output: Buffer) -> Hook:
    """Brings the input back into the output before each sample, where the case is in place."""
    if question is None or not question.case.in_place or not inputs:
        return empty()
    place = operation.layout(question).place
    if place is None:
        return empty()
    into = output.address + place * question.dtype.itemsize
    return hook(overwrite, block(output=into, input=inputs[0].address, nbytes=inputs[0].nbytes))

"""What the ranks find out about the instrument itself: `python -m fabricbench.engine.probe TASK`."""

import ctypes
import os
import socket
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import msgspec
import numpy as np

from fabricbench import mpi, native
from fabricbench.engine import catalogue, machine, preparing, session, suite
from fabricbench.engine.placement import placement
from fabricbench.engine.preparing import Prepared
from fabricbench.engine.setting import Setting
from fabricbench.engine.suite import Request
from fabricbench.engine.watchdog import Standing, Watchdog
from fabricbench.engine.worker import Announce, Task, serve
from fabricbench.errors import UnavailableError
from fabricbench.measure import clock, control, sync, validate
from fabricbench.measure.loop import Loop, empty, nothing
from fabricbench.measure.sampling import Sampler
from fabricbench.model import Case, Part
from fabricbench.spec import Step, block

BUDGET_S = 0.3
SPIN_S = 0.2
PYTHON_CALLS = 1000
CONTROLLED = {"pingpong": ("latency/mpi", "1:64KiB"), "allreduce": ("allreduce/mpi", "4:64KiB")}
"""Name in the report: variant and sizes."""

ROLES = {"latency": ("ping", "pong"), "allreduce": ("allreduce",)}
"""Functions of control.c by rank in the operation; the last one is that of all further ranks."""

Ratios = dict[int, float]


class Probe(Task, frozen=True, kw_only=True):
    """One launch of `doctor`."""

    module: ClassVar[str] = "fabricbench.engine.probe"
    seed: int = 1


class Start(Part, frozen=True):
    """How evenly samples start. Seconds, and the share of samples in which some rank came late."""

    sync: str
    skew_median_s: float
    skew_p99_s: float
    late: float


class Facts(Part, frozen=True):
    """What one launch found, of the slowest rank or the worst host. Seconds; None where it has no meaning here."""

    library: str
    ranks: int
    hosts: int
    most_together: int
    cores: int
    binding: str
    core_share: float
    governors: list[str]
    turbo: list[str]
    empty_step_s: float
    clock_read_s: float
    python_step_s: float
    mpi4py_call_s: float | None
    clock_verified: bool
    clock_offset_s: float
    clock_bound_s: float
    start: Start | None
    control: dict[str, Ratios | None]
    control_why: str | None


def work(probe: Probe, announce: Announce) -> None:
    """Look at ranks, clocks and loops; rank 0 announces the facts.  Raises FabricbenchError, on every rank alike."""
    standing, group = Standing(), mpi.connect()

    def ended(ending: str, status: int) -> None:
        where = {"rank": group.rank, "host": socket.gethostname(), "text": standing.text()}
        announce({"event": "stood", "ending": ending, **where})
        os._exit(status)

    watchdog = Watchdog(probe.timeout_s, ended)
    try:
        found = facts(setting_of(probe, group, standing))
        if group.rank == 0:
            announce({"event": "facts", "facts": msgspec.to_builtins(found, str_keys=True)})
        mpi.finish(group)
    finally:
        watchdog.close()


def setting_of(probe: Probe, group: mpi.Group, standing: Standing) -> Setting:
    """What the cases of this launch share."""
    places = placement(group)
    native.threads(places.threads(group.rank))
    return Setting(
        group=group, placement=places, clock=clock.report(group), cache_bytes=None, seed=probe.seed,
        launch=probe.launch, software={}, budget_s=BUDGET_S, tail=False, fault=None, standing=standing,
    )  # fmt: skip


def facts(setting: Setting) -> Facts:
    """All that the ranks can tell; the same on every rank."""
    group, places, report, standing = setting.group, setting.placement, setting.clock, setting.standing
    standing.at("reading what the hosts are")
    hosts = group.gather(machine.machine())
    standing.at("timing the loops")
    share = min(group.gather(core_share(SPIN_S)))
    costs = [max(group.gather(cost())) for cost in (clock.empty_step_s, clock.read_cost_s, python_step_s)]
    standing.at("starting together")
    start = _start(setting)
    mpi4py_call_s = _mpi4py_call_s(setting)
    ratios, why = _control(setting)
    most, cores = places.tightest
    return Facts(
        library=group.library, ranks=group.ranks, hosts=len(set(places.hosts)), most_together=most, cores=cores,
        binding=places.binding, core_share=share,
        governors=_each(hosts, "governor"), turbo=_each(hosts, "turbo"),
        empty_step_s=costs[0], clock_read_s=costs[1], python_step_s=costs[2], mpi4py_call_s=mpi4py_call_s,
        clock_verified=report.verified, clock_offset_s=max(map(abs, report.offset_s)),
        clock_bound_s=report.bound_s or 0.0,
        start=start, control=ratios, control_why=why,
    )  # fmt: skip


def _each(hosts: list[dict[str, Any]], name: str) -> list[str]:
    """What the hosts say, each answer once."""
    return sorted({str(host[name]) for host in hosts})


def core_share(seconds: float) -> float:
    """The part of a core that this rank gets while it wants a whole one: less where somebody else computes there."""
    begun, used = time.monotonic(), time.process_time()
    while time.monotonic() - begun < seconds:
        pass
    return min(1.0, (time.process_time() - used) / (time.monotonic() - begun))


def python_step_s() -> float:
    """Cost of one empty python step, median of 50 samples."""
    taken = Loop(step=Step(call=_pass)).take(50, PYTHON_CALLS)
    return float(np.median(taken.left - taken.entered)) * 1e-9 / PYTHON_CALLS


def _pass() -> None:
    """What a python step costs at least."""


def _start(setting: Setting) -> Start | None:
    """Samples of the empty step: what remains between the ranks is the unevenness of the start."""
    group = setting.group
    if group.ranks == 1 or not setting.clock.verified:
        return None
    room = not setting.placement.oversubscribed
    start = sync.synchroniser(group, common_clock=True, room=room, samples=preparing.LARGEST_BLOCK)
    loop = Loop(step=Step(call=nothing, block=block(unused=0)), sync=start.hook, cell=setting.standing.cell)
    sampled = Sampler(
        group=group, loop=loop, start=start, taking_part=True, common_clock=True, cadence="isolated",
        budget_s=setting.budget_s,
    ).sample(tail=False)  # fmt: skip
    median, p99 = (float(value) for value in np.percentile(sampled.skew_s, [50, 99]))
    return Start(sync=start.kind, skew_median_s=median, skew_p99_s=p99, late=sampled.late / len(sampled.samples_s))


def cases(setting: Setting, only: str, sizes: str) -> tuple[Case, ...]:
    """Streaming cases of one variant, between the nearest two ranks where it is for two."""
    request = Request(only=[only], sizes=sizes, cadence="streaming")
    nearest = tuple(setting.placement.pairs())[:1]
    return suite.plan(request, ranks=setting.group.ranks, distances=nearest, has_mpi=True).cases


def _mpi4py_call_s(setting: Setting) -> float | None:
    """What a message of one byte costs more through mpi4py than through the compiled step."""
    if setting.group.ranks == 1:
        return None
    pair = [cases(setting, f"latency/{variant}", "1")[0] for variant in ("mpi", "mpi4py")]
    compiled, python = (session.measure(setting, case).summary.median_s for case in pair)
    return None if compiled is None or python is None else max(0.0, python - compiled)


def _control(setting: Setting) -> tuple[dict[str, Ratios | None], str | None]:
    """Our loop over the C control, by size in bytes; or why there is none."""
    unknown: dict[str, Ratios | None] = dict.fromkeys(CONTROLLED)
    if not isinstance(setting.group, mpi.World):
        return unknown, f"There is no MPI library: {mpi.installed()}"
    if setting.group.ranks == 1:
        return unknown, "One rank has nobody to exchange messages with."
    setting.standing.at("compiling the C control")
    try:
        library = control.build(setting.group)
        return {name: _ratios(setting, setting.group, library, *what) for name, what in CONTROLLED.items()}, None
    except UnavailableError as error:
        return unknown, error.what


def _ratios(setting: Setting, group: mpi.World, library: ctypes.CDLL, only: str, sizes: str) -> Ratios:
    return {case.nbytes: _ratio(setting, group, library, case) for case in cases(setting, only, sizes)}


def _ratio(setting: Setting, group: mpi.World, library: ctypes.CDLL, case: Case) -> float:
    """One case prepared once, run by both loops.  Raises UnavailableError where the result of one is wrong."""
    with ExitStack() as stack:
        setting.standing.at(f"{case.text()}: against C")
        prepared = preparing.prepare(setting, case, stack)
        # The C loop has no synchronised start, so ours goes without; each sample is long enough for that not to matter.
        ours = replace(prepared.loop, sync=empty())
        theirs = in_c(library, case, prepared, ours)
        for name, loop in (("fabricbench", ours), ("C", theirs)):
            operation = catalogue.operation(case.operation)
            validator = validate.Validator(
                operation, prepared.question, prepared.inputs, prepared.output, loop, group
            )  # fmt: skip
            if validator.check().wrong:
                raise UnavailableError(f"The result of {case.text()} is wrong in the loop of {name}.")
        return control.ratio(group, ours, theirs)


def in_c(library: ctypes.CDLL, case: Case, prepared: Prepared, ours: Loop) -> Loop:
    """The loop of the control over the same prepared step; a rank without a part keeps its empty one."""
    if prepared.question is None:
        return ours
    roles = ROLES[case.operation]
    function = getattr(library, roles[min(prepared.question.rank, len(roles) - 1)])
    return control.Control(step=ours.step, function=function, cell=ours.cell)


if __name__ == "__main__":
    sys.exit(serve(partial(work, Probe.decode(sys.argv[1]))))

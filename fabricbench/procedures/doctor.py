"""Is this instrument, and this machine, fit to measure? Ranks look at themselves, then each fact is judged."""

import os
from collections.abc import Callable
from typing import Any

import msgspec

from fabricbench import mpi
from fabricbench.engine import launch, probe, program, start, surroundings
from fabricbench.engine.probe import Facts, Probe
from fabricbench.engine.start import Order
from fabricbench.engine.surroundings import Launchers
from fabricbench.errors import NotMeasuredError, UsageError
from fabricbench.judge import fitness
from fabricbench.judge.fitness import Control, Finding, Report, at_most, told

EMPTY_STEP_S = 10e-9
CLOCK_READ_S = 100e-9
PYTHON_STEP_S = 1e-6
MPI4PY_CALL_S = 5e-6
CORE_LOST = 0.05
SKEW_MEDIAN_S, SKEW_P99_S = 1e-6, 10e-6
LATE_SHARE = 0.05
BUSY_CORES = 0.2
START_UP_S = 0.3
COMPARE_S, COMPARE_BYTES = 2.0, 300e6

QUIET = "End what else computes on this host, or take another one."
TWO_RANKS = "It takes two ranks whose clocks are one."

Announce = Callable[[dict[str, Any]], None]


def examine(order: Order, announce: Announce) -> Report | None:
    """The report; None on ranks that do not speak.  Raises FabricbenchError where ranks cannot be started."""
    if order.launches < 1:
        raise UsageError(f"{order.launches} launches find nothing.", "Ask for --launches 1 or more.")
    busy = surroundings.busy_cores()
    found, trouble = _probed(order, announce)
    if not found:
        return None
    last = found[-1]
    why = next((facts.control_why for facts in found if facts.control_why is not None), None)
    control = fitness.control([facts.control for facts in found], why)
    findings = (
        *_ranks(last, trouble),
        *_machine(last, busy, surroundings.launchers()),
        *_instrument(last),
        *_start(last),
        *_against_c(control),
        *_program(),
    )
    return Report(library=last.library, ranks=last.ranks, launches=len(found), findings=findings, control=control)


def _probed(order: Order, announce: Announce) -> tuple[list[Facts], NotMeasuredError | None]:
    """Facts of every launch, and why ranks could not be started where one alone had to do."""
    found: list[Facts] = []

    def hear(event: dict[str, Any]) -> None:
        if event["event"] == "facts":
            found.append(msgspec.convert(event["facts"], Facts, str_keys=True))
        else:
            announce(event)

    promised, launcher = mpi.promise(os.environ)
    if promised:
        start.refuse_unlike(order, promised, launcher)
        probe.work(Probe(timeout_s=order.timeout_s), hear)
        return found, None
    trouble = None
    try:
        words = start.launcher_words(order)
    except NotMeasuredError as error:
        words, trouble = [], error
    for number in range(order.launches):
        launch.launch(Probe(launch=number, launches=order.launches, timeout_s=order.timeout_s), words, hear)
        if order.launches > 1:
            announce({"event": "notice", "text": f"launch {number + 1} of {order.launches} is done"})
    return found, trouble


def _ranks(facts: Facts, trouble: NotMeasuredError | None) -> list[Finding]:
    most, cores, share = facts.most_together, facts.cores, facts.core_share
    bound = facts.binding == "core" or facts.ranks == 1
    return [
        told("MPI library", facts.library, "any", *_library(facts, trouble)),
        told(
            "ranks and cores", f"{most} on {cores}", "a core each", most <= cores,
            f"Start at most {cores} ranks a host: more of them wait for each other's cores.",
        ),
        told("binding", facts.binding, "core", bound, "Give each rank cores of its own: mpirun --bind-to core."),
        at_most("core time lost", 1 - share, "share", CORE_LOST, f"{QUIET} Start no more ranks than cores."),
    ]  # fmt: skip


def _library(facts: Facts, trouble: NotMeasuredError | None) -> tuple[bool, str]:
    if trouble is not None:
        return False, str(trouble)
    return facts.library != "none", mpi.INSTALL


def _machine(facts: Facts, busy: float, launchers: Launchers) -> list[Finding]:
    governor, turbo = ", ".join(facts.governors), ", ".join(facts.turbo)
    path = f"{launchers.found} ({launchers.says})" if launchers.found else "none"
    return [
        told(
            "frequency governor", governor, "performance", None if governor == "unknown" else governor == "performance",
            "The kernel does not show it; in a virtual machine the host decides." if governor == "unknown"
            else "Set it: cpupower frequency-set -g performance.",
        ),
        told(
            "turbo", turbo, "the same everywhere", None if turbo == "unknown" else len(facts.turbo) == 1,
            "The kernel does not show it." if turbo == "unknown" else "Set all hosts alike.",
        ),
        at_most("load now", busy, "cores", BUSY_CORES, QUIET),
        told(
            "mpirun on PATH", path, "none, or the library's", launchers.same,
            f"Start ranks with {launchers.own or 'the launcher of the library'}: this one belongs to another library.",
        ),
        told(
            "mpirun of the library", launchers.own or "none", "any", launchers.own is not None,
            "Name a launcher with --launcher.",
        ),
    ]  # fmt: skip


def _instrument(facts: Facts) -> list[Finding]:
    return [
        at_most("empty step", facts.empty_step_s, "s", EMPTY_STEP_S, QUIET),
        at_most("clock reading", facts.clock_read_s, "s", CLOCK_READ_S, "Let the kernel use a faster clock source."),
        at_most("empty python step", facts.python_step_s, "s", PYTHON_STEP_S, QUIET),
        at_most(
            "mpi4py above compiled", facts.mpi4py_call_s, "s", MPI4PY_CALL_S,
            "Read the compiled variants; those of mpi4py show what Python costs here.", why="It takes two ranks.",
        ),
        told(
            "clocks", "one clock" if facts.clock_verified else "not one clock", "one clock", facts.clock_verified,
            "Times are each rank's own (maxlocal): read the slowest rank, not the span over ranks.",
        ),
        at_most(
            "clock offset", facts.clock_offset_s, "s", facts.clock_bound_s,
            "The ranks' clocks differ by more than the error of comparing them: let ntpd or ptp4l keep them.",
        ),
    ]  # fmt: skip


def _start(facts: Facts) -> list[Finding]:
    begun = facts.start
    median, p99, late = (None,) * 3 if begun is None else (begun.skew_median_s, begun.skew_p99_s, begun.late)
    by = "none" if begun is None else begun.sync
    return [
        told(
            "synchronised start", by, "round-time", None if begun is None else by == "round-time",
            TWO_RANKS if begun is None else "A barrier lets ranks go unevenly: start no more ranks than cores.",
        ),
        at_most("entry skew, median", median, "s", SKEW_MEDIAN_S, QUIET, why=TWO_RANKS),
        at_most("entry skew, p99", p99, "s", SKEW_P99_S, QUIET, why=TWO_RANKS),
        at_most("late starts", late, "share", LATE_SHARE, QUIET, why=TWO_RANKS),
    ]  # fmt: skip


def _against_c(control: Control) -> list[Finding]:
    return [
        *fitness.over_control("ping-pong", control.pingpong, control.why),
        *fitness.over_control("all-reduce", control.allreduce, control.why),
    ]


def _program() -> list[Finding]:
    cost = program.comparison()
    return [
        at_most("start of list", program.start_up_s(), "s", START_UP_S, QUIET),
        at_most("compare 2 x 100,000", cost.seconds, "s", COMPARE_S, QUIET),
        at_most("memory of that", float(cost.peak), "B", COMPARE_BYTES, "Report it: files of this size should fit."),
    ]

"""`fabricbench doctor`: whether this instrument, and this machine, are fit to measure."""

import argparse
from typing import TYPE_CHECKING

from fabricbench.errors import UsageError
from fabricbench.quantity import parse_seconds

if TYPE_CHECKING:
    from fabricbench.engine.start import Order
    from fabricbench.show.progress import Progress


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare what `doctor` takes."""
    parser.add_argument(
        "-n", "--ranks", type=int, metavar="COUNT", help="ranks to start (default: one a core, 2 to 4)"
    )  # fmt: skip
    parser.add_argument(
        "--launches",
        type=int,
        default=1,
        metavar="COUNT",
        help="start all ranks so many times; the C control is their median (default: %(default)s)",
    )
    parser.add_argument(
        "--launcher",
        metavar="COMMAND",
        help="start ranks with this, such as 'srun -N 2 --ntasks-per-node 1' (default: own mpirun)",
    )
    parser.add_argument(
        "--timeout",
        type=parse_seconds,
        metavar="SECONDS",
        help="end a launch that takes longer (default: none)",
    )
    parser.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="text: tables; json: one object with all findings (default: %(default)s)",
    )

    parser.add_argument(
        "--beside",
        metavar="FOLDER",
        help="compare with the OSU micro-benchmarks installed there, launches of both in turn: take --launches 10 "
        "(default: off)",
    )
    parser.add_argument(
        "--calibrate",
        metavar="FILE",
        help="judge the stored launches in FILE, measuring those it lacks: two hours for all (default: off)",
    )
    parser.add_argument(
        "--read", action="store_true", help="with --calibrate: measure nothing, judge what is in FILE (default: off)"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Find out and say; a doubt is no failure."""
    from fabricbench import api
    from fabricbench.engine.start import Order
    from fabricbench.show.progress import Progress

    order = Order(
        ranks=arguments.ranks,
        launches=arguments.launches,
        launcher=arguments.launcher,
        timeout_s=arguments.timeout,
    )
    progress = Progress()
    if arguments.read and not arguments.calibrate:
        raise UsageError("--read reads the launches of a calibration.", "Name their file with --calibrate FILE.")
    if arguments.calibrate:
        return _calibrate(arguments, progress)
    if arguments.beside:
        return _beside(arguments, order, progress)
    try:
        report = api.doctor(order, progress)
    finally:
        progress.close()
    if report is None:
        return 0
    if arguments.format == "json":
        import msgspec

        print(msgspec.json.encode(report).decode())
        return 0
    from fabricbench.show import findings, screen

    screen.draw(findings.page(report))
    return 0


def _calibrate(arguments: argparse.Namespace, progress: "Progress") -> int:
    from fabricbench import api

    try:
        calibration, experiments = api.calibrate(arguments.calibrate, progress, read=arguments.read)
    finally:
        progress.close()
    if arguments.format == "json":
        import msgspec

        print(msgspec.json.encode({"calibration": calibration, "experiments": experiments}).decode())
        return 0
    from fabricbench.show import calibrations, screen

    screen.draw(calibrations.page(calibration))
    screen.draw(calibrations.experiments(experiments))
    return 0


def _beside(arguments: argparse.Namespace, order: "Order", progress: "Progress") -> int:
    from fabricbench import api

    try:
        report = api.beside(arguments.beside, order, progress)
    finally:
        progress.close()
    if arguments.format == "json":
        import msgspec

        print(msgspec.json.encode(report).decode())
        return 0
    from fabricbench.show import besides, screen

    screen.draw(besides.page(report))
    return 0

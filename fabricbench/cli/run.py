"""`fabricbench run [SUITE]`: measure, show the tables, say where the file is."""

import argparse
import sys
from typing import TYPE_CHECKING

from fabricbench.errors import UsageError
from fabricbench.quantity import parse_seconds

if TYPE_CHECKING:
    from fabricbench.engine.start import Order
    from fabricbench.engine.suite import Request
    from fabricbench.model import Scalar


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare what `run` takes."""
    cases(parser)
    how = ranks(parser)
    how.add_argument(
        "--launches",
        type=int,
        default=1,
        metavar="COUNT",
        help="start all ranks so many times (default: %(default)s)",
    )
    how.add_argument(
        "--dry-run",
        action="store_true",
        help="print cases, bytes a rank and expected time, measure nothing (default: off)",
    )
    where = parser.add_argument_group("where to")
    where.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="result, .jsonl or .jsonl.gz (default: a new file in results/local)",
    )
    where.add_argument("--append", action="store_true", help="add this run to an existing file (default: off)")
    where.add_argument(
        "--resume",
        action="store_true",
        help="measure what the interrupted run in --output lacks (default: off)",
    )
    where.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="text: tables; json: the records, one a line, and nothing else (default: %(default)s)",
    )


def cases(parser: argparse.ArgumentParser) -> None:
    """Declare what says which cases are measured."""
    what = parser.add_argument_group("what to measure")
    what.add_argument(
        "suite",
        nargs="?",
        default="quick",
        metavar="SUITE",
        help="a name from `fabricbench list suites`, or a .toml file (default: %(default)s)",
    )
    what.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="OPERATION[/VARIANT]",
        help="cases from the catalogue instead of a suite; may be repeated (default: the suite)",
    )
    what.add_argument(
        "--sizes",
        metavar="BYTES",
        help="such as 8,64KiB or 8:1MiB for powers of two (default: of the suite or operation)",
    )
    what.add_argument(
        "--dtype",
        action="append",
        metavar="TYPE",
        help="type of the elements; may be repeated (default: of the suite or operation)",
    )
    what.add_argument(
        "--memory",
        default="host",
        choices=("host", "pinned", "mapped", "device"),
        help="where buffers lie (default: %(default)s)",
    )
    what.add_argument(
        "--cadence",
        choices=("isolated", "streaming"),
        help="one operation a sample, or many back to back (default: by size)",
    )
    what.add_argument(
        "--mode",
        action="append",
        choices=("blocking", "non-blocking", "persistent", "partitioned"),
        help="how the library is called; may be repeated (default: of the suite or operation)",
    )
    what.add_argument("--in-place", action="store_true", help="one buffer for both where possible (default: off)")
    what.add_argument(
        "--param",
        action="append",
        default=[],
        metavar="NAME=VALUE[,VALUE]",
        help="such as op=sum,max, root=all, window=64, communicator=host; may be repeated (default: of the operation)",
    )
    what.add_argument(
        "--alone",
        action="store_true",
        help="compute and memory on one rank at a time (default: all at once)",
    )
    what.add_argument(
        "--tail",
        action="store_true",
        help="keep up to 100,000 samples a case for tails (default: 2,000)",
    )
    what.add_argument(
        "--inject",
        metavar="FAULT",
        help="slow:OPERATION/VARIANT:FACTOR (FACTOR@RANK on one rank), flip:OPERATION/VARIANT, die:RANK, hang:RANK "
        "(default: none)",
    )
    what.add_argument(
        "--seed",
        type=int,
        default=1,
        metavar="NUMBER",
        help="inputs and order of cases (default: %(default)s)",
    )


def ranks(parser: argparse.ArgumentParser) -> "argparse._ArgumentGroup":
    """Declare what says how ranks are started."""
    how = parser.add_argument_group("how")
    how.add_argument(
        "-n",
        "--ranks",
        type=int,
        metavar="COUNT",
        help="ranks to start (default: one a core, 2 to 4)",
    )
    how.add_argument(
        "--launcher",
        metavar="COMMAND",
        help="start ranks with this, such as 'srun -N 16 --ntasks-per-node 8' (default: own mpirun)",
    )
    how.add_argument(
        "--algorithm",
        action="append",
        default=[],
        metavar="OPERATION=NAME",
        help="have the library use it in blocking calls; may be repeated (default: it chooses)",
    )
    how.add_argument(
        "--budget",
        type=parse_seconds,
        metavar="SECONDS",
        help="measuring time of one launch, shared by its cases (default: of the suite)",
    )
    how.add_argument(
        "--timeout",
        type=parse_seconds,
        metavar="SECONDS",
        help="end a launch that takes longer (default: none)",
    )
    return how


def execute(arguments: argparse.Namespace) -> int:
    """Measure, or say what would be measured."""
    from fabricbench import api
    from fabricbench.show.progress import Progress

    if arguments.resume:
        arguments = _as_before(arguments)
    request, order = asked(arguments)
    if arguments.dry_run:
        from fabricbench.show import screen
        from fabricbench.show.plans import page

        planned, expected_s = api.preview(request, order)
        if arguments.format == "json":
            import msgspec

            print(msgspec.json.encode({"cases": planned, "expected_s": expected_s}).decode())
            return 0
        screen.draw(page(planned, expected_s=expected_s, launches=order.launches))
        return 0
    progress = Progress()
    try:
        path, status = api.run(request, order, progress)
    finally:
        progress.close()
    if api.speaks():
        _report(path, arguments.format)
    return status


def asked(arguments: argparse.Namespace) -> "tuple[Request, Order]":
    """The flags as what the API takes."""
    from fabricbench.engine.start import Order
    from fabricbench.engine.suite import Request

    request = Request(
        suite=arguments.suite,
        only=[part for word in arguments.only for part in word.split(",")],
        sizes=arguments.sizes,
        dtypes=arguments.dtype,
        memory=arguments.memory,
        cadence=arguments.cadence,
        modes=tuple(arguments.mode) if arguments.mode else None,
        in_place=arguments.in_place,
        params=_params(arguments.param),
        budget=arguments.budget,
        seed=arguments.seed,
        tail=arguments.tail,
        alone=arguments.alone,
        inject=arguments.inject,
    )
    order = Order(
        ranks=arguments.ranks,
        launches=arguments.launches,
        launcher=arguments.launcher,
        algorithms=tuple(arguments.algorithm),
        timeout_s=arguments.timeout,
        output=arguments.output,
        append=arguments.append,
        resume=arguments.resume,
        command=tuple(arguments.words),
    )
    return request, order


def _params(words: list[str]) -> "dict[str, list[Scalar]]":
    """All values of each parameter; one that is named again has more values."""
    found: dict[str, list[Scalar]] = {}
    for name, values in map(_param, words):
        found.setdefault(name, []).extend(values)
    return found


def _param(word: str) -> "tuple[str, list[Scalar]]":
    """A parameter and its values: whole numbers and fractions are numbers.  Raises UsageError."""
    name, equals, values = word.partition("=")
    if not (name and equals and all(values.split(","))):
        raise UsageError(f"'{word}' is no parameter.", "Write --param NAME=VALUE, such as --param op=max.")
    return name, [_scalar(value) for value in values.split(",")]


def _scalar(text: str) -> "Scalar":
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def _as_before(arguments: argparse.Namespace) -> argparse.Namespace:
    """The flags that the interrupted run was started with, read from its file."""
    from fabricbench import api

    if arguments.output is None:
        raise UsageError("--resume needs the file to go on with.", "Name it with --output FILE.")
    words = api.load([arguments.output])[-1].run.command
    if words[:1] == ["ab"]:
        raise UsageError(f"{arguments.output} was written by `ab`.", "Go on with `fabricbench ab --resume`.")
    parser = argparse.ArgumentParser()
    configure(parser)
    before = parser.parse_args(words[1:])
    before.words, before.output, before.resume = words, arguments.output, True
    before.timeout, before.dry_run = arguments.timeout or before.timeout, arguments.dry_run
    return before


def _report(path: str, form: str) -> None:
    from fabricbench import api

    result = api.load([path])[-1]
    if form == "json":
        import msgspec

        for record in result.records:
            sys.stdout.write(msgspec.json.encode(record).decode() + "\n")
        return
    from fabricbench.show import results, screen

    screen.draw(results.page(result, recompute=False))
    print(path)

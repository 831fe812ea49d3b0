"""`fabricbench ab --base CMD --new CMD`: two configurations, launch by launch in turn, and which rows differ."""

import argparse
import sys
from typing import TYPE_CHECKING

from fabricbench.cli import compare, run
from fabricbench.errors import UsageError

if TYPE_CHECKING:
    from fabricbench.procedures.ab import Series


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare what `ab` takes: its own flags, and those of `run` that both sides share."""
    _own(parser)
    run.cases(parser)
    run.ranks(parser)


def _own(parser: argparse.ArgumentParser) -> None:
    sides = parser.add_argument_group("the two sides")
    sides.add_argument(
        "--base",
        default="",
        metavar="CMD",
        help="what the base has of its own: NAME=VALUE variables, then the fabricbench or python of another "
        "installation, then flags of run, such as --base='OMP_PROC_BIND=true /opt/old/bin/python --only copy' "
        "(default: nothing)",
    )
    sides.add_argument(
        "--new", default="", metavar="CMD", help="the same of the new side, such as --new='--algorithm allreduce=ring' "
        "(default: nothing)",
    )  # fmt: skip
    sides.add_argument(
        "--launches",
        type=int,
        default=20,
        metavar="COUNT",
        help="launches a side at most: 5, 8, 12 or 20, the looks that there are (default: %(default)s)",
    )
    sides.add_argument(
        "--dry-run",
        action="store_true",
        help="ask both sides what they would measure, and print it with the looks (default: off)",
    )
    sides.add_argument(
        "--margin",
        type=float,
        default=5.0,
        metavar="PERCENT",
        help="difference that does not matter (default: %(default)s)",
    )
    sides.add_argument(
        "--gate",
        action="append",
        metavar="PATTERN",
        help="rows that decide, such as 'allreduce/*', the others are shown; may be repeated (default: all)",
    )
    where = parser.add_argument_group("where to")
    where.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="result with both sides, .jsonl or .jsonl.gz (default: a new file in results/local)",
    )
    where.add_argument(
        "--resume", action="store_true", help="go on with the interrupted series in --output (default: off)"
    )
    where.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="text: tables; json: one object with all rows and looks (default: %(default)s)",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Measure until a look answers, show, and answer with the exit status."""
    from fabricbench import api
    from fabricbench.show import alternated, screen
    from fabricbench.show.progress import Progress

    if arguments.resume:
        arguments = _as_before(arguments)
    series = _asked(arguments)
    if arguments.dry_run:
        return _preview(series, arguments.format)
    progress = Progress()
    try:
        report = api.ab(series, progress)
    finally:
        progress.close()
    if arguments.format == "json":
        import msgspec

        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    else:
        screen.draw(alternated.page(report))
        print(report.file)
    return report.comparison.status(strict=True)


def _preview(series: "Series", form: str) -> int:
    from fabricbench import api
    from fabricbench.show import alternated, screen

    preview = api.ab_preview(series)
    if form == "json":
        import msgspec

        sys.stdout.write(msgspec.json.encode(preview._asdict()).decode() + "\n")
    else:
        screen.draw(
            alternated.preview(
                preview.commands, preview.plans, looks=preview.looks, alike=preview.alike, expected_s=preview.expected_s
            )
        )
    return 0


def _asked(arguments: argparse.Namespace) -> "Series":
    """The flags as what the API takes. What `ab` does not know itself are words of `run` for both sides."""
    from fabricbench.procedures.ab import Series

    own = argparse.ArgumentParser(add_help=False)
    _own(own)
    _, common = own.parse_known_args(arguments.words[1:])
    return Series(
        base=arguments.base,
        new=arguments.new,
        common=tuple(common),
        launches=arguments.launches,
        seed=arguments.seed,
        margin=compare.share("--margin", arguments.margin),
        gate=tuple(arguments.gate or ("*",)),
        output=arguments.output,
        resume=arguments.resume,
        command=tuple(arguments.words),
    )


def _as_before(arguments: argparse.Namespace) -> argparse.Namespace:
    """The flags that the interrupted series was started with, read from its file."""
    from fabricbench import api

    if arguments.output is None:
        raise UsageError("--resume needs the file to go on with.", "Name it with --output FILE.")
    words = api.load([arguments.output])[-1].run.command
    if words[:1] != ["ab"]:
        raise UsageError(f"{arguments.output} was not written by `ab`.", "Name the file of an interrupted `ab`.")
    parser = argparse.ArgumentParser()
    configure(parser)
    before = parser.parse_args(words[1:])
    before.words, before.output, before.resume = words, arguments.output, True
    before.format, before.dry_run = arguments.format, arguments.dry_run
    return before

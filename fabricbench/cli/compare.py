"""`fabricbench compare A... --with B...`: which rows became worse."""

import argparse
import math

from fabricbench.errors import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare what `compare` takes."""
    parser.add_argument("base", nargs="+", metavar="A", help="results of the base, .jsonl or .jsonl.gz")
    parser.add_argument(
        "--with",
        dest="new",
        nargs="+",
        metavar="B",
        default=[],
        help="results of the new side (default: A holds both sides, as `ab` writes them)",
    )
    judgement(parser)
    parser.add_argument(
        "--strict",
        action="store_true",
        help="exit 4 where a row is unclear, missing or unlike (default: off)",
    )
    parser.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="text: tables; json: one object with all rows (default: %(default)s)",
    )


def judgement(parser: argparse.ArgumentParser) -> None:
    """Declare what says how rows are judged, and which of them decide."""
    parser.add_argument(
        "--margin",
        type=float,
        default=5.0,
        metavar="PERCENT",
        help="difference that does not matter, doubled where launches of the two sides were not "
        "alternated (default: %(default)s)",
    )
    parser.add_argument(
        "--gate",
        default="*",
        metavar="PATTERN",
        help="rows that set the exit status, such as 'allreduce/*'; others are only shown (default: %(default)s)",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Compare, show, and answer with the exit status."""
    from fabricbench import api

    comparison = api.compare(
        arguments.base,
        arguments.new,
        margin=share(arguments.margin),
        gate=arguments.gate,
    )
    if arguments.format == "json":
        import msgspec

        print(msgspec.json.encode(comparison).decode())
    else:
        from fabricbench.show import screen, verdicts

        screen.draw(verdicts.page(comparison))
    return comparison.status(strict=arguments.strict)


def share(percent: float) -> float:
    """A percentage as a share.  Raises UsageError."""
    if not (math.isfinite(percent) and percent >= 0):
        raise UsageError(f"--margin {percent} is no difference.", "Give a percentage, such as 5.")
    return percent / 100

"""`fabricbench export FORMAT FILE...`: a result or a comparison in the format of another tool."""

import argparse
import sys

from fabricbench.cli.compare import share


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare what `export` takes."""
    from fabricbench.show.export import FORMATS

    formats = ", ".join(f"{name} ({one.about})" for name, one in FORMATS.items())
    parser.add_argument("form", metavar="FORMAT", help=formats)
    parser.add_argument("files", nargs="+", metavar="FILE", help="results, .jsonl or .jsonl.gz; with --with the base's")
    parser.add_argument(
        "--with",
        dest="new",
        nargs="+",
        metavar="B",
        default=[],
        help="results of the new side: export the comparison, as json, junit, ctrf or markdown (default: none, or "
        "the new side of FILEs that hold both)",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="write this file, replaced in one step (default: standard output)",
    )
    parser.add_argument(
        "--only",
        default="*",
        metavar="PATTERN",
        help="rows to export, such as 'allreduce/*' (default: %(default)s)",
    )
    parser.add_argument(
        "--margin",
        type=float,
        metavar="PERCENT",
        help="of a comparison: difference that does not matter (default: 5, as `compare`)",
    )
    parser.add_argument(
        "--gate",
        metavar="PATTERN",
        help="of a comparison: rows that fail when they are worse (default: *, as `compare`)",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Export, and say on standard error what the format cannot hold. Verdicts do not set the status: `compare` does."""
    from fabricbench import api
    from fabricbench.show.export.output import encoded

    exported = api.export(
        arguments.form,
        arguments.files,
        arguments.new,
        output=arguments.output,
        only=arguments.only,
        margin=None if arguments.margin is None else share("--margin", arguments.margin),
        gate=arguments.gate,
    )
    if arguments.output is None:
        sys.stdout.buffer.write(encoded(exported.text))
        sys.stdout.flush()
    for note in exported.notes:
        print(note, file=sys.stderr)
    return 0

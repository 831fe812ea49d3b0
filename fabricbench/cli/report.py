"""`fabricbench report FILE...`: results as one HTML page."""

import argparse
from pathlib import Path

from fabricbench.errors import UsageError

SUFFIXES = (".gz", ".jsonl")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare what `report` takes."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="results, .jsonl or .jsonl.gz, also of `ab`, `import` and `diagnose`; several are shown side by side",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="page to write, replaced in one step (default: a new file here, called as the first FILE, .html)",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Write the page and print its path. What stands on it does not set the status: `compare` judges."""
    from fabricbench import api

    output = arguments.output or _default(arguments.files[0])
    api.report(arguments.files, output=output)
    print(output)
    return 0


def _default(first: str) -> str:
    """A page in this folder that does not exist yet.  Raises UsageError."""
    name = Path(first).name
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    found = f"{name}.html"
    if Path(found).exists():
        raise UsageError(f"{found} exists already.", f"Add -o {found} to replace it, or name another file.")
    return found

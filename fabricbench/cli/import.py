"""`fabricbench import FILE... -o OUT`: what another tool printed, as a result file."""

import argparse
import sys

from fabricbench.errors import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare what `import` takes."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="what the tool printed; each file is one launch")
    parser.add_argument(
        "--from",
        dest="tool",
        metavar="TOOL",
        help="who printed it: nccl-tests, rccl-tests, osu, omb-py, imb, nvbandwidth, perftest, babelstream, "
        "mpi4py.bench, nixlbench, nvbench, google-benchmark (default: found by what the files hold)",
    )
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUT", help="result to write, .jsonl or .jsonl.gz (no default)"
    )
    parser.add_argument(
        "-n",
        "--ranks",
        type=int,
        metavar="COUNT",
        help="ranks that ran, for logs that do not say, such as those of OSU's collectives (default: unknown)",
    )
    parser.add_argument(
        "--partial",
        action="store_true",
        help="leave out what cannot be read, and say so, instead of refusing the file (default: off)",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Import, and say on stderr what was not read."""
    from fabricbench import api
    from fabricbench.show.imports.reading import notices

    if arguments.ranks is not None and arguments.ranks < 1:
        raise UsageError(f"--ranks {arguments.ranks} is no number of ranks.", "Give 1 or more, or leave it out.")
    logs = api.import_(
        arguments.files,
        arguments.output,
        tool=arguments.tool,
        ranks=arguments.ranks,
        partial=arguments.partial,
        command=arguments.words,
    )
    for log in logs:
        for text in notices(log):
            print(text, file=sys.stderr)
        rows = len(log.found)
        print(f"{log.path}: {rows} row{'s' if rows > 1 else ''} of {' and '.join(log.tools())}", file=sys.stderr)
    print(arguments.output)
    return 0

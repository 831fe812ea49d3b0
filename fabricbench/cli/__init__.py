"""argv -> one call of the API -> show -> exit status; no logic.

One module a verb: `configure(parser)` declares its flags, `execute(arguments)` returns the exit status.
"""

import argparse
import errno
import importlib
import sys
import time
from collections.abc import Sequence

from fabricbench import __version__
from fabricbench.errors import FabricbenchError, NotMeasuredError, unknown

VERBS = {
    "run": "measure; alone it starts its own ranks, under mpirun or srun it joins them",
    "list": "what can be measured here, and why not",
    "show": "the tables of a result",
    "compare": "did it change, what differs, since when, and is it normal; row by row",
    "report": "results and what they mean as one HTML page that needs nothing but itself",
    "export": "CSV, Markdown, JSON, JUnit, CTRF, Prometheus and more, from a result or a comparison",
    "import": "figures that another tool printed, as a result to show and compare",
    "ab": "alternate two configurations launch by launch, then compare",
    "diagnose": "which host, direction, pair or group of hosts is slow",
    "verdict": "is this cluster what it should be? Node by node, link by link, and the whole",
    "doctor": "is this instrument, and this machine, fit to measure?",
}

INTERRUPTED = 130
HEARD_S = 1.0
HELP = {"-h", "--help"}
COMPLETION = ["--print-completion"]


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status of one command line."""
    # Not `list(...)`: once the verb of that name is imported, it is what this name means here.
    words = [*(sys.argv[1:] if argv is None else argv)]
    try:
        verb = next((word for word in words if not word.startswith("-")), None) if words[:1] != COMPLETION else None
        if verb is not None and verb not in VERBS:
            raise unknown("verb", verb, VERBS)
        arguments = _parser(verb).parse_args(words)
        arguments.words = words
        return int(arguments.execute(arguments))
    except FabricbenchError as error:
        _complain(error)
        return error.status
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (`| head`): nothing is wrong and nobody is listening.
        sys.stderr.close()
        return 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print(f"Error: The output cannot be written: {error.strerror}.", file=sys.stderr)
        return NotMeasuredError.status


def _complain(error: FabricbenchError) -> None:
    """One rank speaks for all: they agree on what is wrong."""
    from fabricbench import api

    if api.speaks():
        print(f"Error: {error}", file=sys.stderr, flush=True)
    else:
        # The first rank that leaves with a status makes some launchers end the others, the one that speaks among them.
        time.sleep(HEARD_S)


def _parser(*used: str | None) -> argparse.ArgumentParser:
    """The parser; only the verbs that are used are imported, because every rank of every job pays for them."""
    parser = argparse.ArgumentParser(
        prog="fabricbench",
        description="Measure compute, memory, links and fabric; every number checked, with its uncertainty.",
        formatter_class=_formatter,
    )
    parser.add_argument("--version", action="version", version=f"fabricbench {__version__}")
    parser.add_argument(
        "--print-completion", action=_Completion, choices=("bash", "zsh"), help="print a completion script and exit"
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for name, summary in VERBS.items():
        description = f"{summary[0].upper()}{summary[1:]}."
        sub = verbs.add_parser(name, help=summary, description=description, formatter_class=_formatter)
        if name in used:
            module = importlib.import_module(f"fabricbench.cli.{name}")
            module.configure(sub)
            sub.set_defaults(execute=module.execute)
    return parser


def _formatter(prog: str) -> argparse.HelpFormatter:
    # argparse makes one for every flag it is told of; only for help is a fine one worth its import.
    if not HELP & set(sys.argv):
        return argparse.HelpFormatter(prog)
    from rich_argparse import RichHelpFormatter

    return RichHelpFormatter(prog)


class _Completion(argparse.Action):
    """Print the completion script of a shell, for all verbs with all their flags."""

    def __call__(self, parser: object, namespace: object, values: object, option_string: str | None = None) -> None:
        import shtab

        print(shtab.complete(_parser(*VERBS), shell=str(values)))
        sys.exit(0)

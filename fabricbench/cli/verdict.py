"""`fabricbench verdict FILE...`: is this cluster what it should be? Node by node, link by link, and the whole."""

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare what `verdict` takes."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="results of one cluster, of `run acceptance` and of `diagnose`"
    )
    parser.add_argument(
        "--expect",
        metavar="FILE",
        help="expectations as `compare --expect` reads them; they go before what peers reach (default: none)",
    )
    parser.add_argument(
        "--slurm",
        action="store_true",
        help="print, never run, the commands that would drain failed nodes (default: where a Slurm job was measured)",
    )
    parser.add_argument(
        "--format",
        choices=("text", "json", "junit"),
        default="text",
        help="text: tables; json: one object with every test; junit: a test a node, link and cluster "
        "(default: %(default)s)",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Judge, show, and the exit status: 0 PASS or WARN, 1 FAIL, 4 UNKNOWN or INCONCLUSIVE."""
    from fabricbench import api
    from fabricbench.show import acceptance, screen
    from fabricbench.show.export import junit

    judged = api.verdict(arguments.files, arguments.expect)
    if arguments.format == "json":
        print(acceptance.document(judged))
    elif arguments.format == "junit":
        print(junit.verdicts(judged).text)
    else:
        screen.draw(acceptance.page(judged))
        commands = acceptance.drains(judged) if arguments.slurm or judged.jobs else []
        if commands:
            print("\nTo take failed nodes out of Slurm, read and type:")
        for command in commands:
            print(command)
    return judged.status

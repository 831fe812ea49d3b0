"""`fabricbench diagnose`: which host, direction, pair or group of hosts is slow."""

import argparse
import tomllib
from dataclasses import replace
from pathlib import Path

from fabricbench.errors import UsageError
from fabricbench.quantity import parse_seconds, parse_sizes

CLEAN, SUSPECT, UNANSWERED = 0, 1, 4


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare what `diagnose` takes."""
    parser.add_argument(
        "-n",
        "--ranks",
        type=int,
        metavar="COUNT",
        help="ranks to pair, best one a host (no default: it has to be said)",
    )
    parser.add_argument(
        "--launcher",
        metavar="COMMAND",
        help="start ranks with this, such as 'srun -N 16 --ntasks-per-node 1' (default: own mpirun)",
    )
    parser.add_argument(
        "--size", default="4MiB", metavar="BYTES", help="of a message; four are on their way (default: %(default)s)"
    )
    parser.add_argument(
        "--budget",
        type=parse_seconds,
        default=0.5,
        metavar="SECONDS",
        help="measuring time of one round and direction, or one turn of a test (default: %(default)s)",
    )
    parser.add_argument(
        "--timeout",
        type=parse_seconds,
        default=60.0,
        metavar="SECONDS",
        help="a round or test that takes longer stands still, and what it measures is unknown (default: %(default)s)",
    )
    parser.add_argument(
        "--groups",
        metavar="FILE",
        help='hosts by rail, leaf or rack, TOML: [groups] and a line such as leaf1 = ["a", "b"] each (default: none)',
    )
    parser.add_argument(
        "--inject",
        metavar="FAULT",
        help="slow:OPERATION/VARIANT:FACTOR@RANK or flip:OPERATION/VARIANT, of gemm/numpy, triad/numba or "
        "allreduce/mpi, to see it found (default: none)",
    )
    parser.add_argument("--seed", type=int, default=1, metavar="NUMBER", help="order of rounds (default: %(default)s)")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="result with every round, .jsonl or .jsonl.gz (default: a new file)"
    )
    parser.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="text: the answer and the matrix; json: one object (default: %(default)s)",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Measure, answer, and the exit status: 1 where something is slow or wrong, 4 where something is unknown."""
    from fabricbench import api
    from fabricbench.engine.start import Order
    from fabricbench.procedures.measuring import Question
    from fabricbench.show.progress import Progress

    sizes = parse_sizes(arguments.size)
    if len(sizes) != 1 or sizes[0] < 1:
        raise UsageError(f"--size {arguments.size} is no size of a message.", "Give one, such as 4MiB.")
    question = Question(
        nbytes=sizes[0], budget_s=arguments.budget, limit_s=arguments.timeout, seed=arguments.seed,
        groups=None if arguments.groups is None else _groups(Path(arguments.groups)), inject=arguments.inject,
    )  # fmt: skip
    order = Order(
        ranks=arguments.ranks, launcher=arguments.launcher, output=arguments.output, command=tuple(arguments.words)
    )
    progress = Progress()
    try:
        found = api.diagnose(question, order, progress)
    finally:
        progress.close()
    if arguments.format == "json":
        import msgspec

        from fabricbench.judge import suspicion

        rates = [[*pair, rate] for pair, rate in found.rates.items()]
        plain = msgspec.to_builtins(replace(found, rates={}))
        said = {"rates": rates, "verdict": found.verdict, "sentences": suspicion.sentences(found)}
        print(msgspec.json.encode({**plain, **said}).decode())
    else:
        from fabricbench.show import diagnoses, screen

        screen.draw(diagnoses.page(found))
        print(found.file)
    return {"clean": CLEAN, "slow": SUSPECT, "unknown": UNANSWERED}[found.verdict]


def _groups(file: Path) -> dict[str, list[str]]:
    """Hosts by group.  Raises UsageError naming the file and what is wrong in it."""
    try:
        groups: dict[str, list[str]] = tomllib.loads(file.read_text())["groups"]
        hosts = [host for named in groups.values() for host in named]
        if not hosts or len(set(hosts)) < len(hosts) or not all(isinstance(host, str) for host in hosts):
            raise ValueError("every host stands in one group, as a text")
    except (
        OSError,
        UnicodeDecodeError,
        tomllib.TOMLDecodeError,
        KeyError,
        TypeError,
        AttributeError,
        ValueError,
    ) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(
            f"The groups in {file} cannot be read: {why}.", '[groups] and lines such as leaf1 = ["a", "b"] are wanted.'
        ) from error
    return groups

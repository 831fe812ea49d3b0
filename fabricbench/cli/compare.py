"""`fabricbench compare`: which rows became worse, side by side, since when, and is it normal."""

import argparse
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fabricbench.errors import UsageError

if TYPE_CHECKING:
    from fabricbench.judge.metric import Metric
    from fabricbench.show.table import Page

METRICS = ("time", "p99", "algbw", "busbw", "bandwidth", "flops", "messages")
SHARED = ("format", "words", "execute")
TAKEN = {
    "history": ("gate", "margin", "metric"),
    "learn": ("base", "output", "metric"),
    "expect": ("base", "gate", "strict"),
    "new": ("base", "across", "gate", "strict", "margin", "tail_margin"),
    "base": ("across", "gate", "strict", "margin", "tail_margin", "metric"),
}
"""What is asked, by the flag that asks it; the first that is given decides. And the flags that it takes."""
USUAL = {"margin": 5.0, "tail_margin": 25.0, "metric": "time"}
NAMES = {"base": "A...", "new": "--with"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare what `compare` takes."""
    parser.add_argument(
        "base", nargs="*", metavar="A", help="results, .jsonl or .jsonl.gz; the base where --with is given"
    )
    parser.add_argument(
        "--with",
        dest="new",
        nargs="+",
        metavar="B",
        default=[],
        help="results of the new side, to be judged against A (default: judge the two sides that an alternated series "
        "holds, else show every A as a column)",
    )
    parser.add_argument(
        "--across",
        metavar="FACTOR",
        help="the one thing that may differ, such as library, placement, variant or communicator; without --with its "
        "levels are the columns (default: none)",
    )
    parser.add_argument(
        "--history",
        nargs="+",
        metavar="DIR",
        default=[],
        help="since when: all results in these folders in order of time, with the points where a row changed "
        "(default: none)",
    )
    parser.add_argument(
        "--expect",
        metavar="FILE",
        help="PASS or FAIL by the expectations of this TOML file (default: none)",
    )
    parser.add_argument(
        "--learn",
        action="store_true",
        help="write what A... lead to expect, a tolerance interval a row, as a TOML file for --expect (default: off)",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="file that --learn writes (default: none)")
    parser.add_argument(
        "--margin",
        type=float,
        default=USUAL["margin"],
        metavar="PERCENT",
        help="difference that does not matter, doubled where launches of the two sides were not "
        "alternated (default: %(default)s)",
    )
    parser.add_argument(
        "--tail-margin",
        type=float,
        default=USUAL["tail_margin"],
        metavar="PERCENT",
        help="the same for p99, of which a hundredth of the samples decides (default: %(default)s)",
    )
    parser.add_argument(
        "--gate",
        action="append",
        metavar="PATTERN",
        help="rows that set the exit status, such as 'allreduce/*', others are only shown; may be given several times "
        "(default: all)",
    )
    parser.add_argument(
        "--metric",
        choices=METRICS,
        default=USUAL["metric"],
        help="what columns, a history or --learn are about (default: %(default)s)",
    )
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


def execute(arguments: argparse.Namespace) -> int:
    """Answer what is asked, show the answer, and return the exit status."""
    asked = next((name for name in TAKEN if getattr(arguments, name)), "base")
    _refuse_idle(arguments, asked)
    return _QUESTIONS[asked](arguments)


def _refuse_idle(arguments: argparse.Namespace, asked: str) -> None:
    """Raise UsageError where a flag was given that the question has no use for."""
    for name, value in vars(arguments).items():
        if _given(name, value) and name not in (asked, *TAKEN[asked], *SHARED):
            raise UsageError(
                f"{_flag(name)} says nothing beside {_flag(asked)}.", f"Leave {_flag(name)} out, or ask one at a time."
            )


def _given(name: str, value: object) -> bool:
    """Whether a flag says something else than it does where it is not given."""
    return value != USUAL[name] if name in USUAL else bool(value)


def _flag(name: str) -> str:
    return NAMES.get(name, f"--{name.replace('_', '-')}")


def _weigh(arguments: argparse.Namespace) -> int:
    """Two sides of one series, else columns."""
    from fabricbench import api
    from fabricbench.judge.compare import Comparison
    from fabricbench.show import columns, verdicts

    found = api.weigh(
        arguments.base, **_margins(arguments), gate=_gate(arguments), across=arguments.across,
        metric=arguments.metric,
    )  # fmt: skip
    if isinstance(found, Comparison):
        return _shown(arguments, found, verdicts.page, found.status(strict=arguments.strict))
    for name in ("gate", "strict", "margin", "tail_margin"):
        if _given(name, getattr(arguments, name)):
            raise UsageError(
                f"{_flag(name)} is about verdicts, and results side by side have none.",
                "Name the new side's files after --with.",
            )
    return _shown(arguments, found, columns.page, 0)


def _compare(arguments: argparse.Namespace) -> int:
    from fabricbench import api
    from fabricbench.show import verdicts

    found = api.compare(
        arguments.base, arguments.new, **_margins(arguments), gate=_gate(arguments), across=arguments.across
    )
    return _shown(arguments, found, verdicts.page, found.status(strict=arguments.strict))


def _history(arguments: argparse.Namespace) -> int:
    from fabricbench import api
    from fabricbench.show import history

    margin = _margins(arguments)["margin"]
    metric: Metric = arguments.metric
    found = api.history(arguments.history, margin=margin, metric=metric, gate=_gate(arguments))
    return _shown(arguments, found, history.page, found.status())


def _expect(arguments: argparse.Namespace) -> int:
    from fabricbench import api
    from fabricbench.show import expected

    found = api.expect(arguments.base, arguments.expect, gate=_gate(arguments))
    return _shown(arguments, found, expected.page, found.status(strict=arguments.strict))


def _learn(arguments: argparse.Namespace) -> int:
    from fabricbench import api
    from fabricbench.show import expected

    if not arguments.output:
        raise UsageError("--learn has no file to write.", "Add -o expect.toml.")
    found = api.learn(arguments.base, metric=arguments.metric)
    api.write_new(arguments.output, expected.toml(found))
    return _shown(arguments, found, lambda lesson: expected.lesson(lesson, arguments.output), 0)


_QUESTIONS = {"history": _history, "learn": _learn, "expect": _expect, "new": _compare, "base": _weigh}


def _shown(arguments: argparse.Namespace, found: Any, page: "Callable[[Any], Page]", status: int) -> int:
    """Print an answer in the format that was asked for."""
    if arguments.format == "json":
        import msgspec

        print(msgspec.json.encode(found).decode())
    else:
        from fabricbench.show import screen

        screen.draw(page(found))
    return status


def _gate(arguments: argparse.Namespace) -> list[str]:
    return arguments.gate or ["*"]


def _margins(arguments: argparse.Namespace) -> dict[str, float]:
    """Margins as shares."""
    return {
        "margin": share("--margin", arguments.margin),
        "tail_margin": share("--tail-margin", arguments.tail_margin),
    }


def share(flag: str, percent: float) -> float:
    """A percentage as a share.  Raises UsageError naming the flag."""
    if not (math.isfinite(percent) and percent >= 0):
        raise UsageError(f"{flag} {percent} is no difference.", "Give a percentage, such as 5.")
    return percent / 100

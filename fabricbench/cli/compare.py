"""`fabricbench compare`: which rows became worse, side by side, since when, and is this normal?"""

import argparse
import math
from typing import TYPE_CHECKING, Any

from fabricbench.errors import UsageError

if TYPE_CHECKING:
    from fabricbench.show.table import Page

METRICS = ("time", "p99", "algbw", "busbw", "bandwidth", "flops", "messages")
VERDICTS = ("gate", "strict", "margin", "tail_margin")
TAKEN = {
    "history": ("gate", "margin", "metric", "format"),
    "learn": ("output", "metric"),
    "expect": ("gate", "strict", "format"),
    "new": ("across", "format", *VERDICTS),
}
"""Which flags a question takes; the first that is asked decides which question it is."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare what `compare` takes."""
    parser.add_argument("base", nargs="*", metavar="A", help="results, .jsonl or .jsonl.gz; the base where --with is given")
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
        metavar="PERCENT",
        help="difference that does not matter, doubled where launches of the two sides were not "
        "alternated (default: 5)",
    )
    parser.add_argument(
        "--tail-margin",
        type=float,
        metavar="PERCENT",
        help="the same for p99, of which a hundredth of the samples decides (default: 25)",
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
        help="what columns, a history or --learn are about (default: time; --learn: what files hold)",
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
    """Compare, show, and answer with the exit status."""
    from fabricbench import api

    gate = arguments.gate or ["*"]
    options = {"margin": _share("--margin", arguments.margin, 5.0), "gate": gate, "across": arguments.across}
    options["tail_margin"] = _share("--tail-margin", arguments.tail_margin, 25.0)
    found = api.weigh(arguments.base, **options, metric=arguments.metric or "time")
    from fabricbench.show import columns, screen
    screen.draw(columns.page(found))
    return 0

def _share(flag: str, percent: float | None, usual: float) -> float:
    """A percentage as a share. Raises UsageError where it is none."""
    percent = usual if percent is None else percent
    if not (math.isfinite(percent) and percent >= 0):
        raise UsageError(f"{flag} {percent} is no difference.", "Give a percentage, such as 5.")
    return percent / 100

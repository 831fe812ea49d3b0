r"""`python -m hosts`: a cluster of known speed on this machine, for one command or until Ctrl-C.

    python -m hosts --hosts 4 --rate 400mbit --slow c:transmit:0.5 -- \
        sh -c 'fabricbench run --launcher "$FABRIC" --only bandwidth/mpi'

The command runs on the machine, with the launcher's words in FABRIC.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys

from hosts.fabric import Direction, Fabric, fabric, why_not


def arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m hosts", description="A cluster of known speed on this machine.")
    parser.add_argument("--hosts", type=int, default=4, help="2 to 8 (4)")
    parser.add_argument("--rate", default="400mbit", metavar="RATE", help="of each link and direction (400mbit)")
    parser.add_argument("--leaves", type=int, default=1, help="1 or 2 (1)")
    parser.add_argument("--uplink", metavar="RATE", help="of the link between two leaves (as --rate)")
    parser.add_argument("--ranks-per-host", type=int, default=1, metavar="N", help="(1)")
    parser.add_argument(
        "--slow", action="append", default=[], type=slow, metavar="HOST:DIRECTION:SHARE",
        help="c:transmit:0.5 leaves half of what c can send; may be repeated",
    )  # fmt: skip
    parser.add_argument("command", nargs="*", help="what to run; nothing: wait for Ctrl-C")
    return parser.parse_args(words)


def slow(text: str) -> tuple[tuple[str, Direction], float]:
    """A direction of a host's link, and the share of its rate that it has."""
    host, direction, share = text.split(":")
    if direction not in ("transmit", "receive"):
        raise ValueError(direction)
    return (host, direction), float(share)  # type: ignore[return-value]


def stand(made: Fabric, ranks_per_host: int, command: list[str]) -> int:
    """Run the command, or say how to use the fabric and wait; the exit status."""
    launcher = made.launcher(ranks_per_host)
    if command:
        return subprocess.run(command, env={**os.environ, "FABRIC": launcher}, check=False).returncode
    print(f"{len(made.hosts)} hosts at {made.rate}. On host a: {made.folder}/on a COMMAND. Ctrl-C ends it. Launcher:")
    print(launcher, flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()
    return 0


def main() -> int:
    asked = arguments(sys.argv[1:])
    reason = why_not()
    if reason is not None:
        print(f"Error: {reason}.", file=sys.stderr)
        return 3
    try:
        with fabric(
            asked.hosts, asked.rate, leaves=asked.leaves, uplink=asked.uplink, slow=dict(asked.slow)
        ) as made:  # fmt: skip
            return stand(made, asked.ranks_per_host, asked.command)
    except ValueError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())

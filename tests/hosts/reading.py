"""What is read of a link between two hosts: by fabricbench, by a C program over the same library, by iperf3."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from hosts.fabric import Fabric

from fabricbench import store
from fabricbench.errors import UnavailableError
from fabricbench.measure import control

SOURCE = Path(__file__).with_name("stream.c")
MESSAGE = 4 << 20
LIMIT_S = 300.0


def fabricbench(made: Fabric, output: Path, *words: str, ranks_per_host: int = 1) -> store.Result:
    """One run over all hosts of a fabric, as a user starts it, from its file.  Raises AssertionError where it fails."""
    command = ["run", "--launcher", made.launcher(ranks_per_host), "-o", str(output), *words]
    done = subprocess.run(
        [sys.executable, "-m", "fabricbench", *command], cwd=output.parent, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return store.load(output)[-1]


def ours(made: Fabric, output: Path, window: int, *more: str) -> float:
    """Bits a second of payload, as `bandwidth/mpi` of a new run says between the first two hosts."""
    words = ("--only", "bandwidth/mpi", "--sizes", "4MiB", "--cadence", "streaming", "--param", f"window={window}")
    (record,) = fabricbench(made, output, *words, *more).records
    assert (record.check.status, record.traffic.resource) == ("ok", "link")
    return record.rates["bandwidth"] * 8


def compiled(folder: Path) -> Path | None:
    """The C program, made by the compiler of mpi4py's own library; None where there is none that works."""
    program = folder / "stream"
    try:
        done = subprocess.run(
            [str(control.compiler()), "-O2", "-o", str(program), str(SOURCE)], capture_output=True, check=False
        )
    except UnavailableError:
        return None
    return program if done.returncode == 0 else None


def in_c(made: Fabric, program: Path, window: int, windows: int) -> float:
    """The same by the C program: median of its windows."""
    words = [*made.words(), str(program), str(MESSAGE), str(window), str(windows)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S, check=False, cwd=program.parent)
    assert done.returncode == 0, done.stderr
    return middle([float(line) * 8 for line in done.stdout.split()])


def by_iperf3(made: Fabric, source: str, target: str, seconds: int) -> float:
    """What iperf3 receives over one TCP connection, after a second of warm-up."""
    serve = [*made.on(target), "iperf3", "--server", "--one-off"]
    with subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            return _asked(made, source, target, seconds)
        finally:
            server.kill()


def _asked(made: Fabric, source: str, target: str, seconds: int) -> float:
    words = [*made.on(source), "iperf3", "--client", target, "--time", str(seconds), "--omit", "1", "--json"]
    for _ in range(50):  # until the server listens
        done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        received = json.loads(done.stdout)["end"].get("sum_received")
        if received is not None:  # iperf3 exits with 0 also where nobody listens
            return float(received["bits_per_second"])
        time.sleep(0.1)
    raise AssertionError(done.stdout)


def middle(values: Sequence[float]) -> float:
    """The lower median."""
    return sorted(values)[(len(values) - 1) // 2]


def load() -> float:
    """Processes that want a core, over the last minute, for each core."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)

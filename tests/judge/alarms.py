"""False alarms and power of the rule for members that are measured alike: `python tests/judge/alarms.py`, a minute."""

from collections import Counter
from itertools import product

import numpy as np

from fabricbench.judge import outliers

RUNS, SHARE = 2000, 0.7
SLOW = 0
"""The member at `SHARE` of its speed."""


def main() -> None:
    """Print a line for every noise, number of members and launches, and shape of the noise."""
    generator = np.random.default_rng(1)
    print("noise members launches shape   without a fault: question warn fail   found at 0.7")
    for noise, members, launches, shape in product((0.01, 0.04), (4, 6, 8, 16), (1, 2, 3), ("normal", "t(3)")):
        said, found = Counter[str](), 0
        for _ in range(RUNS):
            size = (launches, members)
            spread = generator.normal(size=size) if shape == "normal" else generator.standard_t(3, size) / np.sqrt(3)
            seconds = [dict(enumerate(np.exp(noise * row))) for row in spread]
            judged = outliers.compare(seconds)
            if judged.blind is None:
                said.update({judged.verdict(member) for member in range(members)})
            for launch in seconds:
                launch[SLOW] /= SHARE
            judged = outliers.compare(seconds)
            found += judged.blind is None and judged.slow(SLOW) == launches
        shares = " ".join(f"{said[verdict] / RUNS:.4f}" for verdict in ("INCONCLUSIVE", "WARN", "FAIL"))
        print(f"{noise:5} {members:7} {launches:8} {shape:6} {shares:>36} {found / RUNS:14.2f}", flush=True)


if __name__ == "__main__":
    main()

"""Writes results/README.md from the files beside it: `make results`."""

from pathlib import Path

import msgspec

from fabricbench import store
from fabricbench.judge import beside, calibration
from fabricbench.procedures import calibrate
from fabricbench.show import besides, calibrations, screen
from fabricbench.show import results as tables

HERE = Path(__file__).parent
CHECKOUT = HERE.parent

HEAD = """# Reference results

Measured by the commands shown, on the machines and at the commits shown, and never changed afterwards. This page is
written from the files by `make results`; `fabricbench show FILE` prints the same tables.
"""

CALIBRATION = """## What the comparison rule sees and invents: {file}

{machine}; {launches} launches from {first} to {last}. `fabricbench doctor --calibrate {file} --read` judges them again,
with the experiments of `docs/calibration.md`; `make calibration` measures new ones.
"""

BESIDE = """## Beside the OSU micro-benchmarks: {file}

`fabricbench doctor --beside FOLDER -n {ranks} --launches {launches} --format json`, with the programs built in FOLDER.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for file in sorted(HERE.glob("calibration/*.jsonl.gz")):
        launches = calibrate.load(file)
        parts.append(
            CALIBRATION.format(
                file=file.relative_to(CHECKOUT),
                machine=launches[0].machine,
                launches=len(launches),
                first=launches[0].started,
                last=launches[-1].started,
            )
        )
        parts.append(_block(screen.page_text(calibrations.page(calibration.judge(launches)))))
    for file in sorted(HERE.glob("beside/*.json")):
        report = msgspec.json.decode(file.read_bytes(), type=beside.Report)
        parts.append(BESIDE.format(file=file.relative_to(CHECKOUT), ranks=report.ranks, launches=report.launches))
        parts.append(_block(screen.page_text(besides.page(report))))
    elsewhere = ("local", "calibration", "hosts")
    for file in sorted(file for file in HERE.glob("*/*.jsonl*") if file.parent.name not in elsewhere):
        parts.append(f"## {file.relative_to(HERE)}\n")
        for result in store.load(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file):
            parts.append(_block(screen.page_text(tables.page(result, recompute=False))))
    return "\n".join(parts)


def _block(text: str) -> str:
    return f"```\n{text}```\n"


if __name__ == "__main__":
    (HERE / "README.md").write_text(page())

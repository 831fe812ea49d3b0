"""Writes results/README.md and docs/calibration.md from the files beside it: `make results`."""

import textwrap
from pathlib import Path

from fabricbench import store
from fabricbench.judge import calibration, experiments, sequential
from fabricbench.procedures import calibrate
from fabricbench.quantity import percent_text
from fabricbench.show import calibrations, screen
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

EXPERIMENTS = """# How often the comparison rule errs

This page is written by `make results` from stored launches; `fabricbench doctor --calibrate FILE --read` counts
again, and `make calibration` measures 1,000 unchanged launches and 20 slowed tables on the machine at hand, some 90
minutes, for which nothing else may run; the file, about 1 MB, goes to `results/calibration/`. `docs/ab.md` says where
the thresholds come from.

How to read it:

- *disjoint*: no launch stands in two tables, so the interval (Clopper & Pearson) is exact. Tables are 5 + 5
  neighbouring launches, series of `ab` 20 + 20. `first 5 against last 5` is what a comparison of two files does that
  were measured one after the other; its margin is doubled by the rule, and the line below shows it as if it were not.
- *drawn*: re-splits and overlapping stretches of the same launches. They are counted apart because they are no new
  launches: ten thousand draws of 400 launches still know 400 launches. An order of sides is drawn anew each time.
- *rank test of samples*: what a Mann-Whitney test says that takes samples for launches, on rows that kept
  samples. Nothing differs; a share of 5 % would be right. Rows of one table share its launches.
- *synthetic*: 100 rows of noise with heavy tails (Student's t with 3 degrees of freedom, scale 5 %, and 2 % that a
  launch adds to all its rows), five of them slowed by 50 % on the new side; and ten rows of 50 % noise, where the
  margin holds nothing back and the thresholds of `ab` stand alone, for which {promise} are promised at most.
- *power*: a row of unchanged launches is multiplied on the new side. `called same`: series that ended with `same` for
  the row that was slowed.
"""

FIXTURE = (
    """{machine}; {unchanged} unchanged launches from {first} to {last}; {draws} draws. Samples were kept of {rows}."""
)


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
    for file in sorted(file for file in HERE.glob("*/*.jsonl*") if file.parent.name not in ("local", "calibration")):
        parts.append(f"## {file.relative_to(HERE)}\n")
        for result in store.load(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file):
            parts.append(_block(screen.page_text(tables.page(result, recompute=False))))
    return "\n".join(parts)


def experiments_page(draws: int = experiments.DRAWS) -> str:
    """docs/calibration.md: some minutes."""
    promise = percent_text(sequential.promise())
    fixtures = [(file, calibrate.load(file)) for file in sorted(HERE.glob("calibration/*.jsonl.gz"))]
    parts = [EXPERIMENTS.format(promise=promise)]
    for file, launches in fixtures:
        unchanged = [noted for noted in launches if noted.series == "unchanged"]
        said = FIXTURE.format(
            machine=launches[0].machine, unchanged=len(unchanged), first=unchanged[0].started,
            last=unchanged[-1].started, draws=f"{draws:,}", rows=", ".join(launches[0].samples_s),
        )  # fmt: skip
        parts.append(f"## {file.relative_to(CHECKOUT)}\n\n{textwrap.fill(said, 118, break_on_hyphens=False)}\n")
        parts.append(_block(screen.page_text(calibrations.experiments(experiments.perform(launches, draws)))))
    return "\n".join(parts)


def _block(text: str) -> str:
    return f"```\n{text.lstrip()}```\n"


if __name__ == "__main__":
    (HERE / "README.md").write_text(page())
    (CHECKOUT / "docs" / "calibration.md").write_text(experiments_page())

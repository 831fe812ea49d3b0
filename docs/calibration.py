"""Writes docs/calibration.md from the launches in results/calibration: `make results`, some minutes."""

import textwrap
from pathlib import Path

from fabricbench.judge import experiments, sequential
from fabricbench.procedures import calibrate
from fabricbench.quantity import percent_text
from fabricbench.show import calibrations, screen

CHECKOUT = Path(__file__).parents[1]

EXPERIMENTS = """# How often the comparison rule errs

This page is written by `make results` from stored launches; `fabricbench doctor --calibrate FILE --read` counts
again, and `make calibration` measures 1,000 unchanged launches and 20 slowed tables on the machine at hand, some two
hours, for which nothing else may run; the file, 2 to 4 MB, goes to `results/calibration/`. `docs/ab.md` says where
the thresholds come from.

How to read it:

- *disjoint*: no launch stands in two tables, so the interval (Clopper & Pearson) is exact. Tables are 5 + 5
  neighbouring launches, series of `ab` 20 + 20. `first 5 against last 5` is what a comparison of two files does that
  were measured one after the other; its margin is doubled by the rule, and the line below shows it as if it were not.
- *drawn*: re-splits and overlapping stretches of the same launches. They are counted apart because they are no new
  launches: ten thousand draws of 400 launches still know 400 launches. An order of sides is drawn anew each time.
- *rank test of samples*: what a Mann-Whitney test says that takes samples for launches, on rows that kept
  samples. Nothing differs; a share of 5 % would be right. Rows of one table share its launches.
  On the 2-core EPYC machine below launches have two levels: in 44 % of the last 700 every row of communication takes
  2.6 times as long as in the others, for tens of launches in a row, as if the hypervisor had put the two processors
  further apart. Nothing that was compared differs, and what tests samples says that it does. That machine was not
  quiet: other work ran beside the first 300 launches, and some, of lowest priority, beside many of the later ones.
- *synthetic*: tables of 100 rows put together from the fixture, each group of its rows with launches of another time,
  as they are, and with five rows slowed by 50 % on the new side, chosen among those that would see as much; and ten
  rows of 50 % random noise, where the margin holds nothing back and the thresholds of `ab` stand alone, for which
  {promise} are promised at most.
- *power*: a row of unchanged launches is multiplied on the new side, in turn each that would see {quiet} or less at the
  last look. `called same`: series that ended with `same` for the row that was slowed.
"""

FIXTURE = (
    """{machine}; {unchanged} unchanged launches from {first} to {last}; {draws} draws. Samples were kept of {rows}."""
)


def page(draws: int = experiments.DRAWS) -> str:
    """The whole page."""
    promise = percent_text(sequential.promise())
    fixtures = [(file, calibrate.load(file)) for file in sorted((CHECKOUT / "results").glob("calibration/*.jsonl.gz"))]
    parts = [EXPERIMENTS.format(promise=promise, quiet=percent_text(experiments.QUIET))]
    for file, launches in fixtures:
        unchanged = [noted for noted in launches if noted.series == "unchanged"]
        said = FIXTURE.format(
            machine=launches[0].machine, unchanged=len(unchanged), first=unchanged[0].started,
            last=unchanged[-1].started, draws=f"{draws:,}", rows=", ".join(launches[0].samples_s),
        )  # fmt: skip
        parts.append(f"## {file.relative_to(CHECKOUT)}\n\n{textwrap.fill(said, 118, break_on_hyphens=False)}\n")
        text = screen.page_text(calibrations.experiments(experiments.perform(launches, draws)))
        parts.append(f"```\n{text.lstrip()}```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    (CHECKOUT / "docs" / "calibration.md").write_text(page())

"""Random halves of the ranks against each other: those that carry less than the others share something.

Nobody can be blamed for a bisection, so that it is never more than a warning.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from msgspec import structs

from fabricbench.judge import outliers
from fabricbench.judge.evidence import Evidence, Verdict, undecided, unknown
from fabricbench.judge.sides import Key, Unit
from fabricbench.model import Case
from fabricbench.quantity import size_text

BISECTIONS = "bisections"
WORST = 5
"""Draws that are measured again, with as many from the middle, which show what is usual then."""

_ONE = 2
"""Ranks that can be halved in one way only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """One case in all its draws: of each launch the seconds by draw."""

    case: Case
    launches: tuple[dict[int, float], ...]

    def again(self) -> list[int]:
        """The slowest draws and as many from the middle, in order; none where there are too few to choose from."""
        seconds: dict[int, list[float]] = {}
        for launch in self.launches:
            for draw, found in launch.items():
                seconds.setdefault(draw, []).append(found)
        ordered = sorted(seconds, key=lambda draw: -median(seconds[draw]))
        if len(ordered) < 4 * WORST:
            return []
        middle = len(ordered) // 2 - WORST // 2
        return sorted({*ordered[:WORST], *ordered[middle : middle + WORST]})


def draws(units: Sequence[Unit]) -> list[Draws]:
    """Every case of bisections between more ranks than two."""
    cases: dict[Key, Case] = {}
    launches: dict[Key, list[dict[int, float]]] = {}
    for unit in units:
        here: dict[Key, dict[int, float]] = {}
        for key, seconds in unit.medians_s.items():
            case = unit.rows[key].case
            if case.operation == "bisection" and (case.ranks or 0) > _ONE and seconds > 0:
                any_draw = structs.replace(case, params={**case.params, "draw": 0}).key()
                cases[any_draw] = case
                here.setdefault(any_draw, {})[int(case.params["draw"])] = seconds
        for any_draw, found in here.items():
            launches.setdefault(any_draw, []).append(found)
    return [Draws(case=cases[key], launches=tuple(found)) for key, found in launches.items()]


def tested(units: Sequence[Unit]) -> list[Evidence]:
    """What is to be said of them; nothing of two ranks, which can be halved in one way only."""
    cases = [record.case for unit in units for record in unit.rows.values()]
    found = draws(units)
    if not found and any((case.ranks or 0) > _ONE for case in cases):
        return [unknown(BISECTIONS, "no row of a bisection")]
    return [_tested(one, len(found)) for one in found]


def _tested(one: Draws, tests: int) -> Evidence:
    compared, test = outliers.compare(one.launches, tests), f"{BISECTIONS} of {size_text(one.case.nbytes)}"
    shares = {draw: median(found) for draw, found in compared.shares.items()}
    lowest = min(shares, key=shares.__getitem__)
    said = f"{len(shares)} random ones, lowest {shares[lowest]:.2f} of the median (draw {lowest})"
    if compared.blind is not None:
        return undecided(test, f"{said}; {compared.blind}", "the other bisections")
    verdicts = {compared.verdict(draw) for draw in shares}
    verdict: Verdict = (
        "WARN" if verdicts & {"FAIL", "WARN"} else "INCONCLUSIVE" if "INCONCLUSIVE" in verdicts else "PASS"
    )
    return Evidence(
        test=test, verdict=verdict, found=said, threshold=f"at least {compared.limit:.2f}",
        source="the other bisections and their spread",
    )  # fmt: skip

"""Overlaps of collectives with a computation -> one table after the others."""

from collections.abc import Sequence

from fabricbench.judge.overlap import Overlap
from fabricbench.model import USUAL
from fabricbench.show.table import ABSENT, Column, Table, number_text, time_unit

NOTE = (
    "overlap: (communication + computation - both) / the shorter of the two, as IMB-NBC, not clipped: below 0 both "
    "together took longer than one after the other. exposed: both - computation. slowed: how many times as long each "
    "takes beside the other; a communication lasts until the library first says that it is over."
)
BARRED = (
    "no overlap is told of rows flagged {flags}: something else was measured. Ranks that share a core compute and "
    "communicate in turn."
)


def tables(found: Sequence[Overlap]) -> tuple[Table, ...]:
    """The table, where there is an overlap to tell."""
    if not found:
        return ()
    scale, unit = time_unit(one.times.both_s for one in found)
    times = (("communi-", "cation"), ("compu-", "tation"), ("both",), ("exposed",))
    flags = sorted({flag for one in found for flag in one.barred})
    return (
        Table(
            title="overlap with a computation",
            columns=(
                *(Column(words=(word,), align="left") for word in ("operation", "with")),
                Column(words=("size",), unit="B"),
                *(Column(words=words, unit=unit) for words in times),
                Column(words=("overlap",), unit="%"),
                *(Column(words=(*words, "slowed"), unit="x") for words in times[:2]),
            ),
            rows=tuple(_cells(one, scale) for one in sorted(found, key=_place)),
            notes=(NOTE, *([BARRED.format(flags=", ".join(flags))] if flags else [])),
        ),
    )


def _place(one: Overlap) -> tuple[object, ...]:
    case = one.case
    return case.operation, case.variant, case.dtype, case.in_place, case.nbytes, str(sorted(case.params.items()))


def _cells(one: Overlap, scale: float) -> tuple[str, ...]:
    case = one.case
    usual = {**USUAL, "part": "both", "ratio": 1.0}
    asked = " ".join(f"{name}={value}" for name, value in sorted(case.params.items()) if usual.get(name) != value)
    place = " in-place" if case.in_place else ""
    efficiency = one.efficiency
    seconds = (*one.times[:3], one.exposed_s)
    slowed = (one.communication_slowed, one.computation_slowed)
    return (
        f"{case.operation}/{case.variant} {case.dtype}{place}",
        asked,
        str(case.nbytes),
        *(number_text(None if value is None else value / scale) for value in seconds),
        ABSENT if efficiency is None else f"{100 * efficiency:.1f}",
        *(ABSENT if factor is None else f"{factor:.2f}" for factor in slowed),
    )

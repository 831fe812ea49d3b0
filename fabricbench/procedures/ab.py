"""Two configurations, launch by launch in turn, until they differ, agree, or the last look has passed.

The looks are fixed in `judge/sequential.py` before anything is measured. The file holds one run a side, and each launch
says its side and its place in the series, so that `compare FILE` judges it by the same rule.
"""

import os
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from fabricbench import mpi
from fabricbench.engine import launch, start
from fabricbench.engine.worker import Announce
from fabricbench.errors import UsageError
from fabricbench.judge import sequential
from fabricbench.judge.sequential import LOOKS, Looked, Report
from fabricbench.judge.sides import BASE, NEW
from fabricbench.model import Ending
from fabricbench.procedures import sides
from fabricbench.procedures.sides import Side
from fabricbench.procedures.turns import Book
from fabricbench.store import Result


@dataclass(frozen=True, kw_only=True)
class Series:
    """What `ab` is asked for. `common` are words of `run` for both sides; `launches` a side at most."""

    base: str
    new: str
    common: tuple[str, ...]
    launches: int = LOOKS[-1]
    seed: int = 1
    margin: float = 0.05
    gate: tuple[str, ...] = ("*",)
    output: str | None = None
    resume: bool = False
    command: tuple[str, ...] = ()

    def looks(self) -> tuple[int, ...]:
        """The looks up to the last one asked for."""
        return tuple(look for look in LOOKS if look <= self.launches)


class Preview(NamedTuple):
    """What a series would do: the sides' commands, what each says it would measure, the looks, the longest it takes."""

    commands: tuple[str, str]
    plans: tuple[dict[str, Any] | None, dict[str, Any] | None]
    looks: tuple[int, ...]
    alike: bool
    expected_s: float | None


def preview(series: Series) -> Preview:
    """Check everything that can be checked without measuring.  Raises FabricbenchError."""
    _refuse(series)
    both = _sides(series)
    base, new = (sides.planned(one) for one in both)
    _share_rows(base, new)
    one_each = base["expected_s"] + new["expected_s"] if base and new else None
    return Preview(
        commands=(both[0].text(), both[1].text()), plans=(base, new), looks=series.looks(), alike=_alike(both),
        expected_s=None if one_each is None else one_each * series.launches,
    )  # fmt: skip


def examine(series: Series, announce: Announce) -> Report:
    """Measure launch by launch until a look answers.  Raises FabricbenchError; what was measured is in the file."""
    announce = _once(announce)
    made = preview(series)
    if made.alike:
        announce({"event": "notice", "text": "BOTH SIDES ARE THE SAME: WHATEVER DIFFERS IS A FALSE ALARM."})
    book = _book(series)
    final = _measured(series, book, announce)
    results = book.results()
    looked = [_look(series, results, launches) for launches in made.looks if launches <= final]
    return Report(
        file=str(book.path), alike=made.alike, planned=made.looks, promise=sequential.promise(made.looks),
        looks=tuple(one.look for one in looked), comparison=looked[-1].comparison,
    )  # fmt: skip


def _book(series: Series) -> Book:
    path = Path(series.output) if series.output else start.default_output("ab")
    begin = Book.resumed if series.resume else Book.begun
    return begin(path, series.command, series.seed, series.launches)


def _once(announce: Announce) -> Announce:
    """What every launch says, such as too many ranks, is said the first time only."""
    said: set[str] = set()

    def hear(event: dict[str, Any]) -> None:
        if event["text"] not in said:
            said.add(event["text"])
            announce(event)

    return hear


def _look(series: Series, results: Sequence[Result], launches: int) -> Looked:
    return sequential.look(results, launches, margin=series.margin, gate=series.gate)


def _refuse(series: Series) -> None:
    promised, launcher = mpi.promise(os.environ)
    if promised:
        raise UsageError(
            f"`ab` cannot be had under {launcher}: it starts launches of its own.",
            "Run it outside, and let --launcher say what starts the ranks of each launch.",
        )
    if series.launches < LOOKS[0]:
        raise UsageError(
            f"{series.launches} launches a side decide nothing.", f"The first look is after {LOOKS[0]}: ask for more."
        )
    if series.launches not in LOOKS:
        raise UsageError(
            f"There is no look after {series.launches} launches a side.",
            f"Looks are fixed: choose {', '.join(map(str, LOOKS[:-1]))} or {LOOKS[-1]}.",
        )


def _sides(series: Series) -> tuple[Side, Side]:
    base, new = sides.side(BASE, series.base, series.common), sides.side(NEW, series.new, series.common)
    if "--inject" in {word.partition("=")[0] for word in base.words}:
        raise UsageError("A base with a fault put in is no baseline.", "Write --new='--inject ...' for the new side.")
    return base, new


def _alike(both: tuple[Side, Side]) -> bool:
    return len({(tuple(sorted(one.environment.items())), one.program, one.words) for one in both}) == 1


def _share_rows(base: dict[str, Any] | None, new: dict[str, Any] | None) -> None:
    """Raises UsageError where no case of one side is a case of the other, be it by another variant."""
    if base is None or new is None:
        return
    unlike = ("bytes_per_rank", "variant")
    left, right = ({_key(case, unlike) for case in plan["cases"]} for plan in (base, new))
    if not left & right:
        first, second = (f"{plan['cases'][0]['operation']}/{plan['cases'][0]['variant']}" for plan in (base, new))
        raise UsageError(
            f"The sides have no row in common: the base measures {first} and others, the new side {second}.",
            "Let both measure the same operations, types, sizes and ranks.",
        )


def _key(case: dict[str, Any], without: Sequence[str]) -> str:
    return str(sorted((name, str(value)) for name, value in case.items() if name not in without))


def _measured(series: Series, book: Book, announce: Announce) -> int:
    """Launch until a look says that it is over; the launches a side at that look."""
    both = {one.name: one for one in _sides(series)}
    ending: Ending = "failed"
    try:
        with launch.ended_by_signals():
            for position, name in enumerate(sequential.order(series.seed)):
                if _is_over(series, book, position, announce):
                    ending = "complete"
                    return position // 2
                if position >= book.done:
                    _launched(series, book, both[name], position, announce)
    except KeyboardInterrupt:
        ending = "interrupted"
        raise
    finally:
        book.close(ending)
        if ending != "complete" and book.done:
            announce({"event": "notice", "text": _kept(book)})
    raise AssertionError("the order of sides has no end")


def _kept(book: Book) -> str:
    again = f"fabricbench ab --resume -o {shlex.quote(str(book.path))}"
    return f"{book.done} launches are kept in {book.path}; go on with: {again}"


def _is_over(series: Series, book: Book, position: int, announce: Announce) -> bool:
    """Look, where one is due before the launch at this position."""
    each, odd = divmod(position, 2)
    if odd or position > book.done:
        return False
    if each == 1 and book.done == 2:  # noqa: PLR2004 - one launch a side: can they be compared at all?
        _look(series, book.results(), each)
    if each not in series.looks():
        return False
    looked = _look(series, book.results(), each)
    said = ", ".join(f"{count} {verdict}" for verdict, count in looked.look.verdicts.items())
    last = looked.over or each == series.looks()[-1]
    announce(
        {"event": "notice", "text": f"look after {each} launches a side: {said}{'' if last else '; going on'}"}
    )  # fmt: skip
    return last


def _launched(series: Series, book: Book, one: Side, position: int, announce: Announce) -> None:
    """One launch of one side into the file. The n-th launches of both sides take their cases in the same order."""
    which = f"launch {position + 1} of at most {2 * series.launches}, {one.name}"
    announce({"event": "notice", "text": which})
    with tempfile.TemporaryDirectory(dir=book.path.parent, prefix=".ab-") as folder:
        # Beside the result, where the hosts of a foreign launcher can write, too.
        result = sides.measured(one, Path(folder) / "launch.jsonl", series.seed + position // 2, which, announce)
        book.write(one.name, result)

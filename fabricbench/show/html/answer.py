"""What a reader wants to know first, in sentences: what was measured, and what is wrong, missing or doubtful of it."""

from collections import Counter
from collections.abc import Iterable, Sequence

from fabricbench.judge.columns import Columns
from fabricbench.judge.compare import Comparison, Row
from fabricbench.judge.guidelines import findings
from fabricbench.judge.rule import Verdict
from fabricbench.model import Record, Round
from fabricbench.show import guidelines
from fabricbench.show.cases import Grouping
from fabricbench.show.heading import alarms, facts, imported
from fabricbench.show.html.render import Kind, Said
from fabricbench.show.html.texts import counted
from fabricbench.show.results import FEWEST_FOR_INTERVAL, doubt_notes, flag_notes
from fabricbench.show.rows import Row as Measured
from fabricbench.show.verdicts import ORDER
from fabricbench.store import Result

MOST_NAMES = 4
KINDS: dict[Verdict, Kind] = {"worse": "bad", "better": "good", "same": "good"}


def of_run(result: Result, tables: Grouping[Measured]) -> list[Said]:
    """What one run says, the worst first after what it is."""
    rows = [row for group in tables.groups for row in group.items]
    return [
        _measured(result, rows),
        *(Said(kind="bad", text=text) for text in alarms(result)),
        *_wrong(rows, tables),
        *_wrong_rounds(result.rounds),
        *_right(result.records),
        *_not_measured(rows, tables),
        *_doubted(rows),
        *_findings(result, tables),
        *_few(rows),
    ]


def of_comparison(found: Comparison) -> list[Said]:
    """How many rows have which verdict, and which ones are worse or better."""
    by_tail = [row for row in found.tails if row.verdict in ("worse", "better")]
    return [
        *(Said(kind="doubt", text=note) for note in found.notes),
        *_verdicts(found.rows, ""),
        *_verdicts(by_tail, " by their p99"),
    ]


def of_columns(found: Columns) -> list[Said]:
    """How many rows have a ratio, and why others that were measured in both columns have none."""
    lines = [line for section in found.sections for line in section.lines]
    ratios = sum(any(cell.ratio is not None for cell in line.cells) for line in lines)
    labels = found.sections[0].labels
    reasons = Counter(
        f"{label}: {cell.why}"
        for line in lines
        for label, cell in zip(labels, line.cells, strict=True)
        if cell.why and cell.value is not None and line.cells[0].value is not None
    )
    text = f"{counted(len(labels), 'column')} side by side: {ratios} of {counted(len(lines), 'row')} have a ratio."
    return [
        Said(kind="plain", text=text),
        *(Said(kind="doubt", text=note) for note in found.notes),
        *(Said(kind="doubt", text=f"No ratio in {counted(count, 'row')} of {why}.") for why, count in reasons.items()),
    ]


def _verdicts(rows: Sequence[Row], of: str) -> Iterable[Said]:
    for verdict in ORDER:
        names = [row.name for row in rows if row.verdict == verdict]
        if names:
            text = f"{counted(len(names), 'row')} {verdict}{of}: {_listed(names)}."
            yield Said(kind=KINDS.get(verdict, "doubt"), text=text)


def _measured(result: Result, rows: Sequence[Measured]) -> Said:
    run, known = result.run, dict(facts(result))
    what = f"{counted(len(rows), 'row')} of {counted(len({row.case.operation for row in rows}), 'operation')}"
    if imported(result.records):
        text = f"{what}, printed by {known['printed by']}, not measured or checked here."
        return Said(kind="plain", text=text)
    place = [str(run.machine.get(name, f"unknown {name}")) for name in ("hostname", "cpu")]
    commit = run.software.get("commit", "unknown")
    rounds = [counted(len(result.rounds), "round") + " of pairs"] if result.rounds else []
    text = (
        f"{', '.join([*([what] if rows or not rounds else []), *rounds])} on {', '.join(place)}; "
        f"launches {known['launches']}; {run.started}, fabricbench {run.fabricbench}, commit {commit}."
    )
    return Said(kind="plain", text=text)


def _wrong(rows: Sequence[Measured], tables: Grouping[Measured]) -> list[Said]:
    """Which rows are wrong or impossible; the alarms count the records."""
    wrong = [row for row in rows if any(one.record.check.status == "wrong" for one in row.launches)]
    invalid = [row for row in rows if any(bound.invalid for bound in row.bounds())]
    found = {
        f"wrong elements: {sum(row.wrong() or 0 for row in wrong)}": wrong,
        "faster than is physically possible": invalid,
    }
    return [
        Said(kind="bad", text=f"Not to be used, {tables.names([row.case for row in members])}: {what}.")
        for what, members in found.items()
        if members
    ]


def _wrong_rounds(rounds: Sequence[Round]) -> list[Said]:
    wrong = sum(line.check == "wrong" for line in rounds)
    text = f"WRONG DATA in {wrong} of {counted(len(rounds), 'round')} of pairs, which count for nothing else."
    return [Said(kind="bad", text=text)] if wrong else []


def _right(records: Sequence[Record]) -> list[Said]:
    checked = [record for record in records if record.check.status in ("ok", "wrong")]
    unchecked = sum(record.check.status == "unchecked" and record.origin is None for record in records)
    right = sum(record.check.status == "ok" for record in checked)
    said = []
    if checked and right == len(checked):
        said.append(Said(kind="good", text=f"No wrong result: {right} of {right} checked records were right."))
    if unchecked:
        said.append(Said(kind="doubt", text=f"{counted(unchecked, 'record')} of {len(records)} not checked."))
    return said


def _not_measured(rows: Sequence[Measured], tables: Grouping[Measured]) -> list[Said]:
    """Refusals and skipped cases, once for all that have the same reason."""
    reasons: dict[str, list[Measured]] = {}
    for row in rows:
        if row.time_s() is None:
            doubts = [doubt for one in row.launches for doubt in one.record.doubts]
            why = f"{doubts[0].text} {doubts[0].remedy}".strip() if doubts else "the file does not say why."
            reasons.setdefault(why, []).append(row)
    return [
        Said(
            kind="doubt",
            text=f"NOT MEASURED, {counted(len(found), 'row')} ({tables.names([row.case for row in found])}): {why}",
        )
        for why, found in reasons.items()
    ]  # fmt: skip


def _doubted(rows: Sequence[Measured]) -> list[Said]:
    measured = [row for row in rows if row.time_s() is not None]
    counts: Counter[str] = Counter()
    for note in (*flag_notes(measured), *doubt_notes(measured)):
        counts[note.head] = max(counts[note.head], len(note.cases))
    said = ", ".join(f"{counted(count, 'row')} {code}" for code, count in counts.items())
    text = f"To be read with care: {said}. Why, and what would help, stands below the tables."
    return [Said(kind="doubt", text=text)] if counts else []


def _findings(result: Result, tables: Grouping[Measured]) -> list[Said]:
    found = findings(result.records)
    if not found:
        return []
    worst = guidelines.lines(found[:1], tables)[1]
    text = f"{counted(len(found), 'call')} could be replaced by faster ones that give the same result, first: {worst}."
    return [Said(kind="doubt", text=text)]


def _few(rows: Sequence[Measured]) -> list[Said]:
    few = [row for row in rows if row.source() is None and 0 < len(row.times_s()) < FEWEST_FOR_INTERVAL]
    text = (
        f"{counted(len(few), 'row')} with fewer than {FEWEST_FOR_INTERVAL} launches: how much the next launch would "
        "differ is not known; +-% is the spread within one."
    )
    return [Said(kind="plain", text=text)] if few else []


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join([*names[:MOST_NAMES], *([f"and {more} more"] if more > 0 else [])])

"""How fast every node is on its own: beside its peers, and beside what the user expects."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from msgspec import structs

from fabricbench import traffic
from fabricbench.judge import outliers
from fabricbench.judge.demanded import bounds_text, line_source, reached
from fabricbench.judge.evidence import Evidence, Verdict, undecided, unknown
from fabricbench.judge.expect import Expected, Row
from fabricbench.judge.expectations import SHARE
from fabricbench.judge.outliers import Peers
from fabricbench.judge.sides import Key, Unit
from fabricbench.model import Case, Record
from fabricbench.quantity import rate_text, time_text

LOCAL: Mapping[str, tuple[str, ...]] = {
    "compute": ("gemm", "fma"),
    "memory": ("copy", "scale", "add", "triad", "dot", "chase"),
}
"""What a rank does on its own, by what it needs."""

PEERS = "peers"
TURN = "turn"
"""The parameter by which repetitions in one launch are told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """One test that nodes with as many ranks each have made: their figures, and how they compare.

    `seconds`: of every node's slowest rank, the median over launches.
    """

    case: Case
    record: Record
    seconds: Mapping[str, float]
    compared: Peers[str]

    @property
    def slow(self) -> bool:
        """Whether some node was slow in some launch."""
        return self.compared.blind is None and any(map(self.compared.slow, self.seconds))


def local(units: Sequence[Unit]) -> list[Local]:
    """Every case that all ranks measured on their own, right, in launches that say where they were.

    A node is compared with those that have as many ranks: who shares a memory with others is no measure for who does
    not. Turns of one launch count as one, by their median.
    """
    records: dict[_Test, Record] = {}
    launches: dict[_Test, list[dict[str, float]]] = {}
    for unit in units:
        for test, turns in _tests(unit, records).items():
            launches.setdefault(test, []).append(_middle(turns))
    return [
        Local(
            case=records[test].case, record=records[test], seconds=_middle(found),
            compared=outliers.compare(found, tests=len(launches)),
        )
        for test, found in launches.items()
    ]  # fmt: skip


_Test = tuple[Key, int]
"""A case, and how many ranks the nodes have."""


def _tests(unit: Unit, records: dict[_Test, Record]) -> dict[_Test, list[dict[str, float]]]:
    """The seconds of nodes in every turn of one launch; a record of each test is noted."""
    placed = unit.launch.rank_hosts
    if placed is None:
        return {}
    found: dict[_Test, list[dict[str, float]]] = {}
    counts = Counter(placed)
    for record in unit.rows.values():
        if _counts(record, len(placed)):
            params = {name: value for name, value in record.case.params.items() if name != TURN}
            case = structs.replace(record.case, params=params)
            slowest = _slowest(record.ranks_s.median, placed)
            for count in set(counts.values()):
                test = (case.key(), count)
                records.setdefault(test, structs.replace(record, case=case))
                found.setdefault(test, []).append({host: slowest[host] for host in slowest if counts[host] == count})
    return found


def _counts(record: Record, ranks: int) -> bool:
    own = record.case.operation in (*LOCAL["compute"], *LOCAL["memory"])
    times = record.ranks_s.median
    return own and record.check.status in ("ok", "unchecked") and len(times) == ranks and min(times) > 0


def _slowest(times_s: Sequence[float], placed: Sequence[str]) -> dict[str, float]:
    """Of each node the rank that the others would wait for."""
    found: dict[str, float] = {}
    for host, seconds in zip(placed, times_s, strict=True):
        found[host] = max(seconds, found.get(host, 0.0))
    return found


def _middle(launches: Sequence[Mapping[str, float]]) -> dict[str, float]:
    members = dict.fromkeys(host for seconds in launches for host in seconds)
    return {host: median(one[host] for one in launches if host in one) for host in members}


def speed(host: str, measured: Sequence[Local], expected: Expected | None) -> list[Evidence]:
    """The tests of one node's own speed; what the user expects goes before what its peers reach."""
    found: list[Evidence] = []
    for kind, operations in LOCAL.items():
        own = [one for one in measured if one.case.operation in operations and host in one.seconds]
        found += [unknown(kind, "no row of this node")] if not own else []
        lonely = []
        for one in own:
            demanded = [_demanded(host, one, row, kind) for row in _rows(one, expected)]
            found += demanded
            if one.compared.limit is None:
                lonely += [one] if not demanded else []
            else:
                found += _beside(host, one, kind, {test.verdict for test in demanded})
        found += [_lonely(kind, host, lonely)] if lonely else []
    return found


def _lonely(kind: str, host: str, rows: Sequence[Local]) -> Evidence:
    """Rows that there are too few nodes to judge, and of which nothing is expected."""
    first = rows[0]
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    return undecided(kind, f"{first.case.text()} {_figure(host, first)}{more}; {first.compared.blind}", PEERS)


def _rows(one: Local, expected: Expected | None) -> list[Row]:
    """What the user expects of a case, where it can be held against a single node."""
    rows = () if expected is None else expected.rows
    return [
        row for row in rows
        if row.case.key() == one.case.key() and row.verdict in ("PASS", "FAIL")
        and (row.expectation.metric == "time" or row.expectation.metric in one.record.rates)
    ]  # fmt: skip


def _demanded(host: str, one: Local, row: Row, kind: str) -> Evidence:
    """The node's own figure against the user's bounds."""
    wanted = row.expectation
    figure = one.seconds[host]
    if wanted.metric != "time":
        figure = traffic.rate(wanted.metric, one.case, one.record.traffic, figure)  # type: ignore[arg-type]
    figure /= wanted.scale
    good = reached(figure, wanted.low, wanted.high)
    return Evidence(
        test=f"{kind}: {one.case.text()}", verdict="PASS" if good else "FAIL",
        found=f"{wanted.metric} {figure:.4g} {wanted.unit}",
        threshold=bounds_text(wanted), source=row_source(row),
    )  # fmt: skip


def row_source(row: Row) -> str:
    """Who says so, and of which ceiling a share is."""
    ceiling = row.ceiling if row.expectation.metric == SHARE else None
    of = f", of the {ceiling.nature} peak: {ceiling.source}" if ceiling is not None else ""
    return f"{line_source(row.expectation)}{of}"


def _beside(host: str, one: Local, kind: str, demanded: set[Verdict]) -> list[Evidence]:
    """The node beside its peers. Where it reaches what the user expects, peers alone do not fail it."""
    compared, share, test = one.compared, median(one.compared.shares[host]), f"{kind}: {one.case.text()}"
    verdict = compared.verdict(host)
    if compared.blind is not None:
        return [] if demanded else [undecided(test, f"{_figure(host, one)}; {compared.blind}", PEERS)]
    if "PASS" in demanded and verdict in ("FAIL", "INCONCLUSIVE"):
        verdict = "WARN"
    launches = len(compared.shares[host])
    slow = f", slow in {compared.slow(host)} of {launches} launches" if compared.slow(host) else ""
    return [
        Evidence(
            test=test, verdict=verdict, found=f"{_figure(host, one)}, {share:.2f} of its peers{slow}",
            threshold=f"at least {compared.limit:.2f}",
            source=f"{PEERS}: median of {len(compared.shares)} nodes and their spread",
        )
    ]  # fmt: skip


def _figure(host: str, one: Local) -> str:
    """A node's rate where the case has one, else its time."""
    seconds = one.seconds[host]
    for key, unit in (("flops", "FLOP/s"), ("bandwidth", "B/s")):
        if key in one.record.rates:
            return rate_text(traffic.rate(key, one.case, one.record.traffic, seconds), unit)
    return time_text(seconds)

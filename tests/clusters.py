"""Results of clusters whose truth is known: what the suite leaves of them, and the rounds of a diagnosis."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from builders import changed, make_case, make_launch, make_record, make_result

from fabricbench.judge import localise, suspicion
from fabricbench.model import Case, Check, Launch, RankTimes, Record, Round, Traffic
from fabricbench.store import Result

NAMES = ("a", "b", "c", "d", "e", "f")
RATE, NBYTES = 1e8, 1 << 20
GEMM = Case(
    operation="gemm", variant="numpy", memory="host", dtype="float64", nbytes=1 << 21, ranks=6, cadence="isolated",
    mode="blocking", in_place=False, params={},
)  # fmt: skip
TRIAD = changed(GEMM, operation="triad", variant="numba", nbytes=1 << 25)
WRONG = Check(status="wrong", wrong=3, worst=1.0, bound=0.0, reference="numpy float64")


def local(case: Case, launch: int, slow: Mapping[str, float], hosts: Sequence[str] = NAMES) -> Record:
    """A row that every node measured alone, at a share of the usual speed where it is slow, with a little noise."""
    times = [1e-3 * (1 + 1e-3 * ((7 * number + launch) % 5)) / slow.get(host, 1.0) for number, host in enumerate(hosts)]
    moved = Traffic(sent=2e7, received=1e7, flops=1e8, resource="compute" if case.operation == "gemm" else "memory")
    case = changed(case, ranks=len(hosts))
    return make_record(
        case, max(times), launch=launch, ranks_s=RankTimes(median=times, mean=times, last=[0.0] * len(times)),
        traffic=moved, rate_keys=("flops",) if case.operation == "gemm" else ("bandwidth",),
    )  # fmt: skip


def bisections(launch: int, ranks: int, slow: Iterable[int] = (), count: int = 50) -> list[Record]:
    base = changed(GEMM, operation="bisection", variant="mpi", dtype="uint8", nbytes=NBYTES, ranks=ranks)
    return [
        make_record(
            changed(base, params={"draw": draw}), 1e-3 * (1 + 1e-4 * (draw % 7)) * (2 if draw in slow else 1),
            launch=launch, rate_keys=("bandwidth",),
        )
        for draw in range(count)
    ]  # fmt: skip


def suite(
    slow: Mapping[str, float] | None = None, launches: int = 2, hosts: Sequence[str] = NAMES, **fields: Any
) -> Result:
    """What the suite leaves: each node alone, a collective, bisections; `slow` in every launch."""
    records = [
        record
        for launch in range(launches)
        for record in (
            local(GEMM, launch, slow or {}, hosts), local(TRIAD, launch, {}, hosts),
            make_record(make_case(ranks=len(hosts)), launch=launch), *bisections(launch, len(hosts)),
        )
    ]  # fmt: skip
    lines = [started(number, hosts) for number in range(launches)]
    return make_result("suite", records, launches=lines, **fields)


def started(number: int, hosts: Sequence[str], **fields: Any) -> Launch:
    facts = {"ranks": len(hosts), "hosts": list(hosts), "placed": list(range(len(hosts)))}
    made: Launch = make_launch(number, **{**facts, "inventory": {host: {} for host in hosts}, **fields})
    return made


def line(
    pairs: Sequence[tuple[int, int]], direction: str, number: int, shares: Mapping[Any, float], launch: int = 0
) -> Round:
    def times(pair: tuple[int, int]) -> list[float]:
        ways = {"forward": [pair], "backward": [pair[::-1]], "both": [pair, pair[::-1]]}[direction]
        return [NBYTES / (RATE * min(shares.get(way, 1.0) for way in ways) * noise) for noise in (0.998, 1.0, 1.003)]

    return Round(
        launch=launch, round=number, direction=direction, pairs=list(pairs), nbytes=NBYTES,  # type: ignore[arg-type]
        samples_s=[times(pair) for pair in pairs], check="ok",
    )  # fmt: skip


def diagnosis(
    shares: Mapping[Any, float] | None = None, then: Mapping[Any, float] | None = None, members: int = len(NAMES),
    left_out: Iterable[tuple[int, int]] = (),
) -> Result:  # fmt: skip
    """The rounds of a diagnosis: pairs have these shares of the rate, and those when they are measured again."""
    shares = shares or {}
    pairings = localise.rounds(members)
    lines = [
        line([pair for pair in pairs if pair not in set(left_out)], direction, number, shares)
        for number, pairs in enumerate(pairings) for direction in ("forward", "backward", "both")
    ]  # fmt: skip
    found = localise.localise(localise.bandwidths(one for one in lines if one.direction != "both"), members)
    then = shares if then is None else then
    lines += [line([pair], "forward", 0, shares, 1) for pair in pairings[0]]
    for one in found.suspects:
        lines += [line([pair], "forward", 0, then, 2) for pair in suspicion.again(one, range(members), found.suspects)]
    hosts = NAMES[:members]
    launches = [started(number, hosts, inventory=None) for number in range(3)]
    return make_result("pairs", [], launches=launches, rounds=tuple(lines))


def sending(host: int, share: float = 0.5) -> dict[Any, float]:
    return {(host, other): share for other in range(len(NAMES)) if other != host}

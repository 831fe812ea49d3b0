"""Is this cluster what it should be? A verdict on every node, every link and the whole.

A threshold is the user's, the peers' or the run's own, never built in: what can be held against nothing is not judged,
and what was not measured is UNKNOWN.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fabricbench.errors import UsageError
from fabricbench.judge import company, demanded, inventory, links, nodes, whole
from fabricbench.judge.evidence import ORDER, Evidence, Kind, Subject, Verdict, unknown, worst
from fabricbench.judge.expect import Expected, check
from fabricbench.judge.expectations import Expectation, Expectations
from fabricbench.judge.links import Fabric
from fabricbench.judge.sides import FINGERPRINT, Unit, units
from fabricbench.judge.soak import FEWEST, lasted
from fabricbench.model import Facts
from fabricbench.store import Result

STATUS: Mapping[Verdict, int] = {"PASS": 0, "WARN": 0, "INCONCLUSIVE": 4, "UNKNOWN": 4, "FAIL": 1}

MOST_UNMEASURED = 1000
"""Links without evidence that are listed one by one."""

_JOB = "SLURM_JOB_ID"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """All verdicts. `inventory`: what is known of every node. `untested`: what nobody looked at.

    `jobs`: Slurm jobs that the ranks belonged to.
    """

    files: tuple[str, ...]
    expectations: str | None
    nodes: tuple[Subject, ...]
    links: tuple[Subject, ...]
    cluster: Subject
    inventory: Mapping[str, Facts]
    untested: tuple[str, ...]
    notes: tuple[str, ...]
    jobs: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """That of the cluster, which is no better than its nodes and links."""
        return self.cluster.verdict

    @property
    def status(self) -> int:
        """Exit status."""
        return STATUS[self.verdict]

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Everything that has a verdict, the whole first."""
        return (self.cluster, *self.nodes, *self.links)


def judge(results: Sequence[Result], expectations: Expectations | None = None) -> Judged:
    """The verdicts on one cluster.

    Raises UsageError for results of other tools or of two clusters, and expectations that no row answers to.
    """
    _refuse_imported(results)
    _refuse_two_clusters(results)
    read, copies = units(results)
    of_rows, of_pairs = demanded.split(expectations)
    expected = None if of_rows is None else check(results, of_rows)
    hosts = list(dict.fromkeys(host for result in results for launch in result.launches for host in launch.hosts))
    measured, fabrics = nodes.local(read), links.fabrics(results)
    known = inventory.inventory(results)
    agreed, slowing = inventory.agreement(known, hosts), company.tested(read)
    every = tuple(
        Subject(
            kind="node",
            name=host,
            tests=(
                *nodes.speed(host, measured, expected),
                *links.of_node(host, fabrics, of_pairs),
                *slowing.get(host, ()),
                *agreed[host],
            ),
        )
        for host in hosts
    )
    between = _links(fabrics, of_pairs)
    own = (*whole.tests(results, read, expected), *_idle(fabrics, of_pairs))
    return Judged(
        files=tuple(dict.fromkeys(result.path for result in results)),
        expectations=None if expectations is None else expectations.path,
        nodes=every,
        links=between,
        inventory=known,
        cluster=Subject(kind="cluster", name="cluster", tests=(*own, *_parts(every, "node"), *_parts(between, "link"))),
        untested=tuple(_untested(results, expected, read)),
        notes=tuple(copies),
        jobs=tuple(_jobs(results)),
    )


def _refuse_imported(results: Sequence[Result]) -> None:
    for result in results:
        tools = sorted({record.origin.tool for record in result.records if record.origin is not None})
        if tools:
            raise UsageError(
                f"{result.path} holds figures of {', '.join(tools)}, which do not say what each node reached.",
                "Judge what `run acceptance` measured; rows of other tools can be held against `compare --expect`.",
            )


def _refuse_two_clusters(results: Sequence[Result]) -> None:
    """One file may be of fewer nodes than another, as when some are measured again; but not of others."""
    found = [({host for launch in result.launches for host in launch.hosts}, result) for result in results]
    largest, most = max(found, key=lambda one: len(one[0]))
    for hosts, result in found:
        if other := sorted(hosts - largest):
            raise UsageError(
                f"{result.path} is of {_few(other)}, which {most.path} does not know: these are two clusters.",
                "Judge one cluster at a time.",
            )
        for name in FINGERPRINT:
            one, two = (str(part.run.machine.get(name, "unknown")) for part in (result, most))
            same_host = result.run.machine.get("hostname") == most.run.machine.get("hostname")
            if same_host and one != two and "unknown" not in (one, two):
                raise UsageError(
                    f"The {name} of {result.run.machine.get('hostname')} is {one} in {result.path} and {two} in "
                    f"{most.path}: these are two clusters.",
                    "Judge one cluster at a time.",
                )


def _few(names: Sequence[str]) -> str:
    return " ".join(names[:4]) + (" ..." if len(names) > 4 else "")  # noqa: PLR2004 - enough to know it by


def _links(fabrics: Sequence[Fabric], expected: Sequence[Expectation]) -> tuple[Subject, ...]:
    """Every link, with the tests of all diagnoses that measured it; very many that none did are one."""
    found: dict[str, list[Evidence]] = {}
    for fabric in fabrics:
        for name, tests in links.between(fabric, expected):
            found.setdefault(name, []).extend(one for one in tests if one is not links.UNMEASURED)
    measured = [Subject(kind="link", name=name, tests=tuple(tests)) for name, tests in found.items() if tests]
    names = [name for name, tests in found.items() if not tests]
    names = names if len(names) <= MOST_UNMEASURED else [f"{len(names)} other links"]
    return (*measured, *(Subject(kind="link", name=name, tests=(links.UNMEASURED,)) for name in names))


def _idle(fabrics: Sequence[Fabric], expected: Sequence[Expectation]) -> list[Evidence]:
    """Expectations of pairs that no pair answers to."""
    answered = [one for fabric in fabrics for one in demanded.wanted(expected, fabric.nbytes, len(fabric.names))]
    return [
        unknown(one.pattern, f"no pair matches line {one.line} of the expectations")
        for one in expected
        if one not in answered
    ]


def _parts(subjects: Sequence[Subject], kind: Kind) -> list[Evidence]:
    """The verdicts on nodes or links as a test of the whole."""
    if not subjects:
        missing = {"node": "no launch", "link": "no pairs were measured: run acceptance, or diagnose"}
        return [unknown(f"{kind}s", missing[kind])]
    counts = Counter(subject.verdict for subject in subjects)
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in reversed(ORDER) if counts[verdict])
    verdict = worst(counts)
    return [
        Evidence(
            test=f"{kind}s", verdict=verdict, found=said, threshold=f"every {kind} passes", source="tests of its own"
        )
    ]


def _jobs(results: Sequence[Result]) -> list[str]:
    found = {launch.environment.get(_JOB) for result in results for launch in result.launches}
    return sorted(job for job in found if job)


def _untested(results: Sequence[Result], expected: Expected | None, read: Sequence[Unit]) -> list[str]:
    """What a reader might believe was tested, and was not."""
    rows = {record.case.key(): record.case for result in results for record in result.records}
    compared = {"bisection", *(operation for operations in nodes.LOCAL.values() for operation in operations)}
    judged = set() if expected is None else {row.case.key() for row in expected.rows}
    unjudged = sum(
        case.operation not in compared and key not in judged and "communicator" not in case.params
        for key, case in rows.items()
    )
    gpus = sorted({_listed(result.run.machine.get("gpus", "unknown")) for result in results})
    found = []
    if not any(case.memory == "device" for case in rows.values()):
        found.append(f"GPUs ({', '.join(gpus)})")
    if rows and all((case.ranks or 0) <= 2 for case in rows.values()):  # noqa: PLR2004 - one way to halve them
        found.append("bisections (2 ranks can be halved in one way only)")
    if not lasted(read):
        found.append(f"decay over time (no run of {FEWEST} launches or more: --soak)")
    if unjudged:
        found.append(f"the speed of {unjudged} rows, of which nothing is expected (--expect)")
    return [*found, "storage", "power and temperature", "counters of switches, of links and of error correction"]


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

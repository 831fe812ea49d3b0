"""What to measure: suites in TOML and the flags of `run` become a list of cases, or one clear sentence why not."""

import fnmatch
import itertools
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import msgspec
import numpy as np

from fabricbench import mpi
from fabricbench.collectives.library import COUNT_LIMIT
from fabricbench.engine import catalogue, params
from fabricbench.errors import NotMeasuredError, UsageError, unknown
from fabricbench.model import Cadence, Case, Mode, Scalar
from fabricbench.quantity import about_size, parse_sizes, size_text
from fabricbench.spec import Layout, Operation, Question, Variant, element_type

FOLDER = resources.files("fabricbench") / "suites"
DEFAULT = "quick"
CASE_BUDGET_S = 1.0
"""Measuring time of one case where no suite says."""


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Some cases: an operation with the variants, sizes and types that are wanted; what is left out is the default."""

    operation: str
    variants: list[str] | None = None
    sizes: str | None = None
    dtypes: list[str] | None = None
    cadence: Cadence | None = None
    modes: tuple[Mode, ...] | None = None
    in_place: bool = False
    params: dict[str, Scalar | list[Scalar]] = {}


class Suite(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A TOML file in `suites/`. `budget` is seconds of measuring, shared by the cases.

    `includes` names suites whose cases come first.
    """

    about: str
    budget: float
    includes: list[str] = []
    case: list[Wish] = []

    def wishes(self, above: tuple[str, ...] = ()) -> Iterator[Wish]:
        """Cases of the suites that are included, then its own.  Raises UsageError where they include each other."""
        for name in self.includes:
            if name in above:
                raise UsageError(f"The suite {name} includes itself.", f"Take one out of {', '.join((*above, name))}.")
            yield from named(name).wishes((*above, name))
        yield from self.case


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the command line that says what to measure; it travels to every rank."""

    suite: str = DEFAULT
    only: list[str] = []
    sizes: str | None = None
    dtypes: list[str] | None = None
    memory: str = "host"
    cadence: Cadence | None = None
    modes: tuple[Mode, ...] | None = None
    in_place: bool = False
    params: dict[str, list[Scalar]] = {}
    budget: float | None = None
    seed: int = 1
    tail: bool = False
    alone: bool = False
    inject: str | None = None

    @property
    def threaded(self) -> bool:
        """Whether ranks will call MPI from a second thread."""
        return "thread" in self.params.get("overlap", [])


@dataclass(frozen=True)
class Plan:
    """Cases in the order of the suite, the seconds they share, and what the suite wanted but this machine cannot do."""

    cases: tuple[Case, ...]
    budget_s: float
    left_out: tuple[str, ...]


def suites() -> dict[str, Suite]:
    """Every suite there is, by name."""
    files = sorted(Path(str(FOLDER)).glob("*.toml"))
    return {file.stem: read(file) for file in files}


def read(file: Path) -> Suite:
    """One suite.  Raises UsageError naming the file and what is wrong in it."""
    try:
        suite = msgspec.convert(tomllib.loads(file.read_text()), Suite)
        if not (suite.case or suite.includes):
            raise msgspec.ValidationError("it has no case and includes no suite")
        return suite
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(
            f"The suite {file} cannot be read: {why}.",
            "Compare it with a suite of `fabricbench list suites`.",
        ) from error


def plan(request: Request, *, ranks: int, distances: tuple[str, ...], has_mpi: bool) -> Plan:
    """All cases of a request for so many ranks.  Raises UsageError for anything that does not exist or cannot be."""
    if request.memory != "host":
        raise UsageError(
            f"There is no variant for {request.memory} memory here.",
            "Leave --memory out, or say --memory host.",
        )
    asked = bool(request.only)
    suite = Suite(about="", budget=0.0, case=list(_wishes(request))) if asked else named(request.suite)
    cases: dict[tuple[Scalar, ...], Case] = {}
    left_out: dict[str, None] = {}
    for wish, operation, variant in ((one, *answer) for one in suite.wishes() for answer in _variants(one)):
        missing = _missing(operation, variant, ranks, has_mpi)
        if missing and asked:
            failure = NotMeasuredError if variant.uses_mpi and not has_mpi else UsageError
            raise failure(f"{operation.name}/{variant.name} cannot be measured here: it {missing}.")
        if missing:
            left_out[f"{operation.name}: {missing}"] = None
            continue
        possible, refused = _sorted_out(_cases(request, wish, operation, variant, ranks, distances), operation, variant)
        cases |= {case.key(): case for case in possible if case.key() not in cases}
        left_out |= dict.fromkeys(refused)
    if not cases:
        raise UsageError(f"Nothing is left to measure: {'; '.join(left_out) or 'the suite is empty'}.")
    seconds = request.budget or suite.budget or CASE_BUDGET_S * len(cases)
    return Plan(tuple(cases.values()), seconds, tuple(left_out))


def _sorted_out(cases: Iterable[Case], operation: Operation, variant: Variant) -> tuple[list[Case], list[str]]:
    """Cases that can be, and why the others cannot."""
    possible, why = [], []
    for case in cases:
        refused = operation.refuse(case) or (None if "communicator" in case.params else refusal(variant, case))
        if refused:
            why.append(f"{operation.name}/{variant.name} {refused}")
        else:
            possible.append(case)
    return possible, why


def refusal(variant: Variant, case: Case) -> str | None:
    """Why a variant cannot answer a case that makes sense: its type, its mode, its size or its own reason."""
    if case.dtype not in variant.dtypes:
        return f"has no {case.dtype}; there are {', '.join(variant.dtypes)}"
    if case.mode not in variant.needs:
        return f"has no {case.mode} mode; there are {', '.join(variant.needs)}"
    count = case.nbytes // element_type(case.dtype).itemsize
    if variant.uses_mpi and count > COUNT_LIMIT and not variant.large:
        most = COUNT_LIMIT * element_type(case.dtype).itemsize
        return f"has {count} elements, an MPI count can name {COUNT_LIMIT}: the largest size is {most} bytes"
    return variant.refuse(case)


def named(name: str) -> Suite:
    """The suite of that name, or of that TOML file.  Raises UsageError with the nearest names."""
    if name.endswith(".toml"):
        return read(Path(name))
    known = suites()
    if name not in known:
        raise unknown("suite", name, known)
    return known[name]


def _wishes(request: Request) -> Iterator[Wish]:
    for pattern in request.only:
        operation, slash, variant = pattern.partition("/")
        matching = fnmatch.filter(catalogue.operations(), operation) or [catalogue.operation(operation).name]
        found = {
            name: fnmatch.filter(catalogue.operation(name).variants, variant if slash else "*") for name in matching
        }
        if not any(found.values()):
            catalogue.variant(catalogue.operation(matching[0]), variant)  # raises
        yield from (Wish(operation=name, variants=variants) for name, variants in found.items() if variants)


def _variants(wish: Wish) -> Iterator[tuple[Operation, Variant]]:
    operation = catalogue.operation(wish.operation)
    for name in wish.variants or list(operation.variants):
        yield operation, catalogue.variant(operation, name)


def _missing(operation: Operation, variant: Variant, ranks: int, has_mpi: bool) -> str | None:
    if variant.uses_mpi and not has_mpi:
        return f"needs MPI. {mpi.INSTALL}"
    if operation.pair and ranks < 2:  # noqa: PLR2004 - a pair is two
        return "needs at least 2 ranks: ask for -n 2"
    return None


def _cases(
    request: Request,
    wish: Wish,
    operation: Operation,
    variant: Variant,
    ranks: int,
    distances: tuple[str, ...],
) -> Iterator[Case]:
    explicit = request.sizes is not None and operation.sized
    sizes = parse_sizes(request.sizes if explicit and request.sizes is not None else wish.sizes or operation.sizes)
    in_place = operation.in_place == "always" or (
        operation.in_place == "possible" and (wish.in_place or request.in_place)
    )
    modes = request.modes or wish.modes or (operation.mode,)
    for dtype in request.dtypes or wish.dtypes or [operation.dtypes[0]]:
        if dtype not in operation.dtypes:
            raise unknown(f"type for {operation.name}", dtype, operation.dtypes)
        fitted = [fit(operation, element_type(dtype), nbytes, ranks, strict=explicit) for nbytes in sizes]
        for nbytes, chosen, mode in itertools.product(
            [size for size in fitted if size is not None],
            list(
                params.combinations(
                    operation, {**wish.params, **request.params}, modes,
                    ranks=ranks, distances=distances, alone=request.alone,
                )
            ),
            modes,
        ):  # fmt: skip
            cadence = request.cadence or wish.cadence or operation.cadence(nbytes)
            alone = params.one_by_one(chosen, in_place=in_place)
            if alone and request.cadence == "streaming" and operation.in_place != "always":
                raise UsageError(
                    "In place, with an arrival pattern or an overlap every operation is measured alone.",
                    "Leave --cadence streaming out.",
                )
            yield Case(
                operation=operation.name, variant=variant.name, memory="host", dtype=dtype, nbytes=nbytes,
                ranks=ranks, cadence="isolated" if alone else cadence, mode=mode, in_place=in_place,
                params=params.of_mode(chosen, mode),
            )  # fmt: skip


def fit(operation: Operation, dtype: np.dtype[np.generic], nbytes: int, ranks: int, *, strict: bool) -> int | None:
    """Bytes that the operation can really have, at most `nbytes`; None for nothing.

    Raises UsageError, when strict, for a size that no whole number of elements has or that holds less than the least.
    """
    if not operation.sized:
        return 0
    count, rest = divmod(nbytes, dtype.itemsize)
    if rest and strict:
        raise UsageError(
            f"{nbytes} bytes do not divide by the {dtype.itemsize} bytes of {dtype}.",
            f"Nearest sizes: {nbytes - rest}, {nbytes - rest + dtype.itemsize}.",
        )
    fitted = operation.fit(count, ranks)
    if fitted == 0 and strict:
        raise UsageError(
            f"{size_text(nbytes)} is too small for {operation.name} of {dtype} with {ranks} ranks.",
            f"The smallest size here is {_smallest(operation, dtype, ranks)} bytes.",
        )
    return fitted * dtype.itemsize or None


def _smallest(operation: Operation, dtype: np.dtype[np.generic], ranks: int) -> int:
    count = next(count for count in range(1, 1 << 20) if operation.fit(count, ranks))
    return count * dtype.itemsize


def bytes_per_rank(case: Case) -> int:
    """Memory of the largest rank: inputs, output, and what the variant needs beyond them."""
    operation = catalogue.operation(case.operation)
    variant = catalogue.variant(operation, case.variant)
    # The first, the last and the root are the ones that can hold more than others.
    heaviest = {0, case.known_ranks - 1, int(case.params.get("root", 0))}
    questions = [Question(case=case, rank=rank, ranks=case.known_ranks, seed=0) for rank in heaviest]
    return max(_elements(operation.layout(one), case) + variant.scratch(one) for one in questions) * (
        element_type(case.dtype).itemsize
    )


def _elements(layout: Layout, case: Case) -> int:
    return sum(layout.inputs) + (layout.room if case.in_place else layout.output)


def refuse_too_large(cases: tuple[Case, ...], available: int, ranks_a_host: int) -> None:
    """Raises UsageError for the first case that does not fit into a host's memory; nothing is allocated yet."""
    for case in cases:
        taking_part = 1 if "alone" in case.params else 2 if catalogue.operation(case.operation).pair else ranks_a_host
        wanted = bytes_per_rank(case) * min(taking_part, ranks_a_host)
        if wanted > available:
            largest = case.nbytes * available // wanted
            raise UsageError(
                f"{case.operation}/{case.variant} {size_text(case.nbytes)} needs {about_size(wanted)} for "
                f"{ranks_a_host} ranks a host; {about_size(available)} are available.",
                f"The largest size that fits is about {about_size(largest)}.",
            )

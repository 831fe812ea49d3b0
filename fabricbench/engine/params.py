"""What can be asked of an operation beside types and sizes, as the parameters of its cases."""

import itertools
from collections.abc import Iterator, Mapping

from fabricbench.engine import aggressors, compose
from fabricbench.errors import UsageError, unknown
from fabricbench.measure.sync import ARRIVALS
from fabricbench.model import Mode, Scalar
from fabricbench.spec import Operation

COLLECTIVE: dict[str, Scalar] = {"communicator": "world", "arrival": "flat", "skew": 1.0, "overlap": "", "ratio": 1.0}
"""What can be asked of every collective: which ranks, how they arrive, how far apart in times of the operation; what
does its work while something is computed beside it, and how long that lasts in times of the operation.
"""
LOADED: dict[str, Scalar] = {"aggressor": "", "load": 1.0}
"""What can be asked of whatever has more than two ranks: what others do meanwhile, and how many of them."""

OVERLAPS = ("none", "calls", "thread", "serial", "timer")
PARTS = ("communication", "computation", "both", *compose.WITHIN)
"""The linked cases of an overlap."""

COMMUNICATORS = ("world", "host", "across", "half")
LARGEST_SKEW = 1000.0
LARGEST_RATIO = 100.0

_ONLY_IN: dict[str, Mode] = {
    "partitions": "partitioned", **dict.fromkeys(("overlap", "part", "ratio"), "non-blocking")
}  # fmt: skip
"""Parameters that mean something in one mode only."""


def one_by_one(params: Mapping[str, Scalar], *, in_place: bool) -> bool:
    """Whether operations cannot be measured back to back: something has to be done before each of them."""
    return in_place or not {"aggressor", "arrival", "overlap"}.isdisjoint(params)


def of_mode(params: Mapping[str, Scalar], mode: Mode) -> dict[str, Scalar]:
    """Those that mean something in that mode, sorted."""
    return {name: params[name] for name in sorted(params) if _ONLY_IN.get(name, mode) == mode}


def combinations(
    operation: Operation, wanted: Mapping[str, Scalar | list[Scalar]], modes: tuple[Mode, ...], *,
    ranks: int, distances: tuple[str, ...], alone: bool,
) -> Iterator[dict[str, Scalar]]:  # fmt: skip
    """The parameters of every case: all values of one with all of the others.

    Raises UsageError for a name or a value that there is not, and for what makes no sense together.
    """
    asked = {**operation.params, **wanted}
    known = {
        **operation.params, **(COLLECTIVE if operation.family == "collective" else {}),
        **(LOADED if aggressors.possible(operation) else {}),
    }  # fmt: skip
    for name in asked.keys() - known.keys():
        raise unknown(f"parameter of {operation.name}", name, known or ["none"])
    _refuse_idle(wanted, modes)
    distances = _wanted(wanted.get("distance"), distances)
    choices = {name: _choices(name, value, ranks) for name, value in asked.items()}
    for chosen in itertools.product(*choices.values()):
        params = _beside(_arriving(dict(zip(choices, chosen, strict=True))))
        if operation.pair:
            yield from ({**params, "distance": distance} for distance in distances)
        elif alone and operation.family in ("compute", "memory"):
            yield from ({**params, "alone": rank} for rank in range(ranks))
        elif "overlap" in params:
            yield from ({**params, "part": part} for part in PARTS)
        elif "aggressor" in params:
            yield from aggressors.combinations(params, ranks)
        else:
            yield params


def _refuse_idle(wanted: Mapping[str, object], modes: tuple[Mode, ...]) -> None:
    """Raises UsageError for what was asked for and means nothing in the modes there are."""
    if "overlap" in wanted and "non-blocking" not in modes:
        raise UsageError("Only non-blocking collectives overlap with a computation.", "Add --mode non-blocking.")
    for name, mode in _ONLY_IN.items():
        if name in wanted and mode not in modes:
            raise UsageError(f"{name} means something in {mode} mode only.", f"Add --mode {mode}.")


def _wanted(value: Scalar | list[Scalar] | None, distances: tuple[str, ...]) -> tuple[str, ...]:
    """The distances that were asked for, else all.  Raises UsageError for one at which there are no two ranks."""
    if value is None:
        return distances
    asked = [str(one) for one in (value if isinstance(value, list) else [value])]
    for one in asked:
        if one not in distances:
            raise unknown("distance of two ranks here", one, distances or ["none"])
    return tuple(asked)


def _arriving(params: dict[str, Scalar]) -> dict[str, Scalar]:
    """Which ranks, and how they arrive; both stand in a case only where they are not usual.  Raises UsageError."""
    for name, known in (("communicator", COMMUNICATORS), ("arrival", ARRIVALS)):
        if params.get(name, known[0]) not in known:
            raise unknown(name, str(params[name]), known)
    if "skew" in params and "arrival" not in params:
        raise UsageError("A skew needs an arrival pattern.", f"Add --param arrival={ARRIVALS[1]}.")
    if params.get("arrival", "flat") != "flat":
        params = {"skew": 1.0, **params}
        if not isinstance(params["skew"], int | float) or not 0 < params["skew"] <= LARGEST_SKEW:
            raise UsageError(
                f"A skew of {params['skew']} makes no sense.", f"Give a number above 0, up to {LARGEST_SKEW:g}."
            )
        params["skew"] = float(params["skew"])
    elif "arrival" in params:
        params = {name: value for name, value in params.items() if name not in ("arrival", "skew")}
    return {name: value for name, value in params.items() if (name, value) != ("communicator", "world")}


def _beside(params: dict[str, Scalar]) -> dict[str, Scalar]:
    """With how long the computation lasts, where there is one.  Raises UsageError."""
    if "load" in params and "aggressor" not in params:
        raise UsageError("A load needs an aggressor.", f"Add --param aggressor={next(iter(aggressors.AGGRESSORS))}.")
    if "overlap" not in params:
        if "ratio" in params:
            raise UsageError("A ratio needs an overlap.", f"Add --param overlap={OVERLAPS[0]}.")
        return params
    if params["overlap"] not in OVERLAPS:
        raise unknown("overlap", str(params["overlap"]), OVERLAPS)
    if "arrival" in params:
        raise UsageError("An overlap is measured with all ranks entering together.", "Leave out --param arrival.")
    ratio = params.get("ratio", 1.0)
    if isinstance(ratio, bool | str) or not 0 < ratio <= LARGEST_RATIO:
        raise UsageError(f"A ratio of {ratio} makes no sense.", f"Give a number above 0, up to {LARGEST_RATIO:g}.")
    return {**params, "ratio": float(ratio)}


def _choices(name: str, value: Scalar | list[Scalar], ranks: int) -> list[Scalar]:
    """All values of one parameter; every root in turn where all are wanted."""
    wanted = list(dict.fromkeys(value)) if isinstance(value, list) else [value]
    return list(range(ranks)) if name == "root" and "all" in wanted else wanted

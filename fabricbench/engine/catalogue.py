"""Every operation there is, found by importing the unit folders."""

import importlib
import pkgutil
from functools import cache
from types import ModuleType

from fabricbench import collectives, kernels
from fabricbench.errors import FabricbenchError, unknown
from fabricbench.spec import Operation, Variant


@cache
def operations() -> dict[str, Operation]:
    """Operations by name.  A name defined twice is an error that names the second file."""
    found: dict[str, Operation] = {}
    for module in _units(kernels) + _units(collectives):
        for thing in vars(module).values():
            if not isinstance(thing, Operation):
                continue
            if found.setdefault(thing.name, thing) is not thing:
                raise FabricbenchError(
                    f"The operation {thing.name} is defined twice, the second time in {module.__file__}."
                )
    return dict(sorted(found.items()))


def _units(folder: ModuleType) -> list[ModuleType]:
    names = sorted(module.name for module in pkgutil.iter_modules(folder.__path__))
    return [importlib.import_module(f"{folder.__name__}.{name}") for name in names]


def names() -> tuple[list[str], list[str]]:
    """All operation names and all variant names, sorted: the closed vocabularies of the result file."""
    known = operations()
    variants = {name for operation in known.values() for name in operation.variants}
    return list(known), sorted(variants)


def operation(name: str) -> Operation:
    """The operation of that name.  Raises UsageError with the nearest names."""
    try:
        return operations()[name]
    except KeyError:
        raise unknown("operation", name, operations()) from None


def variant(asked: Operation, name: str) -> Variant:
    """The variant of that name.  Raises UsageError with the nearest names."""
    try:
        return asked.variants[name]
    except KeyError:
        raise unknown(f"variant of {asked.name}", name, asked.variants) from None

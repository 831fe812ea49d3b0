"""What can be measured here, and why not: read without starting MPI, Numba or a GPU."""

from typing import Any

from fabricbench import mpi, native
from fabricbench.device import probe
from fabricbench.engine import catalogue, machine, suite
from fabricbench.errors import UnavailableError
from fabricbench.spec import Operation, Variant


def operations() -> list[dict[str, Any]]:
    """Every operation with its variants, in the shape of `list operations --format json`."""
    path = mpi.find_library()
    has = native.symbols(path) if path else None
    return [
        {
            "operation": operation.name,
            "variants": [_variant(operation, variant, has) for variant in operation.variants.values()],
        }
        for operation in catalogue.operations().values()
    ]


def variants() -> list[dict[str, Any]]:
    """One row a variant, flat."""
    return [{"operation": entry["operation"], **variant} for entry in operations() for variant in entry["variants"]]


def suites() -> list[dict[str, Any]]:
    """Every suite with its purpose and measuring time."""
    return [{"suite": name, "budget_s": found.budget, "about": found.about} for name, found in suite.suites().items()]


def devices() -> list[dict[str, Any]]:
    """The processors and GPUs that the kernel shows."""
    found = machine.machine()
    gpus = found["gpus"]
    cpu = {"device": "cpu", "about": f"{found['cpu']}, {machine.usable_cores()} usable cores"}
    try:
        listed = [card.text() for card in probe.cards()]
    except UnavailableError as error:
        seen = "; ".join(gpus) if isinstance(gpus, list) else str(gpus)
        listed = [f"not available: {error} On the bus: {seen}."]
    return [cpu, *({"device": "gpu", "about": about} for about in listed)]


def _variant(operation: Operation, variant: Variant, has: Any) -> dict[str, Any]:
    missing = {mode: [name for name in needs if has and not has(name)] for mode, needs in variant.needs.items()}
    modes = [mode for mode, names in missing.items() if not names]
    why = None
    if variant.compiler:
        why = probe.absences().get(variant.compiler)
    elif variant.uses_mpi and has is None:
        why = f"no MPI library: {mpi.INSTALL}"
    elif not modes:
        why = f"the MPI library has no {', '.join(sorted({name for names in missing.values() for name in names}))}"
    return {
        "variant": variant.name, "step": variant.step, "available": why is None, "why": why,
        "modes": modes if why is None else [], "dtypes": list(variant.dtypes), "idea": variant.idea,
    }  # fmt: skip

"""Coverage-guided search for a log that breaks an importer: `python fuzz.py CORPUS -runs=N`, with atheris installed."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType


def functions(owner: object, module: str) -> Iterator[FunctionType]:
    """Functions of a module, and the methods of its classes."""
    for value in list(vars(owner).values()):
        if isinstance(value, FunctionType) and value.__module__ == module:
            yield value
        elif isinstance(value, type) and value.__module__ == module:
            yield from functions(value, module)


def main(arguments: list[str]) -> None:
    """Run atheris on `reading.read` and on the records that it leads to."""
    import atheris

    from fabricbench import store
    from fabricbench.errors import FabricbenchError
    from fabricbench.show.imports import reading

    # Not its import hook: that sees nothing of a package that is installed as editable.
    for name, module in list(sys.modules.items()):
        if name.startswith("fabricbench.show.imports"):
            for function in functions(module, name):
                atheris.instrument_func(function)

    path = Path(tempfile.mkdtemp()) / "log.txt"

    def once(data: bytes) -> None:
        path.write_bytes(data)
        try:
            log = reading.read(str(path), partial=bool(data[:1] > b"\x7f"))
        except FabricbenchError:
            return
        for found in log.found:
            store.encode(found.row.record(0, found.tool, found.version, "log.txt"))

    atheris.Setup([sys.argv[0], *arguments], once)
    try:
        atheris.Fuzz()
    finally:
        path.unlink(missing_ok=True)
        os.rmdir(path.parent)


if __name__ == "__main__":
    main(sys.argv[1:])

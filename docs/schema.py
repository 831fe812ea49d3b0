"""Writes docs/schema.json from the model and the catalogue: `make schema`."""

import json
from pathlib import Path

from fabricbench import store
from fabricbench.engine import catalogue

PAGE = Path(__file__).with_name("schema.json")


def text() -> str:
    """The schema as it must stand in the file."""
    operations, variants = catalogue.names()
    return json.dumps(store.schema(operations, variants), indent=2) + "\n"


if __name__ == "__main__":
    PAGE.write_text(text())

"""Values -> JSON text, for the formats that are JSON.

The standard library's writer, not msgspec's: a path that is no UTF-8 stands in a result as Python reads it, and only
this one lets it pass, to be written as the escape that JSON has for it.
"""

import json
from typing import Any

import msgspec


def document(content: Any) -> str:
    """Indented text of dictionaries, lists, scalars, records and parts of them."""
    return json.dumps(msgspec.to_builtins(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

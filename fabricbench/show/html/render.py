"""What a page says -> one HTML document: nothing is loaded from elsewhere, and the same page is the same bytes.

Texts are escaped by the templates. Whatever slips through is stopped by the content security policy of the page: it
allows the two scripts that it holds, by their hashes, and no address at all.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

from fabricbench import __version__
from fabricbench.errors import FabricbenchError
from fabricbench.show.html.figures import Chart
from fabricbench.show.html.texts import visible
from fabricbench.show.table import Table

if TYPE_CHECKING:
    from jinja2 import Environment

Kind = Literal["bad", "doubt", "good", "plain"]

CELLS: dict[str, Kind] = {
    **dict.fromkeys(("worse", "FAIL"), "bad"),
    **dict.fromkeys(("better", "PASS"), "good"),
    **dict.fromkeys(("unclear", "missing", "unlike", "UNLIKE", "MISSING"), "doubt"),
}
"""Cells that stand out, by what is in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A sentence of the answer."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is said of one section; of one that there is not, why, and `to` is empty."""

    title: str
    to: str
    sentences: tuple[Said, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A table with the charts of its rows."""

    table: Table
    charts: tuple[Chart, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The tables of one family."""

    id: str
    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One page of tables: a comparison, results side by side, or one run."""

    id: str
    title: str
    alarms: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    blocks: tuple[Block, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole page: the answer, then what it rests on."""

    title: str
    answer: tuple[Told, ...]
    sections: tuple[Section, ...]


def document(report: Report) -> str:
    """The page as HTML.  Raises FabricbenchError where what draws or writes it is not installed."""
    scripts = _scripts() if any(_charted(section) for section in report.sections) else []
    template = _environment().get_template("page.html")
    return template.render(
        report=report, version=__version__, scripts=scripts, policy=_policy(scripts), style=_file("style.css"),
    )  # fmt: skip


def _charted(section: Section) -> Sequence[Chart]:
    return [chart for block in section.blocks for part in block.parts for chart in part.charts]


def _environment() -> "Environment":
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined
    except ImportError as error:
        raise _missing("jinja2", error) from error
    made = Environment(
        loader=FunctionLoader(_file), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )  # fmt: skip
    made.globals.update(cell_kind=_cell_kind, alarm_kind=_alarm_kind)
    return made


def _cell_kind(column: Any, cell: str) -> Kind:
    if column.words == ("#wrong",) and cell.isdigit() and int(cell):
        return "bad"
    return CELLS.get(cell, "plain")


def _alarm_kind(alarm: str) -> Kind:
    """Alarms in capitals are bad; what else has to be known first is a doubt."""
    return "bad" if alarm.partition(" ")[0].isupper() else "doubt"


def _scripts() -> list[str]:
    """plotly.js and what draws the charts with it."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise _missing("plotly", error) from error
    return [get_plotlyjs(), _file("charts.js")]


def _missing(package: str, error: ImportError) -> FabricbenchError:
    return FabricbenchError(
        f"A report needs {package}, which cannot be imported: {error}.", f"Run `pip install {package}`."
    )


def _policy(scripts: Sequence[str]) -> str:
    """Style attributes and images made of data are plotly.js's own."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{found}'" for found in hashes) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")

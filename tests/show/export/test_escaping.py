"""Names and texts that need escaping come out of every format's own reader as they went in."""

import csv
import io
import json
from typing import Any

from builders import make_case, make_launch, make_record, make_result, make_side, skipped
from hypothesis import example, given, settings
from hypothesis import strategies as st
from junitparser import JUnitXml
from markdown_it import MarkdownIt
from prometheus_client.parser import text_string_to_metric_families

from fabricbench.judge.compare import compare
from fabricbench.model import Doubt
from fabricbench.show.export import FORMATS
from fabricbench.show.export.points import points_of
from fabricbench.show.export.reframe import HEADER
from fabricbench.store import Result

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
"""Everything that UTF-8 can hold, control characters included; what could be said in a result file."""
NASTY = '<a href="x">&amp;|`*_[]\\"\',;\r\n\x00\x1b\ufffe@you #1 {} ~'

each = settings(max_examples=60, deadline=None)


def named(text: str) -> Result:
    """A row that was skipped for such a reason and one of such a parameter, in this order, of such a file and host."""
    doubt = Doubt(code="skipped", text=text, remedy="")
    records = [
        skipped(make_case(8, params={"op": text}), doubts=[doubt]),
        make_record(make_case(params={"op": text}), 1e-4, conditions={"library": text}),
    ]
    return make_result("named", records, machine={"hostname": text}, path=f"{text}.jsonl", launches=[make_launch(0)])


def exported(form: str, result: Result) -> str:
    return FORMATS[form].result([result], points_of([result], "*")).text


@each
@given(TEXTS)
@example(NASTY)
def test_csv(text: str) -> None:
    (row,) = csv.DictReader(io.StringIO(exported("csv", named(text)), newline=""), strict=True)
    assert row["params"] == f"op={text}"
    assert (row["library"], row["hostname"], row["file"]) == (text, text, f"{text}.jsonl")


@each
@given(TEXTS)
@example(NASTY)
def test_prometheus(text: str) -> None:
    families = list(text_string_to_metric_families(exported("prometheus", named(text))))
    (time,) = families[0].samples
    assert time.labels["params"] == f"op={text}"
    assert len(next(one for one in families if one.name == "fabricbench_usable").samples) == 2


@each
@given(TEXTS)
@example(NASTY)
def test_json_formats(text: str) -> None:
    (_, name) = [row["name"] for row in json.loads(exported("json", named(text)))["rows"]]
    assert name == f"allreduce/mpi float32 1MiB op={text} 2 ranks"
    (skipped_test, _) = json.loads(exported("ctrf", named(text)))["results"]["tests"]
    assert skipped_test["message"] == text
    assert list(json.loads(exported("bencher", named(text)))) == [name]
    assert json.loads(exported("github-action-benchmark", named(text)))[0]["name"] == name


def legal(text: str) -> str:
    """What XML 1.0 can hold of it; the rest as an escape."""
    ranges = ((0x9, 0xA), (0xD, 0xD), (0x20, 0xD7FF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF))
    return "".join(
        one if any(low <= ord(one) <= high for low, high in ranges) else ascii(one).strip("'") for one in text
    )


@each
@given(TEXTS)
@example(NASTY)
def test_junit(text: str) -> None:
    (suite,) = JUnitXml.fromstring(exported("junit", named(text)).encode())
    unmeasured, measured = suite
    assert measured.name == f"allreduce/mpi float32 1MiB op={legal(text)} 2 ranks"
    (result,) = unmeasured.result
    assert result.message == legal(text)
    assert suite.hostname == legal(text)


@each
@given(TEXTS)
@example(NASTY)
def test_reframe(text: str) -> None:
    header, *lines = exported("reframe", named(text)).split("\n")[:-1]
    assert header == "|".join(HEADER)
    assert len(lines) == 4  # time and two rates of one row, and one that was skipped
    for line in lines:
        assert len(line.split("|")) == len(HEADER)


def shown(tokens: list[Any]) -> str:
    """What a reader of Markdown sees; a link, an image, emphasis or HTML would leave other tokens than text."""
    kinds = {child.type for token in tokens for child in token.children or []}
    assert kinds <= {"text", "text_special", "strong_open", "strong_close", "softbreak"}, kinds
    return " ".join(child.content for token in tokens for child in token.children or [])


@each
@given(TEXTS)
@example(NASTY)
def test_markdown(text: str) -> None:
    result = make_result(
        "named",
        [make_record(make_case(params={"op": value}), 1e-4) for value in (text, "sum")],
        machine={"hostname": text},
        path="plain.jsonl",
    )
    tokens = MarkdownIt("commonmark").enable("table").parse(exported("markdown", result))
    assert not [token for token in tokens if token.type in ("html_block", "code_block", "fence")]
    cells = [token for number, token in enumerate(tokens) if tokens[number - 1].type in ("th_open", "td_open")]
    rows = sum(token.type == "tr_open" for token in tokens)
    assert len(cells) % rows == 0
    said = shown(tokens)
    assert text.isspace() or not text.isprintable() or f"op={text}".strip() in said or "  " in text


@each
@given(TEXTS)
@example(NASTY)
def test_markdown_of_a_comparison(text: str) -> None:
    sides = [make_side(name, [1e-4] * 5) for name in ("base", "new")]
    odd = make_result("odd", [make_record(make_case(8, params={"op": text}), 1e-4)], path=f"{text}.jsonl")
    comparison = FORMATS["markdown"].comparison
    assert comparison is not None
    written = comparison(compare([sides[0]], [sides[1], odd], margin=0.05), [*sides, odd]).text
    tokens = MarkdownIt("commonmark").enable("table").parse(written)
    html = {token.content.strip() for token in tokens if token.type == "html_block"}
    assert html <= {"<details><summary>1 the same</summary>", "</details>"}
    inline = {child.content for token in tokens for child in token.children or [] if child.type == "html_inline"}
    assert inline <= {"<br>"}

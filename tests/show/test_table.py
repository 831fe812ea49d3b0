"""Tables as text: what stands in them, and that nothing stands in them that was not measured."""

import io
import re
from typing import ClassVar

import numpy as np
import pytest
from builders import (
    changed,
    make_case,
    make_ceiling,
    make_launch,
    make_record,
    make_result,
    make_side,
    skipped,
)

from fabricbench.judge.compare import compare
from fabricbench.model import Check, Doubt, Traffic
from fabricbench.show import results, verdicts
from fabricbench.show.progress import Progress
from fabricbench.show.screen import draw, page_text
from fabricbench.show.table import number_text
from fabricbench.store import Result

DOUBT = Doubt(code="few-samples", text="Only 7 samples.", remedy="Raise --budget.")

GOLDEN = """\
OVERSUBSCRIBED in 1 of 4 records: more ranks than cores. Start fewer ranks, or
  use more hosts.
# file      a.jsonl
# run       run-a, 2026-01-02T03:04:05Z, fabricbench 0.1.0, seed 1
# command   fabricbench run quick
# machine   hostname a, cpu Model 1, cores 2
# software  mpi Open MPI 5.0.11, numpy 2.4.6
# launches  1, 2 ranks on 1 host (a), binding core
# clock     monotonic, verified across ranks, one reading 25.0 ns, offsets
#           within 50.0 ns
# how       time global; step compiled; sync round-time; placement 1x2; threads
#           1; library Open MPI 5.0.11; algorithm unknown

memory: copy/numpy, 2 ranks, host memory, blocking, streaming
   size      count    type time  95 % of spread in bandwidth host's #wrong      of
                                launches  a launch              sum        ceiling
    (B) (elements)         (us)     (us)     (+-%)    (GB/s) (GB/s)            (%)
8000000    1000000 float64  800 1 launch       1.0      20.0   40.0    N/A   100.0
  100 % is 20.0 GB/s of memory a rank, measured (ping-pong, 4 MiB)

collectives: allreduce/mpi, 2 ranks, host memory, blocking, isolated, op=sum
    size      count    type time  95 % of spread in   algbw   busbw #wrong
                                 launches  a launch
     (B) (elements)         (us)     (us)     (+-%)  (GB/s)  (GB/s)
       8          2 float32 1.23 1 launch       1.0 0.00650 0.00650      0
 1048576     262144 float32  100 1 launch       1.0    10.5    10.5      0
16777216    4194304 float32  N/A      N/A       N/A     N/A     N/A    N/A
  oversubscribed, 8: more ranks than cores. Start fewer ranks, or use more
    hosts.
  few-samples, 1MiB, 16MiB: Only 7 samples. Raise --budget.
"""

GOLDEN_COMPARISON = """\
The launches of the two sides were not alternated, and drift of the machine
  looks like a difference: the margin is 10.0 %, not 5.0 %.
# base  base.jsonl: 5 launches, 2026-01-02T03:04:05Z to 2026-01-02T03:04:05Z,
#       fabricbench 0.1.0
# new   new.jsonl: 5 launches, 2026-01-02T03:04:05Z to 2026-01-02T03:04:05Z,
#       fabricbench 0.1.0

collectives: allreduce/mpi, 2 ranks, host memory, blocking, isolated, op=sum
   size     type  base   new  ratio       95 %  would  launches  launch  verdict
                                                  see            spread
    (B)           (us)  (us)                      (%)               (%)
      8  float32  1.00  1.20  1.200  1.20-1.20      0       5+5     0/0  worse
     64  float32  1.00   N/A    N/A        N/A    N/A       5+0   0/N/A  missing
1048576  float32   100   101  1.010  1.01-1.01      9       5+5     0/0  same
  worse, 8: every launch of the new side is slower by more than 10.0 %.
  same, 1MiB: the interval of the ratio lies within 10.0 %.
  missing, 64: not measured on the new side: no such case in its files.
  margin 10.0 %; 'would see': smallest slowdown called worse

3 rows: 1 worse, 1 same, 1 missing.
"""


def text(result: Result, *, recompute: bool = False) -> str:
    return page_text(results.page(result, recompute=recompute))


def copying(**fields: object) -> object:
    moved = Traffic(sent=8e6, received=8e6, flops=0.0, resource="memory")
    case = make_case(
        8_000_000,
        operation="copy",
        variant="numpy",
        dtype="float64",
        params={},
        cadence="streaming",
    )
    return make_record(case, 8e-4, traffic=moved, rate_keys=("bandwidth",), **fields)


def column(page: str, head: str) -> list[str]:
    """Words of the only table's column that ends where this head ends."""
    lines = page.splitlines()
    (start,) = (i for i, line in enumerate(lines) if "size" in line.split())
    place = lines[start].index(head) + len(head)
    cells = []
    for line in lines[start + 1 :]:
        if line.strip() and line.strip()[0].isdigit():
            cells.append(line[:place].split()[-1])
        elif cells:
            break
    return cells


class TestResult:
    def test_golden_page_at_80_columns(self) -> None:
        unchecked = Check(status="unchecked", wrong=0, worst=0.0, bound=0.0, reference="none")
        records = [
            skipped(make_case(1 << 24), doubts=[DOUBT]),
            make_record(make_case(8), 1.23e-6, conditions={"flags": ["oversubscribed"]}),
            copying(check=unchecked),
            make_record(make_case(1 << 20), 1e-4, doubts=[DOUBT]),
        ]
        page = text(make_result("a", records, ceilings=[make_ceiling(2e10, resource="memory")]))
        assert page == GOLDEN

    def test_nothing_is_wider_than_a_page(self) -> None:
        record = make_record(pattern=[1.0 + i / 1e5 for i in range(300)])
        page = text(make_result("a", [record], ceilings=[make_ceiling()]))
        assert max(map(len, page.splitlines())) <= 100
        assert page.isascii()

    def test_recomputed_pages_are_the_stored_ones_byte_for_byte(self) -> None:
        records = [
            make_record(make_case(1 << k), 1e-7 * k**3, launch=launch, pattern=_samples(k, launch))
            for k in range(3, 30, 2)
            for launch in range(7)
        ]
        result = make_result("a", [*records, skipped(make_case(4))])
        assert text(result, recompute=True) == text(result)

    def test_recomputing_ignores_what_is_stored(self) -> None:
        record = make_record()
        lying = changed(record, summary=changed(record.summary, median_s=5e-4), rates={"algbw": 1})
        result = make_result("a", [lying])
        assert column(text(result), "time") == ["500"]
        assert column(text(result, recompute=True), "time") == ["100"]
        assert column(text(result, recompute=True), "algbw") == ["10.5"]

    @pytest.mark.parametrize(("launches", "said"), [(1, "1 launch"), (5, "5 launches")])
    def test_few_launches_have_no_interval(self, launches: int, said: str) -> None:
        page = text(make_side("a", [1e-4] * launches))
        assert said in page
        assert "spread in" in page

    def test_six_launches_have_one(self) -> None:
        page = text(make_side("a", [1e-4, 1.1e-4, 1.2e-4, 1.3e-4, 1.4e-4, 1.5e-4]))
        assert "100-150" in page
        assert column(page, "time") == ["125"]

    def test_p99_stands_only_where_it_was_stored(self) -> None:
        many = [1.0] * 297 + [3.0] * 3
        assert "p99" not in text(make_result("a", [make_record()]))
        assert column(text(make_result("a", [make_record(pattern=many)])), "p99") == ["100"]
        streaming = make_record(make_case(cadence="streaming"), pattern=many)
        assert "p99" not in text(make_result("a", [streaming]))

    def test_what_was_not_measured_is_never_0(self) -> None:
        page = text(make_result("a", [skipped(doubts=[DOUBT])]))
        (row,) = (line for line in page.splitlines() if line.lstrip().startswith("1048576"))
        assert row.split()[3:] == ["N/A"] * (len(row.split()) - 3)

    def test_wrong_results_are_counted_and_said_first(self) -> None:
        wrong = Check(status="wrong", wrong=3, worst=1.0, bound=0.0, reference="numpy")
        page = text(make_result("a", [make_record(check=wrong)]))
        assert page.startswith("WRONG RESULTS in 1 of 1 records")
        assert column(page, "#wrong") == ["3"]

    def test_an_interrupted_run_is_shown_and_the_loss_is_said(self) -> None:
        page = text(make_result("a", [make_record()], end=None, lost="Line 7 is torn."))
        assert page.startswith("INCOMPLETE")
        assert "LOST: Line 7 is torn." in page
        assert column(page, "time") == ["100"]

    def test_a_ceiling_comes_with_its_source_and_its_doubt(self) -> None:
        record = make_record(conditions={"algorithm": "ring"})
        page = text(make_result("a", [record], ceilings=[make_ceiling(5e9, nature="physical")]))
        assert "100 % is 5.00 GB/s of link a rank, physical (ping-pong, 4 MiB)" in page
        assert "invalid, this row: INVALID: 209.7 % of" in page

    def test_clocks_of_all_launches_are_said_once_with_the_worst_numbers(self) -> None:
        launches = [make_launch(0), make_launch(1)]
        worse = changed(launches[1].clock, bound_s=9e-8)
        launches[1] = changed(launches[1], clock=worse)
        records = [make_record(launch=number) for number in range(2)]
        page = text(make_result("a", records, launches=launches))
        assert "offsets\n#           within 90.0 ns" in page
        assert "50.0 ns" not in page
        launches[1] = changed(launches[1], clock=changed(worse, verified=False))
        assert "NOT verified" in text(make_result("a", records, launches=launches))

    def test_parameters_that_differ_get_a_column(self) -> None:
        records = [make_record(make_case(params={"op": op, "root": 0})) for op in ("sum", "max")]
        page = text(make_result("a", records))
        assert "isolated, root=0" in page
        assert "op=max" in page

    def test_short_times_are_in_nanoseconds(self) -> None:
        page = text(make_result("a", [make_record(median_s=1.5e-9)]))
        assert "(ns)" in page
        assert column(page, "time") == ["1.50"]

    def test_markup_and_odd_letters_survive(self) -> None:
        page = text(make_result("a", [make_record()], machine={"cpu": "[red] M\u00fc"}))
        assert "[red] M\\xfc" in page


class TestComparison:
    def test_golden_comparison(self) -> None:
        base = make_side("base", {8: [1e-6] * 5, 1 << 20: [1e-4] * 5, 64: [1e-6] * 5})
        new = make_side("new", {8: [1.2e-6] * 5, 1 << 20: [1.01e-4] * 5})
        page = page_text(verdicts.page(compare([base], [new], margin=0.05)))
        assert page == GOLDEN_COMPARISON


class TestTerminal:
    def test_colour_changes_no_letter(self) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        page = results.page(make_result("a", [make_record()]), recompute=False)
        terminal, pipe = Terminal(), io.StringIO()
        draw(page, terminal)
        draw(page, pipe)
        assert re.sub(r"\x1b\[[\d;]*m", "", terminal.getvalue()) == pipe.getvalue()
        assert "\x1b[" in terminal.getvalue()
        assert "\x1b[" not in pipe.getvalue()


class TestProgress:
    CASE: ClassVar = {
        "event": "case",
        "index": 1,
        "of": 3,
        "case": "allreduce/mpi float32 1MiB",
        "median_s": 1.23e-4,
        "wrong": 0,
        "launch": 0,
        "launches": 1,
    }

    def test_one_line_a_case_where_nobody_watches(self) -> None:
        stream = io.StringIO()
        show = Progress(stream)
        show(self.CASE)
        show({**self.CASE, "launches": 2, "median_s": None, "wrong": 4})
        show({"event": "notice", "text": "NO MPI LIBRARY: one rank."})
        show({"event": "stood", "rank": 1, "host": "a", "text": "sample 37 of 64"})
        show.close()
        assert stream.getvalue().splitlines() == [
            "[2/3] allreduce/mpi float32 1MiB  123 us",
            "launch 1 of 2 [2/3] allreduce/mpi float32 1MiB  not measured  WRONG: 4 elements",
            "NO MPI LIBRARY: one rank.",
            "rank 1 on a stood in sample 37 of 64",
        ]

    def test_an_unknown_event_is_an_error(self) -> None:
        with pytest.raises(KeyError):
            Progress(io.StringIO())({"event": "party"})

    def test_a_terminal_is_drawn_on(self) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        stream = Terminal()
        show = Progress(stream)
        show(self.CASE)
        show({"event": "notice", "text": "OVERSUBSCRIBED"})
        show.close()
        assert "OVERSUBSCRIBED" in stream.getvalue()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "N/A"),
        (0, "0"),
        (0.00123, "0.00123"),
        (0.9996, "1.00"),
        (9.996, "10.0"),
        (99.95, "100"),
        (123456.7, "123000"),
        (1.5e-9, "1.50e-09"),
    ],
)
def test_numbers_have_three_digits(value: float | None, said: str) -> None:
    assert number_text(value) == said


def _samples(seed: int, launch: int) -> list[float]:
    rng = np.random.default_rng((seed, launch))
    return np.exp(rng.normal(0, 0.1, 40 * seed)).tolist()

"""Tables as text: what stands in them, and that nothing stands in them that was not measured."""

import io
import re
from typing import Any, ClassVar

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
from fabricbench.model import Case, Check, Doubt, Record, Traffic
from fabricbench.show import results, verdicts
from fabricbench.show.cases import grouped, row_names
from fabricbench.show.progress import Progress
from fabricbench.show.screen import draw, page_text
from fabricbench.show.table import number_text
from fabricbench.store import Result

DOUBT = Doubt(code="few-samples", text="Only 7 samples.", remedy="Raise --budget.")

STEPS = ((8, "python"), (64, "compiled"), (512, "compiled"))


def late(samples: int) -> Doubt:
    return Doubt(code="late-starts", text=f"{samples} of 7 samples started late.", remedy="Give cores.")


GOLDEN = """\
OVERSUBSCRIBED in 1 of 8 records: more ranks than cores. Start fewer ranks, or
  use more hosts.
# file      a.jsonl
# run       run-a, 2026-01-02T03:04:05Z, fabricbench 0.1.0, seed 1
# command   fabricbench run quick
# machine   hostname a, cpu Model 1, cores 2
# software  mpi Open MPI 5.0.11, numpy 2.4.6
# launches  1, 2 ranks on 1 host (a), binding core
# clock     monotonic, verified across ranks, one reading 25.0 ns, offsets
#           within 50.0 ns
# how       2 ranks; host memory; blocking; time global; step python (copy
#           numpy), else compiled; sync round-time; placement 1x2; threads 1;
#           library Open MPI 5.0.11; algorithm as the variant (allreduce ring),
#           else unknown; +-% is the spread within one launch, not between
#           launches
# 100 %     20.0 GB/s of memory a rank, measured (ping-pong, 4 MiB)

memory: copy, float64, streaming
variant     size  time  1 launch  bandwidth  host sum  #wrong  of ceiling
             (B)  (us)     (+-%)     (GB/s)    (GB/s)                 (%)
numpy    8000000   800       1.0       20.0      40.0       0       100.0
numba    8000000   200       1.0       80.0       160     N/A       400.0
  in-cache, all rows: the data fits in a cache. Ask for a size beyond the
    last-level cache.
  in-cache, numba: 400.0 % of the measured memory ceiling was reached; the data
    may have stayed in a cache. Measure a size beyond the last-level cache, or
    correct the declared value.

collectives: allreduce, float32, op=sum
variant      size  with       time  1 launch    algbw    busbw  #wrong
              (B)             (us)     (+-%)   (GB/s)   (GB/s)
mpi             8  streaming  1.23       1.0  0.00650  0.00650       0
mpi       1048576  isolated    100       1.0     10.5     10.5       0
mpi      16777216  isolated    N/A       N/A      N/A      N/A     N/A
ring            8  streaming  2.50       1.0  0.00320  0.00320       0
ring      1048576  isolated   90.0       1.0     11.7     11.7       0
  oversubscribed, mpi 8: more ranks than cores. Start fewer ranks, or use more
    hosts.
  few-samples, mpi 1MiB, mpi 16MiB: Only 7 samples. Raise --budget.
collectives: barrier/mpi, float32, isolated
size  time  1 launch  #wrong
 (B)  (us)     (+-%)
   0  1.00       1.0       0

late-starts, copy numpy; allreduce ring 1MiB, e.g. copy numpy: 1 of 7 samples
  started late. Give cores.
"""

GOLDEN_COMPARISON = """\
The launches of the two sides were not alternated, and drift of the machine
  looks like a difference: the margin is 10.0 %, not 5.0 %.
# base  base.jsonl: 5 launches, 2026-01-02T03:04:05Z to 2026-01-02T03:04:05Z,
#       fabricbench 0.1.0
# new   new.jsonl: 5 launches, 2026-01-02T03:04:05Z to 2026-01-02T03:04:05Z,
#       fabricbench 0.1.0
# how   2 ranks; host memory; blocking

memory: copy/numpy, float64, streaming
   size  base   new  ratio       95 %  would  launches  launch  verdict
                                         see            spread
    (B)  (us)  (us)                      (%)               (%)
8000000   800   800  1.000  1.00-1.00     10       5+5     0/0  same

collectives: allreduce, float32, isolated, op=sum
variant     size  base   new  ratio       95 %  would  launches  launch  verdict
                                                  see            spread
             (B)  (us)  (us)                      (%)               (%)
mpi            8  1.00  1.20  1.200  1.20-1.20      0       5+5     0/0  worse
mpi           64  1.00   N/A    N/A        N/A    N/A       5+0   0/N/A  missing
mpi      1048576   100   101  1.010  1.01-1.01      9       5+5     0/0  same
ring           8  2.00  2.50  1.250  1.25-1.25      0       5+5     0/0  worse
ring          64  2.00  2.00  1.000  1.00-1.00     10       5+5     0/0  same
  worse, 8: every launch of the new side is slower by more than 10.0 %.
  missing, mpi 64: not measured on the new side: no such case in its files.

same, copy; allreduce mpi 1MiB, ring 64: the interval of the ratio lies within
  10.0 %.
margin 10.0 %; 'would see': smallest slowdown called worse
6 rows: 2 worse, 3 same, 1 missing.
"""


def text(result: Result, *, recompute: bool = False) -> str:
    return page_text(results.page(result, recompute=recompute))


def copy_case(variant: str = "numpy", nbytes: int = 8_000_000) -> Case:
    fields = {"operation": "copy", "variant": variant, "dtype": "float64", "params": {}, "cadence": "streaming"}
    return make_case(nbytes, **fields)


def copying(variant: str = "numpy", median_s: float = 8e-4, **fields: object) -> Record:
    moved = Traffic(sent=8e6, received=8e6, flops=0.0, resource="memory")
    return make_record(copy_case(variant), median_s, traffic=moved, rate_keys=("bandwidth",), **fields)


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
    def test_golden_page(self) -> None:
        unchecked = Check(status="unchecked", wrong=0, worst=0.0, bound=0.0, reference="none")
        ring = {"algorithm": "ring"}
        records = [
            make_record(make_case(1 << 20, variant="ring"), 9e-5, conditions=ring, doubts=[late(3)]),
            skipped(make_case(1 << 24), doubts=[DOUBT]),
            copying("numba", 2e-4, check=unchecked, conditions={"flags": ["in-cache"]}),
            make_record(make_case(8, cadence="streaming"), 1.23e-6, conditions={"flags": ["oversubscribed"]}),
            copying(conditions={"step": "python", "flags": ["in-cache"]}, doubts=[late(1)]),
            make_record(make_case(8, cadence="streaming", variant="ring"), 2.5e-6, conditions=ring),
            make_record(make_case(1 << 20), 1e-4, doubts=[DOUBT]),
            make_record(make_case(0, operation="barrier", params={}), 1e-6, rate_keys=()),
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

    @pytest.mark.parametrize(("launches", "said"), [(1, "1 launch"), (5, "5 launches,")])
    def test_few_launches_have_no_interval(self, launches: int, said: str) -> None:
        page = text(make_side("a", [1e-4] * launches))
        assert column(page, said) == ["1.0"]
        assert "within one launch" in page
        assert "95 %" not in page

    def test_rows_with_few_launches_say_how_many_beside_those_with_an_interval(self) -> None:
        many = [make_record(median_s=1e-4, launch=i) for i in range(6)]
        few = [make_record(make_case(8), 1e-6, launch=i) for i in range(2)]
        page = text(make_result("a", [*many, *few]))
        assert "2 launches" in page
        assert "100-100" in page
        assert column(page, "spread in") == ["1.0", "1.0"]

    def test_six_launches_have_one(self) -> None:
        page = text(make_side("a", [1e-4, 1.1e-4, 1.2e-4, 1.3e-4, 1.4e-4, 1.5e-4]))
        assert "100-150" in page
        assert "+-%" not in page
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

    def test_hosts_that_differ_from_most_are_said_first(self) -> None:
        inventory: dict[str, Any] = {"a": {}, "b": {}, "c": {"kernel": "6.1", "nics": ["eth1"]}}
        launch = make_launch(0, hosts=list(inventory), ranks=3, inventory=inventory)
        page = text(make_result("a", [make_record()], launches=[launch], machine={"kernel": "6.8", "nics": ["eth0"]}))
        assert page.startswith("HOSTS DIFFER: c in kernel, nics. `verdict` says how.")
        alike = changed(launch, inventory={"a": {}, "b": {}, "c": {}})
        assert "DIFFER" not in text(make_result("a", [make_record()], launches=[alike]))

    def test_an_interrupted_run_is_shown_and_the_loss_is_said(self) -> None:
        page = text(make_result("a", [make_record()], end=None, lost="Line 7 is torn."))
        assert page.startswith("INCOMPLETE")
        assert "LOST: Line 7 is torn." in page
        assert column(page, "time") == ["100"]

    def test_a_ceiling_comes_with_its_source_and_its_doubt(self) -> None:
        record = make_record(conditions={"algorithm": "ring"})
        page = text(make_result("a", [record], ceilings=[make_ceiling(5e9, nature="physical")]))
        assert "# 100 %     5.00 GB/s of link a rank, physical (ping-pong, 4 MiB)" in page
        assert "invalid, this row: INVALID: 209.7 % of the physical link ceiling" in page

    def test_the_row_furthest_above_its_ceiling_is_quoted(self) -> None:
        ceilings = [make_ceiling(1e9, resource="memory")]
        page = text(make_result("a", [copying("mpi"), copying("numba", 2e-4)], ceilings=ceilings))
        assert "in-cache, all rows, e.g. numba: 8000.0 % of" in page

    def test_several_ceilings_stand_with_their_rows(self) -> None:
        ceilings = [make_ceiling(), make_ceiling(3e10, resource="memory", source="copy")]
        page = text(make_result("a", [copying(), copying("numba"), make_record()], ceilings=ceilings))
        assert "# 100 %" not in page
        assert "  100 %, all rows: 30.0 GB/s of memory a rank, measured (copy)" in page
        assert "  100 %, this row: 20.0 GB/s of link a rank, measured (ping-pong, 4 MiB)" in page

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

    def test_the_library_s_own_variant_comes_first(self) -> None:
        cases = [make_case(size, variant=name) for size in (64, 8) for name in ("a", "ring", "mpi", "mpi4py")]
        page = text(make_result("a", [make_record(case) for case in cases]))
        found = re.findall(r"^(\S+) +(8|64) ", page, re.MULTILINE)
        assert found == [(name, size) for name in ("mpi", "a", "mpi4py", "ring") for size in ("8", "64")]

    def test_another_memory_is_another_table_and_its_title_says_so(self) -> None:
        cases = [make_case(memory=memory, ranks=ranks) for memory in ("host", "device") for ranks in (2, 4)]
        page = text(make_result("a", [make_record(case, doubts=[DOUBT]) for case in (*cases, make_case(8))]))
        for title in ("2 ranks, device memory", "4 ranks, device memory", "2 ranks, host memory"):
            assert f"collectives: allreduce/mpi, float32, {title}, isolated, op=sum\n" in page
        assert "# how       blocking; " in page
        assert "few-samples, all rows: Only 7 samples." in page

    def test_conditions_that_differ_name_their_rows(self) -> None:
        steps = [make_record(make_case(size), conditions={"step": step}) for size, step in STEPS]
        page = text(make_result("a", steps)).replace("\n#           ", " ")
        assert "step python (allreduce 8), else compiled; sync" in page

    def test_parameters_that_differ_get_a_column(self) -> None:
        records = [make_record(make_case(params={"op": op, "root": 0})) for op in ("sum", "max")]
        page = text(make_result("a", records))
        assert "isolated, root=0" in page
        assert "op=max" in page

    def test_short_times_are_in_nanoseconds(self) -> None:
        page = text(make_result("a", [make_record(median_s=1.5e-9)]))
        assert "(ns)" in page
        assert column(page, "time") == ["1.50"]

    def test_details_and_what_is_unknown_stay_in_the_file(self) -> None:
        machine = {"turbo": "unknown", "memory_limit": "none", "gpus": ["none found"], "caches": ["L1"]}
        page = text(make_result("a", [make_record()], machine=machine))
        assert "# machine   hostname a, cpu Model 1, cores 2, gpus none found\n" in page

    def test_markup_and_odd_letters_survive(self) -> None:
        page = text(make_result("a", [make_record()], machine={"cpu": "[red] M\u00fc"}))
        assert "[red] M\\xfc" in page


class TestGuidelines:
    def test_a_violation_is_told_below_the_tables_and_gone_without_it(self) -> None:
        assert guidelines_of(lost(1)) == (
            "allreduce takes 2.31 times as long as reduce + broadcast "
            "(93.1 us against 40.3 us; seen in 5 of 5 launches)"
        )
        assert guidelines_of(lost(0)) == ""
        assert "guidelines:" not in text(make_result("a", [make_record()]))

    def test_other_sizes_are_told_by_size(self) -> None:
        sizes = {8: 3e-6, 64: 1e-6, 512: 9e-6}
        records = [make_record(make_case(nbytes), value) for nbytes, value in sizes.items()]
        found = guidelines_of(make_result("a", records))
        assert "allreduce 8 takes 3.00 times as long as 64 (3.00 us against 1.00 us; seen in 1 of 1 launches)" in found
        assert "allreduce 512 takes 1.12 times as long as 8 x 64 (9.00 us against 8.00 us" in found

    @pytest.mark.parametrize(("count", "more"), [(10, ""), (13, "and 3 more.")])
    def test_the_worst_ten_are_told_and_how_many_more(self, count: int, more: str) -> None:
        found = guidelines_of(lost(count))
        assert found.count("times as long as") == 10
        assert found.startswith(f"allreduce float{31 + count} takes ")
        assert found.endswith(more or "launches)")

    def test_recomputed_findings_are_the_stored_ones(self) -> None:
        result = lost(3)
        assert text(result, recompute=True) == text(result)


def lost(count: int) -> Result:
    """An all-reduce in so many types that loses to a reduce and a broadcast; one that does not, for 0."""
    slowest = 9.31e-5 if count else 4.03e-5
    records = [
        make_record(make_case(operation=operation, dtype=f"float{32 + index}", params=params), seconds, launch=launch)
        for index in range(max(count, 1))
        for operation, params, seconds in (
            ("allreduce", {"op": "sum"}, slowest * (1 + index / 100)),
            ("reduce", {"op": "sum", "root": 0}, 2.02e-5),
            ("broadcast", {"root": 0}, 2.01e-5),
        )
        for launch in range(5)
    ]
    return make_result("a", records)


def guidelines_of(result: Result) -> str:
    """What a page says of guidelines, below how to read it."""
    _, _, said = text(result).replace("\n  ", " ").replace("\n", " ").partition("may be chance. ")
    return said.strip()


class TestComparison:
    def test_golden_comparison(self) -> None:
        base = {("mpi", 8): 1e-6, ("mpi", 1 << 20): 1e-4, ("mpi", 64): 1e-6, ("ring", 8): 2e-6, ("ring", 64): 2e-6}
        new = {**base, ("mpi", 8): 1.2e-6, ("mpi", 1 << 20): 1.01e-4, ("ring", 8): 2.5e-6}
        del new["mpi", 64]
        sides = [[five_launches("base", base)], [five_launches("new", new)]]
        page = page_text(verdicts.page(compare(*sides, margin=0.05)))
        assert page == GOLDEN_COMPARISON


def five_launches(name: str, medians_s: dict[tuple[str, int], float]) -> Result:
    """An all-reduce in variants and sizes, and a copy."""
    records = [
        make_record(make_case(nbytes, variant=variant), median_s, launch=launch)
        for (variant, nbytes), median_s in medians_s.items()
        for launch in range(5)
    ]
    return make_result(name, [*records, *(copying(launch=launch) for launch in range(5))])


class TestNames:
    TABLE: ClassVar = [
        make_case(nbytes, variant=variant, cadence="streaming" if nbytes == 8 else "isolated")
        for variant in ("mpi", "ring")
        for nbytes in (8, 8192, 1 << 20)
    ]

    @pytest.mark.parametrize(
        ("rows", "said"),
        [
            (range(6), "all rows"),
            ((3, 4, 5), "ring"),
            ((1, 4), "8KiB"),
            ((4,), "ring 8KiB"),
            ((0, 4), "mpi 8, ring 8KiB"),
            ((1, 2, 4, 5), "8KiB, 1MiB"),
            ((0, 1, 2, 3, 4), "mpi 8, mpi 8KiB, mpi 1MiB, ring 8 and 1 more"),
        ],
    )
    def test_rows_are_named_in_the_fewest_words(self, rows: list[int], said: str) -> None:
        assert row_names([self.TABLE[index] for index in rows], self.TABLE) == said

    def test_what_tells_rows_apart_is_what_differs(self) -> None:
        types = [make_case(dtype=dtype) for dtype in ("float32", "int8")]
        assert row_names(types[1:], types) == "int8"
        places = [make_case(in_place=in_place) for in_place in (False, True)]
        assert row_names(places[1:], places) == "in-place"
        assert row_names(places[:1], places) == "mpi"

    def test_a_page_names_tables_or_variants(self) -> None:
        cases = [*self.TABLE, copy_case("numpy"), copy_case("ring")]
        page = grouped(cases, lambda case: case)
        assert page.names(cases) == "all rows"
        assert page.names(cases[-2:]) == "copy"
        assert page.names(cases[-2:-1]) == "copy numpy"
        assert page.names([*cases[3:6], cases[7]]) == "ring"
        assert page.names([cases[0], cases[3], *cases[-2:]]) == "copy; allreduce 8"
        assert page.names([cases[4], cases[6]]) == "copy numpy; allreduce ring 8KiB"


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

"""Pages of columns, histories and expectations: golden text at 80 columns, and what must never be lost."""

from builders import changed, make_case, make_ceiling, make_launch, make_record, make_result, make_side

from fabricbench.judge.columns import side_by_side
from fabricbench.judge.expect import check
from fabricbench.judge.expectations import parse
from fabricbench.judge.history import Change, Point, Series, history
from fabricbench.show import columns, expected
from fabricbench.show import history as courses
from fabricbench.show.screen import page_text
from fabricbench.store import Result

GOLDEN_COLUMNS = """\
# columns          files: time, less is better
# monday.jsonl     monday.jsonl: 5 launches, 2026-01-02T03:04:05Z to
#                  2026-01-02T03:04:05Z, fabricbench 0.1.0
# tuesday.jsonl    tuesday.jsonl: 5 launches, 2026-01-02T03:04:05Z to
#                  2026-01-02T03:04:05Z, fabricbench 0.1.0
# wednesday.jsonl  wednesday.jsonl: 5 launches, 2026-01-02T03:04:05Z to
#                  2026-01-02T03:04:05Z, fabricbench 0.1.0
# how              2 ranks; host memory; blocking

collectives: allreduce/mpi, float32, isolated, op=sum
   size  monday.jsonl  tuesday.jsonl  ratio       95 %  wednesday.jsonl  ratio
    (B)          (us)           (us)                               (us)
      8          1.00           1.20  1.200  1.20-1.20             1.00    N/A
1048576           100            100  1.000        N/A              N/A    N/A
  no ratio of wednesday.jsonl, 8: flags: monday.jsonl none, wednesday.jsonl
    oversubscribed.
  flags, 8: throttled (wednesday.jsonl).
  no ratio of wednesday.jsonl, 1MiB: not measured in wednesday.jsonl: no such
    case in its files.

Ratios without an interval have fewer than 5 launches on a side.
Ratios are over the first column. For verdicts name two sides: compare A...
  --with B...
"""

GOLDEN_HISTORY = """\
# history  time, less is better; the newest result is c5 (2026-01-06)
# how      2 ranks; host memory; blocking

collectives: allreduce/mpi, float32, isolated, op=sum
   size  points  first   now  now over  course, | where it changes
                                 first
    (B)           (us)  (us)
      8       6   1.00  1.00     1.000  ___|##|_
1048576       6    100   100     1.000  ______

changes of more than 10.0 %, the newest first
since            change            95 %  it is        row
                    (%)             (%)
c5 (2026-01-06)   -33.3  -33.5 to -33.2  better, new  allreduce/mpi float32 8
c3 (2026-01-04)   +49.9  +48.8 to +50.1  worse        allreduce/mpi float32 8

A change takes 5 launches on each side, p <= 0.002 in its series and more than
  10.0 %; 'new': the newest result is what shows it.
"""

GOLDEN_EXPECTED = """\
# expect  e.toml
# result  a.jsonl: 1 launch, 2026-01-02T03:04:05Z to 2026-01-02T03:04:05Z,
#         fabricbench 0.1.0
# how     2 ranks; host memory; blocking

collectives: allreduce, float32, isolated, op=sum
variant    size metric found  low high unit of ceiling launches verdict line
            (B)                                    (%)
mpi           8 time    1.00  N/A 1.10 us         <0.1        1 PASS       2
mpi     1048576 busbw   10.5 10.0  N/A GB/s       52.4        1 PASS       9
ring          8 time    1.20  N/A 1.10 us         <0.1        1 FAIL       2
  100 %, all rows: 20.0 GB/s of link a rank, measured (ping-pong, 4 MiB)
  FAIL, ring: above high.
  source, ring: acceptance of 2026-01-01.

Line 16 of e.toml: no row matches 'alltoall/*' and has time.
3 expectations: 1 FAIL, 2 PASS.
"""

EXPECTATIONS = """
[[expect]]
case = "allreduce/* 8"
metric = "time"
high = 1.1
unit = "us"
source = "acceptance of 2026-01-01"

[[expect]]
case = "allreduce/* float32 1MiB"
metric = "busbw"
low = 10
unit = "GB/s"
source = "acceptance of 2026-01-01"

[[expect]]
case = "alltoall/*"
metric = "time"
high = 1
unit = "ms"
source = "a wish"
"""


def dated(number: int, times: dict[int, float]) -> Result:
    records = [
        make_record(make_case(size), time * (1 + launch / 1000), launch=launch)
        for size, time in times.items()
        for launch in range(5)
    ]
    started = f"2026-01-{number + 1:02d}T03"
    launches = [make_launch(one, id=f"{number}-{one}", started=f"{started}:{one:02d}:00Z") for one in range(5)]
    result = make_result(f"{number}", records, launches=launches)
    run = changed(result.run, started=f"{started}:00:00Z", software={**result.run.software, "commit": f"c{number}"})
    return Result(**{**{slot: getattr(result, slot) for slot in result.__slots__}, "run": run})


def test_columns() -> None:
    files = [
        make_side("monday", {8: [1e-6] * 5, 1 << 20: [1e-4] * 5}),
        make_side("tuesday", {8: [1.2e-6] * 5, 1 << 20: [1e-4] * 4}),
        make_side("wednesday", {8: [1e-6] * 5}, conditions={"flags": ["oversubscribed", "throttled"]}),
    ]
    found = side_by_side([[one] for one in files])
    assert page_text(columns.page(found)) == GOLDEN_COLUMNS


def test_history() -> None:
    levels = [1e-6, 1.01e-6, 1e-6, 1.5e-6, 1.5e-6, 1.0e-6]
    found = history([dated(number, {8: level, 1 << 20: 1e-4}) for number, level in enumerate(levels)], margin=0.05)
    assert page_text(courses.page(found)) == GOLDEN_HISTORY


def test_expectations() -> None:
    records = [make_record(make_case(8), 1e-6), make_record(make_case(8, variant="ring"), 1.2e-6), make_record()]
    result = make_result("a", records, launches=[make_launch(0)], ceilings=[make_ceiling(2e10)])
    found = check([result], parse(EXPECTATIONS, "e.toml"))
    assert page_text(expected.page(found)) == GOLDEN_EXPECTED


class TestSparkline:
    @staticmethod
    def series(values: list[float], *changes: int) -> Series:
        points = tuple(
            Point(label=str(n), commit="", started=str(n), path="", value=value, launches=(value,))
            for n, value in enumerate(values)
        )
        made = tuple(
            Change(since=str(n), point=n, ratio=2.0, low=2.0, high=2.0, worse=True, news=False) for n in changes
        )
        return Series(case=make_case(), name="", where="", gated=True, points=points, changes=made)

    def test_a_character_a_point_from_lowest_to_highest(self) -> None:
        assert courses.sparkline(self.series([1, 2, 3, 4, 5, 6, 7])) == "_.-=+*#"

    def test_noise_is_flat(self) -> None:
        assert courses.sparkline(self.series([1.0, 1.001, 1.002])) == "___"
        assert courses.sparkline(self.series([1.0])) == "_"

    def test_a_bar_stands_before_a_change(self) -> None:
        assert courses.sparkline(self.series([1.0, 1.0, 2.0, 2.0], 2)) == "__|##"

    def test_of_many_points_the_newest_are_shown(self) -> None:
        drawn = courses.sparkline(self.series([5.0] * 10 + [1.0] * 30 + [2.0] * 10, 10, 40))
        assert drawn == "_" * 30 + "|" + "#" * 10

"""The result file: what was written is read back, what was not is refused with its place."""

import errno
import gzip
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import example_lines as example
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricbench import store
from fabricbench.errors import FabricbenchError, NotMeasuredError, UnreadableError, UsageError
from fabricbench.model import SCHEMA, Line, Record

FROZEN = [Path(__file__).parent / "data" / f"schema-{number}.jsonl" for number in range(1, SCHEMA + 1)]


def written(path: Path, lines: list[Line]) -> Path:
    with store.Writer.create(path) as writer:
        for line in lines:
            writer.write(line)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(UnreadableError) as caught:
        store.load(path)
    assert caught.value.status == 2
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["a.jsonl", "deep/er/a.jsonl", "a.jsonl.gz"])
def test_what_is_written_is_read_back(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, example.whole())
    (result,) = store.load(path)
    assert [result.run, *result.launches, *result.ceilings] == example.whole()[:3]
    assert [*result.records, *result.rounds, result.end] == example.whole()[3:]
    assert result.lost is None
    assert result.path == str(path)


def test_each_appended_line_of_a_compressed_file_is_a_member(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl.gz", example.whole())
    assert path.read_bytes().count(b"\x1f\x8b\x08") == len(example.whole())
    assert gzip.decompress(path.read_bytes()).count(b"\n") == len(example.whole())


def test_a_file_compressed_as_one_member_is_read(tmp_path: Path) -> None:
    plain = written(tmp_path / "a.jsonl", example.whole())
    packed = tmp_path / "b.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert store.load(packed)[0].records == store.load(plain)[0].records


def test_append_adds_a_run(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", example.whole())
    before = path.read_bytes()
    with store.Writer.create(path, append=True) as writer:
        writer.write(example.run())
        writer.write(example.launch())
    assert path.read_bytes().startswith(before)
    first, second = store.load(path)
    assert first.end is not None
    assert second.end is None
    assert second.records == ()


def turns(*, other_seed: int = 7) -> list[Line]:
    """Two runs whose launches take turns."""
    first = msgspec.structs.replace(example.run(), id="first")
    second = msgspec.structs.replace(example.run(), id="second", seed=other_seed)
    launches = [msgspec.structs.replace(example.launch(), launch=number) for number in range(2)]
    return [first, launches[0], second, launches[0], second, launches[1], first, launches[1]]


def test_runs_that_take_turns_are_two(tmp_path: Path) -> None:
    first, second = store.load(written(tmp_path / "a.jsonl", turns()))
    assert (first.run.id, second.run.id) == ("first", "second")
    assert [launch.launch for result in (first, second) for launch in result.launches] == [0, 1, 0, 1]


def test_a_torn_line_belongs_to_the_run_whose_turn_it_was(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", turns())
    path.write_bytes(path.read_bytes()[:-5])
    first, second = store.load(path)
    assert second.lost is None
    assert "line 8" in str(first.lost)


def test_a_run_that_is_declared_otherwise_is_refused(tmp_path: Path) -> None:
    lines = turns()
    lines[4] = msgspec.structs.replace(turns(other_seed=8)[4])
    assert "line 5: run second is declared a second time, and otherwise" in refusal(
        written(tmp_path / "a.jsonl", lines)
    )


def test_append_makes_the_file_that_is_not_there(tmp_path: Path) -> None:
    with store.Writer.create(tmp_path / "a.jsonl", append=True) as writer:
        writer.write(example.run())
    assert len(store.load(tmp_path / "a.jsonl")) == 1


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", example.whole())
    with pytest.raises(UsageError, match="exists already") as caught:
        store.Writer.create(path)
    assert caught.value.status == 2


def test_nothing_is_appended_to_a_torn_file_or_an_alien_one(tmp_path: Path) -> None:
    torn = example.write(tmp_path / "torn.jsonl", example.whole())
    torn.write_bytes(torn.read_bytes()[:-5])
    with pytest.raises(UsageError, match="--resume"):
        store.Writer.create(torn, append=True)
    alien = tmp_path / "notes.txt"
    alien.write_text("buy milk\n")
    with pytest.raises(UnreadableError, match=r"notes\.txt"):
        store.Writer.create(alien, append=True)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"file/a\.jsonl cannot be written: file exists"):
        store.Writer.create(tmp_path / "file" / "a.jsonl")
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(UsageError, match=r"folder\.jsonl cannot be written: is a directory"):
        store.Writer.create(tmp_path / "folder.jsonl", append=True)

    def read_only(*_: Any) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(UsageError, match="read-only file system") as caught:
        store.Writer.create(tmp_path / "b.jsonl")
    assert "--output" in caught.value.remedy


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    writer = store.Writer(tmp_path / "a.jsonl", os.open("/dev/full", os.O_WRONLY))
    with writer, pytest.raises(NotMeasuredError, match="no space left"):
        writer.write(example.run())


def test_every_line_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.Writer.create(tmp_path / "a.jsonl") as writer:
        sizes: list[int] = []
        monkeypatch.setattr(os, "fsync", lambda number: sizes.append(os.fstat(number).st_size))
        writer.write(example.run())
        writer.write(example.launch())
    assert sizes[0] == len(store.encode(example.run()))
    assert len(sizes) == 2


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_not_written(value: float) -> None:
    record = example.record()
    summary = msgspec.structs.replace(record.summary, median_s=value)
    with pytest.raises(NotMeasuredError, match=r"summary\.median_s"):
        store.encode(msgspec.structs.replace(record, summary=summary))
    samples = [*record.samples_s, value]
    with pytest.raises(NotMeasuredError, match=r"samples_s\[7\]"):
        store.encode(msgspec.structs.replace(record, samples_s=samples))


def test_what_no_reader_would_accept_is_not_written() -> None:
    with pytest.raises(NotMeasuredError, match=r"\$\.samples_s"):
        store.encode(msgspec.structs.replace(example.record(), samples_s=[-1.0]))


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_kill_at_any_byte_of_the_last_line_loses_that_line_only(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, example.whole()[:-1])
    size = path.stat().st_size
    with store.Writer.create(path, append=True) as writer:
        writer.write(example.end())
    data = path.read_bytes()
    assert store.load(path)[0].end == example.end()
    for stop in range(size + 1, len(data)):
        path.write_bytes(data[:stop])
        (result,) = store.load(path)
        assert result.records == (example.record(),), stop
        assert result.lost is not None
        assert "interrupted" in result.lost
        assert store.truncate_torn(path)
        assert store.load(path)[0].lost is None
        with store.Writer.create(path, append=True) as writer:
            if store.load(path)[0].end is None:
                writer.write(example.end())
        assert path.read_bytes() == data
    assert not store.truncate_torn(path)


def test_a_torn_file_that_was_compressed_whole_keeps_its_complete_lines(tmp_path: Path) -> None:
    plain = b"".join(store.encode(line) for line in example.whole())
    for data in (gzip.compress(plain[:-9]), gzip.compress(plain)[:-9]):
        path = tmp_path / "a.jsonl.gz"
        path.write_bytes(data)
        (torn,) = store.load(path)
        assert torn.lost is not None
        assert store.truncate_torn(path)
        (cut,) = store.load(path)
        assert cut.lost is None
        assert (cut.records, cut.rounds, cut.end) == (torn.records, torn.rounds, torn.end)


def test_a_last_line_that_is_no_json_is_torn(tmp_path: Path) -> None:
    path = example.write(tmp_path / "a.jsonl", example.whole()[:-1])
    path.write_bytes(path.read_bytes() + b'{"kind":"end","fini\n')
    assert store.load(path)[0].lost is not None
    assert store.truncate_torn(path)
    assert store.load(path)[0].lost is None


def test_only_the_last_run_has_lost_something(tmp_path: Path) -> None:
    path = example.write(tmp_path / "a.jsonl", [*example.whole(), *example.whole()])
    path.write_bytes(path.read_bytes()[:-1])
    first, second = store.load(path)
    assert first.lost is None
    assert second.lost is not None
    assert "line 12" in second.lost


def broken(change: Callable[[list[bytes]], None]) -> bytes:
    lines = [store.encode(line) for line in example.whole()]
    change(lines)
    return b"".join(lines)


def replaced(number: int, old: bytes, new: bytes) -> Callable[[list[bytes]], None]:
    def change(lines: list[bytes]) -> None:
        assert old in lines[number]
        lines[number] = lines[number].replace(old, new, 1)

    return change


FAULTS: dict[str, tuple[Callable[[list[bytes]], None], str]] = {
    "torn inside": (lambda lines: lines.insert(2, b'{"kind":"cei\n'), "line 3: .*malformed|trunc"),
    "alien inside": (lambda lines: lines.insert(2, b'{"hello":1}\n'), "line 3: not a line"),
    "alien at the end": (lambda lines: lines.append(b'{"hello":1}\n'), "line 7: not a line"),
    "blank line": (lambda lines: lines.insert(1, b"\n"), "line 2"),
    "blank last line": (lambda lines: lines.append(b"\n"), "line 7"),
    "no run line": (lambda lines: lines.pop(0), "line 1: there is no run line"),
    "not UTF-8": (replaced(3, b"numpy", b"n\xfcmpy"), "line 4: not UTF-8"),
    "not UTF-8 at the end": (replaced(5, b"2026", b"\xff\xfe"), "line 6: not UTF-8"),
    "NaN": (replaced(3, b"0.000121", b"NaN"), "line 4: it holds NaN"),
    "Infinity at the end": (replaced(5, b'"wrong":0', b'"wrong":Infinity'), "line 6: it holds NaN"),
    "too large": (replaced(2, b"21000000000.0", b"1e999"), "line 3: not a line"),
    "duplicate": (lambda lines: lines.insert(4, lines[3]), "line 5: launch 0 holds allreduce/mpi"),
    "launch twice": (lambda lines: lines.insert(2, lines[1]), "line 3: launch 0 is declared"),
    "undeclared launch": (replaced(3, b'"launch":0', b'"launch":4'), "line 4: no launch line"),
    "undeclared round": (replaced(4, b'"launch":0', b'"launch":4'), "line 5: no launch line"),
    "undeclared ceiling": (replaced(2, b'"launch":0', b'"launch":4'), "line 3: no launch line"),
    "after the end": (lambda lines: lines.append(lines[1]), "line 7: the run was complete"),
    "median": (replaced(3, b'"median_s":0.000121', b'"median_s":0.00013'), "summary.median_s is"),
    "low": (replaced(3, b'"low_s":0.000118', b'"low_s":null'), "summary.low_s is None"),
    "n": (replaced(3, b'"n":7', b'"n":8'), "line 4: summary.n is 8, but the samples give 7"),
    "p99": (replaced(3, b'"p99_s":null', b'"p99_s":0.000124'), "summary.p99_s is"),
    "sample": (replaced(3, b"0.000121", b"0.000128"), "line 4: summary.median_s is"),
    "rate": (replaced(3, b'"busbw":8665', b'"busbw":8667'), "line 4: rates.busbw is"),
    "excluded": (replaced(3, b'"excluded":[]', b'"excluded":[[0,9,"x"]]'), "samples 0 to 9"),
    "newer": (replaced(0, b'"schema":1', b'"schema":%d' % (SCHEMA + 1)), "line 1: written by a newer"),
    "newer and unlike": (
        replaced(0, b'"schema":1', b'"shape":{},"schema":9'),
        f"line 1: .*newer fabricbench, schema 9; this one reads up to {SCHEMA}",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_fault_is_refused_where_it_is(tmp_path: Path, fault: str, name: str) -> None:
    change, message = FAULTS[fault]
    data = broken(change)
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    with pytest.raises(UnreadableError, match=message):
        store.load(path)
    assert refusal(path)


def test_a_difference_below_the_tolerance_is_rounding(tmp_path: Path) -> None:
    data = broken(replaced(3, b'"median_s":0.000121', b'"median_s":0.000121005'))
    (tmp_path / "a.jsonl").write_bytes(data)
    assert store.load(tmp_path / "a.jsonl")[0].records


def test_excluded_samples_are_not_summarised(tmp_path: Path) -> None:
    record = example.record(samples=(1.0, *example.SAMPLES), excluded=[(0, 0, "first touch")])
    assert record.summary == example.record().summary
    path = example.write(tmp_path / "a.jsonl", [example.run(), example.launch(), record])
    assert store.load(path)[0].records == (record,)


def test_a_case_without_samples_is_skipped_or_refused(tmp_path: Path) -> None:
    record = example.record(samples=())
    lines: list[Line] = [example.run(), example.launch(), record]
    assert record.summary.stop == "skipped"
    assert store.load(example.write(tmp_path / "a.jsonl", lines))[0].records == (record,)
    lines[-1] = msgspec.structs.replace(record, summary=msgspec.structs.replace(record.summary, stop="budget"))
    assert "summary.stop" in refusal(example.write(tmp_path / "b.jsonl", lines))


def test_an_imported_row_has_its_own_figures(tmp_path: Path) -> None:
    record = msgspec.structs.replace(example.full_record(), samples_s=[], excluded=[])
    lines: list[Line] = [example.run(), example.launch(), record]
    assert store.load(example.write(tmp_path / "a.jsonl", lines))[0].records == (record,)


def test_the_same_case_may_stand_in_two_launches(tmp_path: Path) -> None:
    lines = [*example.whole()[:-1], example.launch(1), example.record(number=1), example.end(2)]
    assert len(store.load(example.write(tmp_path / "a.jsonl", lines))[0].records) == 2


def test_an_interrupted_run_can_be_continued(tmp_path: Path) -> None:
    stopped = msgspec.structs.replace(example.end(), status="interrupted")
    lines = [*example.whole()[:-1], stopped, example.launch(1), example.record(number=1)]
    (result,) = store.load(example.write(tmp_path / "a.jsonl", [*lines, example.end(2)]))
    assert result.end == example.end(2)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"{", "no complete run line"), (b"\n", "line 1"), (b"hi\n", "run line")],
)
def test_a_file_without_a_run_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    assert message in refusal(tmp_path / "a.jsonl")
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(content))
    refusal(tmp_path / "a.jsonl.gz")


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "missing.jsonl")
    assert "is a directory" in refusal(tmp_path)


def test_damaged_compression_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl.gz", example.whole())
    data = bytearray(path.read_bytes())
    data[40] ^= 0xFF
    path.write_bytes(data)
    assert "gzip" in refusal(path)
    path.write_bytes(b"not compressed\n")
    assert "gzip" in refusal(path)


def test_every_refusal_has_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(broken(FAULTS["median"][0]))
    with pytest.raises(FabricbenchError) as caught:
        store.load(tmp_path / "a.jsonl")
    assert caught.value.remedy


def test_every_format_is_read_for_ever() -> None:
    first, second, third = (result for path in FROZEN for result in store.load(path))
    assert [one.run.schema for one in (first, second, third)] == [1, 2, 3]
    assert (len(first.launches), len(first.records), len(first.rounds)) == (2, 5, 1)
    assert first.end is not None
    assert first.records[0].summary.median_s == 0.000121
    assert second.records[0].case.mode == "partitioned"
    assert [(one.case.ranks, one.case.nbytes, one.summary.median_s) for one in third.records] == [
        (None, 4, 1.25e-6), (None, 1024, 2.5e-6), (None, 1 << 20, 2.5e-4),
    ]  # fmt: skip


def test_a_hundred_thousand_samples_are_read_quickly(tmp_path: Path) -> None:
    samples = [1e-4 + 1e-9 * (i * 7919 % 1000) for i in range(100)]
    records = [example.record(nbytes=8 * (i + 1), samples=samples) for i in range(500)]
    for name in ("a.jsonl", "b.jsonl.gz"):
        path = tmp_path / name
        lines = [store.encode(line) for line in [example.run(), example.launch(), *records]]
        packed = [gzip.compress(line) for line in lines] if name.endswith("gz") else lines
        path.write_bytes(b"".join(packed))
    started = time.process_time()
    for name in ("a.jsonl", "b.jsonl.gz"):
        assert len(store.load(tmp_path / name)[0].records) == 500
    assert time.process_time() - started < 2


finite = st.floats(min_value=0, allow_nan=False, allow_infinity=False)
scalar = st.text() | st.integers(-(2**60), 2**60) | finite | st.booleans()


@given(
    samples=st.lists(st.floats(1e-9, 1e3), max_size=12),
    machine=st.dictionaries(st.text(), scalar | st.lists(st.text())),
    params=st.dictionaries(st.text(), scalar),
)
def test_any_line_survives_the_round_trip(
    samples: list[float], machine: dict[str, Any], params: dict[str, Any]
) -> None:
    run = msgspec.structs.replace(example.run(), machine=machine)
    record: Record = example.record(samples=samples)
    case = msgspec.structs.replace(record.case, params=params)
    for line in (run, msgspec.structs.replace(record, case=case)):
        assert store.decode(store.encode(line)) == line
        assert store.encode(line).count(b"\n") == 1

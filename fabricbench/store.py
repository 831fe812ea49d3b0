"""Records <-> .jsonl and .jsonl.gz: append only, every line synced, all that is read is checked.

A line that was not written to its end is an interrupted run and can only be the last one; any other
fault of a file is an error that names the line. The format is described in docs/result-file.md.
"""

import gc
import gzip
import json
import math
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, get_args

import msgspec

from fabricbench import statistics, traffic
from fabricbench.errors import NotMeasuredError, UnreadableError, UsageError
from fabricbench.model import (
    SCHEMA,
    Ceiling,
    End,
    Launch,
    Line,
    RateKey,
    Record,
    Round,
    Run,
    Scalar,
    Summary,
)

TOLERANCE = 1e-4
"""Relative difference up to which a stored summary or rate is a rounding of its samples."""

_GZIP = 31  # zlib's name for "one gzip member with the largest window"
_CHUNK = 1 << 14  # bytes; what follows a member is copied once a chunk, not once a file


class _Numbered(msgspec.Struct):
    """As much of a line as every schema number shares."""

    schema: int = SCHEMA


_DECODER: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
_NUMBER_DECODER = msgspec.json.Decoder(_Numbered)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One run line and all that belongs to it."""

    path: str
    run: Run
    launches: tuple[Launch, ...]
    ceilings: tuple[Ceiling, ...]
    records: tuple[Record, ...]
    rounds: tuple[Round, ...]
    end: End | None
    """None where the run was interrupted."""
    lost: str | None
    """What a torn last line lost, as a sentence."""


class Writer:
    """Appends lines to one file; each is on the disk before `write` returns."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._compressed = path.suffix == ".gz"

    @classmethod
    def create(cls, path: str | os.PathLike[str], *, append: bool = False) -> Self:
        """A writer at the end of a new file, or with `append` of an existing result."""
        path = Path(path)
        if append and path.is_file() and path.stat().st_size:
            _refuse_torn(path)
        try:
            return cls(path, _open(path, append))
        except OSError as error:
            remedy = "Choose another --output."
            if isinstance(error, FileExistsError) and path.exists():
                remedy = "Choose another --output, or add --append."
                raise UsageError(f"{path} exists already.", remedy) from error
            raise UsageError(f"{path} cannot be written: {_reason(error)}.", remedy) from error

    def write(self, *lines: Line) -> None:
        """Append lines, one unless there is nothing to lose, and wait for the disk. Raises NotMeasuredError."""
        parts = map(encode, lines)
        # A member a line: what was written before stays readable whatever happens to this one.
        data = b"".join(gzip.compress(part, mtime=0) for part in parts) if self._compressed else b"".join(parts)
        remaining = memoryview(data)
        try:
            while remaining:
                remaining = remaining[os.write(self._descriptor, remaining) :]
            os.fsync(self._descriptor)
        except OSError as error:
            raise NotMeasuredError(
                f"{self.path} could not be written: {_reason(error)}.",
                "What was written before is kept; make room and continue with --resume.",
            ) from error

    def close(self) -> None:
        """Release the file; closing twice does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def encode(line: Line) -> bytes:
    """One line with its newline. Raises NotMeasuredError for what no reader would accept."""
    for where, value in _numbers(msgspec.to_builtins(line), ""):
        # msgspec would write null, which is a legal value of some fields.
        if not math.isfinite(value):
            raise NotMeasuredError(
                f"A result cannot hold {value}, the value of {where}.",
                "Report this: a measurement that failed must be stored as skipped.",
            )
    data = msgspec.json.encode(line, order="deterministic")
    try:
        decode(data)
    except UnreadableError as error:
        raise NotMeasuredError(f"This line would not be readable: {error.what}") from error
    return data + b"\n"


def decode(data: bytes) -> Line:
    """One validated line, with or without its newline. Raises UnreadableError."""
    try:
        line = _DECODER.decode(data)
    except UnicodeDecodeError as error:
        raise UnreadableError(f"not UTF-8 text ({error.reason}).") from error
    except msgspec.ValidationError as error:
        _refuse_newer(_schema_number(data))
        raise UnreadableError(f"not a line of a result: {error}.") from error
    except msgspec.DecodeError as error:
        raise UnreadableError(_malformed(data, error)) from error
    if isinstance(line, Run):
        _refuse_newer(line.schema)
    return line


def load(path: str | os.PathLike[str]) -> list[Result]:
    """Every run of a file, checked; it has several after --append or `ab`. Raises UnreadableError."""
    with _uncollected():
        return _load(path)


@contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage collection meanwhile: lines hold no cycles, and to look for them takes longer than to read."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _load(path: str | os.PathLike[str]) -> list[Result]:
    text = _read(Path(path))
    runs = _Runs()
    for number, data in enumerate(text.lines, start=1):
        try:
            runs.add(decode(data), number)
        except UnreadableError as error:
            raise UnreadableError(f"{path}, line {number}: {error.what}", error.remedy or _REMEDY) from error
    if not runs.parts:
        raise UnreadableError(f"{path} holds no complete run line.", _REMEDY)
    for part in runs.parts:
        part.refuse_contradictions(str(path))
    return [part.result(str(path), text.lost if part is runs.open else None) for part in runs.parts]


def truncate_torn(path: str | os.PathLike[str]) -> bool:
    """Cut a torn last line off, so that lines can be appended; whether there was one."""
    text = _read(Path(path))
    if text.lost is None:
        return False
    with Path(path).open("r+b") as file:
        file.truncate(text.whole_bytes)
        file.seek(0, os.SEEK_END)
        file.write(gzip.compress(text.rescued, mtime=0) if text.rescued else b"")
        file.flush()
        os.fsync(file.fileno())
    return True


def schema(operations: Sequence[str], variants: Sequence[str]) -> dict[str, Any]:
    """JSON Schema of one line; in a row of our own, names are closed vocabularies and nothing is left open."""
    described = msgspec.json.schema(Line)
    parts = described["$defs"]
    parts["Run"]["properties"]["schema"]["maximum"] = SCHEMA
    ours = {
        "case": {
            "operation": {"enum": sorted(operations)}, "variant": {"enum": sorted(variants)}, "ranks": _SAID,
            "memory": _SAID,
        },
        "conditions": {"step": _SAID, "sync": _SAID, "threads": _SAID}, "summary": {"n": _SAID, "stop": _SAID},
    }  # fmt: skip
    parts["Record"]["if"] = {"properties": {"origin": {"type": "null"}}}
    parts["Record"]["then"] = {
        "properties": {
            **{name: {"properties": fields} for name, fields in ours.items()}, "time": _SAID, "repeats": _SAID,
        }
    }  # fmt: skip
    rates = parts["Record"]["properties"]["rates"]
    rates["propertyNames"] = {"enum": sorted(get_args(RateKey))}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "One line of a fabricbench result file",
        **described,
    }


_SAID = {"not": {"enum": [None, "unknown"]}}
"""Schema of what only a row of another tool may leave open."""

_REMEDY = "Give a file that fabricbench wrote, or `fabricbench import` it."


class _Text(NamedTuple):
    """A file's complete lines, and what follows them."""

    lines: list[bytes]
    lost: str | None
    whole_bytes: int
    """Bytes of the file, as it lies on the disk, that hold complete lines and nothing else."""
    rescued: bytes
    """Complete lines beyond `whole_bytes`: those of a compressed member that has no end."""


class _Runs:
    """The runs of a file while it is read. A run line that stood before goes on with that run, until it is complete."""

    def __init__(self) -> None:
        self.parts: list[_Parts] = []
        self.open: _Parts | None = None
        self._by_id: dict[str, _Parts] = {}

    def add(self, line: Line, number: int) -> None:
        """Take one line, and the number of it. Raises UnreadableError."""
        if isinstance(line, Run):
            self.open = self._continued(line) or self._begun(line)
        elif self.open is None:
            raise UnreadableError("there is no run line before this one.")
        else:
            self.open.add(line, number)

    def _begun(self, run: Run) -> "_Parts":
        self.parts.append(_Parts(run))
        self._by_id[run.id] = self.parts[-1]
        return self.parts[-1]

    def _continued(self, run: Run) -> "_Parts | None":
        earlier = self._by_id.get(run.id)
        if earlier is None or earlier.complete:
            return None
        if earlier.run != run:
            raise UnreadableError(f"run {run.id} is declared a second time, and otherwise.")
        return earlier


class _Parts:
    """The lines of one run while they are read, each checked against those before it."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.launches: dict[int, Launch] = {}
        self.ceilings: list[Ceiling] = []
        self.records: list[Record] = []
        self.rounds: list[Round] = []
        self.end: End | None = None
        self._seen: set[tuple[Scalar, ...]] = set()
        self._lines: list[int] = []  # number of the line of each record

    @property
    def complete(self) -> bool:
        return self.end is not None and self.end.status == "complete"

    def add(self, line: Launch | Ceiling | Record | Round | End, number: int) -> None:
        """Take one line. Raises UnreadableError where it contradicts another one."""
        if self.complete:
            raise UnreadableError("the run was complete before this line.")
        if isinstance(line, End):
            self.end = line
        elif isinstance(line, Launch):
            if line.launch in self.launches:
                raise UnreadableError(f"launch {line.launch} is declared a second time.")
            _check_places(line)
            self.launches[line.launch] = line
        elif line.launch not in self.launches:
            raise UnreadableError(f"no launch line declares launch {line.launch}.")
        elif isinstance(line, Record):
            self._add_record(line, number)
        elif isinstance(line, Ceiling):
            self.ceilings.append(line)
        else:
            self.rounds.append(line)

    def result(self, path: str, lost: str | None) -> Result:
        return Result(
            path=path,
            run=self.run,
            launches=tuple(self.launches.values()),
            ceilings=tuple(self.ceilings),
            records=tuple(self.records),
            rounds=tuple(self.rounds),
            end=self.end,
            lost=lost,
        )

    def _add_record(self, record: Record, number: int) -> None:
        key = (record.launch, *record.case.key())
        if key in self._seen:
            case = record.case
            raise UnreadableError(
                f"launch {record.launch} holds {case.operation}/{case.variant} of {case.nbytes} bytes a second time."
            )
        self._seen.add(key)
        if record.origin is None:  # an imported row has its figures from elsewhere, and no samples
            _check_said(record)
        for first, last, _ in record.excluded:
            if not first <= last < len(record.samples_s):
                raise UnreadableError(f"there are no samples {first} to {last} to exclude.")
        self.records.append(record)
        self._lines.append(number)

    def refuse_contradictions(self, path: str) -> None:
        """Recompute all that is stored beside samples, at once. Raises UnreadableError naming line and figure."""
        # An imported row has its figures from elsewhere, and no samples.
        own = [(n, one) for n, one in zip(self._lines, self.records, strict=True) if one.origin is None]
        found = statistics.ordered([statistics.kept(record.samples_s, record.excluded) for _, record in own])
        for (number, record), figures in zip(own, found, strict=True):
            try:
                _check_figures(record, figures)
            except UnreadableError as error:
                raise UnreadableError(f"{path}, line {number}: {error.what}", _REMEDY) from error


def _check_places(launch: Launch) -> None:
    """Every rank is on a host that there is. Raises UnreadableError."""
    placed = launch.placed
    if placed is None:
        return
    if len(placed) != launch.ranks:
        raise UnreadableError(f"{len(placed)} ranks are placed and {launch.ranks} were started.")
    if max(placed) >= len(launch.hosts):
        raise UnreadableError(f"a rank is on host {max(placed)}, counted from 0, and there are {len(launch.hosts)}.")


def _check_said(record: Record) -> None:
    """A row of our own leaves nothing open. Raises UnreadableError naming the field."""
    fields = {
        "case.ranks": record.case.ranks, "case.memory": record.case.memory, "conditions.step": record.conditions.step,
        "conditions.sync": record.conditions.sync, "conditions.threads": record.conditions.threads,
        "time": record.time, "repeats": record.repeats, "summary.n": record.summary.n,
        "summary.stop": record.summary.stop,
    }  # fmt: skip
    for name, value in fields.items():
        if value in (None, "unknown"):
            raise UnreadableError(f"{name} is {value or 'null'}, which only a row of another tool may be.")


def _check_figures(record: Record, figures: statistics.Ordered) -> None:
    """Hold what is stored beside the samples against what they give. Raises UnreadableError naming the figure."""
    stored = record.summary
    computed = statistics.summary(figures, record.case.cadence, stored.stop)
    rates = traffic.rates(tuple(record.rates), record.case, record.traffic, computed.median_s or 0.0)
    if stored == computed and record.rates == rates:
        return  # as nearly always; what differs is named below, or is rounding
    for field in Summary.__struct_fields__:
        _compare(f"summary.{field}", getattr(stored, field), getattr(computed, field))
    for key, value in record.rates.items():
        _compare(f"rates.{key}", value, rates.get(key))


def _compare(name: str, stored: float | str | None, computed: float | str | None) -> None:
    if isinstance(stored, float) and isinstance(computed, float):
        if math.isclose(stored, computed, rel_tol=TOLERANCE):
            return
    elif stored == computed:
        return
    raise UnreadableError(f"{name} is {stored}, but the samples give {computed}.")


def _refuse_newer(number: int) -> None:
    if number > SCHEMA:
        raise UnreadableError(
            f"written by a newer fabricbench, schema {number}; this one reads up to {SCHEMA}.",
            "Install that version.",
        )


def _schema_number(data: bytes) -> int:
    try:
        return _NUMBER_DECODER.decode(data).schema
    except msgspec.DecodeError:
        return SCHEMA


def _malformed(data: bytes, error: msgspec.DecodeError) -> str:
    """Why a line is no JSON; the standard library reads the one dialect that is worth naming."""
    try:
        json.loads(data)
    except ValueError:
        return f"{error}."
    return "it holds NaN or Infinity, which are never written."


def _numbers(value: Any, where: str) -> Iterator[tuple[str, float]]:
    """Every float below a value, with the path that leads to it."""
    if isinstance(value, float):
        yield where, value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _numbers(part, f"{where}.{name}" if where else name)
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from _numbers(part, f"{where}[{index}]")


def _read(path: Path) -> _Text:
    """The complete lines of a file, plain or compressed. Raises UnreadableError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read: {_reason(error)}.", "Give the path of a result file.") from error
    if not data:
        raise UnreadableError(f"{path} is empty.", _REMEDY)
    return _read_members(path, data) if path.suffix == ".gz" else _split(data)


def _split(data: bytes) -> _Text:
    """The lines of a plain file."""
    *lines, torn = data.split(b"\n")
    whole = len(data) - len(torn)
    if not torn and lines and lines[-1] and _is_torn(lines[-1]):
        torn = lines.pop()
        whole -= len(torn) + 1
    return _Text(lines, _loss(len(lines), len(torn)) if torn else None, whole, b"")


def _read_members(path: Path, data: bytes) -> _Text:
    """The lines of a file of gzip members, the last of which may lack its end."""
    plain: list[bytes] = []
    start = 0
    while start < len(data):
        try:
            text, end = _read_member(data, start)
        except zlib.error as error:
            raise UnreadableError(
                f"{path} is no gzip file, or a damaged one, from byte {start} on.", _REMEDY
            ) from error
        plain.append(text)
        if end is None:
            return _split_unended(plain, start, len(data))
        start = end
    whole = b"".join(plain)
    split = _split(whole)
    if split.lost is None:
        return split
    # Every member has its end, yet the text is torn: someone compressed a torn file.
    return split._replace(whole_bytes=0, rescued=whole[: split.whole_bytes])


def _read_member(data: bytes, start: int) -> tuple[bytes, int | None]:
    """The text of the gzip member at `start`, and where it ends; None where it does not."""
    member = zlib.decompressobj(_GZIP)
    text: list[bytes] = []
    for position in range(start, len(data), _CHUNK):
        chunk = data[position : position + _CHUNK]
        text.append(member.decompress(chunk))
        if member.eof:
            return b"".join(text), position + len(chunk) - len(member.unused_data)
    return b"".join(text), None


def _split_unended(plain: list[bytes], start: int, end: int) -> _Text:
    """The lines of members of which the last, from byte `start` to `end`, has no end."""
    before, last = b"".join(plain[:-1]), plain[-1]
    text = _split(before + last)
    kept = last[: max(0, text.whole_bytes - len(before))]
    return _Text(text.lines, _loss(len(text.lines), end - start), start, kept)


def _is_torn(line: bytes) -> bool:
    """Whether a last line that has its newline nevertheless stops short of being JSON."""
    try:
        json.loads(line)
    except UnicodeDecodeError:
        return False  # no tear makes another encoding
    except ValueError:
        return True
    return False


def _loss(lines: int, nbytes: int) -> str:
    return (
        f"The file stops in the middle of line {lines + 1}: "
        f"the run was interrupted and the last {nbytes} bytes are lost."
    )


def _refuse_torn(path: Path) -> None:
    """Raises where lines appended to a file would not be readable."""
    if load(path)[-1].lost is not None:
        raise UsageError(
            f"{path} ends in a line that was not written to its end.",
            "Continue it with --resume, or choose another --output.",
        )


def _open(path: Path, append: bool) -> int:
    """Descriptor at the end of a file, whose name is as durable as the lines that follow."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    descriptor = os.open(path, flags if append else flags | os.O_EXCL, 0o666)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return descriptor


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()

"""What is said of GPUs that are not there, cannot be used, or fail: one sentence each, with what to do."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from device import emulator

from fabricbench import api, mpi, store
from fabricbench.cli import main
from fabricbench.device import driver, gpu, nvrtc, probe
from fabricbench.engine import catalogue, ceilings, inject, preparing, session
from fabricbench.engine.placement import placement
from fabricbench.engine.setting import Setting
from fabricbench.engine.watchdog import Standing
from fabricbench.errors import NotMeasuredError, UnavailableError, UsageError
from fabricbench.judge import bounds
from fabricbench.measure import clock
from fabricbench.measure import gpu as timing
from fabricbench.model import Case, Memory, Record
from fabricbench.spec import Question

LIMIT_S = 280


def test_without_a_driver_the_reason_is_said(tmp_path: Path) -> None:
    with emulator.plugged_in(tmp_path / "libcuda.so.1"):
        assert str(probe.absences().get("nvrtc")).startswith("no GPU: There is no NVIDIA driver (")
        with pytest.raises(UnavailableError, match="no NVIDIA driver"):
            gpu.opened(0)


FAILURES = {
    "cuInit:100": "CUDA_ERROR_NO_DEVICE (100). The driver sees no GPU: see nvidia-smi",
    "cuInit:803": "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803). Library and kernel module .* reboot",
    "cuDeviceGetCount:999": "cuDeviceGetCount failed: error 999",
}


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize("failure", FAILURES)
def test_a_driver_that_does_not_start_is_named_with_a_remedy(monkeypatch: pytest.MonkeyPatch, failure: str) -> None:
    monkeypatch.setenv("EMULATED_FAILS", failure)
    said = str(probe.absences().get("nvrtc"))
    for part in FAILURES[failure].split(" .* "):
        assert part in said
    assert "\n" not in said


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [("EMULATED_GPUS", "0", "shows no GPU"), ("EMULATED_MAJOR", "7", "is sm_70; the kernels need sm_80 or newer")],
)
def test_no_gpu_and_one_too_old_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert said in str(probe.absences().get("nvrtc"))


@pytest.mark.usefixtures("card")
def test_a_gpu_without_a_compiler_for_its_kernels_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> nvrtc.Nvrtc:
        raise UnavailableError("There is no NVRTC, which compiles the kernels.", nvrtc.INSTALL)

    monkeypatch.setitem(probe.COMPILERS, "nvrtc", none)
    assert "no NVRTC" in str(probe.absences().get("nvrtc"))


@pytest.mark.usefixtures("card")
def test_a_card_says_what_it_is() -> None:
    (card,) = probe.cards()
    assert card.text() == "Emulated GPU 0, sm_80, 2 SMs, 1 GiB"
    assert card.bandwidth == 2 * 1e9 * 4096 / 8
    assert "driver for CUDA 13.0, NVRTC 13." in gpu.opened(0).text("nvrtc")
    assert probe.absences() == {}


@pytest.mark.usefixtures("card")
def test_ranks_take_gpus_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMULATED_GPUS", "3")
    assert [gpu.opened(rank).card.index for rank in range(4)] == [0, 1, 2, 0]
    with pytest.raises(UsageError, match=r"There is no GPU 7\. Here are 3"):
        probe.chosen(7, probe.cards())


@pytest.mark.usefixtures("card")
def test_memory_that_is_not_there_is_refused_with_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMULATED_MEMORY", str(1 << 20))
    card = gpu.opened(0)
    with (
        pytest.raises(UnavailableError, match=r"2 MiB more do not fit: 1 MiB of Emulated GPU 0 are free"),
        card.memory(2 << 20),
    ):
        pass
    with card.memory(1 << 19), pytest.raises(UnavailableError, match="512 KiB of Emulated GPU 0"), card.memory(1 << 20):
        pass
    with card.memory(1 << 20):
        pass  # what was taken above is free again


@pytest.mark.usefixtures("card")
def test_another_process_may_take_the_memory_first(monkeypatch: pytest.MonkeyPatch) -> None:
    card = gpu.opened(0)
    monkeypatch.setenv("EMULATED_FAILS", "cuMemAlloc_v2:2")
    with pytest.raises(UnavailableError, match=r"OUT_OF_MEMORY \(2\)\. Ask for a smaller size"), card.memory(8):
        pass


@pytest.mark.usefixtures("card")
def test_an_older_driver_is_told_from_a_broken_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    card = gpu.opened(0)
    with pytest.raises(UnavailableError, match=r"cuModuleGetFunction failed: CUDA_ERROR_NOT_FOUND"):
        card.kernel("chase.cuh", "nobody")
    monkeypatch.setenv("EMULATED_FAILS", "cuModuleLoadData:200")
    with pytest.raises(UnavailableError, match="driver is older than the toolkit"):
        card.kernel("stream.cuh", "copy_fast_float32")


@pytest.mark.usefixtures("card")
def test_a_function_that_a_driver_lacks_is_named() -> None:
    class Old:
        def __getattr__(self, name: str) -> None:
            raise AttributeError(name)

    with pytest.raises(UnavailableError, match=r"no cuInit\. Install a newer driver"):
        driver.Driver(Old()).call("cuInit", 0)


@pytest.mark.usefixtures("card")
def test_what_is_copied_there_comes_back(tmp_path: Path) -> None:
    card, sent = gpu.opened(0), np.arange(1000, dtype=np.int32)
    with card.memory(sent.nbytes) as address:
        card.upload(address, sent)
        found = np.zeros_like(sent)
        card.download(found, address)
        assert np.array_equal(found, sent)
        card.clear(address, 8)
        card.download(found, address)
        assert found[:3].tolist() == [0, 0, 2]


def test_devices_are_listed_with_why_there_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with emulator.plugged_in(tmp_path / "libcuda.so.1"):
        assert main(["list", "devices"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "not available: There is no NVIDIA driver" in said


@pytest.mark.usefixtures("card")
def test_devices_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "devices"]) == 0
    assert "Emulated GPU 0, sm_80" in capsys.readouterr().out


def rows(operation: str) -> dict[str, dict[str, object]]:
    (entry,) = [entry for entry in api.listing("operations") if entry["operation"] == operation]
    return {row["variant"]: row for row in entry["variants"]}


def test_a_variant_of_a_gpu_is_not_available_without_one(tmp_path: Path) -> None:
    with emulator.plugged_in(tmp_path / "libcuda.so.1"):
        row = rows("triad")["rawkernel"]
        assert row["available"] is False
        assert str(row["why"]).startswith("no GPU: There is no NVIDIA driver")
        assert rows("triad")["numba"]["available"] is True


@pytest.mark.usefixtures("card")
def test_a_variant_of_a_gpu_is_available_with_one() -> None:
    assert rows("triad")["rawkernel"]["available"] is True


def setting(fault: inject.Fault | None = None) -> Setting:
    group = mpi.Group()
    return Setting(
        group=group, placement=placement(group), clock=clock.report(group), cache_bytes=1 << 40, seed=1, launch=0,
        software={}, budget_s=0.02, tail=False, fault=fault, standing=Standing(),
    )  # fmt: skip


def measured(
    operation: str, nbytes: int, variant: str = "rawkernel", dtype: str = "float64", memory: Memory = "device",
    fault: inject.Fault | None = None,
) -> Record:  # fmt: skip
    """A record as a run makes it."""
    case = Case(
        operation=operation, variant=variant, memory=memory, dtype=dtype, nbytes=nbytes, ranks=1,
        cadence="isolated", mode="blocking", in_place=False, params={},
    )  # fmt: skip
    return session.measure(setting(fault), case)


def timed_by(record: Record) -> str:
    return "device" if record.time == "device" else "host"


@pytest.mark.usefixtures("card")
def test_a_row_of_a_gpu_says_so() -> None:
    record = measured("triad", 8 * 4099)
    assert (record.check.status, record.check.wrong) == ("ok", 0)
    assert (record.conditions.step, record.time) == ("stream", "device")
    assert record.conditions.library.startswith("Emulated GPU 0, driver for CUDA 13.0")
    assert "throttled" not in record.conditions.flags
    assert [doubt.code for doubt in record.doubts if doubt.code == "unobserved"]  # no NVML here
    assert record.conditions.flags == ["in-cache"]  # of the GPU, which has 1 MiB here
    assert record.traffic.resource == "device-cache"  # and so no memory is its bound
    assert record.rates["bandwidth"] > 0


@pytest.mark.usefixtures("card")
def test_a_launch_is_timed_by_the_device_and_an_answer_by_the_host() -> None:
    for variant, step, time in (("rawkernel", "stream", "device"), ("rawkernel-waited", "compiled", "host")):
        record = measured("launch", 0, variant=variant, dtype="int64")
        assert (record.check.status, record.conditions.step, timed_by(record)) == ("ok", step, time)
        assert record.case.memory == "device"


@pytest.mark.usefixtures("card")
def test_a_graph_is_launched_as_a_whole_and_counted_by_its_kernels() -> None:
    record = measured("graph-launch", 0, dtype="int64")
    assert (record.check.status, record.conditions.step, record.time) == ("ok", "graph", "device")
    single = measured("launch", 0, dtype="int64")
    assert record.summary.median_s
    assert single.summary.median_s
    seen: list[int] = []
    card = gpu.opened(0)
    with card.graph(lambda: seen.append(1)) as graph:
        assert graph
    assert seen == [1]


@pytest.mark.usefixtures("card")
def test_a_graph_that_cannot_be_made_leaves_the_stream_free() -> None:
    def broken() -> None:
        raise ValueError("broken")

    card = gpu.opened(0)
    with pytest.raises(ValueError, match="broken"), card.graph(broken):
        pass
    with card.graph(lambda: None):
        pass  # nothing is being captured any more


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize("operation", ["h2d", "d2h"])
@pytest.mark.parametrize(("variant", "memory", "time"), [("pinned", "pinned", "device"), ("pageable", "host", "host")])
def test_a_copy_over_the_host_link_says_what_its_memory_is(
    operation: str, variant: str, memory: Memory, time: str
) -> None:
    record = measured(operation, 1 << 16, variant=variant, dtype="uint8", memory=memory)
    assert (record.check.status, record.case.memory) == ("ok", memory)
    assert timed_by(record) == time
    assert record.traffic.resource == "host-link"
    assert record.rates["bandwidth"] == pytest.approx((1 << 16) / (record.summary.median_s or 0), rel=1e-3)
    assert record.conditions.library == "Emulated GPU 0, driver for CUDA 13.0"


@pytest.mark.usefixtures("card")
def test_a_row_beyond_the_cache_is_held_against_the_memory_of_the_gpu() -> None:
    record = measured("copy", 3 << 20)
    assert record.conditions.flags == []
    assert record.traffic.resource == "device-memory"
    (ceiling,) = ceilings._device(setting())
    assert (ceiling.nature, ceiling.value, ceiling.unit) == ("physical", 1.024e12, "B/s")
    assert "clock and width of its memory bus" in ceiling.source
    (found,) = bounds.bounds(record, [ceiling])
    assert found.ratio == pytest.approx(record.rates["bandwidth"] / 1.024e12, rel=1e-4)
    too_fast = msgspec.structs.replace(ceiling, value=record.rates["bandwidth"] / 1.2)
    assert bounds.bounds(record, [too_fast])[0].invalid


def test_without_a_gpu_there_is_no_ceiling_of_one(tmp_path: Path) -> None:
    with emulator.plugged_in(tmp_path / "libcuda.so.1"):
        assert ceilings._device(setting()) == []


@pytest.mark.usefixtures("card")
def test_a_case_that_does_not_fit_is_skipped_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMULATED_MEMORY", str(1 << 16))
    record = measured("triad", 1 << 15)
    assert record.check.status == "skipped"
    assert record.samples_s == []
    assert "32 KiB more do not fit" in record.doubts[0].text


@pytest.mark.usefixtures("card")
def test_a_gpu_that_fails_while_it_is_measured_is_not_a_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMULATED_FAILS", "cuLaunchKernel:700")
    with pytest.raises(NotMeasuredError, match=r"returned CUDA_ERROR_ILLEGAL_ADDRESS \(700\) in sample 0"):
        measured("copy", 1 << 10)


class Kept:
    """A step of a GPU with its loop, prepared as in a session."""

    def __init__(self, nbytes: int, **fields: object) -> None:
        case = Case(
            operation="copy", variant="rawkernel", memory="device", dtype="float64", nbytes=nbytes, ranks=1,
            cadence="isolated", mode="blocking", in_place=False, params={},
        )  # fmt: skip
        operation, group = catalogue.operation("copy"), mpi.Group()
        question = Question(case=case, rank=0, ranks=1, seed=1)
        self.inputs, self.output = preparing.buffers(operation, question)
        place = preparing.Place(question, self.inputs, self.output, 1, group, (0,))
        self.prepared = operation.variants["rawkernel"].prepare(place)
        self.fields = fields

    def __enter__(self) -> timing.Held:
        self.step = self.prepared.__enter__()
        return timing.Held(step=self.step, gpu=gpu.opened(0), **self.fields)  # type: ignore[arg-type]

    def __exit__(self, *exception: object) -> None:
        self.prepared.__exit__(None, None, None)


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize("repeats", [1, 3, timing.MOST_QUEUED, 2 * timing.MOST_QUEUED + 5])
def test_all_operations_of_a_sample_stand_between_its_events(repeats: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    with Kept(1 << 10) as held:
        card = gpu.opened(0)
        for name in ("launch", "record", "wait"):
            real = getattr(card, name)
            monkeypatch.setattr(card, name, lambda *a, _real=real, _name=name: (seen.append(_name), _real(*a))[1])
        called = timing.called
        monkeypatch.setattr(timing, "called", lambda one: (seen.append("call"), called(one))[1])
        taken = held.take(2, repeats)
    assert taken.left.shape == (2,)
    assert (taken.left > taken.entered).all()
    sample = [name for name in seen if name != "wait"][: len(seen) // 2]
    assert seen.count("call") == 2 * (repeats + 1)  # and one start of each sample
    assert sample[0] == "call"
    assert sample[1:4] == ["launch", "record", "call"]  # held back, the first event, the first operation
    full, rest = divmod(repeats, timing.MOST_QUEUED)
    assert seen.count("launch") == 2 * (full + bool(rest))
    assert seen.count("record") == 2 * seen.count("launch")


@pytest.mark.usefixtures("card")
def test_a_host_that_does_not_come_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    with Kept(1 << 10, patience_s=0.01) as held:
        monkeypatch.setattr(held, "_released", gpu.Shared(np.zeros(1, np.uint32), held._released.address))
        with pytest.raises(NotMeasuredError, match=r"waited 0\.01 s for its work, which did not come"):
            held.take(1, 1)


@pytest.mark.usefixtures("card")
def test_a_step_that_fails_lets_the_gpu_go(monkeypatch: pytest.MonkeyPatch) -> None:
    with Kept(1 << 10) as held:
        held.take(1, 1)
        real, calls = timing.called, []

        def failing(one: object) -> int:
            calls.append(one)
            return 719 if len(calls) == 2 else real(one)  # type: ignore[arg-type]

        monkeypatch.setattr(timing, "called", failing)
        with pytest.raises(NotMeasuredError, match="returned error 719"):
            held.take(1, 1)
        assert held._released.value[0] == 2
        gpu.opened(0).wait()


@pytest.mark.usefixtures("card")
def test_a_row_that_was_made_slower_on_purpose_is_timed_by_the_host() -> None:
    fault = inject.parse("slow:copy/rawkernel:1.5")
    record = measured("copy", 1 << 10, fault=fault)
    assert (timed_by(record), record.check.status) == ("host", "ok")
    assert "injected" in record.conditions.flags


@pytest.mark.usefixtures("card")
def test_a_driver_that_fails_while_it_prepares_is_a_row_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu.opened(0)
    monkeypatch.setenv("EMULATED_FAILS", "cuMemGetInfo_v2:719")
    record = measured("copy", 1 << 10)
    assert record.check.status == "skipped"
    assert "cuMemGetInfo_v2 failed" in record.doubts[0].text


def run(folder: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """The command as a user types it."""
    return subprocess.run(
        [sys.executable, "-m", "fabricbench", "run", *words], cwd=folder, env={**os.environ, **environment},
        capture_output=True, text=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


def test_asking_for_a_gpu_where_there_is_none_exits_3_and_writes_nothing(tmp_path: Path) -> None:
    if "nvrtc" not in probe.absences():
        pytest.skip("there is a GPU here")
    done = run(tmp_path, "--only", "triad/rawkernel", "-n", "1", "-o", "never.jsonl")
    assert done.returncode == 3
    assert "triad/rawkernel cannot be measured here: no GPU: " in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "never.jsonl").exists()


@pytest.mark.mpi
def test_a_suite_measures_the_cpu_and_says_so_in_capitals(tmp_path: Path) -> None:
    if "nvrtc" not in probe.absences():
        pytest.skip("there is a GPU here")
    done = run(tmp_path, "--only", "copy", "--sizes", "8KiB", "-n", "1", "--budget", "0.1", "-o", "cpu.jsonl")
    assert done.returncode == 0, done.stderr
    assert "NO GPU: ONLY THE CPU IS MEASURED. no GPU: There is no NVIDIA driver" in " ".join(done.stderr.split())
    (result,) = store.load(tmp_path / "cpu.jsonl")
    assert {record.case.memory for record in result.records} == {"host"}


@pytest.mark.mpi
def test_a_run_with_a_gpu_has_its_rows(tmp_path: Path, library: Path) -> None:
    # Not `native`: the toolkit's runtime in that library wants more of a driver than the stand-in has.
    only = [word for name in ("copy/rawkernel", "copy/numpy", "reduction/rawkernel") for word in ("--only", name)]
    words = (*only, "--sizes", "8KiB", "-n", "2", "--budget", "0.2")
    done = run(tmp_path, *words, "-o", "gpu.jsonl", LD_LIBRARY_PATH=str(library.parent))
    assert done.returncode == 0, done.stderr
    assert "NO GPU" not in done.stderr
    (result,) = store.load(tmp_path / "gpu.jsonl")
    found = {(record.case.operation, record.case.variant, record.case.memory): record for record in result.records}
    assert {("copy", "rawkernel", "device"), ("copy", "numpy", "host")} <= set(found)
    assert all(record.check.status == "ok" for record in result.records)
    assert "colocated" in found["copy", "rawkernel", "device"].conditions.flags  # two ranks, one GPU
    assert "colocated" not in found["copy", "numpy", "host"].conditions.flags

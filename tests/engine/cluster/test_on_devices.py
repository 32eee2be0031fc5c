"""Several processes of this machine: submissions as from one, whatever dies."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from seg.data.images.images import write_image
from seg.engine.cluster import process_pool as process_fleet
from seg.engine.cluster import run_on_devices
from seg.engine.cluster.affinity import divide_affinities
from seg.engine.cluster.dispatch import Block, Ready
from seg.engine.cluster.process_pool import ProcessPool
from seg.engine.cluster.sizing import WorkerLayout
from seg.engine.cluster.worker import WorkerJob
from seg.engine.jobs.predict import run_ensemble
from seg.engine.load import choose_member_runtimes
from seg.engine.resolved import resolve_ensemble
from seg.engine.runtimes import profiling as speed
from seg.engine.runtimes.auto import RuntimeChoice
from seg.engine.runtimes.base import Streams
from seg.engine.runtimes.hardware import allowed_cores, usable_cores
from seg.engine.runtimes.nvidia import nvidia
from seg.errors import DataError, MissingRuntimeError, SpecError
from seg.spec import EnsembleSpec, load_ensemble
from seg.spec.ensemble.prediction import RuntimeName
from tests.child_processes import children_of, is_alive
from tests.engine.cluster import at_work

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(usable_cores() < 2, reason="needs two cores to share out"),
]

IMAGES = 32
VIEWS = 8
MEMBERS = 2


@pytest.fixture
def many(project: Path) -> EnsembleSpec:
    """A few blocks for each of two processes, and the submission of one process beside."""
    rng = np.random.default_rng(1)
    for number in range(IMAGES):
        image_hwc = rng.integers(0, 256, (20 + number % 2, 24, 3), dtype=np.uint8)
        write_image(project.parent / f"images/{number}.png", image_hwc)
    spec = load_ensemble(project)
    run_ensemble(moved(spec, "plain.csv"))
    return spec


@pytest.fixture
def all_begin_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However little there is to do, none has done it before the other is there."""
    start = ProcessPool.start

    def patiently(pool: ProcessPool) -> None:
        start(pool)
        assert all(handle.child.pipe.poll(60) for handle in pool._handles)

    monkeypatch.setattr(ProcessPool, "start", patiently)


def moved(spec: EnsembleSpec, name: str) -> EnsembleSpec:
    output = spec.output.model_copy(update={"file": spec.output.file.with_name(name)})
    return spec.model_copy(update={"output": output})


def plain(spec: EnsembleSpec) -> bytes:
    return spec.output.file.with_name("plain.csv").read_bytes()


def journal_of(spec: EnsembleSpec) -> Path:
    return spec.output.file.with_name(spec.output.file.name + ".journal")


def test_two_processes_write_what_one_does_and_say_who_did_what(
    many: EnsembleSpec, all_begin_at_once: None
) -> None:
    summary = run_on_devices(many, 2, memory=10**9)
    assert many.output.file.read_bytes() == plain(many)
    assert summary.passes == IMAGES * MEMBERS * VIEWS
    assert len(summary.workers) == 2
    assert sum(worker.images for worker in summary.workers) == IMAGES
    assert (summary.lost, summary.redone) == ((), 0)
    for worker in summary.workers:
        assert f"{worker.name}: {worker.images} images" in summary.text()
    assert run_on_devices(many, 2).images_now == 0


def test_one_process_ends_what_several_began_and_the_other_way_round(many: EnsembleSpec) -> None:
    run_on_devices(many, 2)
    for again in (run_ensemble, lambda spec: run_on_devices(spec, 2)):
        whole = journal_of(many).read_bytes()
        journal_of(many).write_bytes(whole[: len(whole) // 2])
        many.output.file.unlink()
        assert 0 < again(many).images_now < IMAGES
        assert many.output.file.read_bytes() == plain(many)


def test_a_worker_is_killed_and_its_images_are_given_out_again(
    many: EnsembleSpec, all_begin_at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit, killed = ProcessPool.submit, set[int]()

    def deadly(pool: ProcessPool, worker: str, block: Block) -> None:
        if pool.runs_on.keys() > {worker} and not killed:
            pid = int(worker.rpartition(" ")[2])
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        submit(pool, worker, block)

    monkeypatch.setattr(ProcessPool, "submit", deadly)
    summary = run_on_devices(many, 2)
    assert many.output.file.read_bytes() == plain(many)
    (pid,) = killed
    assert summary.lost == (f"process {pid}: died (Killed)",)
    block = IMAGES // 16
    assert block <= summary.redone <= 2 * block
    assert sum(worker.images for worker in summary.workers) == IMAGES


def test_an_image_that_kills_its_worker_is_named_and_all_others_are_done(
    many: EnsembleSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(process_fleet, "run_worker_process", at_work.dies_of_one_image)
        with pytest.raises(DataError) as raised:
            run_on_devices(many, 2)
    named, unreadable_images_advice = str(raised.value).splitlines()
    assert f"{at_work.DEADLY}.png: no worker can predict it: died (exit code 1)" in named
    assert "1 image could not be read" in unreadable_images_advice
    assert not many.output.file.exists()
    assert run_on_devices(many, 2).images_now == 1
    assert many.output.file.read_bytes() == plain(many)


def test_images_that_cannot_be_read_are_named_as_by_one_process(many: EnsembleSpec) -> None:
    bad = many.output.file.with_name("images") / "3.png"
    whole = bad.read_bytes()
    bad.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"3\.png: is cut off"):
        run_on_devices(many, 2)
    with pytest.raises(DataError, match=r"^[^\n]*3\.png: is cut off[^\n]*$"):
        run_on_devices(many, 2, strict=True)
    bad.write_bytes(whole)
    assert run_on_devices(many, 2).images_now == 1
    assert many.output.file.read_bytes() == plain(many)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks Linux for the children of a process")
@pytest.mark.parametrize(
    "ends", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda ends: ends.name
)
def test_no_process_outlives_the_command_and_the_next_one_goes_on(
    project: Path, ends: signal.Signals
) -> None:
    """Killed where nothing can be told to anyone; or stopped.

    Terminals send Ctrl-C and SIGHUP to all processes, and `kill` sends SIGTERM to the command alone.
    """
    rng = np.random.default_rng(1)
    for number in range(96):
        image_hwc = rng.integers(0, 256, (60 + number % 2, 48, 3), dtype=np.uint8)
        write_image(project.parent / f"images/{number}.png", image_hwc)
    spec = load_ensemble(project)
    run_ensemble(moved(spec, "plain.csv"))
    whole = journal_of(moved(spec, "plain.csv")).stat().st_size

    # Whoever runs the tests may have told them, and all that they start, to ignore Ctrl-C or SIGHUP.
    program = "import signal, seg.commands; signal.signal(signal.SIGINT, signal.default_int_handler);"
    program += "signal.signal(signal.SIGHUP, signal.SIG_DFL); seg.commands.main()"
    command = [sys.executable, "-c", program, "ensemble", str(project), "--devices", "2"]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, process_group=0
    )
    journal = journal_of(spec)
    while process.poll() is None and not (journal.exists() and journal.stat().st_size > whole // 20):
        time.sleep(0.002)
    children = children_of(process.pid)
    if ends in {signal.SIGINT, signal.SIGHUP}:
        os.killpg(process.pid, ends)
    else:
        process.send_signal(ends)
    _, said = process.communicate()
    assert not spec.output.file.exists(), "the run ended before it was killed"
    assert len(children) >= 2, said
    assert "Traceback" not in said
    assert process.returncode == (-ends if ends is signal.SIGKILL else 128 + ends)
    assert ends is signal.SIGKILL or said.endswith("; the same command goes on from here\n")
    while any(is_alive(child) for child in children):
        time.sleep(0.01)

    again = run_on_devices(spec, 2)
    assert 0 < again.images_now < again.images
    assert spec.output.file.read_bytes() == plain(spec)


def test_the_verdict_of_auto_is_that_of_the_machine_and_holds_in_all_processes(
    many: EnsembleSpec, all_begin_at_once: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("openvino", reason="needs two runtimes to choose among")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(speed, "TIMED_S", 0.01)
    spec = many.model_copy(update={"runtime": "auto"})
    choose_member_runtimes(resolve_ensemble(spec), Streams(1, 1))
    (verdict,) = (tmp_path / "cache").rglob("*.json")
    found = RuntimeChoice.model_validate_json(verdict.read_text())
    wanted: Sequence[RuntimeName] = ("openvino", "cpu")
    members = tuple(
        tuple(sorted(trials, key=lambda trial: trial.runtime != name))
        for name, trials in zip(wanted, found.members, strict=True)
    )
    verdict.write_text(found.model_copy(update={"members": members}).model_dump_json())
    run_ensemble(moved(spec, "plain.csv"), restart=True)
    summary = run_on_devices(spec, 2)
    assert spec.output.file.read_bytes() == plain(spec)
    assert len(summary.workers) == 2
    for worker in summary.workers:
        first, second = worker.runs_on.split("; ")
        assert (first.split()[0], second.split()[0]) == tuple(wanted)


def test_a_worker_has_one_device_and_its_share_of_the_cores_before_cuda_is_loaded(
    many: EnsembleSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-8f2c")
    monkeypatch.setattr(process_fleet, "run_worker_process", at_work.tells_what_it_has)
    runtimes: Sequence[RuntimeName] = ("cuda", "cpu")
    pool = ProcessPool(WorkerJob(many, runtimes, cores=1), WorkerLayout(2, 1), divide_affinities(2, runtimes))
    try:
        pool.start()
        assert {pool.next_event(), pool.next_event()} == {Ready("GPU 3"), Ready("GPU GPU-8f2c")}
        pool.submit("GPU 3", Block(()))
        # Its work ends with that, and who is begun in its place has what it had.
        lost, again = pool.next_event(), pool.next_event()
    finally:
        pool.kill()
    assert str(lost) == "Died(worker='GPU 3', reason='died (exit code 0)')"
    assert again == Ready("GPU 3")
    has = {name: json.loads(said) for name, said in pool.runs_on.items()}
    assert {name: one["devices"] for name, one in has.items()} == {"GPU 3": "3", "GPU GPU-8f2c": "GPU-8f2c"}
    assert not any(one["too late"] for one in has.values())
    shares = [set(one["cores"]) for one in has.values()]
    assert set.union(*shares) == set(allowed_cores())
    assert not set.intersection(*shares)


@pytest.mark.parametrize(
    ("said", "devices"),
    [
        (None, ("0", "1", "2")),
        ("2, 0", ("2", "0")),
        ("GPU-8f2c,MIG-77ab,1", ("GPU-8f2c", "MIG-77ab", "1")),
        ("1,-1,2", ("1",)),
        ("", ()),
        ("NoDevFiles", ()),
    ],
)
def test_devices_are_those_that_cuda_would_see(
    said: str | None, devices: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("nvidia0", "nvidia1", "nvidia2", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    monkeypatch.setattr(nvidia, "DEVICES", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if said is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", said)
    assert nvidia.visible_nvidia_devices() == devices


def test_what_a_machine_cannot_do_is_one_line(many: EnsembleSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    cores = usable_cores()
    with pytest.raises(MissingRuntimeError, match=f"^--devices {cores + 1}: .* a core, but {cores} can be"):
        run_on_devices(many, cores + 1)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    for runtime in ("cuda", "tensorrt", "tensorrt-plan"):
        with pytest.raises(MissingRuntimeError, match=r"^--devices 2: .* NVIDIA device, but 1 are visible"):
            run_on_devices(many.model_copy(update={"runtime": runtime}), 2)
    damaged = many.running[0].model_copy(update={"class_weights": {"nothing": 2.0}})
    with pytest.raises(SpecError, match="nothing"):
        run_on_devices(many.model_copy(update={"members": (damaged,)}), 2, restart=True)
    monkeypatch.setattr(process_fleet, "run_worker_process", at_work.dies_while_it_loads)
    with pytest.raises(MissingRuntimeError, match=r"^--devices: workers die while they load: .*code 3\)$"):
        run_on_devices(many, 2, restart=True)

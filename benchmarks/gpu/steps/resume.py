"""A run of `seg train` that is killed within its epochs, and goes on."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.gpu.harness.child import StepCall, run_as_child
from benchmarks.gpu.harness.rows import Row

POLL_S = 0.05


def resume_killed_training(call: StepCall) -> None:
    """Kill it after its first epoch; the second run must make all epochs whole, and only those left."""
    name, epochs = call.workspace.scale.networks[-1].name, call.workspace.scale.epochs
    runs = call.workspace.work / "runs-resume"
    shutil.rmtree(runs, ignore_errors=True)
    spec = call.workspace.spec("d4", runs=str(runs))
    command = [sys.executable, "-m", "seg", "train", str(spec), "--member", name]
    metrics = runs / name / "metrics.csv"
    process = subprocess.Popen(command)
    while process.poll() is None and epochs_in(metrics) < 1:
        time.sleep(POLL_S)
    process.send_signal(signal.SIGKILL)
    if process.wait() != -signal.SIGKILL:
        raise SystemExit(f"training ended by itself, with code {process.returncode}, before it was killed")
    before = metrics.read_text(encoding="utf-8").splitlines()
    start = time.perf_counter()
    subprocess.run(command, check=True)
    seconds = time.perf_counter() - start
    after = metrics.read_text(encoding="utf-8").splitlines()
    if len(after) != epochs + 1 or after[: len(before)] != before:
        raise SystemExit(
            f"{metrics}: has {len(after) - 1} epochs after the resume, and {epochs} were asked for"
        )
    note = f"killed after epoch {len(before) - 1} of {epochs}; went on and ended in {seconds:.0f} s"
    call.add(Row("training", f"{name}: killed and resumed", note=note))


def epochs_in(metrics: Path) -> int:
    """Whole epochs of a run so far."""
    return len(metrics.read_text(encoding="utf-8").splitlines()) - 1 if metrics.exists() else 0


if __name__ == "__main__":
    run_as_child(resume_killed_training)

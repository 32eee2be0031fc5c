"""The runtimes `tensorrt` and `tensorrt-plan`, where their libraries are; else which are not."""

import json
import subprocess
import sys
from typing import cast

from benchmarks.gpu.harness.child import StepCall, run_as_child
from benchmarks.gpu.harness.rows import Row
from benchmarks.gpu.steps.predict_engine import by_engine
from seg.engine.doctor.runtime_checks import check_runtime
from seg.engine.runtimes.nvidia.gpu_libraries import gpu_libraries_of
from seg.spec import load_ensemble
from seg.spec.ensemble.prediction import RuntimeName


def measure_tensorrt(call: StepCall) -> None:
    name = cast(RuntimeName, call.arguments[0])
    check = check_runtime(name)
    if not check.is_usable:
        lacking = [one.name for one in gpu_libraries_of("tensorrt") if one.place is None]
        note = f"absent: {check.reason}" + (f"; missing: {', '.join(lacking)}" if lacking else "")
        call.add(Row("tensorrt", f"runtime {name}", status="absent", note=note))
        return
    path = call.workspace.spec("hflip", "fp16")
    if name == "tensorrt-plan":
        subprocess.run([sys.executable, "-m", "seg", "export", str(path), "--format", "tensorrt"], check=True)
    spec = load_ensemble(path).model_copy(update={"runtime": name})
    cells, _ = by_engine(call, spec)
    print(json.dumps(cells))
    call.add(Row("tensorrt", f"engine, fp16, {name}, horizontal flips", cells))


if __name__ == "__main__":
    run_as_child(measure_tensorrt)

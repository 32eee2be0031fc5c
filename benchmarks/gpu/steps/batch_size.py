"""`batch_size: auto`: the largest batch that fits, found by trying where there is a device."""

import json
import shutil
import time

from benchmarks.gpu.harness.child import StepCall, run_as_child
from benchmarks.gpu.harness.rows import Row
from seg.spec import load_ensemble
from seg.train.trainer import train_member


def find_batch_size(call: StepCall) -> None:
    name = call.workspace.scale.networks[0].name
    runs = call.workspace.work / "runs-auto"
    shutil.rmtree(runs, ignore_errors=True)
    spec = load_ensemble(call.workspace.spec("d4", runs=str(runs)))
    recipe = spec.recipe.model_copy(update={"batch_size": "auto", "epochs": 1})
    spec = spec.model_copy(update={"recipe": recipe})
    start = time.perf_counter()
    train_member(spec, spec.member(name))
    seconds = time.perf_counter() - start
    found = json.loads((runs / name / "run.json").read_text(encoding="utf-8"))["recipe"]["batch_size"]
    images = call.workspace.scale.drawn[0]
    note = f"{found} images, of {images} at most, and one epoch in {seconds:.0f} s"
    call.add(Row("training", f"{name}: batch_size: auto", note=note))


if __name__ == "__main__":
    run_as_child(find_batch_size)

"""Export where it will run: fp32, fp16, what `--precision auto` takes, the fused file, and many classes."""

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import torch
from torch import nn

from benchmarks.gpu.harness.child import StepCall, run_as_child
from benchmarks.gpu.harness.rows import Row
from benchmarks.gpu.workspace import CLASSES_MODEL, Workspace
from seg.data import open_split, read_image
from seg.engine.runtimes.hardware import usable_cores
from seg.export.export import export_checkpoint
from seg.export.onnx_file.exported_model import ExportedModel
from seg.export.onnx_file.to_onnx import write_onnx
from seg.export.precision.half import model_in_half_precision
from seg.labels.classes import ClassInfo, default_colour
from seg.models.card import InputCard, ModelCard
from seg.models.model_file import read_model_card
from seg.spec import load_ensemble
from seg.train.networks import build_network
from seg.train.networks.checkpoint import load_checkpoint, save_checkpoint
from seg.train.networks.segmenter import Segmenter

SURE = 40.0
"""What the logits of a network that learnt nothing are multiplied with, so that its labels are no toss-up."""


def measure_export(call: StepCall) -> None:
    what, *_ = call.arguments
    workspace = call.workspace
    names = [one.name for one in workspace.scale.networks]
    match what:
        case "fp32" | "fp16":
            export_members(call, what, names)
        case "auto":
            export_members(call, what, names[:1])
        case "fused":
            export_fused(call)
        case "classes":
            export_classes(workspace)


def export_members(call: StepCall, precision: str, names: list[str]) -> None:
    """All at once, as each keeps one core busy most of the time; a row for each."""
    workspace = call.workspace
    runs = workspace.work / f"runs-{precision}"
    spec = workspace.spec("d4", runs=str(runs))
    share_checkpoints(workspace.runs("fp32"), runs, names)
    with ThreadPoolExecutor(len(names)) as pool:
        for done in as_completed(pool.submit(_export_in_process, spec, name, precision) for name in names):
            name, failure, seconds = done.result()
            title = f"{name}, {precision}"
            if failure:
                call.add(Row("export", title, status="failed", note=failure))
                continue
            card = read_model_card(runs / name / "model.onnx")
            agreed = card.verification.label_agreement if card.verification else 0.0
            chosen = card.precision_choice.candidates[0] if card.precision_choice else None
            note = (
                f"{chosen.precision} on {chosen.runtime}: {chosen.agreement:.3%} of labels" if chosen else ""
            )
            cells: dict[str, float | str] = {"seconds": seconds, "verified labels": f"{agreed:.4%}"}
            call.add(Row("export", title, cells, note=note))


def share_checkpoints(source: Path, target: Path, names: list[str]) -> None:
    """Let the runs of another precision start from the same checkpoints."""
    if source == target:
        return
    for name in names:
        folder = target / name
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / name / "model.safetensors", folder / "model.safetensors")


def _export_in_process(spec: Path, name: str, precision: str) -> tuple[str, str, float]:
    start = time.perf_counter()
    threads = {"OMP_NUM_THREADS": str(max(1, usable_cores() // 3))}
    command = [sys.executable, "-m", "seg", "export", str(spec), "--member", name, "--precision", precision]
    done = subprocess.run(
        [*command, "--force"], check=False, capture_output=True, text=True, env=os.environ | threads
    )
    print(done.stdout, done.stderr)
    return name, (done.stderr or "died")[-300:] if done.returncode else "", time.perf_counter() - start


def export_fused(call: StepCall) -> None:
    start = time.perf_counter()
    spec = call.workspace.spec("d4", "fp16")
    command = [sys.executable, "-m", "seg", "export", str(spec), "--fuse", "-o", str(call.workspace.fused)]
    subprocess.run(command, check=True)
    call.add(Row("export", "fused, fp16", {"seconds": time.perf_counter() - start}))


def export_classes(workspace: Workspace) -> None:
    """A network of many classes that learnt nothing, in fp32 and in fp16."""
    path = workspace.runs("fp32") / CLASSES_MODEL / "model.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(path, *classes_network(workspace))
    spec = load_ensemble(workspace.spec("classes"))
    images = [read_image(sample.image) for sample in open_split(spec.data, "predict").samples[:2]]
    card = export_checkpoint(path, path.with_name("model.onnx"), images)
    network, _ = load_checkpoint(path)
    in_fp16 = model_in_half_precision(ExportedModel(Segmenter(network, card.input)).eval())
    target = workspace.runs("fp16") / CLASSES_MODEL
    target.mkdir(parents=True, exist_ok=True)
    write_onnx(in_fp16, card.model_copy(update={"precision": "fp16"}), target / "model.onnx")


def classes_network(workspace: Workspace) -> tuple[nn.Module, ModelCard]:
    names, encoder = workspace.class_names, workspace.scale.networks[-1].encoder
    torch.manual_seed(0)
    network = build_network("fpn", encoder, len(names)).eval()
    with torch.no_grad():
        for last in list(network.parameters())[-2:]:
            last.mul_(SURE)
    classes = tuple(ClassInfo(id=n, name=name, colour=default_colour(n)) for n, name in enumerate(names))
    return network, ModelCard(
        name=CLASSES_MODEL,
        architecture="fpn",
        encoder=encoder,
        classes=classes,
        unlabelled=classes[0].name,
        input=InputCard(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    )


if __name__ == "__main__":
    run_as_child(measure_export)

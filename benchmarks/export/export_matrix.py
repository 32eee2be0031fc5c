"""Export every decoder over one encoder of each family, and write what came of it as a table.

    python benchmarks/export/export_matrix.py --state matrix.jsonl --table docs/reference/export-matrix.md

Weights are random. Each row is written to the state as it is finished; a run that was cut off goes on there.
`--only 'fpn resnet18 pad'` exports only what has that in it.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import onnx
import onnxruntime
import torch

from seg.engine.runtimes.tensorrt.library import import_tensorrt
from seg.engine.runtimes.tensorrt.plan_file import PlanProfile
from seg.errors import SegError
from seg.export.export import export_checkpoint
from seg.export.onnx_file.exported_model import ExportedModel
from seg.export.onnx_file.save import save_onnx_model
from seg.export.onnx_file.to_onnx import write_onnx
from seg.export.precision.half import model_in_half_precision
from seg.export.precision.quantise import quantisable_layers_of, quantise_layers
from seg.export.precision.ranges import clipping_values
from seg.export.tensorrt_builder import build_plan
from seg.labels.classes import ClassInfo, default_colour
from seg.labels.label_map import ImageHWC
from seg.models.card import InputCard, ModelCard
from seg.spec.recipe.architectures import OWN_ENCODERS, Architecture
from seg.train.networks import STRIDE, build_network, check_combination
from seg.train.networks.checkpoint import load_checkpoint, save_checkpoint
from seg.train.networks.segmenter import Segmenter

ENCODERS = (
    "resnet18",
    "vgg11_bn",
    "densenet121",
    "mobilenet_v2",
    "efficientnet-b0",
    "timm-tf_efficientnet_lite0",
    "mit_b0",
    "tu-convnext_atto",
)
TRANSFORMER_ENCODERS: Mapping[str, tuple[str, ...]] = {"dpt": ("tu-vit_tiny_patch16_224",)}
OWN_SIZE = (224, 224)
IMAGE_SIZE = (192, 256)
IMAGES = 3
CLASSES = tuple(ClassInfo(id=n, name=f"class {n}", colour=default_colour(n)) for n in range(5))
TIMED_ROUNDS = 5
HEADER = (
    "architecture",
    "encoder",
    "input",
    "opset",
    "MB",
    "nodes",
    "largest difference",
    "labels agree",
    "ms",
    "export s",
    "plans",
)
PROFILE = PlanProfile((1, 128, 128), (1, 192, 256), (2, 256, 256))


@dataclass(frozen=True, slots=True)
class ExportCase:
    architecture: str
    encoder: str
    mode: str

    def __str__(self) -> str:
        return f"{self.architecture} {self.encoder} {self.mode}"

    @property
    def size_hw(self) -> tuple[int, int] | None:
        return OWN_SIZE if self.mode == "resize" else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--rtx", action="store_true", help="also build plans with TensorRT for RTX")
    arguments = parser.parse_args()
    rows = _read_matrix_state(arguments.state)
    for case in (case for case in export_cases() if arguments.only in str(case)):
        if case in rows:
            continue
        rows[case] = _matrix_row(case, arguments.rtx)
        with arguments.state.open("a", encoding="utf-8") as state:
            state.write(json.dumps({**asdict(case), "row": rows[case]}) + "\n")
        print(" | ".join(rows[case]), flush=True)
    done = [rows[case] for case in export_cases() if case in rows]
    arguments.table.write_text(_export_matrix_page(done), encoding="utf-8")


def export_cases() -> Iterator[ExportCase]:
    """All of them in mode pad, and each architecture once in mode resize."""
    for architecture in get_args(Architecture):
        own = OWN_ENCODERS.get(architecture)
        encoders = own[-1:] if own else TRANSFORMER_ENCODERS.get(architecture, ENCODERS)
        for encoder in encoders:
            yield ExportCase(architecture, encoder, "pad")
        for encoder in encoders if architecture in {"pspnet", "upernet", "dpt"} else encoders[:1]:
            yield ExportCase(architecture, encoder, "resize")


def _matrix_row(case: ExportCase, rtx: bool) -> list[str]:
    head = [case.architecture, case.encoder, case.mode]
    try:
        with tempfile.TemporaryDirectory() as folder:
            return [*head, *_export_figures(case, Path(folder), rtx)]
    except SegError as error:
        return [*head, "refused: " + " ".join(str(error).split("\n")[0].split())]


def _export_figures(case: ExportCase, folder: Path, rtx: bool) -> list[str]:
    checkpoint, model = folder / "m.safetensors", folder / "m.onnx"
    _save_untrained_checkpoint(case, checkpoint)
    start = time.perf_counter()
    card = export_checkpoint(checkpoint, model, [_random_image(seed) for seed in range(IMAGES)])
    seconds = time.perf_counter() - start
    if card.verification is None:
        raise TypeError("an exported model has a verification")
    return [
        str(card.opset),
        f"{model.stat().st_size / 1e6:.1f}",
        str(len(onnx.load(model).graph.node)),
        f"{card.verification.largest_difference:.1e}",
        f"{card.verification.label_agreement:.4%}",
        f"{_milliseconds_of_model(model):.0f}",
        f"{seconds:.0f}",
        _tensorrt_rtx_plans(checkpoint, model) if rtx else "",
    ]


def _tensorrt_rtx_plans(checkpoint: Path, model: Path) -> str:
    """The precisions in which TensorRT for RTX builds a plan."""
    library = import_tensorrt("tensorrt_rtx")
    network, card = load_checkpoint(checkpoint)
    half, bytes_ = model.with_name("fp16.onnx"), model.with_name("int8.onnx")
    write_onnx(model_in_half_precision(ExportedModel(Segmenter(network, card.input)).eval()), card, half)
    graph = onnx.load(model)
    layers = quantisable_layers_of(graph)
    clipping = clipping_values(graph, sorted({layer.source for layer in layers}), [_random_image(0)])
    save_onnx_model(quantise_layers(graph, layers, clipping), card, bytes_)
    built, refused = [], {}
    for precision, path in (("fp32", model), ("fp16", half), ("int8", bytes_)):
        try:
            build_plan(library, path, PROFILE, 2**30, b"")
        except SegError as error:
            refused[precision] = str(error).partition(": ")[2]
        else:
            built.append(precision)
    reasons = [f"not {', '.join(refused)}: {next(iter(refused.values()))}"] if refused else []
    return ", ".join(built + reasons)


def _save_untrained_checkpoint(case: ExportCase, path: Path) -> None:
    """Random weights, with batch norms that have seen something."""
    torch.manual_seed(0)
    check_combination(case.architecture, case.encoder, (256, 256), case.size_hw)
    network = build_network(case.architecture, case.encoder, len(CLASSES)).train()
    side = case.size_hw or (4 * STRIDE, 4 * STRIDE)
    with torch.no_grad():
        network(torch.randn(2, 3, *side))
    card = ModelCard(
        name=case.architecture,
        architecture=case.architecture,
        encoder=case.encoder,
        classes=CLASSES,
        unlabelled="ignore",
        input=InputCard(
            mode="resize" if case.size_hw else "pad",
            stride=STRIDE,
            size_hw=case.size_hw,
            mean=(0.485, 0.456, 0.406),
            std=(0.229, 0.224, 0.225),
        ),
    )
    save_checkpoint(path, network, card)


def _random_image(seed: int) -> ImageHWC:
    blocks = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    height, width = IMAGE_SIZE
    return np.asarray(cv2.resize(blocks, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def _milliseconds_of_model(model: Path) -> float:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    rounds = []
    for _ in range(TIMED_ROUNDS):
        start = time.perf_counter()
        session.run(None, {"image": _random_image(0)[None]})
        rounds.append(time.perf_counter() - start)
    return min(rounds) * 1e3


def _read_matrix_state(state: Path) -> dict[ExportCase, list[str]]:
    if not state.exists():
        return {}
    entries = [json.loads(line) for line in state.read_text(encoding="utf-8").splitlines()]
    return {ExportCase(e["architecture"], e["encoder"], e["mode"]): e["row"] for e in entries}


def _export_matrix_page(rows: list[list[str]]) -> str:
    good = [row for row in rows if len(row) == len(HEADER)]
    refused = [row for row in rows if len(row) != len(HEADER)]
    height, width = IMAGE_SIZE
    lines = [
        "# What can be exported",
        "",
        f"Written by `benchmarks/export/export_matrix.py`: {len(good)} exports, {len(refused)} refusals.",
        "N, H and W of every file are free; `resize` has a network of 224x224 inside. Random weights,",
        "drawn images; difference and agreement are against PyTorch, for batches of 1, 2 and 3 at",
        f"{height}x{width} and at an odd size; ms are those of one image of {height}x{width} in",
        "ONNX Runtime on one thread, beside other work. Plans are those that TensorRT for RTX builds,",
        "on a machine without a GPU.",
        "",
        "| " + " | ".join(HEADER) + " |",
        "|" + "---|" * len(HEADER),
        *("| " + " | ".join(row) + " |" for row in good),
        "",
        "## Refused",
        "",
        "| architecture | encoder | input | reason |",
        "|---|---|---|---|",
        *(
            "| " + " | ".join(cell.removeprefix("refused: ").replace("|", "\\|") for cell in row) + " |"
            for row in refused
        ),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

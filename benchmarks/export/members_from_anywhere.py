"""Networks of PyTorch with random weights, as others save them: recognised, exported and compared.

    python -m benchmarks.export.members_from_anywhere            # all
    python -m benchmarks.export.members_from_anywhere smp:pan    # those whose name begins so

smp's decoders are in a trainer's dict under a random prefix, or folders of `save_pretrained`. Prints the rows
of the table in `docs/how-to/members-from-anywhere.md`.
"""

import random
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, get_args

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torchvision import models

from seg.errors import SegError
from seg.export.sources.export_source import export_source
from seg.export.sources.open_source import open_source
from seg.labels.classes import ClassInfo, default_colour
from seg.spec import DatasetSpec, ExportSpec, MemberSpec
from seg.spec.recipe.architectures import SmpArchitecture, TorchvisionArchitecture
from tests.export.sources.tiny_transformers import CLASSES, FAMILIES, write_folder
from tests.export.tiny import image

NAMES = tuple(f"class {number}" for number in range(CLASSES))
OURS = tuple(ClassInfo(id=n, name=name, colour=default_colour(n)) for n, name in enumerate(NAMES))
PREFIXES = ("", "module.", "model.", "net.", "_orig_mod.", "model.module.", "segmentor.")
WRAPPERS: tuple[Callable[[Mapping[str, Tensor]], object], ...] = (
    lambda state: state,
    lambda state: {"state_dict": state, "epoch": 3},
    lambda state: {"model": state, "optimizer": {"state": {}}},
    lambda state: {"checkpoint": {"model_state_dict": state}},
    lambda state: {"net": {name: tensor + 1 for name, tensor in state.items()}, "ema": state},
)
FIXED_SIZE = {"size": "128x160"}
DECLARED: Mapping[str, Mapping[str, Any]] = {
    "smp:pspnet": {"input": FIXED_SIZE},
    "smp:upernet": {"input": FIXED_SIZE},
    "smp folder:pspnet": {"input": FIXED_SIZE},
    "smp folder:upernet": {"input": FIXED_SIZE},
    "smp:dpt": {"input": {"size": 224}, "architecture": "dpt", "encoder": "tu-vit_tiny_patch16_224"},
    "smp folder:dpt": {"input": {"size": 224}},
}
ENCODERS = {"segformer": "mit_b0", "dpt": "tu-vit_tiny_patch16_224"}


def main(beginnings: list[str]) -> None:
    print("| source | declared | equal labels | largest difference | open, s | export, s |")
    print("|---|---|---|---|---|---|")
    for name, write in member_sources():
        if name.startswith(tuple(beginnings or [""])):
            torch.manual_seed(0)
            with tempfile.TemporaryDirectory() as folder:
                print(measured_member(name, write(Path(folder)), Path(folder) / "model.onnx"), flush=True)


def member_sources() -> Iterator[tuple[str, Callable[[Path], Path]]]:
    """The name of each source, and what writes it into a folder."""
    for decoder in get_args(SmpArchitecture):
        yield f"smp:{decoder}", partial(write_state_dict, decoder)
        yield f"smp folder:{decoder}", partial(write_smp_folder, decoder)
    for whole in get_args(TorchvisionArchitecture):
        yield f"torchvision:{whole}", partial(write_torchvision, whole)
    for family in FAMILIES:
        yield f"transformers:{family}", partial(write_transformers, family)


def measured_member(name: str, path: Path, model: Path) -> str:
    declared = DECLARED.get(name, {})
    given = {"name": "theirs", "checkpoint": str(path), "output": {"classes": NAMES}, **declared}
    member = MemberSpec.model_validate(given)
    start = time.process_time()
    try:
        source = open_source(member)
        opened = time.process_time()
        images = [image(192, 256, seed) for seed in range(3)]
        card = export_source(member, source, model, OURS, DatasetSpec(), images, ExportSpec())
    except SegError as error:
        return f"| {name} | {dict(declared)} | refused: {error} | | | |"
    exported = time.process_time()
    found = card.verification
    assert found is not None
    figures = f"{found.label_agreement:.4%} | {found.largest_difference:.0e}"
    return f"| {name} | {dict(declared)} | {figures} | {opened - start:.0f} | {exported - opened:.0f} |"


def randomise_weights(network: nn.Module) -> nn.Module:
    """Weights of which none is as it was built, so that only a loaded network computes the same."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.fill_(1.5)
        elif tensor.is_floating_point():
            tensor.add_(0.02 * torch.randn(tensor.shape, generator=generator))
    return network.eval()


def smp_network(decoder: str) -> Any:
    options = {"dynamic_img_size": True} if decoder == "dpt" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoder = ENCODERS.get(decoder, "resnet18")
        return randomise_weights(
            smp.create_model(decoder, encoder, encoder_weights=None, classes=CLASSES, **options)
        )


def write_state_dict(decoder: str, folder: Path) -> Path:
    drawn = random.Random(decoder)
    prefix, wrap = drawn.choice(PREFIXES), drawn.choice(WRAPPERS)
    state = {prefix + name: tensor for name, tensor in smp_network(decoder).state_dict().items()}
    torch.save(wrap(state), folder / "best.pth")
    return folder / "best.pth"


def write_smp_folder(decoder: str, folder: Path) -> Path:
    smp_network(decoder).save_pretrained(folder / decoder)
    return folder / decoder


def write_transformers(family: str, folder: Path) -> Path:
    return write_folder(family, folder / family)


def write_torchvision(whole: str, folder: Path) -> Path:
    network = models.get_model(whole, weights=None, weights_backbone=None, num_classes=CLASSES)
    torch.save({"model": randomise_weights(network).state_dict()}, folder / "model.pth")
    return folder / "model.pth"


if __name__ == "__main__":
    main(sys.argv[1:])

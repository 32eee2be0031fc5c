"""Export any PyTorch module from Python, as a member like those of `seg train`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from torch import nn

from seg.data.images.images import read_image
from seg.export.sources.export_source import export_source
from seg.export.sources.module_source import open_module, sha256_of_weights
from seg.labels.classes import ClassInfo, default_colour
from seg.labels.label_map import ImageHWC
from seg.labels.task import Task
from seg.models.card import ModelCard
from seg.spec import DatasetSpec, ExportSpec, MemberSpec

_DRAWN_HW: Final = (192, 256)
_BLOCKS_HW: Final = (6, 8)


def export_module(
    module: nn.Module,
    model: Path | str,
    *,
    classes: Sequence[str],
    input: Mapping[str, Any],  # noqa: A002
    output: Mapping[str, Any] | None = None,
    images: Sequence[ImageHWC | Path | str] = (),
    unlabelled: str = "ignore",
    task: Task = "multiclass",
    opset: int | None = None,
) -> ModelCard:
    """Export a module to `model` under the contract, and compare the file with the module.

    Args:
        module: from images, float32 `[N, 3, H, W]`, to a tensor `[N, C, h, w]`, or a tuple, list, dict or
            object with one.
        model: the ONNX file to write.
        classes: the names of the classes, by channel; of one channel, the name of what is not it comes first,
            unless the task is `binary`.
        input: how images reach the module, as in a member's YAML, such as
            `{"scale": "1/255", "mean": [...], "std": [...]}`, and `"size"` if it takes one size only.
        output: what the module returns, as in a member's YAML; by default logits.
        images: to compare on, RGB, uint8 `[H, W, 3]`, or their files; by default drawn ones.
        unlabelled: what unlabelled pixels mean: `ignore`, or a class.
        task: `binary` or `multilabel` if each class has a sigmoid and classes may overlap.
        opset: the version of ONNX's operators; by default the oldest that the graph can be written in.

    Raises:
        ValueError: `input` or `output` has no such key or value.
        ModelError: the module cannot be run or exported, or does not have these classes.
        VerificationError: fewer than 99.9% of the labels are the module's.

    Example:
        >>> import torch
        >>> from seg.export import export_module
        >>> module = torch.nn.Conv2d(3, 2, 3, padding=1)
        >>> card = export_module(module, "mine.onnx", classes=["ground", "car"], input={"scale": "1/255"})
        >>> card.verification.label_agreement > 0.999
        True
    """
    model = Path(model)
    name = Path(type(module).__name__)
    member = MemberSpec.model_validate(
        {"name": model.stem, "checkpoint": name, "input": dict(input), "output": dict(output or {})}
    )
    source = open_module(module, name, "module", sha256_of_weights(module), member)
    named = tuple(
        ClassInfo(id=label, name=one, colour=default_colour(label)) for label, one in enumerate(classes)
    )
    given = [read_image(Path(one)) if isinstance(one, Path | str) else one for one in images]
    return export_source(
        member,
        source,
        model,
        named,
        DatasetSpec(unlabelled=unlabelled, task=task),
        given or [_drawn_verification_image(seed) for seed in range(3)],
        ExportSpec(opset=opset) if opset else ExportSpec(),
    )


def _drawn_verification_image(seed: int) -> ImageHWC:
    """Blocks of random colours with noise on them, uint8 RGB."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (*_BLOCKS_HW, 3))
    across = tuple(side // count for side, count in zip(_DRAWN_HW, _BLOCKS_HW, strict=True))
    image = np.kron(blocks, np.ones((*across, 1))) + rng.normal(0, 16, (*_DRAWN_HW, 3))
    return np.clip(image, 0, 255).astype(np.uint8)

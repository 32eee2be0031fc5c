"""A checkpoint of `seg train` as a source: its card says its network, input and classes."""

from pathlib import Path

from safetensors import SafetensorError, safe_open

from seg.errors import ModelError
from seg.export.onnx_file.to_onnx import NEEDS_FIXED_SIZE
from seg.export.sources.declaration import SourceFacts
from seg.export.sources.torch_source import TorchSource
from seg.files.atomic import regular_file, sha256_of
from seg.models.card import CARD_KEY
from seg.train.networks.checkpoint import load_checkpoint


def has_card(path: Path) -> bool:
    """Whether a file is a checkpoint of `seg train`; what cannot be read is none."""
    if path.suffix != ".safetensors":
        return False
    try:
        with safe_open(regular_file(path), framework="pt") as file:
            return CARD_KEY in (file.metadata() or {})
    except (OSError, SafetensorError):
        return False


def open_trained_checkpoint(path: Path) -> TorchSource:
    """The network of a checkpoint of `seg train`, fed as in its training.

    Raises:
        ModelError: it is damaged or of a newer version, or was trained on other than 8-bit RGB images.
    """
    network, card = load_checkpoint(path)
    if card.input.pixel_range is not None:
        raise ModelError(
            f"{path}: was trained on images of other bands or depth: name its run's model.onnx with 'model'"
        )
    return TorchSource(
        path=path,
        sha256=sha256_of(path),
        kind="checkpoint of seg train",
        architecture=card.architecture,
        encoder=card.encoder,
        facts=SourceFacts(
            channels="rgb",
            scale=1 / 255,
            mean=card.input.mean,
            std=card.input.std,
            mode=card.input.mode,
            size_hw=card.input.size_hw,
            stride=card.input.stride,
            resample="bilinear",
            kind="logits",
            count=len(card.classes),
            names=tuple(one.name for one in card.classes),
        ),
        module=network,
        has_free_size=card.architecture not in NEEDS_FIXED_SIZE,
        notes=(f"a checkpoint of seg train: {card.architecture} with {card.encoder}, as its card says",),
    )

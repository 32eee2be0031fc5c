"""From a checkpoint to a verified file; where that is not reached, to no file at all."""

from collections.abc import Sequence
from pathlib import Path

from seg.card import ModelCard
from seg.errors import ModelError, VerificationError
from seg.export.contract import ExportedModel
from seg.export.save import atomic_model, replace_card
from seg.export.to_onnx import OPSET, write_onnx
from seg.export.verify import verify
from seg.files import sha256_of
from seg.labels import ImageHWC
from seg.model_file import read_model_card
from seg.train.checkpoint import load_checkpoint
from seg.train.segmenter import Segmenter


def export_checkpoint(checkpoint: Path, model: Path, images: Sequence[ImageHWC]) -> ModelCard:
    """Export a checkpoint to `model` and verify it on `images`, uint8 RGB of any size.

    Returns:
        The card of the exported model, with the result of the verification.

    Raises:
        ModelError: the checkpoint cannot be used, or its network cannot be exported.
        VerificationError: the exported model does not agree with the checkpoint.
    """
    network, card = load_checkpoint(checkpoint)
    exported = ExportedModel(Segmenter(network, card.input)).eval()
    card = card.model_copy(update={"checkpoint_sha256": sha256_of(checkpoint), "opset": OPSET})
    with atomic_model(model) as temporary:
        card = write_onnx(exported, card, temporary)
        try:
            verification = verify(temporary, exported, images)
        except VerificationError as error:
            raise VerificationError(str(error).replace(str(temporary), str(model))) from error
        card = card.model_copy(update={"verification": verification})
        replace_card(temporary, card)
    return card


def is_exported(checkpoint: Path, model: Path) -> bool:
    """Whether `model` is there, verified, and of this very checkpoint."""
    if not model.exists():
        return False
    try:
        card = read_model_card(model)
    except ModelError:
        return False
    return card.verification is not None and card.checkpoint_sha256 == sha256_of(checkpoint)

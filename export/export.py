"""Export a checkpoint to a verified ONNX file; if verification fails, no file is written."""

from collections.abc import Sequence
from pathlib import Path

from seg.errors import VerificationError
from seg.export.onnx_file.exported_model import ExportedModel
from seg.export.onnx_file.save import atomic_model, replace_model_card
from seg.export.onnx_file.to_onnx import write_onnx
from seg.export.onnx_file.verification_batches import VERIFIED_IMAGES
from seg.export.onnx_file.verify import verify_onnx_file
from seg.export.precision.choose import PrecisionTrial, choose_precision
from seg.export.precision.half import model_in_half_precision
from seg.export.precision.request import fulfils_precision_request
from seg.files.atomic import sha256_of
from seg.image_type import ImageHWB
from seg.models.card import ModelCard
from seg.models.model_file import read_verified_card
from seg.spec import ExportSpec
from seg.terminal.progress import progress
from seg.train.networks.checkpoint import load_checkpoint
from seg.train.networks.segmenter import Segmenter


def export_checkpoint(
    checkpoint: Path | str,
    model: Path | str,
    images: Sequence[ImageHWB],
    trial: PrecisionTrial | None = None,
    opset: int | None = None,
) -> ModelCard:
    """Export a checkpoint to `model` and verify it on `images` of any size.

    Args:
        checkpoint: the checkpoint of a finished run.
        model: the file to write.
        images: uint8 RGB, or of the bands that it was trained on; of any size.
        trial: what else than fp32 to try, and on what, as `trial_on_this_machine` gives it; None for fp32
            alone.
        opset: the version of ONNX's operators; by default the oldest that the graph can be written in.

    Returns:
        The card of the exported model, with the result of the verification.

    Raises:
        ModelError: the checkpoint cannot be used, or its network cannot be exported.
        VerificationError: the exported model does not agree with the checkpoint, or no requested precision
            passes.

    Example:
        >>> from seg.export import export_checkpoint, validation_images
        >>> from seg.spec import load_dataset
        >>> images = validation_images(load_dataset("data/dataset.yaml"))
        >>> card = export_checkpoint("model.safetensors", "model.onnx", images)
        >>> card.verification.label_agreement > 0.999
        True
    """
    checkpoint, model = Path(checkpoint), Path(model)
    network, card = load_checkpoint(checkpoint)
    exported = ExportedModel(Segmenter(network, card.input), card.task).eval()
    card = card.model_copy(update={"checkpoint_sha256": sha256_of(checkpoint)})
    with atomic_model(model) as temporary:
        with progress(f"export {card.name}", 1 + VERIFIED_IMAGES, unit="steps") as advance:
            card = write_onnx(exported, card, temporary, opset)
            advance(note="verify")
            try:
                verification = verify_onnx_file(temporary, exported, images, advance)
            except VerificationError as error:
                raise VerificationError(str(error).replace(str(temporary), str(model))) from error
        card = card.model_copy(update={"verification": verification})
        replace_model_card(temporary, card)
        if trial is not None:
            card = choose_precision(
                temporary,
                lambda half_card, path: write_onnx(model_in_half_precision(exported), half_card, path, opset),
                card,
                trial,
            )
    return card


def is_exported(checkpoint: Path, model: Path, request: ExportSpec | None) -> bool:
    """Whether `model` exists, is verified, and was exported from this checkpoint with the same request."""
    card = read_verified_card(model)
    return (
        card is not None
        and card.checkpoint_sha256 == sha256_of(checkpoint)
        and (request is None or fulfils_precision_request(card, request))
    )

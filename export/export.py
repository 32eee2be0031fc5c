"""From a checkpoint to a verified file; where that is not reached, to no file at all."""

from collections.abc import Sequence
from pathlib import Path

from seg.card import ModelCard
from seg.class_order import Channels, channels_of
from seg.data.labelling import classes_at_hand
from seg.errors import ModelError, VerificationError
from seg.export.exported_model import ExportedModel
from seg.export.precision.choose import Trial, choose_precision
from seg.export.save import atomic_model, replace_card
from seg.export.to_onnx import write_onnx
from seg.export.verify import verify
from seg.files import sha256_of
from seg.labels import ImageHWC
from seg.model_file import read_model_card
from seg.spec import ExportSpec
from seg.spec.dataset import DatasetSpec
from seg.train.checkpoint import load_checkpoint, read_checkpoint_card
from seg.train.segmenter import Segmenter


def export_checkpoint(
    checkpoint: Path | str,
    model: Path | str,
    images: Sequence[ImageHWC],
    trial: Trial | None = None,
    opset: int | None = None,
) -> ModelCard:
    """Export a checkpoint to `model` and verify it on `images`, uint8 RGB of any size.

    Args:
        checkpoint: what training left.
        model: the file to write.
        images: uint8 RGB of any size.
        trial: what else than fp32 to try, and on what, as `trial_on_this_machine` gives it; None for fp32
            alone.
        opset: the version of ONNX's operators; by default the oldest that the graph can be written in.

    Returns:
        The card of the exported model, with the result of the verification.

    Raises:
        ModelError: the checkpoint cannot be used, or its network cannot be exported.
        VerificationError: the exported model does not agree with the checkpoint, or no precision that
            was asked for passes.

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
    exported = ExportedModel(Segmenter(network, card.input)).eval()
    card = card.model_copy(update={"checkpoint_sha256": sha256_of(checkpoint)})
    with atomic_model(model) as temporary:
        card = write_onnx(exported, card, temporary, opset)
        try:
            verification = verify(temporary, exported, images)
        except VerificationError as error:
            raise VerificationError(str(error).replace(str(temporary), str(model))) from error
        card = card.model_copy(update={"verification": verification})
        replace_card(temporary, card)
        if trial is not None:
            card = choose_precision(temporary, exported, card, trial)
    return card


def channels_of_checkpoint(checkpoint: Path, dataset: DatasetSpec) -> Channels:
    """For each of the dataset's classes the channel of the checkpoint's network.

    Raises:
        ModelError: the checkpoint cannot be used, or was trained for other classes.
    """
    own = read_checkpoint_card(checkpoint).classes
    return channels_of(own, classes_at_hand(dataset) or own, checkpoint)


def is_exported(checkpoint: Path, model: Path, request: ExportSpec | None) -> bool:
    """Whether `model` is there, verified, of this very checkpoint, and chosen as is wished, if it is."""
    if not model.exists():
        return False
    try:
        card = read_model_card(model)
    except ModelError:
        return False
    return (
        card.verification is not None
        and card.checkpoint_sha256 == sha256_of(checkpoint)
        and (request is None or _is_wished(card, request))
    )


def _is_wished(card: ModelCard, request: ExportSpec) -> bool:
    choice = card.precision_choice
    if request.opset not in (None, card.opset):
        return False
    if choice is None:
        return card.precision == request.precision
    asked = (choice.asked, choice.least_agreement, choice.largest_loss)
    return asked == (request.precision, request.least_agreement, request.largest_loss)

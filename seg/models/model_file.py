"""The contract of exported models: read the card, and check inputs, outputs and weights before running.

input   `image`          uint8   [N, H, W, 3], or uint8, uint16 or float32 [N, H, W, B]: the card says which
output  `probabilities`  float32 [N, C, H, W]
metadata `seg.card`      the model card
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from seg.errors import ModelError
from seg.files.atomic import sha256_of
from seg.image_type import ImageType, PixelType
from seg.models.card import CARD_KEY, ENSEMBLE_KEY, ModelCard, parse_model_card
from seg.models.safety import external_weights_beside, load_safe_onnx

if TYPE_CHECKING:
    from onnx import ModelProto

INPUT: Final = "image"
OUTPUT: Final = "probabilities"
ONNX_PIXELS: Final[dict[PixelType, int]] = {"uint8": 2, "uint16": 4, "float32": 1}
"""ONNX's numbers of the types; source: `TensorProto.DataType` of onnx.proto."""

LARGEST_CARD: Final = 2**20


def read_model_card(path: Path) -> ModelCard:
    """The card of an exported model, after checking its inputs, outputs and external weights.

    Raises:
        ModelError: the file is missing, not ONNX, not exported by seg, of a newer version, damaged, or refers
            to weights that are not beside it.
    """
    model = load_safe_onnx(path)
    cards = [entry.value for entry in model.metadata_props if entry.key == CARD_KEY]
    if any(entry.key == ENSEMBLE_KEY for entry in model.metadata_props):
        raise ModelError(f"{path}: is a fused ensemble, not a member: name its members")
    if not cards:
        raise ModelError(
            f"{path}: has no model card: it was not made by seg export: name it with 'onnx' in a YAML, not"
            " with 'model'"
        )
    if len(cards[0]) > LARGEST_CARD:
        raise ModelError(
            f"{path}: its model card has {len(cards[0])} characters: it was not made by seg export"
        )
    card = parse_model_card(cards[0], path)
    _check_model_interface(path, model, card)
    _check_external_weights(path, model, card)
    return card


def _check_model_interface(path: Path, model: "ModelProto", card: ModelCard) -> None:
    from onnx import TensorProto

    inputs = [(i.name, i.type.tensor_type.elem_type) for i in model.graph.input]
    outputs = [(o.name, o.type.tensor_type.elem_type) for o in model.graph.output]
    classes, wanted = len(card.classes), card.input.image_type
    if inputs != [(INPUT, ONNX_PIXELS[wanted.pixels])]:
        raise ModelError(f"{path}: its inputs are {inputs}, expected one {wanted.pixels} {INPUT!r}")
    bands = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim[3:]]
    if bands not in ([], [0], [wanted.bands]):
        raise ModelError(f"{path}: takes {bands[0]} bands and its card has {wanted.bands}: export it again")
    if outputs[:1] != [(OUTPUT, TensorProto.FLOAT)]:
        raise ModelError(f"{path}: its first output is {outputs[:1]}, expected float {OUTPUT!r}")
    channels = [d.dim_value for d in model.graph.output[0].type.tensor_type.shape.dim[1:2]]
    if channels not in ([], [0], [classes]):
        raise ModelError(
            f"{path}: returns {channels[0]} channels and its card has {classes} classes: export it again"
        )


def image_type_of_model_input(model: "ModelProto") -> ImageType:
    """The pixels and bands of the images that an exported graph takes.

    Raises:
        ValueError: it takes something else.
    """
    tensor = model.graph.input[0].type.tensor_type
    for pixels, number in ONNX_PIXELS.items():
        if tensor.elem_type == number:
            return ImageType(pixels, tensor.shape.dim[3].dim_value)
    raise ValueError(f"{model.graph.input[0].name}: has elements of type {tensor.elem_type}, expected pixels")


def _check_external_weights(path: Path, model: "ModelProto", card: ModelCard) -> None:
    """Check that external weights are the exported ones, by their SHA-256."""
    for name in external_weights_beside(model):
        if sha256_of(path.parent / name) != card.weights_sha256:
            raise ModelError(
                f"{path}: {name!r} is not the weights that it was exported with: export it again"
            )


def read_verified_card(model: Path) -> ModelCard | None:
    """The card of an exported model that was verified; None if there is none, or the file is not ours."""
    if not model.exists():
        return None
    try:
        card = read_model_card(model)
    except ModelError:
        return None
    return card if card.verification is not None else None

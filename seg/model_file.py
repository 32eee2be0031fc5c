"""What an exported model says about itself, checked before anything runs it.

input   `image`          uint8   [N, H, W, 3]
output  `probabilities`  float32 [N, C, H, W]
metadata `seg.card`      the model card
"""

from pathlib import Path
from typing import Final

from seg.card import CARD_KEY, ModelCard, read_card
from seg.errors import ModelError

INPUT: Final = "image"
OUTPUT: Final = "probabilities"
LARGEST_MODEL_BYTES: Final = 2 * 2**30
"""The most that one protobuf message can hold."""


def read_model_card(path: Path) -> ModelCard:
    """The card of an exported model, whose inputs and outputs are as the contract says.

    Raises:
        ModelError: the file is missing, no ONNX, not exported by seg, of a newer version, or refers
            to data outside itself.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        if path.stat().st_size > LARGEST_MODEL_BYTES:
            raise ModelError(f"{path}: is larger than an ONNX file can be (2 GiB)")
        model = onnx.load(path, load_external_data=False)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: there is no such model: export it first: seg export") from error
    except (DecodeError, OSError) as error:
        raise ModelError(f"{path}: is not an ONNX file, or is damaged: export it again") from error
    cards = [entry.value for entry in model.metadata_props if entry.key == CARD_KEY]
    if not cards:
        raise ModelError(f"{path}: has no model card: it was not made by seg export")
    _refuse_external_data(path, model)
    card = read_card(cards[0], path)
    _check_interface(path, model)
    return card


def _refuse_external_data(path: Path, model: object) -> None:
    from onnx import ModelProto, TensorProto

    if not isinstance(model, ModelProto):
        raise TypeError(f"ModelProto expected, got {type(model).__name__}")
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            raise ModelError(
                f"{path}: keeps {tensor.name!r} in another file; an exported model is one file:"
                " export it again"
            )


def _check_interface(path: Path, model: object) -> None:
    from onnx import ModelProto, TensorProto

    if not isinstance(model, ModelProto):
        raise TypeError(f"ModelProto expected, got {type(model).__name__}")
    inputs = [(i.name, i.type.tensor_type.elem_type) for i in model.graph.input]
    outputs = [(o.name, o.type.tensor_type.elem_type) for o in model.graph.output]
    if inputs != [(INPUT, TensorProto.UINT8)]:
        raise ModelError(f"{path}: its inputs are {inputs}, expected one uint8 {INPUT!r}")
    if outputs[:1] != [(OUTPUT, TensorProto.FLOAT)]:
        raise ModelError(f"{path}: its first output is {outputs[:1]}, expected float {OUTPUT!r}")

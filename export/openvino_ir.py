"""OpenVINO IR: a model in two files, which loads faster than ONNX, with the card inside."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from seg.distribution import install_advice
from seg.engine.runtimes.openvino.library import has_openvino, import_openvino
from seg.engine.runtimes.tensorrt.plan_file import PlanProfile
from seg.errors import MissingRuntimeError, ModelError, OutputError, VerificationError
from seg.export.onnx_file.compare import LEAST_AGREEMENT
from seg.files.atomic import regular_file, scratch_folder
from seg.image_type import ImageHWB
from seg.labels.task import LabelMap, Task, labels_of_probabilities
from seg.models.card import CARD_KEY
from seg.models.model_file import read_model_card

_DEVICE: Final = "CPU"


def write_openvino_ir(model: Path, profile: PlanProfile, images: Sequence[ImageHWB]) -> Path:
    """Write `model.xml` and `model.bin` beside a model, H and W fixed where the profile has one size.

    Args:
        model: an exported model.
        profile: the sizes of the images to predict.
        images: images on which both must agree, resized to the usual size.

    Raises:
        MissingRuntimeError: OpenVINO is not installed.
        ModelError: the model is not ours, or OpenVINO cannot read it.
        VerificationError: their labels do not agree.
    """
    if not has_openvino():
        raise MissingRuntimeError(f"openvino is not installed: {install_advice('openvino')}")
    openvino = import_openvino()
    card = read_model_card(model)
    core = openvino.Core()
    try:
        converted = core.read_model(model)
    except RuntimeError as error:
        raise ModelError(f"{model}: OpenVINO cannot read it: {str(error).splitlines()[-1]}") from error
    height, width = profile.usual[1:]
    taken = card.input.image_type
    images = [_resized_for_openvino(taken.convert(image), (height, width)) for image in images]
    reference = _labels_by_openvino(core, converted, images, card.task)
    if profile.least[1:] == profile.most[1:]:
        converted.reshape([-1, height, width, taken.bands])
    converted.set_rt_info(card.model_dump_json(), CARD_KEY)
    final = model.with_suffix(".xml")
    _refuse_foreign_openvino_files(final)
    with scratch_folder(final) as folder:
        written = folder / final.name
        openvino.save_model(converted, written, compress_to_fp16=False)
        found = _labels_by_openvino(core, core.read_model(written), images, card.task)
        agreement = float(np.mean([np.mean(a == b) for a, b in zip(found, reference, strict=True)]))
        if agreement < LEAST_AGREEMENT:
            raise VerificationError(
                f"{final}: only {agreement:.4%} of labels agree with the model: not written"
            )
        written.with_suffix(".bin").replace(final.with_suffix(".bin"))
        written.replace(final)
    return final


def _resized_for_openvino(image_hwb: ImageHWB, size_hw: tuple[int, int]) -> ImageHWB:
    height, width = size_hw
    return cv2.resize(image_hwb, (width, height)).reshape(height, width, -1).astype(image_hwb.dtype)


def _refuse_foreign_openvino_files(final: Path) -> None:
    """Raise OutputError if either file exists and has no card."""
    weights = final.with_suffix(".bin")
    is_ours = final.exists() and CARD_KEY.encode() in regular_file(final).read_bytes()
    for path in (final, weights):
        if path.exists() and not is_ours:
            raise OutputError(f"{path}: was not written by seg: move it away")


def _labels_by_openvino(core: Any, model: Any, images: Sequence[ImageHWB], task: Task) -> list[LabelMap]:
    compiled = core.compile_model(model, _DEVICE, {"INFERENCE_PRECISION_HINT": "f32"})
    return [labels_of_probabilities(compiled(image_hwc[None])[0], task) for image_hwc in images]

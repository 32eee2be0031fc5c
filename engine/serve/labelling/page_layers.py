"""What the page shows of an image: labels and confidence of the ensemble and of each member."""

from base64 import b64encode
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seg.engine.ensemble import Ensemble
from seg.engine.member import Member
from seg.engine.serve.labelling.encoding import encode_label_png
from seg.image_type import ImageHWB
from seg.labels.task import LabelMap, split_label_bytes

CERTAIN: Final = 255
"""A confidence of 1 in a picture."""


def page_layers(ensemble: Ensemble, image_hwc: ImageHWB) -> dict[str, Any]:
    """Layers of the ensemble and of each of its members for an image `[H, W, B]`.

    Probabilities of one predictor at a time are in memory.
    """
    labels_hw, first = _page_layer("ensemble", ensemble, image_hwc)
    layers = [first | {"agreement": 1.0}]
    for member in ensemble.members:
        own_hw, layer = _page_layer(member.name, _ensemble_of_member(ensemble, member), image_hwc)
        layers.append(layer | {"agreement": float((own_hw == labels_hw).mean())})
    height, width = image_hwc.shape[:2]
    return {"height": height, "width": width, "layers": layers}


def _page_layer(name: str, predictor: Ensemble, image_hwc: ImageHWB) -> tuple[LabelMap, dict[str, Any]]:
    """The labels of one predictor, and what the page draws of them."""
    prediction = predictor.predict(image_hwc)
    confidence_hw = prediction.confidence
    return prediction.labels, {
        "name": name,
        "labels": _png_data_url(split_label_bytes(prediction.labels)),
        "confidence": _png_data_url(np.rint(CERTAIN * confidence_hw).astype(np.uint8)),
        "sure": float(confidence_hw.mean()),
    }


def _ensemble_of_member(ensemble: Ensemble, member: Member) -> Ensemble:
    """A member as its own ensemble, in which all of its classes weigh the same."""
    return replace(ensemble, members=(replace(member, class_weights=()),))


def _png_data_url(grey_hw: NDArray[np.uint8]) -> str:
    return f"data:image/png;base64,{b64encode(encode_label_png(grey_hw)).decode('ascii')}"

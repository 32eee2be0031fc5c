"""What the page shows of an image: the ensemble, each member, and how sure they are."""

from base64 import b64encode
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seg.engine.ensemble import Ensemble, Prediction
from seg.engine.member import Member
from seg.engine.merging.decision import confidence_of
from seg.engine.serve.answers import as_png
from seg.labels import ImageHWC

SURE: Final = 255
"""A confidence of 1 in a picture."""


@dataclass(frozen=True, slots=True)
class Look:
    """An image as one predictor sees it: labels and the probability of each pixel's label."""

    name: str
    prediction: Prediction

    @property
    def confidence_hw(self) -> NDArray[np.float32]:
        return confidence_of(*self.prediction)

    def layers(self, ensemble: "Look") -> dict[str, Any]:
        """What the page draws; `agreement` is the share of pixels on which it says what the ensemble says."""
        confidence_hw = self.confidence_hw
        agreement = float((self.prediction.labels == ensemble.prediction.labels).mean())
        return {
            "name": self.name,
            "labels": _inlined(self.prediction.labels),
            "confidence": _inlined(np.rint(SURE * confidence_hw).astype(np.uint8)),
            "sure": float(confidence_hw.mean()),
            "agreement": agreement,
        }


def look_at(ensemble: Ensemble, image_hwc: ImageHWC) -> dict[str, Any]:
    """Layers of the ensemble and of each of its members for an RGB image, uint8 `[H, W, 3]`."""
    whole = Look("ensemble", ensemble.predict(image_hwc))
    members = [Look(one.name, _alone(ensemble, one).predict(image_hwc)) for one in ensemble.members]
    height, width = image_hwc.shape[:2]
    return {"height": height, "width": width, "layers": [look.layers(whole) for look in (whole, *members)]}


def _alone(ensemble: Ensemble, member: Member) -> Ensemble:
    """A member as its own ensemble; what it weighs beside others means nothing there."""
    return replace(ensemble, members=(replace(member, class_weights=()),))


def _inlined(grey_hw: NDArray[np.uint8]) -> str:
    return f"data:image/png;base64,{b64encode(as_png(grey_hw)).decode('ascii')}"

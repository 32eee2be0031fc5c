"""The export job of a Triton repository: the ensemble, its name, server settings and verification images."""

from collections.abc import Sequence
from dataclasses import dataclass

from seg.export.fuse.fuse import FusionRequest
from seg.export.triton.config import TritonServing
from seg.image_type import ImageHWB
from seg.spec import EnsembleSpec


@dataclass(frozen=True, slots=True)
class TritonJob:
    """An ensemble under the name that clients use, and the images that it is verified on."""

    spec: EnsembleSpec
    request: FusionRequest
    serving: TritonServing
    images: Sequence[ImageHWB]

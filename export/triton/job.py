"""The export job of a Triton repository: the ensemble, its name, server settings and verification images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seg.export.fuse.check import Reference_
from seg.export.fuse.fuse import FusionRequest
from seg.export.triton.config import Serving
from seg.labels import ImageHWC
from seg.spec import EnsembleSpec


@dataclass(frozen=True, slots=True)
class Job:
    """An ensemble under the name that clients use, and what it is verified on and against.

    `reference_of` gives what the engine says of an image with all members of a spec.
    """

    spec: EnsembleSpec
    request: FusionRequest
    serving: Serving
    images: Sequence[ImageHWC]
    reference_of: Callable[[EnsembleSpec], Reference_]

"""What is to be served."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seg.export.fuse.check import Witness
from seg.export.fuse.fuse import Wish
from seg.export.triton.config import Serving
from seg.labels import ImageHWC
from seg.spec import EnsembleSpec


@dataclass(frozen=True, slots=True)
class Job:
    """An ensemble under the name that clients use, and what it is verified on and against.

    `witness_of` gives what the engine says of an image with all members of a spec.
    """

    spec: EnsembleSpec
    wish: Wish
    serving: Serving
    images: Sequence[ImageHWC]
    witness_of: Callable[[EnsembleSpec], Witness]

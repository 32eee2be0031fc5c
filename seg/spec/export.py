"""How members are exported: in which precision, and what that may cost."""

from typing import Annotated, Literal

from pydantic import Field

from seg import ranges
from seg.card import PrecisionName
from seg.spec.base import NetworkSizeHW, Spec, within


class PlanSpec(Spec):
    """What a TensorRT plan takes: images from the smallest to the largest of `sizes`, fastest at the middle.

    Without `sizes` they are those of the tiles or of the images to predict. `batch` is the largest, and what
    it is made fastest for; `memory_gib` is what TensorRT may use besides.
    """

    sizes: tuple[NetworkSizeHW, ...] | None = Field(default=None, min_length=1)
    batch: Annotated[int, within(ranges.BATCH)] = 8
    memory_gib: Annotated[float, within(ranges.MEMORY_GIB)] = 4.0


class ExportSpec(Spec):
    """`precision: auto` takes the fastest on this machine that passes.

    To pass, `least_agreement` of all labels must be those of fp32, and `largest_loss` is how many points
    (hundredths) of mIoU may be lost, both on the validation split. `opset` is the version of ONNX's
    operators; by default the oldest that a graph can be written in. int8 is fitted to `calibration_images`
    of the training split.
    """

    precision: Literal["auto", PrecisionName] = "fp32"
    least_agreement: float = Field(default=0.995, ge=0, le=1)
    largest_loss: Annotated[float, within(ranges.LOST_POINTS)] = 0.2
    opset: int | None = Field(default=None, ge=17, le=20)
    calibration_images: Annotated[int, within(ranges.IMAGES)] = 32
    plan: PlanSpec = PlanSpec()

"""How members are exported: in which precision, and what that may cost."""

from typing import Annotated, Literal

from pydantic import Field

from seg import ranges
from seg.models.card import PrecisionName
from seg.spec.base import NetworkSizeHW, Spec, number_within


class PlanSpec(Spec):
    """The batches and sizes that a TensorRT plan or a Triton model is built for."""

    sizes: tuple[NetworkSizeHW, ...] | None = Field(default=None, min_length=1)
    """Smallest size, the one to be fastest at, largest. Default: the sizes of the tiles, or of the images to
    predict.
    """
    batch: Annotated[int, number_within(ranges.BATCH)] = 8
    """The largest batch, and the one that is optimised for."""
    memory_gib: Annotated[float, number_within(ranges.MEMORY_GIB)] = 4.0
    """Workspace that TensorRT may use, in GiB."""


class ExportSpec(Spec):
    """How members are exported: the precision, and what it may cost."""

    precision: Literal["auto", PrecisionName] = "fp32"
    """The precision of the network. `auto` takes the fastest on this machine that passes the limits below."""
    least_agreement: float = Field(default=0.995, ge=0, le=1)
    """Share of validation labels that must equal those of fp32."""
    largest_loss: Annotated[float, number_within(ranges.LOST_POINTS)] = 0.2
    """Largest loss of mIoU on the validation split, in points (hundredths)."""
    opset: int | None = Field(default=None, ge=17, le=20)
    """ONNX operator set. Default: the oldest that the graph can be written in."""
    calibration_images: Annotated[int, number_within(ranges.IMAGES)] = 32
    """Training images that int8 is calibrated on."""
    plan: PlanSpec = PlanSpec()
    """What a TensorRT plan is built for."""

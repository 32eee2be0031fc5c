"""How an ensemble predicts: runtime, merge, tiles, stopping."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationInfo,
    model_validator,
)
from ruamel.yaml.comments import CommentedMap

from seg import ranges
from seg.spec.base import NetworkSizeHW, PositiveWeight, Spec, line_in_yaml, number_within
from seg.terminal.notices import notice

RuntimeName = Literal["cpu", "cuda", "tensorrt", "tensorrt-plan", "openvino", "openvino-bf16"]
"""`tensorrt` is a part of ONNX Runtime; `tensorrt-plan` is TensorRT itself, on a plan of `seg export`."""

MergeName = Literal["mean", "geometric", "vote"]
MergePlace = Literal["image", "decoder"]
"""At the size of the image, or where decoders end, which is faster and not quite the same."""

Blend = Literal["gaussian", "uniform"]

DOUBT_LEVELS: Final = tuple(round(0.001 * 10 ** (step / 8), 6) for step in range(25))
"""Shares of pixels from 0.001 to 1, each a third more than the one before."""


def _batch_size_or_auto(value: Any) -> Any:
    least, most = ranges.BATCH
    is_count = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
    if value != "auto" and not is_count:
        raise ValueError(f"is a number from {least} to {most}, or auto, got {value!r}")
    return value


BatchSize = Annotated[int | Literal["auto"], BeforeValidator(_batch_size_or_auto)]
"""How many passes travel together; `auto` is what suits the runtime."""


ByClass = dict[str, PositiveWeight]
"""Numbers by the name of a class; 1 where none is said."""


class PlainSpec(Spec):
    """Tiles without anything in them, such as glass beside tissue, sea, or nodata: no pass is run on them."""

    label: str | None = None
    """The class of their pixels, such as `Background`. Where classes overlap, the default is no class."""
    spread: float = Field(default=12.0, ge=0, le=255)
    """Grey levels by which the mean colours of a tile's cells of 8 x 8 pixels may differ, in each channel."""


class TileSpec(Spec):
    """Tiles for images that are larger than one tile."""

    size: NetworkSizeHW
    """Height and width of a tile."""
    overlap: float = Field(default=0.25, ge=0, le=0.75)
    """Least overlap of neighbouring tiles, as a share of their side."""
    blend: Blend = "gaussian"
    """Weights where tiles overlap: falling off from a tile's middle, or even."""
    plain: PlainSpec | None = None
    """Tiles that are not predicted, because they are plain. Default: all are predicted."""


class CalibrationSpec(Spec):
    """What `seg calibrate` learnt from images that ran to the end; see `seg.engine.early_exit.rules`."""

    images: Annotated[int, number_within(ranges.IMAGES)]
    """Number of images that it was learnt from."""
    groups: Annotated[int, number_within(ranges.IMAGES)] | None = None
    """Number of their groups: images of a group count as one. Without it, each image counts."""
    tiles: Annotated[int, number_within(ranges.TILES)] | None = None
    """Number of their tiles, where each tile counts as one."""
    order: tuple[Annotated[int, number_within(ranges.PASS_POSITION)], ...]
    """Order of the passes, as positions in the usual order, round by round."""
    risk: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(
        min_length=len(DOUBT_LEVELS), max_length=len(DOUBT_LEVELS)
    )
    """For each of DOUBT_LEVELS the mean share of labels that changed after the share of uncertain pixels had
    fallen to it.
    """
    fingerprint: str
    """Fingerprint of the models, weights and views that this calibration is valid for."""
    _place: str = PrivateAttr("stopping.calibration")

    @property
    def place(self) -> str:
        """The file and line that it stands in."""
        return self._place

    @model_validator(mode="wrap")
    @classmethod
    def _note_place(cls, value: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        calibration = handler(value)
        if isinstance(value, CommentedMap):
            calibration._place = f"{line_in_yaml(value.lc.line, info)}: stopping.calibration"
        return calibration


class StoppingSpec(Spec):
    """When an image needs no further pass."""

    tolerance: Annotated[float, number_within(ranges.TOLERANCE)] = 0.0
    """Share of labels that may differ from the full ensemble: on average with a calibration, on every image
    without one. At 0 an image ends when no pixel's class can change any more.
    """
    calibration: CalibrationSpec | None = None
    """Written by `seg calibrate`."""


def _former_spelling_of_stopping(value: Any) -> Any:
    if value == "exact":
        notice(
            "'stopping: exact' is 'stopping: { tolerance: 0 }' now, and will be unknown in the next release:"
            " rename it"
        )
        return {"tolerance": 0.0}
    return value


Stopping = Annotated[
    StoppingSpec, BeforeValidator(_former_spelling_of_stopping, json_schema_input_type=StoppingSpec)
]

"""How an ensemble predicts: runtime, merge, tiles, stopping."""

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

from seg.spec.base import SizeHW, Spec

RuntimeName = Literal["cpu", "cuda", "tensorrt", "tensorrt-plan", "openvino", "openvino-bf16"]
"""`tensorrt` is a part of ONNX Runtime; `tensorrt-plan` is TensorRT itself, on a plan of `seg export`."""

MergeName = Literal["mean", "geometric", "vote"]
MergePlace = Literal["image", "decoder"]
"""At the size of the image, or where decoders end, which is faster and not quite the same."""

Blend = Literal["gaussian", "uniform"]

DOUBT_LEVELS: Final = tuple(round(0.001 * 10 ** (step / 8), 6) for step in range(25))
"""Shares of pixels from 0.001 to 1, each a third more than the one before."""


def _auto_or_count(value: Any) -> Any:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    if value != "auto" and not is_count:
        raise ValueError(f"is a number from 1 on, or auto, got {value!r}")
    return value


BatchSize = Annotated[int | Literal["auto"], BeforeValidator(_auto_or_count)]
"""How many passes travel together; `auto` is what suits the runtime."""


ByClass = dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]]
"""Numbers by the name of a class; 1 where none is said."""


class TileSpec(Spec):
    """Images larger than `size` are predicted in tiles that overlap by at least `overlap` of their side.

    Where tiles overlap they are averaged, with weights that fall off from a tile's middle
    (`gaussian`) or evenly (`uniform`).
    """

    size: SizeHW
    overlap: float = Field(default=0.25, ge=0, le=0.75)
    blend: Blend = "gaussian"


class CalibrationSpec(Spec):
    """What `seg calibrate` learnt from images that ran to the end; see `seg.engine.early_exit.rules`.

    `risk` has a value for each of DOUBT_LEVELS: the mean share of labels that changed after the
    doubt about an image had fallen to it. `order` is that of the passes: positions in the usual one, round by
    round. `fingerprint` is that of the models, weights and views that this holds for.
    """

    images: int = Field(ge=1)
    order: tuple[int, ...]
    risk: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(
        min_length=len(DOUBT_LEVELS), max_length=len(DOUBT_LEVELS)
    )
    fingerprint: str


class StoppingSpec(Spec):
    """When an image needs no further pass.

    `tolerance` is the share of labels that may differ from the full ensemble's: in expectation
    with a calibration, on every single image without. At 0 the labels are the full ensemble's.
    """

    tolerance: float = Field(default=0.0, ge=0, lt=1)
    calibration: CalibrationSpec | None = None


def _exact_or_more(value: Any) -> Any:
    if isinstance(value, str):
        if value != "exact":
            raise ValueError(f"is 'exact', or a mapping with a tolerance, got {value!r}")
        return {"tolerance": 0.0}
    return value


Stopping = Annotated[
    StoppingSpec, BeforeValidator(_exact_or_more, json_schema_input_type=Literal["exact"] | StoppingSpec)
]
"""Written as `exact`, or as a mapping with a tolerance."""

"""Members that were trained elsewhere: how their network is fed, and what it returns.

Keys that are not set are taken from the file, as far as it tells them.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from seg import ranges
from seg.pixel_range import MAX_BANDS
from seg.spec.base import Spec, number_within
from seg.spec.recipe.recipe import NetworkInput

Layout = Literal["nchw", "nhwc"]
ChannelOrder = Literal["rgb", "bgr", "grey"]
ResampleName = Literal["nearest", "bilinear", "bicubic", "bilinear-antialias", "bicubic-antialias"]
UpsampleName = Literal["nearest", "bilinear", "bicubic"]
OutputKind = Literal["logits", "probabilities", "sigmoid", "sigmoid-logits", "labels"]

REST = "rest"
"""The key of `classes` for all classes of the network that it does not name."""


def _number_or_fraction(value: Any) -> Any:
    if isinstance(value, str):
        try:
            above, slash, below = value.partition("/")
            return float(above) / float(below if slash else 1)
        except (ValueError, ZeroDivisionError) as error:
            raise ValueError(f"is a number or a fraction such as 1/255, got {value!r}") from error
    return value


def _one_value_or_three(value: Any) -> Any:
    return [value] if isinstance(value, int | float | str) else value


_Scale = Annotated[
    float,
    number_within(ranges.PIXEL_SCALE),
    BeforeValidator(_number_or_fraction, json_schema_input_type=float | str),
]
_Mean = Annotated[float, number_within(ranges.PIXEL_MEAN)]
_Std = Annotated[float, number_within(ranges.PIXEL_STD)]
DilationRate = Annotated[int, number_within(ranges.DILATION)]
_PER_CHANNEL = BeforeValidator(_one_value_or_three, json_schema_input_type=float | list[float])
Means = Annotated[tuple[_Mean, ...], Field(min_length=1, max_length=MAX_BANDS), _PER_CHANNEL]
Stds = Annotated[tuple[_Std, ...], Field(min_length=1, max_length=MAX_BANDS), _PER_CHANNEL]


class ImportedInput(NetworkInput):
    """How a network that was trained elsewhere is fed: `(image * scale - mean) / std`, in its own layout.

    Of these keys, a recipe has only `mode`, `size`, `bands`, `range`, `window`, `mean` and `std`.
    """

    layout: Layout | None = None
    """Order of the axes. Default: as the shape of the network's input says."""
    channels: ChannelOrder | None = None
    """Order of the colours. Default: rgb."""
    scale: _Scale | None = None
    """Factor on pixel values of 0 to 255, such as `1/255`. Default: 1/255, or 1 for a network that takes
    uint8.
    """
    mean: Means | None = None
    """Subtracted after `scale`: one number, or one for each channel in the order of `channels`."""
    std: Stds | None = None
    """Divided by after `mean`: one number, or one for each channel in the order of `channels`."""
    stride: Annotated[int, number_within(ranges.STRIDE)] | None = None
    """Height and width are padded to multiples of it, with mode `pad`. Default: 32."""
    resample: ResampleName | None = None
    """How images are resized, with mode `resize`. Default: bilinear."""

    @model_validator(mode="after")
    def _mode_and_size(self) -> Self:
        if self.mode == "pad" and "mode" in self.model_fields_set and self.size is not None:
            raise ValueError(
                "'size' belongs to the modes 'resize' and 'tile': remove it, or name one of them"
            )
        if self.resample is not None and self.is_said("mode") and self.mode != "resize":
            raise ValueError("'resample' belongs to mode 'resize': remove it")
        if self.stride is not None and self.is_said("mode") and self.mode != "pad":
            raise ValueError("'stride' belongs to mode 'pad': remove it")
        return self

    @model_validator(mode="after")
    def _mean_and_std(self) -> Self:
        """What a recipe's must be is checked where it is known that the member has one."""
        return self

    def check_channels(self) -> None:
        """Raises ValueError if `mean` or `std` are not those of RGB or grey, or bands are named."""
        for name in ("bands", "range", "window"):
            if getattr(self, name) is not None:
                raise ValueError(
                    f"'input.{name}' is for networks that seg trains: others take RGB of 8 bits: remove it"
                )
        allowed = {1} if self.channels == "grey" else {1, 3}
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            if numbers is not None and len(numbers) not in allowed:
                wanted = "one number" if allowed == {1} else "one number, or three"
                raise ValueError(f"'{name}' has {len(numbers)} numbers, expected {wanted}")

    def is_said(self, field: str) -> bool:
        """Whether the YAML sets this key."""
        return field in self.model_fields_set


class ImportedOutput(Spec):
    """What a network that was trained elsewhere returns."""

    kind: OutputKind | None = None
    """`logits` and `probabilities` are over all classes. `sigmoid` is a probability for each class apart,
    `sigmoid-logits` what its sigmoid is taken of. `labels` are numbers of classes. Default: as the last
    operator of the network says.
    """
    name: str | None = None
    """The output to take. Default: the only one that is an image."""
    layout: Layout | None = None
    """Order of the axes. Default: as its shape says."""
    classes: tuple[str, ...] | None = Field(default=None, min_length=1)
    """The network's own names of its classes, by channel. Default: those in its file, or the dataset's."""
    resample: UpsampleName | None = None
    """How a smaller output is brought to the image's size. Default: bilinear, nearest for labels."""

    @field_validator("classes")
    @classmethod
    def _class_names_are_distinct(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in names or ():
            if (names or ()).count(name) > 1:
                raise ValueError(f"class {name!r} is named twice: give each channel a name of its own")
        return names


class HiddenOptions(Spec):
    """Options of a decoder of smp that change its output and none of its weights. Default: those of smp."""

    encoder_output_stride: Literal[8, 16, 32] | None = None
    """The stride of the encoder's last features, of `deeplabv3`, `deeplabv3plus` and `pan`."""
    decoder_atrous_rates: tuple[DilationRate, DilationRate, DilationRate] | None = None
    """The dilations of `deeplabv3` and `deeplabv3plus`."""
    decoder_interpolation: Literal["nearest", "bilinear", "bicubic"] | None = None
    """How the decoder upsamples, of `unet`, `unetplusplus`, `manet`, `fpn` and `pan`."""


def _class_names_as_text(value: Any) -> Any:
    """Classes without names are called by their number."""
    if isinstance(value, dict):
        return {str(theirs): ours for theirs, ours in value.items()}
    return value


ClassNames = Annotated[dict[str, str], Field(min_length=1), BeforeValidator(_class_names_as_text)]
"""The network's classes by name or number, each with the dataset's class that it belongs to."""

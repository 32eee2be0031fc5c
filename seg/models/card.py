"""The model card: everything needed to use a model, stored in the model's own file.

The same JSON is in the safetensors metadata of a checkpoint and in `metadata_props` of an exported ONNX file,
under the key `seg.card`. The card of a fused ensemble is under `seg.ensemble`.
"""

from typing import Any, ClassVar, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from seg.errors import ModelError
from seg.image_type import ImageType, PixelType
from seg.labels.classes import ClassInfo
from seg.labels.task import Task
from seg.pixel_range import PixelRange

CARD_KEY: Final = "seg.card"
ENSEMBLE_KEY: Final = "seg.ensemble"
CARD_VERSION: Final = 1

PrecisionName = Literal["fp32", "fp16", "bf16", "int8"]
"""bf16 is a float32 file that the runtime runs in bf16."""


class _CardPart(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InputCard(_CardPart):
    """The image that the exported graph takes, and how the graph brings it to the network.

    Without a `pixel_range` the image is uint8 RGB, and `mean` and `std` are for RGB in 0..1. With one it has
    `bands` bands of the type `pixels`; the graph chooses the bands that the network sees, brings them to
    0..1, and normalises each with its own mean and std.

    `pad` repeats the last row and column until height and width are multiples of `stride`, and
    crops the result; `resize` goes to `size_hw` and back; `tile` cuts tiles of `size_hw`.
    """

    mode: Literal["pad", "resize", "tile"] = "pad"
    stride: int = Field(default=32, ge=1)
    size_hw: tuple[int, int] | None = None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    pixels: PixelType = "uint8"
    bands: int = Field(default=3, ge=1)
    pixel_range: PixelRange | None = None

    @model_validator(mode="after")
    def _one_mean_for_each_channel(self) -> Self:
        if self.pixel_range is not None and "bands" not in self.model_fields_set:
            raise ValueError("images of bands were brought to RGB by an older seg: train it again")
        if not len(self.mean) == len(self.std) == self.channels:
            raise ValueError(
                f"has {len(self.mean)} means and {len(self.std)} stds for {self.channels} channels"
            )
        return self

    @property
    def channels(self) -> int:
        """The number of the network's input channels."""
        return self.bands if self.pixel_range is None else self.pixel_range.seen_of(self.bands)

    @property
    def image_type(self) -> ImageType:
        """What the graph takes; a pixel without data is given the mean of its band."""
        if self.pixel_range is None or self.pixel_range.ends is None:
            return ImageType(self.pixels, self.bands)
        low, high = self.pixel_range.ends
        seen = self.pixel_range.bands or tuple(range(1, self.bands + 1))
        mean_of = dict(zip(seen, self.mean, strict=True))
        means = (low + (high - low) * mean_of.get(band, 0.0) for band in range(1, self.bands + 1))
        return ImageType(self.pixels, self.bands, tuple(max(0, round(mean)) for mean in means))

    @model_serializer(mode="wrap")
    def _bands_only_with_a_range(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        if self.pixel_range is None:
            del values["pixels"], values["bands"], values["pixel_range"]
        return values


class TrainingCard(_CardPart):
    """Where the weights came from. `views` is the set of orientations that training drew."""

    metric: str = "val_miou"
    value: float
    epoch: int
    epochs: int
    seed: int
    views: Literal["none", "hflip", "flips", "rot90", "d4"]
    dataset_fingerprint: str


class VerificationCard(_CardPart):
    """The exported model against the checkpoint in PyTorch, on validation images."""

    images: int
    batch_sizes: tuple[int, ...]
    sizes_hw: tuple[tuple[int, int], ...]
    largest_difference: float
    label_agreement: float


class SourceCard(_CardPart):
    """A network that was trained elsewhere: where it came from and how it is fed.

    `declared_sha256` is that of what the YAML declares of it and of the dataset's classes. `declaration` is
    complete, and `assumed` says what nobody declared. In `verification` the exported model is compared with
    the source, whose images other code prepared.
    """

    kind: str
    file: str
    sha256: str
    declared_sha256: str
    declaration: dict[str, JsonValue]
    assumed: tuple[str, ...] = ()


class PrecisionCandidateCard(_CardPart):
    """One precision on one runtime, against fp32 on the CPU, on validation images.

    `milliseconds` are those of one image. `agreement` is the share of equal labels, `agreement_at_worst`
    the least of any batch and image size that was tried. `loss` is in points of mIoU, and
    `largest_class_loss` in those of the class's IoU.
    """

    precision: PrecisionName
    runtime: str
    megabytes: float
    milliseconds: float
    agreement: float
    agreement_at_worst: float
    miou: float
    loss: float
    worst_class: str
    largest_class_loss: float
    passed: bool


class PrecisionCard(_CardPart):
    """The request, and the measurements of all candidates; the chosen one is the first.

    `float_layers` are the layers that int8 left in float32, the most sensitive first.
    """

    asked: Literal["auto", PrecisionName]
    least_agreement: float
    largest_loss: float
    images: int
    float_layers: tuple[str, ...] = ()
    candidates: tuple[PrecisionCandidateCard, ...]


class StoredCard(_CardPart):
    """A card that is stored under `key` in a file's metadata.

    `weights_sha256` is that of the external weights, if the model has some.
    """

    key: ClassVar[str]
    weights_sha256: str | None = None


class ModelCard(StoredCard):
    """The card itself. Fields that only an exported model has are None in a checkpoint."""

    key: ClassVar[str] = CARD_KEY
    card_version: int = CARD_VERSION
    name: str
    architecture: str
    encoder: str
    task: Task = "multiclass"
    classes: tuple[ClassInfo, ...]
    unlabelled: str
    input: InputCard
    training: TrainingCard | None = None
    source: SourceCard | None = None
    checkpoint_sha256: str | None = None
    precision: PrecisionName = "fp32"
    precision_choice: PrecisionCard | None = None
    opset: int | None = None
    verification: VerificationCard | None = None


def parse_model_card(text: str, source: object) -> ModelCard:
    """Parse a card found in the file `source`.

    Raises:
        ModelError: the text is not a card, or a newer version of `seg` wrote it.
    """
    try:
        version = _Version.model_validate_json(text).card_version
        if version > CARD_VERSION:
            raise ModelError(
                f"{source}: its model card has version {version} and this seg reads up to"
                f" {CARD_VERSION}: upgrade seg"
            )
        return ModelCard.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the card"
        raise ModelError(
            f"{source}: {place} of its model card: {first['msg']}: export the model again"
        ) from error


class _Version(BaseModel):
    card_version: int

"""The training recipe: everything that decides what a member learns, one line each."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    FiniteFloat,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    model_serializer,
    model_validator,
)

from seg import ranges
from seg.pixel_range import MAX_BANDS, Band, PixelRange, Window
from seg.spec.base import NetworkSizeHW, Seed, Spec, number_within, path_beside
from seg.spec.recipe.architectures import OWN_ENCODERS, Architecture
from seg.spec.recipe.augmentation import Augmentation, AugmentationStepSpec, CopyPasteSpec
from seg.spec.recipe.losses import CrossEntropySpec, LossMixSpec
from seg.spec.recipe.mixing import BatchMixSpec
from seg.views import ViewSetName

Schedule = Literal["one_cycle", "constant", "cosine", "poly", "step"]
Sampling = Literal["uniform", "class_balanced"]
Precision = Literal["fp32", "bf16", "fp16"]
InputMode = Literal["pad", "resize", "tile"]
Epochs = Annotated[int, number_within(ranges.EPOCHS)]
PositiveStd = Annotated[FiniteFloat, Field(gt=0)]
Zoom = Annotated[float, number_within(ranges.ZOOM)]


def _encoder_weights_file_or_name(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str) and Path(value).suffix in {".safetensors", ".pth", ".pt", ".bin"}:
        return str(path_beside(value, info))
    return value


TILE_IS_IMPORTED: Final = "'tile' is for networks that were trained elsewhere: name 'pad' or 'resize'"


class NetworkInput(Spec):
    """How images of any size reach the network."""

    mode: InputMode = "pad"
    """`pad` keeps the image's size and pads it to the stride. `resize` resizes every image to `size`, and the
    probabilities back. `tile` cuts images into tiles of `size`: for networks that were trained elsewhere.
    """
    size: NetworkSizeHW | None = None
    """The network's input size, with `resize`."""
    bands: Annotated[tuple[Band, ...], Field(min_length=1, max_length=MAX_BANDS)] | None = None
    """The bands that this network sees, if they are not the dataset's `bands`. The dataset has a `range`,
    `percentile` or `window`; members of one ensemble may see different bands.
    """
    range: tuple[FiniteFloat, FiniteFloat] | None = None
    """The values that become 0 and 1 for this network, if they are not the dataset's."""
    window: Window | None = None
    """The same, by a window."""
    mean: Annotated[tuple[FiniteFloat, ...], Field(min_length=1, max_length=MAX_BANDS)] | None = None
    """The mean of each band that the network sees, in 0..1. `seg data stats` finds it. Default: that of the
    encoder's pretraining, its three colours in turn.
    """
    std: Annotated[tuple[PositiveStd, ...], Field(min_length=1, max_length=MAX_BANDS)] | None = None
    """The standard deviation of each band, likewise."""

    def seen_of(self, dataset: PixelRange | None) -> PixelRange | None:
        """What the network sees of a dataset's images; None for RGB of 8 bits.

        Raises:
            ValueError: bands or values are named, and the dataset's images are read as RGB of 8 bits, or by
                percentiles.
        """
        named = [name for name in ("bands", "range", "window") if getattr(self, name) is not None]
        if dataset is not None:
            return dataset.replaced(self.bands, self.range, self.window)
        if named:
            raise ValueError(
                f"{named[0]!r} is for images that are read with all their bands: give the dataset a 'range',"
                " such as [0, 255]"
            )
        return None

    @model_validator(mode="after")
    def _mean_and_std(self) -> Self:
        if (self.mean is None) != (self.std is None) or len(self.mean or ()) != len(self.std or ()):
            raise ValueError("'mean' and 'std' have one value for each band: give both, or neither")
        if self.range is not None and self.range[0] >= self.range[1]:
            raise ValueError(f"'range' is from the lower to the higher value, got {list(self.range)}")
        if self.range is not None and self.window is not None:
            raise ValueError("'range' and 'window' exclude each other: keep one")
        return self

    @model_serializer(mode="wrap")
    def _bands_only_where_given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """As an older seg wrote it into the record of a run, where nothing is said of bands."""
        values: dict[str, Any] = handler(self)
        return {name: value for name, value in values.items() if value is not None or name == "size"}

    @model_validator(mode="after")
    def _mode_and_size(self) -> Self:
        if self.mode == "tile":
            raise ValueError(TILE_IS_IMPORTED)
        if (self.mode == "resize") != (self.size is not None):
            raise ValueError("'size' belongs to mode 'resize', which needs it")
        return self


class RecipeSpec(Spec):
    """How one member is trained."""

    architecture: Architecture = "unet"
    """The decoder, or a whole network with an encoder of its own."""
    encoder: str = "resnet34"
    """The encoder: a name of segmentation_models.pytorch, or of timm as `tu-NAME`. Default for an
    architecture with an encoder of its own: that encoder.
    """
    encoder_weights: Annotated[str | None, BeforeValidator(_encoder_weights_file_or_name)] = None
    """Pretrained weights: a local safetensors or pth file, or a name such as `imagenet`, which the library
    downloads.
    """
    input: NetworkInput = NetworkInput()
    """How images of any size reach the network."""

    epochs: Epochs = 40
    """Number of epochs."""
    batch_size: Annotated[int, number_within(ranges.TRAINING_BATCH)] | Literal["auto"] = 8
    """Images in a batch, over all processes. `auto` is the largest power of two that fits into memory."""
    crop: NetworkSizeHW = (512, 512)
    """Height and width of training crops. With `input.mode: resize` crops have the network's size."""
    scale: tuple[Zoom, Zoom] = (0.75, 1.5)
    """Range of the random zoom before the crop."""
    train_views: ViewSetName = "hflip"
    """Orientations that training images are drawn in. Prediction views should be among them. The preset
    `notes` makes the default `d4`.
    """
    augmentation: Augmentation = (AugmentationStepSpec(name="light"),)
    """A preset (`none`, `light`, `notes`, `heavy`), or a list of presets and transforms of albumentations."""
    multiply: int = Field(default=1, ge=1, le=16)
    """Times that an epoch has each image. From 2 on: once only cropped, otherwise transformed."""
    copy_paste: CopyPasteSpec | None = None
    """Paste objects of some classes from other training images."""
    samples: Annotated[int, number_within(ranges.CROPS)] | None = None
    """Crops in an epoch, drawn at random places of images of any size, which are read by region.
    Default: each image gives one, `multiply` times.
    """
    sampling: Sampling = "uniform"
    """`class_balanced` draws images so that each class is met equally often; with `samples`, places.
    `uniform` draws places by area. Where classes overlap, images and pixels of no class count as one class
    more.
    """
    foreground: Annotated[float, number_within(ranges.SHARE)] = 0.0
    """With `samples`: the share of crops that are drawn where there is another class than that of unlabelled
    pixels.
    """

    loss: LossMixSpec = LossMixSpec(cross_entropy=CrossEntropySpec())
    """Losses with their weights."""
    mix: BatchMixSpec = BatchMixSpec()
    """Shares of the batches for CutMix, MixUp and GridMask."""
    optimiser: str = "adamw"
    """The name of an optimiser of timm."""
    learning_rate: Annotated[float, number_within(ranges.LEARNING_RATE)] = 1e-3
    """Peak learning rate."""
    encoder_rate: Annotated[float, number_within(ranges.LEARNING_RATE_FACTOR)] = 1.0
    """The encoder's learning rate, as a factor of `learning_rate`."""
    weight_decay: Annotated[float, number_within(ranges.WEIGHT_DECAY)] = 1e-2
    """Weight decay. Norms and biases have none."""
    schedule: Schedule = "one_cycle"
    """Learning rate schedule. It moves with every step."""
    warm_up: Annotated[float, number_within(ranges.WARM_UP_EPOCHS)] = 0.0
    """Epochs in which the learning rate rises from 0 before the schedule begins."""
    accumulate: Annotated[int, number_within(ranges.ACCUMULATED_BATCHES)] = 1
    """Batches whose gradients make one step."""
    clip_norm: Annotated[float, number_within(ranges.GRADIENT_NORM)] | None = None
    """Largest norm of a step's gradient. Default: no clipping."""
    ema: Annotated[float, number_within(ranges.WEIGHT_AVERAGE_DECAY)] | None = None
    """Decay of a moving average of the weights, such as 0.999. The average is validated and kept."""
    average_last: Annotated[Epochs, Field(ge=2)] | None = None
    """Number of last epochs whose weights are averaged (SWA). The mean is kept if it beats the best epoch."""
    patience: Epochs | None = None
    """Epochs without improvement after which training stops."""
    precision: Precision = "fp32"
    """Precision of training. `fp16` needs a GPU."""
    channels_last: bool = False
    """Lay weights out in channels-last order. Changes the speed only."""
    compile: bool = False
    """Use torch.compile. Changes the speed only."""
    deterministic: bool = False
    """Make runs on a GPU repeatable, where its operations allow it. On a CPU they always are."""

    seed: Seed = 0
    """Seed of all that is random."""
    workers: Annotated[int, number_within(ranges.WORKERS)] | Literal["auto"] = "auto"
    """Processes that prepare crops. `auto`: none on a CPU, up to eight beside a GPU. Changes the speed only.
    """

    @property
    def images_a_batch(self) -> int:
        """`batch_size` as a number; raises ValueError where that is not found yet."""
        if self.batch_size == "auto":
            raise ValueError("batch_size: auto is not resolved")
        return self.batch_size

    @model_validator(mode="before")
    @classmethod
    def _architecture_brings_its_encoder(cls, value: Any) -> Any:
        if isinstance(value, dict) and "encoder" not in value:
            own = [own[0] for name, own in OWN_ENCODERS.items() if name == value.get("architecture")]
            return {**value, "encoder": own[0]} if own else value
        return value

    @model_validator(mode="before")
    @classmethod
    def _notes_turn_images(cls, value: Any) -> Any:
        """The preset's flips and quarter turns, said where views are said."""
        if isinstance(value, dict) and "train_views" not in value:
            steps = value.get("augmentation")
            if "notes" in (steps if isinstance(steps, list) else [steps]):
                return {**value, "train_views": "d4"}
        return value

    @model_validator(mode="after")
    def _scale_in_order(self) -> Self:
        if self.scale[0] > self.scale[1]:
            raise ValueError(f"scale goes from small to large, got {list(self.scale)}")
        return self

    @model_validator(mode="after")
    def _samples_are_crops(self) -> Self:
        if self.samples is None:
            if self.foreground:
                raise ValueError("'foreground' is a share of 'samples': say how many crops an epoch draws")
            return self
        for name in ("copy_paste", "multiply"):
            if name in self.model_fields_set and getattr(self, name):
                raise ValueError(f"'samples' and {name!r} exclude each other: remove one of them")
        if self.input.size is not None:
            raise ValueError(
                "'samples' draws crops, and 'input: resize' sees whole images: remove one of them"
            )
        return self

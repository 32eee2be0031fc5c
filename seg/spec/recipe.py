"""The training recipe: everything that decides what a member learns, one line each."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from seg import ranges
from seg.spec.architectures import OWN_ENCODERS, Architecture
from seg.spec.augmentation import Augmentation, CopyPasteSpec, StepSpec
from seg.spec.base import NetworkSizeHW, Seed, Spec, path_beside, within
from seg.spec.losses import CrossEntropySpec, LossMixSpec
from seg.spec.mixing import MixSpec
from seg.views import ViewSetName

Schedule = Literal["one_cycle", "constant", "cosine", "poly", "step"]
Sampling = Literal["uniform", "class_balanced"]
Precision = Literal["fp32", "bf16", "fp16"]
Epochs = Annotated[int, within(ranges.EPOCHS)]
Zoom = Annotated[float, within(ranges.ZOOM)]


def _local_file_or_name(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str) and Path(value).suffix in {".safetensors", ".pth", ".pt", ".bin"}:
        return str(path_beside(value, info))
    return value


class NetworkInput(Spec):
    """How images of any size reach the network.

    `pad` keeps the image's own size and pads it to the stride; `resize` brings every image to
    `size` and the probabilities back.
    """

    mode: Literal["pad", "resize"] = "pad"
    size: NetworkSizeHW | None = None

    @model_validator(mode="after")
    def _resize_needs_a_size(self) -> Self:
        if (self.mode == "resize") != (self.size is not None):
            raise ValueError("'size' belongs to mode 'resize', which needs it")
        return self


class RecipeSpec(Spec):
    """How one member is trained.

    `encoder` is any name of smp, or of timm as `tu-NAME`; an architecture with an encoder of its own
    needs none. `encoder_weights` is a local
    safetensors/pth file, a name such as `imagenet` (fetched by the library), or nothing.
    `train_views` are the orientations that training images are drawn in; a model's views at
    prediction should stay among them; the preset `notes` makes them `d4` where they are not given.
    `scale` is the range of random zoom before the crop; where `input` resizes, the crop is its size.
    `multiply` is how often an epoch has each image: from 2 on once as it is, only cropped, and
    otherwise transformed. `sampling: class_balanced` draws images so that each class is met equally
    often.

    `loss` names losses with their weights, `mix` what happens to which share of the training batches.
    `optimiser` is any name of timm. The encoder learns at `encoder_rate` times `learning_rate`.
    `warm_up` is the number of epochs in which the rate rises from 0, before what `schedule` says.
    `batch_size: auto` is the largest power of two that fits into memory.
    Gradients of `accumulate` batches make one step, and are scaled down to the norm `clip_norm`.
    `ema` is the decay of a moving average of the weights, which is then what is validated and kept.
    The weights of the `average_last` epochs are averaged at the end; the mean is kept if it beats the best.
    `patience` is the number of epochs without a better one after which training stops.
    `channels_last` lays weights out as images are, and `compile` translates the network by torch.compile:
    both change its speed alone. `deterministic` makes runs on a GPU repeatable, too, where operations can be.
    """

    architecture: Architecture = "unet"
    encoder: str = "resnet34"
    encoder_weights: Annotated[str | None, BeforeValidator(_local_file_or_name)] = None
    input: NetworkInput = NetworkInput()

    epochs: Epochs = 40
    batch_size: Annotated[int, within(ranges.TRAINING_BATCH)] | Literal["auto"] = 8
    crop: NetworkSizeHW = (512, 512)
    scale: tuple[Zoom, Zoom] = (0.75, 1.5)
    train_views: ViewSetName = "hflip"
    augmentation: Augmentation = (StepSpec(name="light"),)
    multiply: int = Field(default=1, ge=1, le=16)
    copy_paste: CopyPasteSpec | None = None
    sampling: Sampling = "uniform"

    loss: LossMixSpec = LossMixSpec(cross_entropy=CrossEntropySpec())
    mix: MixSpec = MixSpec()
    optimiser: str = "adamw"
    learning_rate: Annotated[float, within(ranges.LEARNING_RATE)] = 1e-3
    encoder_rate: Annotated[float, within(ranges.LEARNING_RATE_FACTOR)] = 1.0
    weight_decay: Annotated[float, within(ranges.WEIGHT_DECAY)] = 1e-2
    schedule: Schedule = "one_cycle"
    warm_up: Annotated[float, within(ranges.WARM_UP_EPOCHS)] = 0.0
    accumulate: Annotated[int, within(ranges.ACCUMULATED_BATCHES)] = 1
    clip_norm: Annotated[float, within(ranges.GRADIENT_NORM)] | None = None
    ema: Annotated[float, within(ranges.WEIGHT_AVERAGE_DECAY)] | None = None
    average_last: Annotated[Epochs, Field(ge=2)] | None = None
    patience: Epochs | None = None
    precision: Precision = "fp32"
    channels_last: bool = False
    compile: bool = False
    deterministic: bool = False

    seed: Seed = 0
    workers: Annotated[int, within(ranges.WORKERS)] | Literal["auto"] = "auto"

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

"""The declaration of a network that was trained elsewhere: how it is fed and what it returns, complete.

`seg.export.sources.resolve` makes it of the member's YAML and of what the source itself says.
"""

from dataclasses import dataclass
from typing import Final, Literal

from seg.labels.classes import ClassInfo
from seg.labels.task import Task, classes_overlap
from seg.models.card import InputCard
from seg.spec.ensemble.imported import ChannelOrder, Layout, OutputKind, ResampleName, UpsampleName
from seg.spec.recipe.recipe import InputMode

KINDS_APART: Final[frozenset[OutputKind]] = frozenset({"sigmoid", "sigmoid-logits"})
"""Kinds of output in which each class has a probability of its own."""

InputType = Literal["float32", "float16", "uint8"]


@dataclass(frozen=True, slots=True)
class InputDeclaration:
    """From an image, uint8 RGB of any size, to what the network takes.

    resize or pad or tile, reorder channels, (value * scale - mean) / std, cast to `dtype`, order axes.

    Attributes:
        layout: order of the network's axes.
        channels: order of its colours; grey is 0.299 R + 0.587 G + 0.114 B.
        scale: factor on values of 0 to 255.
        mean: subtracted after that, one for each channel in the network's order.
        std: divided by after that, likewise.
        dtype: what the network takes; values are rounded for uint8.
        mode: `resize` to `size_hw` and back; `pad` to multiples of `stride` by repeating the last row and
            column; `tile` pads likewise to multiples of `size_hw` and cuts tiles that do not overlap.
        size_hw: the size of what the network takes, with `resize` and `tile`.
        stride: with `pad`.
        resample: with `resize`; pixel centres are aligned, not corners.
    """

    layout: Layout = "nchw"
    channels: ChannelOrder = "rgb"
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    dtype: InputType = "float32"
    mode: InputMode = "pad"
    size_hw: tuple[int, int] | None = None
    stride: int = 32
    resample: ResampleName = "bilinear"

    @property
    def card(self) -> InputCard:
        """The same for the model card, whose mean and std are those of RGB in 0..1."""
        mean = [number / (255 * self.scale) for number in self.mean]
        std = [number / (255 * self.scale) for number in self.std]
        return InputCard(
            mode=self.mode,
            stride=self.stride,
            size_hw=self.size_hw,
            mean=self._rgb(mean),
            std=self._rgb(std),
        )

    def _rgb(self, numbers: list[float]) -> tuple[float, float, float]:
        first, middle, last = numbers[0], numbers[len(numbers) // 2], numbers[-1]
        return (last, middle, first) if self.channels == "bgr" else (first, middle, last)


@dataclass(frozen=True, slots=True)
class OutputDeclaration:
    """What the network returns.

    Attributes:
        kind: `logits` are turned into probabilities by a softmax over the channels, `sigmoid-logits` by a
            sigmoid of each. `probabilities` and `sigmoid` have had that already. `labels` are whole numbers,
            one channel or none.
        count: the number of its classes: channels, or labels.
        has_rest: with `sigmoid` and `sigmoid-logits`: whether a pixel may be of none of its classes. That is
            one more class behind them, with the probability 1 - the largest of theirs; then all are divided
            by their sum.
        name: the output to take, of several.
        layout: order of its axes; `labels` may have none for channels.
        resample: how an output is brought to the image's size: logits before their softmax, else
            probabilities. Pixel centres are aligned, not corners.
    """

    kind: OutputKind
    count: int
    has_rest: bool = False
    name: str | None = None
    layout: Layout = "nchw"
    resample: UpsampleName = "bilinear"


@dataclass(frozen=True, slots=True)
class ClassMapping:
    """From the probabilities of the network's classes to those of the dataset's.

    Attributes:
        theirs: names of the network's classes by channel; `rest` last if the output has it.
        ours: the dataset's classes by label.
        parts: for each of ours, for each of theirs: how much of its probability is added, 0 to 1.
        renormalises: whether the sums are divided by their total, as some of theirs belong nowhere.
    """

    theirs: tuple[str, ...]
    ours: tuple[ClassInfo, ...]
    parts: tuple[tuple[float, ...], ...]
    renormalises: bool = False

    @property
    def order(self) -> tuple[int, ...] | None:
        """For each of ours the channel of theirs, if each is exactly one; else None."""
        if self.renormalises or any(
            sorted(row)[:-1] != [0.0] * (len(row) - 1) or max(row) != 1.0 for row in self.parts
        ):
            return None
        return tuple(row.index(1.0) for row in self.parts)

    @property
    def told_apart(self) -> tuple[int, ...]:
        """For each of ours a number: its own, or the last for all those that a specialist does not know."""
        is_shared = [any(0 < part < 1 for part in row) for row in self.parts]
        known = len(is_shared) - sum(is_shared)
        own = iter(range(known))
        return tuple(known if shared else next(own) for shared in is_shared)

    @property
    def is_identity(self) -> bool:
        return self.order == tuple(range(len(self.theirs)))


@dataclass(frozen=True, slots=True)
class Declaration:
    """All of a network's input, output and classes, and the dataset's task.

    `assumed` says what nobody declared, a line each.
    """

    input: InputDeclaration
    output: OutputDeclaration
    classes: ClassMapping
    assumed: tuple[str, ...] = ()
    task: Task = "multiclass"

    @property
    def has_sigmoids(self) -> bool:
        """Whether the dataset's classes overlap, and those of the network have probabilities of their own.

        Several of theirs that are one of ours then count as the most probable of them.
        """
        return classes_overlap(self.task) and self.output.kind in KINDS_APART


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """What a source itself says of its network, in its file or configuration; None where it says nothing.

    The YAML of a member goes before it. `count` is the number of classes, `names` are those of the classes by
    channel, and `input_channels` is 1 or 3.
    """

    dtype: InputType = "float32"
    input_layout: Layout | None = None
    input_channels: int = 3
    channels: ChannelOrder | None = None
    scale: float | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    mode: InputMode | None = None
    size_hw: tuple[int, int] | None = None
    stride: int | None = None
    resample: ResampleName | None = None
    kind: OutputKind | None = None
    count: int | None = None
    names: tuple[str, ...] = ()
    output_name: str | None = None
    output_layout: Layout | None = None
    upsample: UpsampleName | None = None

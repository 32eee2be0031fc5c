"""Forms of a dataset's `val`: images of its own, or a share of the training images or of their blocks."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Tag

from seg import ranges
from seg.spec.base import Seed, Spec, number_within
from seg.spec.dataset.groups import GroupPattern
from seg.spec.dataset.split import SplitSpec


class HeldOutImagesSpec(Spec):
    """A share of the training images, held out to measure on."""

    share: Annotated[float, number_within(ranges.HELD_OUT_SHARE)]
    """The share of the images, such as 0.2."""
    group: GroupPattern | None = None
    """A pattern of image ids such as `{patient}_*`, as in `group` of a dataset: images of a group are on the
    same side. Default: the dataset's `group`, if it has one.
    """
    stratify: Literal["classes"] | None = None
    """`classes`: each class has its share of images, as far as groups allow. It reads all labels once."""
    seed: Seed = 0
    """Another seed holds out other images."""


class HeldOutBlocksSpec(Spec):
    """Blocks of the training images, held out to measure on. A single large image is enough."""

    tiles: Annotated[float, number_within(ranges.HELD_OUT_SHARE)]
    """The share of the blocks, such as 0.2. Each class has its share of them."""
    block: Annotated[int, number_within(ranges.BLOCK)] = 2048
    """The side of a block in pixels."""
    margin: Annotated[int, number_within(ranges.BLOCK_MARGIN)] = 64
    """Pixels around a block whose labels are not learnt from, as they resemble those inside."""
    seed: Seed = 0
    """Another seed holds out other blocks."""


def _held_out_share_alone(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return {"share": value} if is_number else value


def _kind_of_val(value: Any) -> str:
    keys = value if isinstance(value, dict) else ()
    if isinstance(value, HeldOutImagesSpec) or "share" in keys:
        return "(share)"
    return "(tiles)" if isinstance(value, HeldOutBlocksSpec) or "tiles" in keys else "(images)"


_AnyForm = Annotated[
    Annotated[SplitSpec, Tag("(images)")]
    | Annotated[HeldOutImagesSpec, Tag("(share)")]
    | Annotated[HeldOutBlocksSpec, Tag("(tiles)")],
    Discriminator(_kind_of_val),
]

ValSplit = Annotated[_AnyForm | None, BeforeValidator(_held_out_share_alone)]
"""Any of the forms; a number alone is a share of the training images."""

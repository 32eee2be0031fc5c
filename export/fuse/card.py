"""What a fused model says of itself, kept in its own file under the key `seg.ensemble`."""

from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from seg.export.fuse.output_names import FusedOutput
from seg.labels.classes import ClassInfo
from seg.labels.task import Task
from seg.models.card import ENSEMBLE_KEY, ModelCard, StoredCard
from seg.spec.ensemble.prediction import ByClass, MergeName, MergePlace
from seg.views import ViewName

ENSEMBLE_CARD_VERSION: Final = 1


class _FusionCardPart(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MemberCard(_FusionCardPart):
    """A member: `share` is that of each of its views, `class_shares` those for each class where they differ.

    `sha256` is its model file's.
    """

    name: str
    share: float
    class_shares: tuple[float, ...] = ()
    temperature: float = 1.0
    views: tuple[ViewName, ...]
    sha256: str
    card: ModelCard


class FusionCheck(_FusionCardPart):
    """The fused model against the engine, pixel by pixel.

    `shapes_nhw` are those of the batches, `agreement` is the share of pixels at which all that is given is
    the engine's. Of the others, `ties` are where two classes lead by less than rounding tells, and `faults`
    the rest: in fp32 there are none. `largest_difference` is that of a probability, where any are given.
    """

    shapes_nhw: tuple[tuple[int, int, int], ...]
    pixels: int
    agreement: float
    ties: int
    faults: int
    largest_difference: float | None


class EnsembleCard(StoredCard):
    """The whole ensemble. `thresholds` has one for each class where they overlap.

    `is_stacked` tells whether the mean is corrected by a stacking, whose numbers are in the graph.
    """

    key: ClassVar[str] = ENSEMBLE_KEY
    card_version: int = ENSEMBLE_CARD_VERSION
    name: str
    task: Task = "multiclass"
    classes: tuple[ClassInfo, ...]
    unlabelled: str
    merge: MergeName
    merge_at: MergePlace = "image"
    class_factors: ByClass = Field(default_factory=dict)
    is_stacked: bool = False
    thresholds: tuple[float, ...] = ()
    gives: tuple[FusedOutput, ...]
    members: tuple[MemberCard, ...]
    opset: int
    verification: FusionCheck | None = None

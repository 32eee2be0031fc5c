"""How probabilities become masks: thresholds, and which regions stay."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from seg import ranges
from seg.labels.classes import ClassInfo
from seg.spec.base import Spec, number_within
from seg.spec.ensemble.by_class import check_class_names

Area = Annotated[int, number_within(ranges.AREA)]


class EmptyBelow(Spec):
    """What an image must have for a class to be in it: a connected region of at least `area` pixels that all
    have at least this `probability`.
    """

    probability: Annotated[float, number_within(ranges.PROBABILITY)]
    """The least probability of each pixel of the region."""
    area: Annotated[int, number_within(ranges.SURE_AREA)]
    """The least number of pixels of the region."""


class ClassRule(Spec):
    """How the probabilities of one class become its mask. Areas are in pixels of the image."""

    threshold: Annotated[float, number_within(ranges.THRESHOLD)] = 0.5
    """A pixel belongs to the class if its probability is above it."""
    least_area: Area = 0
    """Connected regions with fewer pixels are removed. With `task: multiclass` their pixels get the most
    probable other class.
    """
    empty_below: EmptyBelow | None = None
    """Without a region that is so sure, the class is not in the image at all."""
    fill_holes: bool = False
    """Whether pixels that a region encloses belong to it."""
    largest_only: bool = False
    """Whether only the region with the most pixels stays."""
    connectivity: Literal[4, 8] = 8
    """8: pixels that touch at a corner are connected. 4: only pixels that share a side."""

    @property
    def needs_regions(self) -> bool:
        """Whether it is more than a threshold, so that the whole image must be known."""
        return self != ClassRule(threshold=self.threshold, connectivity=self.connectivity)


class DecisionSpec(ClassRule):
    """The rule of all classes, and of single classes by name.

    It is applied in this order: `threshold`, `empty_below`, `fill_holes`, `largest_only`, `least_area`.
    """

    classes: dict[str, ClassRule] = Field(default_factory=dict)
    """Other values for single classes, by name. What is not given here is as for all."""

    @property
    def rules(self) -> tuple[ClassRule, ...]:
        """The rule of all classes, and those of single ones."""
        return (self.of_all, *(self.rule_of(name) for name in self.classes))

    @property
    def of_all(self) -> ClassRule:
        """The rule of classes that are not named."""
        given = self.model_fields_set & ClassRule.model_fields.keys()
        return ClassRule().model_copy(update={key: getattr(self, key) for key in given})

    def rule_of(self, name: str) -> ClassRule:
        """The rule of a class."""
        own = self.classes.get(name, ClassRule())
        return self.of_all.model_copy(update={key: getattr(own, key) for key in own.model_fields_set})


def rules_of_classes(decision: DecisionSpec, classes: Sequence[ClassInfo]) -> tuple[ClassRule, ...]:
    """The rule of each class, in the order of the classes; SpecError where one is for no class."""
    check_class_names("decision: classes", decision.classes, classes)
    return tuple(decision.rule_of(info.name) for info in classes)
